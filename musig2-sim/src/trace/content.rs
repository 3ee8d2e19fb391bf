//! What a frame says, in a few words: `announcement, join 0, nonces 0, asks`.

use core::fmt;
use musig2_proto::wire::VERSION;
use musig2_proto::wire::frame::{Frame, Request};
use musig2_proto::wire::statement::{Body, Statement};

/// Prints a frame's content; `?` where it is not one.
pub(super) struct Content<'a>(pub(super) &'a [u8]);

impl fmt::Display for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((&VERSION, content)) = self.0.split_first() else { return f.write_str("?") };
        let Ok(frame) = postcard::from_bytes::<Frame>(content) else { return f.write_str("?") };
        f.write_str(&words(&frame).join(", "))
    }
}

fn words(frame: &Frame) -> Vec<String> {
    let announcement = frame.announcement.iter().map(|_| "announcement".into());
    let statements = frame.statements.iter().map(statement);
    let signatures = frame.signatures.iter().map(|_| "signatures".into());
    let request = match frame.request {
        Request::Nothing => None,
        Request::Statements => Some("asks".into()),
        Request::Announcement => Some("asks for the announcement".into()),
    };
    let ended = frame.have.iter().filter(|have| have.ended).map(|_| "ended".into());
    announcement.chain(statements).chain(signatures).chain(request).chain(ended).collect()
}

fn statement(statement: &Statement) -> String {
    let kind = match statement.body {
        Body::Join(_) => "join",
        Body::Nonces(_) => "nonces",
        Body::Partials(_) => "partial signatures",
        Body::Abort(_) => "abort",
    };
    format!("{kind} {}", statement.author)
}
