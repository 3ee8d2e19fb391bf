//! Whether a daemon could run by its configuration, and what of it may surprise its owner.

use super::Settings;
use crate::failure::Failure;
use crate::keyfile::{self, KeyFileError};
use crate::passphrase::PassphraseArgs;
use crate::policy::Policy;
use crate::text::Text;

impl Settings {
    /// Looks for the files with the key and the passphrase. No secret is read.
    pub(crate) fn check_files(&self) -> Result<(), Failure> {
        keyfile::check(&self.key)?;
        PassphraseArgs::in_file(self.passphrase_file.clone()).check().map_err(KeyFileError::from)?;
        Ok(())
    }

    /// What may surprise: a sentence for each.
    pub(crate) fn notes(&self) -> Vec<String> {
        let (policy, protocol, usual) = (&self.policy, self.protocol.config(), Policy::default());
        let mut notes = Vec::new();
        if let Some(missing) = policy.missing() {
            notes.push(format!("nothing will be signed: [policy] has no `{missing}`"));
        }
        if policy.allows_everything() {
            notes.push(
                "whatever anybody proposes will be signed: in [policy], `signer_sets` and `messages` are \"any\", and there is no `approve_command`"
                    .into(),
            );
        }
        if policy.max_items > protocol.max_items && policy.max_items != usual.max_items {
            notes.push(format!(
                "[policy] `max_items` is {}, and no session has more than {}: `max_items` in [protocol]",
                policy.max_items, protocol.max_items
            ));
        }
        let longest = Text(protocol.max_session_duration);
        if policy.max_duration > longest && policy.max_duration != usual.max_duration {
            notes.push(format!(
                "[policy] `max_duration` is {}, and no session lasts longer than {longest}: `max_session_duration` in [protocol]",
                policy.max_duration
            ));
        }
        notes
    }
}
