//! Checks whether a daemon could run with its configuration, and notes what may surprise its owner.

use super::Settings;
use crate::approval::policy::Policy;
use crate::failure::Failure;
use crate::keys::keyfile::{self, KeyFileError};
use crate::keys::passphrase::PassphraseArgs;
use crate::text::Text;

impl Settings {
    /// Checks that the files with the key and the passphrase are there. Reads no secret.
    pub(crate) fn check_files(&self) -> Result<(), Failure> {
        keyfile::check(&self.key)?;
        PassphraseArgs::in_file(self.passphrase_file.clone())
            .check()
            .map_err(KeyFileError::from)?;
        Ok(())
    }

    /// Returns what may surprise the owner: one sentence each.
    pub(crate) fn notes(&self) -> Vec<String> {
        let (policy, protocol, usual) = (&self.policy, self.protocol.config(), Policy::default());
        let mut notes = Vec::new();
        if let Some(missing) = policy.missing() {
            notes.push(format!("nothing will be signed: [policy] has no `{missing}`"));
        }
        if policy.allows_everything() {
            notes.push(
                "everything that anybody proposes will be signed: in [policy], `signer_sets` and `messages` are \"any\", and there is no `approve_command`"
                    .into(),
            );
        }
        if policy.max_items > protocol.max_items && policy.max_items != usual.max_items {
            notes.push(format!(
                "[policy] `max_items` is {}, but `max_items` in [protocol] allows no session more than {}",
                policy.max_items, protocol.max_items
            ));
        }
        let longest = Text(protocol.max_session_duration);
        if policy.max_duration > longest && policy.max_duration != usual.max_duration {
            notes.push(format!(
                "[policy] `max_duration` is {}, but `max_session_duration` in [protocol] allows no session more than {longest}",
                policy.max_duration
            ));
        }
        notes.extend(self.zeros().map(|(key, means)| format!("{key} is 0: {means}")));
        notes
    }

    /// Limits of zero that a node accepts, and what they mean. (A node reports those that it
    /// refuses.)
    fn zeros(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        const NO_DISCOVERY: &str = "this node signs nothing that others propose";
        const NO_WAITING: &str = "frames for a peer that is not connected are lost, and the peer must ask for them again";
        let (policy, results) = (&self.policy, &self.results);
        let (protocol, frames) = (self.protocol.config(), self.frames.config());
        let is_asked = !policy.approve_command.is_empty();
        [
            (policy.max_items == 0, "[policy] `max_items`", NO_DISCOVERY),
            (policy.max_duration.0.is_zero(), "[policy] `max_duration`", NO_DISCOVERY),
            (
                is_asked && policy.approve_timeout.0.is_zero(),
                "[policy] `approve_timeout`",
                "the `approve_command` has no time to answer, so everything is declined",
            ),
            (
                results.max_signed == 0,
                "[results] `max_signed`",
                "signatures are not kept: `results` cannot list them, and `sessions` cannot show them again",
            ),
            (results.max_age.0.is_zero(), "[results] `max_age`", "`results` has nothing to list"),
            (
                results.max_unsigned == 0,
                "[results] `max_unsigned`",
                "`results` cannot list what was not signed, or why",
            ),
            (protocol.max_discovered_sessions == 0, "[protocol] `max_discovered_sessions`", NO_DISCOVERY),
            (protocol.max_discovered_per_author == 0, "[protocol] `max_discovered_per_author`", NO_DISCOVERY),
            (
                protocol.max_queued_sessions == 0,
                "[protocol] `max_queued_sessions`",
                "sessions approved beyond `max_concurrent_sessions` are not joined",
            ),
            (
                protocol.max_memo == 0,
                "[protocol] `max_memo`",
                "sessions with a memo are neither created nor signed",
            ),
            (frames.waiting_bytes == 0, "[frames] `waiting_bytes`", NO_WAITING),
            (frames.waiting_time.is_zero(), "[frames] `waiting_time`", NO_WAITING),
            (
                frames.write_timeout.is_zero(),
                "[frames] `write_timeout`",
                "a connection that cannot take a frame at once is closed",
            ),
        ]
        .into_iter()
        .filter_map(|(is_zero, key, means)| is_zero.then_some((key, means)))
    }
}
