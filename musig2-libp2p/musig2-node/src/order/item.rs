//! A message and the key that signs it, as people write them: `MESSAGE[,bip32=PATH][,bip86]`.

use super::Usage;
use crate::order::TweakArgs;
use crate::text::Written;
use musig2_libp2p::musig2_proto::{self, Message};
use std::fmt;

/// A message with tweaks of its own.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    message: Message,
    tweaks: TweakArgs,
}

impl Item {
    /// Returns it as an item of a session.
    pub(crate) fn content(&self) -> Result<musig2_proto::Item, Usage> {
        content(self.message, &self.tweaks)
    }
}

/// Returns an item: the message, signed with the key that these tweaks lead to.
pub(crate) fn content(message: Message, tweaks: &TweakArgs) -> Result<musig2_proto::Item, Usage> {
    let tweaks = tweaks.tweaks()?;
    let item = musig2_proto::Item::new(message).with_tweaks(tweaks);
    item.map_err(|error| Usage(error.to_string()))
}

impl Written for Item {
    const EXPECTED: &'static str =
        "a message and its tweaks: HEX32[,bip32=PATH][,bip86 or ,root=HEX32]";

    fn read(text: &str) -> Result<Self, String> {
        let mut parts = text.split(',').map(str::trim);
        let message = parts.next().unwrap_or_default();
        let message = Message::read(message).map_err(|problem| match message {
            "" => "the message is missing: write HEX32[,bip32=PATH][,bip86 or ,root=HEX32]".into(),
            _ => format!("the message `{message}`: {problem}"),
        })?;
        let mut tweaks = TweakArgs::default();
        parts.try_for_each(|part| tweaks.add(part))?;
        Ok(Self { message, tweaks })
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.message, self.tweaks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Text;
    use musig2_libp2p::musig2_proto::{ChainCode, DerivationPath, MerkleRoot, Tweak};

    const MESSAGE: &str = "0707070707070707070707070707070707070707070707070707070707070707";

    fn read(more: &str) -> Result<Text<Item>, String> {
        format!("{MESSAGE}{more}").parse()
    }

    #[test]
    fn a_message_has_the_tweaks_written_after_it() {
        let root = "08".repeat(32);
        let path = DerivationPath::new(vec![0, 5]).unwrap();
        let child = Tweak::Bip32 { chain_code: ChainCode::BIP328, path };
        let taproot = Tweak::Taproot { merkle_root: Some(MerkleRoot::new([8; 32])) };
        let cases = [
            (String::new(), vec![]),
            (",bip86".into(), vec![Tweak::BIP86]),
            (",bip32=m/0/5".into(), vec![child.clone()]),
            // The child derivation comes first, in whatever order they are written.
            (",bip86,bip32=m/0/5".into(), vec![child.clone(), Tweak::BIP86]),
            (format!(", bip32=m/0/5, root={root}"), vec![child, taproot]),
        ];
        for (more, expected) in cases {
            let item = read(&more).unwrap_or_else(|error| panic!("{more}: {error}"));
            let content = item.0.content().unwrap();
            assert_eq!(content.message().to_string(), MESSAGE);
            assert_eq!(content.tweaks(), expected, "{more}");
            let again: Text<Item> = item.to_string().parse().unwrap();
            assert_eq!(
                again.0.content().unwrap(),
                content,
                "what is written is read again: {item}"
            );
        }
    }

    #[test]
    fn a_mistyped_part_is_named_with_a_correction() {
        let root = format!(",root={}", "08".repeat(32));
        let cases = [
            (",bip68".into(), "`bip68` is not a tweak: write bip86, bip32=PATH or root=HEX"),
            (",BIP86".into(), "`BIP86` is not a tweak"),
            (",taproot_root=07".into(), "`taproot_root=07` is not a tweak"),
            (",bip86=1".into(), "`bip86=1`: bip86 takes no value"),
            (",bip32".into(), "`bip32` has no path: write, for example, bip32=m/0/5"),
            (",bip32=".into(), "`bip32=`: `` is not a path"),
            (
                ",bip32=0/5".into(),
                "`bip32=0/5`: `0/5` is not a path: write it from the aggregate key `m` down",
            ),
            (",bip32=m/0'".into(), "`bip32=m/0'`: `0'` is hardened"),
            (",bip86,bip32=m/0/5h".into(), "`bip32=m/0/5h`: `5h` is hardened"),
            (",root".into(), "`root` has no root"),
            (",root=".into(), "`root=`: expected 64 hex digits, got 0 characters"),
            (",root=07".into(), "`root=07`: expected 64 hex digits, got 2 characters"),
            (",bip86,bip86".into(), "`bip86` is given twice"),
            (",bip32=m/0,bip32=m/1".into(), "`bip32` is given twice"),
            (format!("{root}{root}"), "`root` is given twice"),
            (
                format!(",bip86{root}"),
                "a root and `bip86`, which means no root, exclude each other: give only one of them",
            ),
            (format!("{root},bip86"), "`bip86`: a root and `bip86`"),
            (",".into(), "nothing follows a comma"),
            (",bip86,".into(), "nothing follows a comma"),
            (",,bip86".into(), "nothing follows a comma"),
            (" bip86".into(), "bip86`: expected 64 hex digits"),
        ];
        for (more, expected) in cases {
            let error = read(&more).map(|item| item.to_string()).unwrap_err();
            assert!(error.contains(expected), "{more}: {error}");
        }
        for (text, expected) in [
            ("", "the message is missing"),
            (",bip86", "the message is missing"),
            ("bip86", "the message `bip86`: expected 64 hex digits, got 5 characters"),
            ("0707,bip86", "the message `0707`: expected 64 hex digits, got 4 characters"),
        ] {
            let error = text.parse::<Text<Item>>().map(|item| item.to_string()).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
