//! What a message says, in a few words: `announcement, join 0, nonces 0, asks`.

use musig2_proto::wire::VERSION;
use musig2_proto::wire::announcement::Publication;
use musig2_proto::wire::frame::{Frame, Request};
use musig2_proto::wire::statement::{Body, Statement};
use serde::de::DeserializeOwned;

/// Decodes a frame; `None` if the bytes are not one.
pub(crate) fn decode_frame(bytes: &[u8]) -> Option<Frame> {
    decode(bytes)
}

/// Decodes a publication; `None` if the bytes are not one.
pub(crate) fn decode_publication(bytes: &[u8]) -> Option<Publication> {
    decode(bytes)
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (&VERSION, content) = bytes.split_first()? else { return None };
    postcard::from_bytes(content).ok()
}

/// Says what is in a frame, or `?` if the bytes are not one.
pub(crate) fn words(bytes: &[u8]) -> String {
    let Some(frame) = decode_frame(bytes) else { return "?".into() };
    let announcement = frame.announcement.iter().map(|_| "announcement".into());
    let statements = frame.statements.iter().map(statement);
    let signatures = frame.signatures.iter().map(|_| "signatures".into());
    let request = match frame.request {
        Request::Nothing => None,
        Request::Statements => Some("asks".into()),
        Request::Announcement => Some("asks for the announcement".into()),
    };
    let ended = frame.have.iter().filter(|have| have.ended).map(|_| "ended".into());
    let all: Vec<String> =
        announcement.chain(statements).chain(signatures).chain(request).chain(ended).collect();
    all.join(", ")
}

/// Says what a publication is, or `?` if the bytes are not one.
pub(crate) fn publication_words(bytes: &[u8]) -> &'static str {
    match decode_publication(bytes) {
        None => "?",
        Some(Publication::Announcement { .. }) => "announcement",
        Some(Publication::Hello { .. }) => "hello",
    }
}

fn statement(statement: &Statement) -> String {
    let kind = match statement.body {
        Body::Join(_) => "join",
        Body::Nonces(_) => "nonces",
        Body::Partials(_) => "partial signatures",
        Body::Abort(_) => "abort",
        Body::Decline(_) => "decline",
    };
    format!("{kind} {}", statement.author)
}
