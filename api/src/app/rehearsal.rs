//! Dry runs of commands one after the other: what each would come to if those before it had been carried out.

use std::collections::HashMap;

use waymark_domain::customer::NewEvent;
use waymark_eventstore::TenantId;

use super::answer::Request;
use super::execute::Freshness;
use super::receipts::{Shape, is_answer};
use super::staging::Staged;
use super::{App, AppError, Caller, CommandMeta, CustomerCommand};

/// Commands that are tried and never recorded.
pub struct Rehearsal {
    staged: Staged,
    /// What was sent under each idempotency key, and what that came to.
    sent: HashMap<String, ([u8; 32], Result<(), AppError>)>,
    count: u64,
}

impl Rehearsal {
    /// Nothing was tried yet.
    #[must_use]
    pub fn new(tenant: TenantId) -> Self {
        Self { staged: Staged::new(tenant), sent: HashMap::new(), count: 0 }
    }

    /// How many commands were tried.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }
}

impl App {
    /// What a command would record after those that were accepted before it; nothing where it is a repeat. One that is refused
    /// leaves nothing behind.
    ///
    /// # Errors
    /// The refusal that it would get.
    pub async fn rehearse(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        command: &CustomerCommand,
        rehearsal: &mut Rehearsal,
    ) -> Result<Vec<NewEvent>, AppError> {
        if rehearsal.count == 0 {
            self.refresh_definitions(caller.tenant).await?;
        }
        rehearsal.count += 1;
        let request = Request { caller, meta };
        if let Some(first) = self.first_receipt(request).await? {
            return Shape::Single.replay(&first).map(|_| Vec::new()).map_err(|stopped| stopped.error);
        }
        if let Some((digest, first)) = meta.idempotency_key.as_ref().and_then(|key| rehearsal.sent.get(key)) {
            let same = *digest == meta.digest;
            return if same { first.clone().map(|()| Vec::new()) } else { Err(AppError::KeyReused) };
        }
        let decided = self.stage(request, command, Freshness::Current, &mut rehearsal.staged).await;
        let events = rehearsal.staged.take_decided();
        // What a receipt would keep under the key.
        let is_kept = match &decided {
            Ok(()) => true,
            Err(error) => is_answer(error),
        };
        if let Some(key) = meta.idempotency_key.as_ref().filter(|_| is_kept) {
            rehearsal.sent.insert(key.clone(), (meta.digest, decided.clone()));
        }
        decided.map(|()| events)
    }
}
