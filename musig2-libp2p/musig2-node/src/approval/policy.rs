//! What may be signed without asking a person: the table `[policy]` of a daemon's configuration, or
//! the file given to `cosign --approve`.

use crate::approval::program::is_path;
use crate::system::toml_file::{self, TomlError};
use crate::text::Text;
use crate::text::names::count;
use musig2_libp2p::musig2_proto::{Message, PublicKey, SessionView, XOnlyPublicKey};
use serde::de::{self, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::marker::PhantomData;
use std::path::Path;
use std::time::Duration;

/// How to write a policy, for `--help`.
pub(crate) const FORMAT: &str = "\
Policy file (TOML): a session is joined if all of it is allowed, and declined otherwise.
  signer_sets = \"any\"          whose sessions may be signed: any, or a list of sets of public keys
  messages = \"any\"             what may be signed: any, or a list of messages (32 bytes in hex)
  output_keys = \"any\"          which keys may sign, tweaks included: any (the default), or a list of x-only keys
  max_items = 256              the most messages in a session
  max_duration = \"10m\"         the longest session
  approve_command = [\"PROG\"]   asked if all of the above allows it: gets the session as JSON on standard input; exit 0 approves
  approve_timeout = \"10s\"      how long the program may take
  answer_declines = true       whether to tell proposers in signer_sets that a session is declined, with the reason in one word
Unless both `signer_sets` and `messages` are set, nothing is allowed. `musig2-node config --example` explains every key.";

/// What may be signed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Policy {
    /// Each set includes this node's own key.
    signer_sets: Allowed<BTreeSet<Text<PublicKey>>>,
    messages: Allowed<Text<Message>>,
    output_keys: Allowed<Text<XOnlyPublicKey>>,
    pub(crate) max_items: usize,
    pub(crate) max_duration: Text<Duration>,
    /// A program and its arguments; empty if there is none.
    #[serde(deserialize_with = "words")]
    pub(crate) approve_command: Vec<OsString>,
    pub(crate) approve_timeout: Text<Duration>,
    /// Whether the signers in `signer_sets` are told when their sessions are declined.
    pub(crate) answer_declines: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            signer_sets: Allowed::These(BTreeSet::new()),
            messages: Allowed::These(BTreeSet::new()),
            output_keys: Allowed::Any,
            max_items: 256,
            max_duration: Text(Duration::from_secs(600)),
            approve_command: Vec::new(),
            approve_timeout: Text(Duration::from_secs(10)),
            answer_declines: true,
        }
    }
}

impl Policy {
    /// Reads a file that holds a policy and nothing else.
    pub(crate) fn read(path: &Path) -> Result<Self, TomlError> {
        let mut policy: Self = toml_file::read(path)?;
        policy.complete(path);
        Ok(policy)
    }

    /// Completes the program's path: a relative one starts from the folder of the policy's file. A
    /// bare name is looked up in `PATH`.
    pub(crate) fn complete(&mut self, file: &Path) {
        if let Some(name) = self.approve_command.first_mut().filter(|name| is_path(name)) {
            *name = file.parent().unwrap_or(Path::new("")).join(&*name).into();
        }
    }

    /// Returns the key that is missing, without which nothing would ever be signed.
    pub(crate) fn missing(&self) -> Option<&'static str> {
        if self.signer_sets.is_nothing() {
            Some("signer_sets")
        } else {
            self.messages.is_nothing().then_some("messages")
        }
    }

    /// Returns the sets of keys whose sessions may be signed; none if anybody's may.
    pub(crate) fn signer_sets(&self) -> impl Iterator<Item = Vec<PublicKey>> {
        let sets = match &self.signer_sets {
            Allowed::These(sets) => Some(sets),
            Allowed::Any => None,
        };
        sets.into_iter().flatten().map(|set| set.iter().map(|Text(key)| *key).collect())
    }

    /// Returns whether a session of this signer could ever be allowed.
    pub(crate) fn has_signer(&self, own: &PublicKey) -> bool {
        match &self.signer_sets {
            Allowed::These(sets) => {
                sets.is_empty() || sets.iter().any(|set| set.contains(&Text(*own)))
            }
            Allowed::Any => true,
        }
    }

    /// Returns whether everything that anybody proposes is signed without asking.
    pub(crate) fn allows_everything(&self) -> bool {
        let Self { signer_sets, messages, output_keys, approve_command, .. } = self;
        matches!((signer_sets, messages, output_keys), (Allowed::Any, Allowed::Any, Allowed::Any))
            && approve_command.is_empty()
    }

    /// Returns the rule by which everything in a session is allowed, or what is not allowed.
    pub(crate) fn check(&self, session: &SessionView) -> Result<String, String> {
        let manifest = &session.manifest;
        let items = manifest.items().len();
        if items > self.max_items {
            return Err(format!(
                "{}; the policy allows at most {}",
                count(items, "item"),
                self.max_items
            ));
        }
        let duration = manifest.expires_at().saturating_since(manifest.created_at());
        if duration > self.max_duration.0 {
            return Err(format!(
                "a session of {}; the policy allows at most {}",
                Text(duration),
                self.max_duration
            ));
        }
        let rule = self.rule_for_signers(session);
        let rule = rule.ok_or_else(|| {
            format!("no signer set in the policy matches exactly: {}", join(manifest.signers()))
        })?;
        for (item, (content, output)) in
            manifest.items().iter().zip(session.output_keys.iter()).enumerate()
        {
            if !self.messages.contains(&Text(*content.message())) {
                return Err(format!(
                    "the message of item {item} is not allowed: {}",
                    content.message()
                ));
            }
            if !self.output_keys.contains(&Text(output.key)) {
                return Err(format!("the key of item {item} is not allowed: {}", output.key));
            }
        }
        Ok(rule)
    }

    fn rule_for_signers(&self, session: &SessionView) -> Option<String> {
        let Allowed::These(sets) = &self.signer_sets else { return Some(self.rule()) };
        let asked = session.manifest.signers().iter().copied().map(Text).collect::<BTreeSet<_>>();
        sets.contains(&asked).then(|| self.rule())
    }

    /// Names the keys of the policy that decided, and which of them are "any". Otherwise a set in
    /// `signer_sets` matches the session's signers exactly, and `messages` holds its messages.
    fn rule(&self) -> String {
        let of =
            |key: &str, is_any: bool| if is_any { format!("{key} = \"any\"") } else { key.into() };
        let (sets, messages) = (&self.signer_sets, &self.messages);
        let sets = of("signer_sets", matches!(sets, Allowed::Any));
        format!("{sets}, {}", of("messages", matches!(messages, Allowed::Any)))
    }
}

/// Reads a program's name and arguments as text. A folder put before the name later need not be
/// UTF-8, hence `OsString`.
fn words<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<OsString>, D::Error> {
    Ok(Vec::<String>::deserialize(from)?.into_iter().map(OsString::from).collect())
}

/// What a policy allows of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Allowed<T> {
    These(BTreeSet<T>),
    Any,
}

impl<T: Ord> Allowed<T> {
    fn contains(&self, value: &T) -> bool {
        match self {
            Self::These(values) => values.contains(value),
            Self::Any => true,
        }
    }

    fn is_nothing(&self) -> bool {
        matches!(self, Self::These(values) if values.is_empty())
    }
}

/// Reads `"any"` or a list.
impl<'de, T: Deserialize<'de> + Ord> Deserialize<'de> for Allowed<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de> + Ord> Visitor<'de> for Reader<T> {
            type Value = Allowed<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"any\" or a list")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Allowed<T>, E> {
                match text {
                    "any" => Ok(Allowed::Any),
                    other => Err(E::invalid_value(Unexpected::Str(other), &self)),
                }
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Allowed<T>, A::Error> {
                let mut values = BTreeSet::new();
                while let Some(value) = list.next_element()? {
                    values.insert(value);
                }
                Ok(Allowed::These(values))
            }
        }
        from.deserialize_any(Reader(PhantomData))
    }
}

fn join(keys: &[PublicKey]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";

    fn parse(text: &str) -> Result<Policy, String> {
        toml_file::parse(Path::new("policy"), text).map_err(|error: TomlError| error.to_string())
    }

    #[test]
    fn a_list_allows_only_its_entries_and_any_allows_everything() {
        let message = "07".repeat(32);
        let policy =
            parse(&format!("signer_sets = [[\"{KEY}\"]] # Alice\nmessages = [\"{message}\"]"))
                .unwrap();
        assert!(policy.messages.contains(&message.parse().unwrap()));
        assert!(!policy.messages.contains(&Text(Message::new([9; 32]))));
        assert!(policy.output_keys.contains(&Text(XOnlyPublicKey::new([8; 32]))));
        assert_eq!(policy.missing(), None);
        assert_eq!(parse("messages = \"any\"").unwrap().missing(), Some("signer_sets"));
        assert_eq!(parse("signer_sets = \"any\"").unwrap().missing(), Some("messages"));
    }

    #[test]
    fn a_policy_error_names_the_line_the_key_and_what_is_allowed() {
        let cases = [
            (
                "signer_sets = \"any\"\nmesages = \"any\"",
                "policy, line 2: unknown field `mesages`, expected one of `signer_sets`, `messages`",
            ),
            (
                "messages = \"all\"",
                "policy, line 1, `messages`: invalid value: string \"all\", expected \"any\" or a list",
            ),
            (
                "messages = [\n  \"07\"]",
                "policy, line 2, `messages[0]`: expected 64 hex digits, got 2 characters",
            ),
            (
                "max_duration = 10",
                "policy, line 1, `max_duration`: invalid type: integer `10`, expected a time in quotes",
            ),
            ("messages = [", "policy, line 1: "),
        ];
        for (text, expected) in cases {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
        let off_curve = format!("signer_sets = [[\"02{}\"]]", "ff".repeat(32));
        assert!(parse(&off_curve).unwrap_err().ends_with("not a point on secp256k1"));
    }
}
