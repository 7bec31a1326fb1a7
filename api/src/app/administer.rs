//! Administration: members, API keys and receivers of messages change by events like everything else.

use serde_json::Map;
use waymark_domain::company::event::Key;
use waymark_domain::company::rights::{Credential, KeyRights, RightsCommand, decide};
use waymark_eventstore::{Append, Outcome, StoreError};

use super::receipts::{StoredOutcome, replay, store_error};
use super::{App, AppError, Caller, CommandAnswer, CommandMeta};
use crate::auth::rights::query;
use crate::auth::{KeyText, NewKey};
use crate::secrets::random_bytes;

/// How often a command is decided again because others changed what it was decided on.
const ATTEMPTS: u32 = 64;

impl App {
    /// Makes an API key. Its text is given here and never again. A retry makes another.
    ///
    /// # Errors
    /// When it is refused, or the log cannot take it.
    pub async fn create_key(
        &self,
        caller: &Caller,
        new: NewKey,
        credential: &Credential,
    ) -> Result<(KeyText, KeyRights), AppError> {
        let text = KeyText::new(caller.tenant, self.new_id(), random_bytes());
        let key = Key {
            id: text.key_id,
            actor: new.actor,
            roles: new.roles,
            scopes: new.scopes.into_iter().map(|scope| scope.as_str().to_owned()).collect(),
            digest: text.digest(),
        };
        let command = RightsCommand::CreateKey(key.clone());
        self.administer(caller, &CommandMeta::default(), &command, credential).await?;
        let (rights, _) = self.rights.fresh(caller.tenant).await?;
        let known = rights.keys.get(&key.id).cloned();
        let missing = || AppError::Unreadable(format!("the key {} that was recorded", key.id));
        Ok((text, known.ok_or_else(missing)?))
    }

    /// Carries out a command about rights. Where there is nothing to do the answer has no events.
    ///
    /// The event comes first, and what else is kept of it (copies, secrets) after it: a crash in between leaves what the
    /// log says.
    ///
    /// # Errors
    /// When it is refused (nothing is changed then), or the log cannot take it.
    pub async fn administer(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        command: &RightsCommand,
        credential: &Credential,
    ) -> Result<CommandAnswer, AppError> {
        if let Some(answer) = self.stored_answer(caller, meta).await? {
            return Ok(answer);
        }
        for _ in 0..ATTEMPTS {
            let (rights, read_to) = self.rights.fresh(caller.tenant).await?;
            let event = match decide(&rights, command, credential) {
                Ok(Some(event)) => event,
                Ok(None) => return Ok(unchanged(rights.version, read_to)),
                Err(refusal) => return self.refuse(caller, meta, refusal).await,
            };
            let draft = self.company_draft(caller, &event, (self.clock)())?;
            let outcome = StoredOutcome::Done {
                status: 200,
                version: rights.version + 1,
                events: vec![(draft.id, event.event_type().to_owned())],
                resource: Map::new(),
            };
            let append = Append {
                condition: Some(query().none_after(read_to)),
                receipt: outcome.receipt(caller, meta)?,
                ..Append::new(caller.tenant, vec![draft])
            };
            match self.store.append(append).await {
                Ok(Outcome::Repeated(receipt)) => return replay(&receipt),
                Ok(Outcome::Appended(appended)) => {
                    // What this process remembers of it is to be what it has just said.
                    self.rights.fresh(caller.tenant).await?;
                    self.companies.refresh(caller.tenant).await?;
                    return outcome.answer(appended.first_position, false);
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(store_error(error)),
            }
        }
        Err(AppError::Contention)
    }
}

/// The answer to what was so already.
fn unchanged(version: u64, position: u64) -> CommandAnswer {
    CommandAnswer {
        status: 200,
        position,
        version,
        events: Vec::new(),
        resource: Map::new(),
        repeated: false,
    }
}
