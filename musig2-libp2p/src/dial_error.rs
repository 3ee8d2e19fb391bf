//! Why a dial failed, in words for people.

use libp2p::swarm::DialError;
use std::error::Error;

/// Describes a failed dial in one line: the cause at each address that was tried.
///
/// libp2p's own text repeats every cause several times. Addresses come from peers and may hold any
/// characters; control characters are escaped, so that a terminal does not obey them.
pub(crate) fn describe(error: &DialError) -> String {
    let mut text = String::new();
    for character in in_full(error).chars() {
        if character.is_control() {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
    text
}

fn in_full(error: &DialError) -> String {
    let attempts = match error {
        DialError::Transport(attempts) => attempts,
        DialError::Denied { cause: denied } => return format!("denied: {}", cause(denied)),
        other => return other.to_string(),
    };
    let attempts: Vec<_> =
        attempts.iter().map(|(address, error)| format!("{address}: {}", cause(error))).collect();
    attempts.join("; ")
}

/// Returns the text of the innermost error that has any. The DNS transport lists causes as lines
/// under a heading.
fn cause(error: &(dyn Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| (*error).source());
    let text =
        chain.map(ToString::to_string).filter(|text| !text.is_empty()).last().unwrap_or_default();
    let heading = text.lines().next().unwrap_or_default();
    let wrapped: Vec<_> =
        text.lines().skip(1).filter_map(|line| line.strip_prefix(" - ")).map(once).collect();
    if wrapped.is_empty() { once(heading) } else { wrapped.join(", ") }
}

/// Shortens `reason: reason` to `reason`.
fn once(text: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in text.split(": ") {
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use libp2p::core::transport::TransportError;
    use std::io;

    #[test]
    fn an_address_cannot_control_the_terminal() {
        let address: libp2p::Multiaddr = "/dns4/a\u{1b}[2Jb\n/tcp/1".parse().expect("an address");
        let attempt = (address, TransportError::Other(io::Error::other("Connection refused")));
        assert_eq!(
            describe(&DialError::Transport(vec![attempt])),
            "/dns4/a\\u{1b}[2Jb\\n/tcp/1: Connection refused"
        );
    }

    #[test]
    fn a_dial_errors_cause_is_shown_once_with_its_address() {
        let refused = "Multiple dial errors occurred:\n - Connection refused (os error 111): Connection refused (os error 111)";
        let attempts = [
            ("/ip4/127.0.0.1/tcp/1", refused),
            ("/ip4/127.0.0.1/udp/1/quic-v1", "Handshake timed out"),
        ];
        let attempts = attempts.map(|(address, error)| {
            (address.parse().expect("an address"), TransportError::Other(io::Error::other(error)))
        });
        assert_eq!(
            describe(&DialError::Transport(attempts.into())),
            "/ip4/127.0.0.1/tcp/1: Connection refused (os error 111); /ip4/127.0.0.1/udp/1/quic-v1: Handshake timed out"
        );
    }
}
