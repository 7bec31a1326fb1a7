//! Administration: members, API keys, receivers of messages and consumers of the log change by events like everything else.

use serde_json::{Map, Value, json};
use uuid::Uuid;
use waymark_domain::company::CompanyEvent;
use waymark_domain::company::event::Key;
use waymark_domain::company::rights::{Credential, KeyRights, RightsCommand, decide};
use waymark_eventstore::Append;

use super::answer::Request;
use super::execute::{Committed, Decision, Freshness, Plan};
use super::receipts::StoredOutcome;
use super::{App, AppError, BatchError, Caller, CommandAnswer, CommandMeta};
use crate::ambient::random_bytes;
use crate::auth::rights_fold::query;
use crate::auth::{KeyText, NewKey};

/// A command about rights, by anyone who holds a credential.
struct Administer<'a> {
    command: &'a RightsCommand,
    credential: &'a Credential,
}

/// What the answer to a command says of what it makes, so that a repeat has the same in its answer: everything but its secret.
fn made_by(command: &RightsCommand) -> Map<String, Value> {
    let made = match command {
        RightsCommand::CreateKey(key) => json!({"id": key.id}),
        RightsCommand::CreateReceiver(receiver) => json!({"id": receiver.id}),
        RightsCommand::CreateConsumer(consumer) => json!({"id": consumer.id}),
        RightsCommand::CreateSignInLink(link) => {
            json!({"id": link.id, "actor": link.actor, "expires_at": link.expires_at})
        }
        RightsCommand::RevokeKey { .. }
        | RightsCommand::SetRoles { .. }
        | RightsCommand::RemoveMember { .. }
        | RightsCommand::OpenSession { .. }
        | RightsCommand::EndSession(_)
        | RightsCommand::DeleteReceiver(_)
        | RightsCommand::RotateReceiverKey(_)
        | RightsCommand::EnableReceiver(_)
        | RightsCommand::EraseEndpoints { .. }
        | RightsCommand::DisableReceiver { .. }
        | RightsCommand::ResetConsumer { .. }
        | RightsCommand::DeleteConsumer(_) => Value::Null,
    };
    match made {
        Value::Object(made) => made,
        _ => Map::new(),
    }
}

/// The id of what a command made, now or the first time.
pub(crate) fn id_of_made(answer: &CommandAnswer) -> Result<Uuid, AppError> {
    let id = answer.resource.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
    id.ok_or_else(|| AppError::Unreadable("an answer without what was made".to_owned()))
}

impl Decision for Administer<'_> {
    type Staged = ();

    async fn plan(&self, app: &App, request: Request<'_>, _: Freshness) -> Result<Plan<()>, BatchError> {
        let caller = request.caller;
        let (rights, read_to) = app.rights.fresh(caller.tenant).await?;
        let condition = Some(query().none_after(read_to));
        let plan = |version, events, drafts, erase_subjects| {
            let resource = made_by(self.command);
            let outcomes = vec![StoredOutcome::Done { status: 200, version, events, resource }];
            let append = Append { condition, erase_subjects, ..Append::new(caller.tenant, drafts) };
            Plan { append, read_to, outcomes, staged: () }
        };
        let Some(event) = decide(&rights, self.command, self.credential)? else {
            return Ok(plan(rights.version, Vec::new(), Vec::new(), Vec::new()));
        };
        let draft = app.company_draft(caller, &event, (app.clock)())?;
        let events = vec![(draft.id, event.event_type().to_owned())];
        let erased = match &event {
            CompanyEvent::EndpointsErased(event) => vec![event.key],
            _ => Vec::new(),
        };
        Ok(plan(rights.version + 1, events, vec![draft], erased))
    }

    /// What this process knows of rights must be what it has just said. A crash before this leaves the tables of keys and
    /// members behind the log: the next to look brings them up to it.
    async fn committed(&self, app: &App, request: Request<'_>, _: Committed<()>) -> Result<(), AppError> {
        app.rights.fresh(request.caller.tenant).await?;
        app.companies.folds().current(request.caller.tenant).await.map(drop)
    }
}

impl App {
    /// Makes an API key. Its text is given here and never again: a repeat is answered with the key alone.
    ///
    /// # Errors
    /// When it is refused, or the log cannot take it.
    pub async fn create_key(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        new: NewKey,
        credential: &Credential,
    ) -> Result<(Option<KeyText>, KeyRights, CommandAnswer), AppError> {
        let text = KeyText::new(caller.tenant, self.new_id(), random_bytes());
        let key = Key {
            id: text.key_id,
            actor: new.actor,
            roles: new.roles,
            scopes: new.scopes.into_iter().map(|scope| scope.as_str().to_owned()).collect(),
            digest: text.digest(),
        };
        let command = RightsCommand::CreateKey(key);
        let answer = self.administer(caller, meta, &command, credential).await?;
        let id = id_of_made(&answer)?;
        let (rights, _) = self.rights.fresh(caller.tenant).await?;
        let known = rights.keys.get(&id).cloned();
        let missing = || AppError::Unreadable(format!("the key {id} that was recorded"));
        Ok(((!answer.repeated).then_some(text), known.ok_or_else(missing)?, answer))
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
        self.run_single(Request { caller, meta }, &Administer { command, credential }).await
    }
}
