//! Shows messages field by field. Every field of the wire format is named here, so that adding a
//! field breaks the build until it is shown.

use super::shown::Shown;
use crate::trace::{decode_frame, decode_publication};
use musig2_proto::wire::announcement::{
    Announcement, AnnouncementContent, KnownContact, Publication,
};
use musig2_proto::wire::frame::{Frame, Have, Request};
use musig2_proto::wire::hello::{Hello, HelloContent};
use musig2_proto::wire::proof::{Proof, Restarted, Signed};
use musig2_proto::wire::statement::{
    Abort, AbortReason, Body, Decline, Join, Nonces, Partials, Statement,
};
use musig2_proto::{Item, Manifest, SessionId, Tweak};

/// A message for the page.
pub(super) struct Decoded {
    pub(super) shown: Shown,
    /// The session that it is about, if any.
    pub(super) session: Option<SessionId>,
    /// What it contains, in the words of the page's filter.
    pub(super) kinds: Vec<&'static str>,
}

/// Shows a frame, or the bytes if they are not a frame.
pub(super) fn frame(bytes: &[u8]) -> Decoded {
    let Some(frame) = decode_frame(bytes) else { return undecodable(bytes) };
    let Frame { session, request, have, announcement, statements, signatures } = &frame;
    let asks = *request != Request::Nothing;
    let kinds = [announcement.as_ref().map(|_| "announcement"), asks.then_some("request")];
    let kinds =
        kinds.into_iter().chain(statements.iter().map(|statement| Some(kind(&statement.body))));
    let mut kinds: Vec<_> =
        kinds.chain([signatures.as_ref().map(|_| "signatures")]).flatten().collect();
    if kinds.is_empty() {
        kinds.push("summary");
    }
    kinds.sort_unstable();
    kinds.dedup();
    let shown = Shown::Fields(vec![
        ("session", Shown::hex(session.as_bytes())),
        ("request", Shown::debug(request)),
        ("statements", Shown::list(statements.iter(), statement)),
        (
            "signatures",
            Shown::optional(signatures.as_ref(), |all| {
                Shown::list(all.iter(), |one| Shown::hex(one.as_bytes()))
            }),
        ),
        ("have", Shown::optional(have.as_ref(), self::have)),
        ("announcement", Shown::optional(announcement.as_ref(), self::announcement)),
    ]);
    Decoded { shown, session: Some(*session), kinds }
}

/// Shows a publication, or the bytes if they are not a publication.
pub(super) fn publication(bytes: &[u8]) -> Decoded {
    let Some(publication) = decode_publication(bytes) else { return undecodable(bytes) };
    let (fresh, content, session, kind) = match &publication {
        Publication::Announcement { fresh, announcement } => {
            let session = announcement.content.manifest.id();
            (
                fresh,
                ("announcement", self::announcement(announcement)),
                Some(session),
                "announcement",
            )
        }
        Publication::Hello { fresh, hello } => {
            (fresh, ("hello", self::hello(hello)), None, "hello")
        }
    };
    let shown = Shown::Fields(vec![("fresh", Shown::hex(fresh)), content]);
    Decoded { shown, session, kinds: vec![kind] }
}

fn undecodable(bytes: &[u8]) -> Decoded {
    let shown = Shown::Fields(vec![("not a message", Shown::hex(bytes))]);
    Decoded { shown, session: None, kinds: vec!["undecodable"] }
}

fn kind(body: &Body) -> &'static str {
    match body {
        Body::Join(_) => "join",
        Body::Nonces(_) => "nonces",
        Body::Partials(_) => "partial signatures",
        Body::Abort(_) => "abort",
        Body::Decline(_) => "decline",
    }
}

fn have(have: &Have) -> Shown {
    let Have { signer, boot, sequence, attempt, joins, nonces, partials, reach, ended, digest } =
        have;
    Shown::Fields(vec![
        ("signer", Shown::signer(*signer)),
        ("boot", Shown::hex(boot.as_bytes())),
        ("sequence", Shown::text(sequence)),
        ("attempt", Shown::hex(attempt.as_bytes())),
        ("joins", Shown::bitmap(joins)),
        ("nonces", Shown::bitmap(nonces)),
        ("partials", Shown::bitmap(partials)),
        ("reach", Shown::bitmap(reach)),
        ("ended", Shown::flag(*ended)),
        ("digest", Shown::hex(digest.as_bytes())),
    ])
}

fn statement(statement: &Statement) -> Shown {
    let Statement { author, body, signature } = statement;
    let content = match body {
        Body::Join(join) => self::join(join),
        Body::Nonces(nonces) => self::nonces(nonces),
        Body::Partials(partials) => self::partials(partials),
        Body::Abort(abort) => self::abort(abort),
        Body::Decline(Decline { reason }) => vec![("reason", Shown::debug(reason))],
    };
    Shown::Fields(vec![
        ("author", Shown::signer(*author)),
        (kind(body), Shown::Fields(content)),
        ("signature", Shown::hex(signature.as_bytes())),
    ])
}

type Fields = Vec<(&'static str, Shown)>;

fn join(join: &Join) -> Fields {
    let Join { boot, contact } = join;
    vec![("boot", Shown::hex(boot.as_bytes())), ("contact", Shown::hex(contact.as_bytes()))]
}

fn nonces(nonces: &Nonces) -> Fields {
    let Nonces { boot, attempt, source } = nonces;
    vec![
        ("boot", Shown::hex(boot.as_bytes())),
        ("attempt", Shown::hex(attempt.as_bytes())),
        ("nonces", Shown::list(source.nonces(), |nonce| Shown::hex(nonce.as_bytes()))),
    ]
}

fn partials(partials: &Partials) -> Fields {
    let Partials { boot, attempt, transcript, partials } = partials;
    vec![
        ("boot", Shown::hex(boot.as_bytes())),
        ("attempt", Shown::hex(attempt.as_bytes())),
        ("transcript", Shown::hex(transcript.as_bytes())),
        (
            "partial signatures",
            Shown::list(partials.iter(), |partial| Shown::hex(partial.as_bytes())),
        ),
    ]
}

fn abort(abort: &Abort) -> Fields {
    let Abort { boot, reason, proof } = abort;
    let reason = match reason {
        AbortReason::Requested(note) => Shown::Text(format!("requested: {note}")),
        other => Shown::debug(other),
    };
    vec![
        ("boot", Shown::hex(boot.as_bytes())),
        ("reason", reason),
        ("proof", Shown::optional(proof.as_deref(), self::proof)),
    ]
}

/// Shows a proof from an abort or from evidence.
pub(super) fn proof(proof: &Proof) -> Shown {
    let fields = match proof {
        Proof::EquivocatingNonces { first, second } => {
            vec![("first", signed(first, nonces)), ("second", signed(second, nonces))]
        }
        Proof::EquivocatingPartials { first, second } => {
            vec![("first", signed(first, partials)), ("second", signed(second, partials))]
        }
        Proof::InvalidNonce { nonces: one } => vec![("nonces", signed(one, nonces))],
        Proof::InvalidPartialSignature {
            nonces: one,
            partials: other,
            nonce_root,
            aggregates,
            item,
        } => {
            vec![
                ("nonces", signed(one, nonces)),
                ("partials", signed(other, partials)),
                ("nonce root", Shown::hex(nonce_root)),
                (
                    "aggregate nonces",
                    Shown::list(aggregates.iter(), |nonce| Shown::hex(nonce.as_bytes())),
                ),
                ("item", Shown::text(item)),
            ]
        }
        Proof::ConcurrentInstances { first, second, restarted } => vec![
            ("first", signed(first, nonces)),
            ("second", signed(second, nonces)),
            ("restarted", Shown::list(restarted.iter(), self::restarted)),
        ],
        Proof::RestartLimit { joins } => {
            vec![("joins", Shown::list(joins.iter(), |one| signed(one, join)))]
        }
        other => vec![("proof", Shown::debug(other))],
    };
    Shown::Fields(fields)
}

fn restarted(restarted: &Restarted) -> Shown {
    let Restarted { signer, boots } = restarted;
    let boots = Shown::list(boots.iter(), |boot| Shown::hex(boot.as_bytes()));
    Shown::Fields(vec![("signer", Shown::signer(*signer)), ("boots", boots)])
}

fn signed<T>(signed: &Signed<T>, show: impl FnOnce(&T) -> Fields) -> Shown {
    let Signed { author, content, signature } = signed;
    let mut fields = vec![("author", Shown::signer(*author))];
    fields.extend(show(content));
    fields.push(("signature", Shown::hex(signature.as_bytes())));
    Shown::Fields(fields)
}

fn announcement(announcement: &Announcement) -> Shown {
    let Announcement { content: AnnouncementContent { manifest, private, contacts }, signature } =
        announcement;
    let contact = |known: &KnownContact| {
        let KnownContact { signer, contact } = known;
        Shown::Fields(vec![
            ("signer", Shown::signer(*signer)),
            ("contact", Shown::hex(contact.as_bytes())),
        ])
    };
    Shown::Fields(vec![
        ("manifest", self::manifest(manifest)),
        ("private", Shown::flag(*private)),
        ("contacts", Shown::list(contacts.iter(), contact)),
        ("signature", Shown::hex(signature.as_bytes())),
    ])
}

/// Shows a manifest, except for its salt and its reserved, empty fields.
pub(super) fn manifest(manifest: &Manifest) -> Shown {
    Shown::Fields(vec![
        ("session", Shown::hex(manifest.id().as_bytes())),
        ("signers", Shown::list(manifest.signers(), |key| Shown::hex(key.as_bytes()))),
        ("coordinator", Shown::signer(manifest.coordinator())),
        ("items", Shown::list(manifest.items(), item)),
        ("created at", Shown::moment(manifest.created_at())),
        ("expires at", Shown::moment(manifest.expires_at())),
        ("memo", Shown::hex(manifest.memo())),
    ])
}

fn item(item: &Item) -> Shown {
    Shown::Fields(vec![
        ("message", Shown::hex(item.message().as_bytes())),
        ("tweaks", Shown::list(item.tweaks(), tweak)),
    ])
}

fn tweak(tweak: &Tweak) -> Shown {
    match tweak {
        Tweak::Taproot { merkle_root } => {
            let root = Shown::optional(merkle_root.as_ref(), |root| Shown::hex(root.as_bytes()));
            Shown::Fields(vec![("taproot, merkle root", root)])
        }
        Tweak::Bip32 { chain_code, path } => Shown::Fields(vec![
            ("BIP32, chain code", Shown::hex(chain_code.as_bytes())),
            ("path", Shown::list(path.iter(), Shown::text)),
        ]),
        other => Shown::debug(other),
    }
}

fn hello(hello: &Hello) -> Shown {
    let Hello { content: HelloContent { signer, contact, time, since }, signature } = hello;
    Shown::Fields(vec![
        ("signer", Shown::hex(signer.as_bytes())),
        ("contact", Shown::hex(contact.as_bytes())),
        ("time", Shown::moment(*time)),
        ("since", Shown::moment(*since)),
        ("signature", Shown::hex(signature.as_bytes())),
    ])
}
