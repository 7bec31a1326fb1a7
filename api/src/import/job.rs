//! What the parts of an import have in common.

use std::collections::BTreeSet;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use uuid::Uuid;
use waymark_domain::customer::NewEvent;
use waymark_eventstore::Position;

use super::decide::Rules;
use super::read::Case;
use crate::app::{App, AppError, Caller};

/// How many cases are looked for, or on their way to the log, at a time.
pub(super) const IN_FLIGHT: usize = 64;

/// A case as it will be written.
pub(super) enum Target {
    /// A new customer.
    New { external_id: String },
    /// A customer that is there.
    Known,
}

/// A case that passed the checks.
pub(super) struct Checked {
    pub(super) case: Case,
    pub(super) target: Target,
}

/// An import under way.
#[derive(Clone)]
pub(super) struct Import {
    pub(super) app: App,
    pub(super) caller: Caller,
    pub(super) rules: Rules,
    /// What the events of this import have in common.
    pub(super) id: Uuid,
    /// Names this import in its receipts: the file and how it is read.
    pub(super) run: [u8; 32],
    /// Where the log ended before anything was looked for in it.
    pub(super) begun_at: Position,
    pub(super) update: Option<bool>,
    /// The imports that were undone.
    pub(super) undone: Arc<BTreeSet<Uuid>>,
}

impl Import {
    /// The blind tags by which a new customer will be recognised.
    pub(super) async fn keys(&self, events: &[(NewEvent, Arc<str>)]) -> Result<Vec<String>, AppError> {
        let mut keys = Vec::new();
        for (new, _) in events {
            keys.extend(
                self.app.key_tags(self.caller.tenant, &new.event).await?.into_iter().map(|key| key.tag),
            );
        }
        Ok(keys)
    }

    /// The receipt of a case of this import.
    pub(super) fn command_id(&self, case: &Case) -> String {
        let digest = Sha256::new().chain_update(self.run).chain_update(case.id.as_bytes()).finalize();
        format!("import:{}", digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }
}
