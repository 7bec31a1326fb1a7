//! Signing in: links that an administrator hands out, and the sessions that are opened by them or by an API key.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;
use waymark_domain::company::event::Pass;
use waymark_domain::company::rights::{Credential, RightsCommand};

use super::{App, AppError, Caller, CommandAnswer, CommandMeta, Endpoint};
use crate::ambient::random_bytes;
use crate::auth::{KeyText, Kind, SESSION};
use crate::domain::{Actor, Role};
use crate::eventstore::TenantId;

/// A link that was made, without its text.
#[derive(Debug, Clone, Deserialize)]
pub struct MadeLink {
    /// The link's id.
    pub id: uuid::Uuid,
    /// Who signs in by it.
    pub actor: String,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
}

/// What somebody has who signed in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The text of the session. It is given here and never again.
    pub text: String,
    /// The session.
    pub session: Pass,
}

impl App {
    /// Makes a link by which somebody signs in once. Its text is given here and never again: a repeat is answered with the link
    /// alone.
    ///
    /// # Errors
    /// When it is refused, or the log cannot take it.
    pub async fn create_sign_in_link(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        actor: Actor,
        lasting: TimeDelta,
        credential: &Credential,
    ) -> Result<(Option<String>, MadeLink, CommandAnswer), AppError> {
        let text = KeyText::new(caller.tenant, self.new_id(), random_bytes());
        let link = self.pass(&text, actor.name, actor.roles, lasting);
        let command = RightsCommand::CreateSignInLink(link);
        let answer = self.administer(caller, meta, &command, credential).await?;
        let made = serde_json::from_value(Value::Object(answer.resource.clone()));
        let made = made.map_err(|error| AppError::Unreadable(error.to_string()))?;
        Ok(((!answer.repeated).then(|| text.shown_as(Kind::SignInLink)), made, answer))
    }

    /// Opens a session by the text of a link, which is used up by it, or of an API key; none where it opens nothing.
    ///
    /// # Errors
    /// When it is refused, or the log cannot take it.
    pub async fn sign_in(
        &self,
        text: &str,
        endpoint: Option<Arc<Endpoint>>,
    ) -> Result<Option<SignedIn>, AppError> {
        let at = (self.clock)();
        if let Some(link) = KeyText::parse_as(Kind::SignInLink, text) {
            let (rights, _) = self.rights.fresh(link.tenant).await?;
            let known = rights.links.get(&link.key_id);
            let Some(known) = known.filter(|known| link.matches(&known.digest) && known.expires_at > at)
            else {
                return Ok(None);
            };
            return self
                .open_session(
                    link.tenant,
                    known.actor.clone(),
                    known.roles.clone(),
                    Some(known.id),
                    None,
                    endpoint,
                )
                .await;
        }
        let Some(key) = KeyText::parse(text) else { return Ok(None) };
        let known = self.rights.key(key.tenant, key.key_id).await?;
        let Some(known) = known.filter(|known| known.is_valid() && key.matches(&known.key.digest)) else {
            return Ok(None);
        };
        self.open_session(key.tenant, known.key.actor, known.key.roles, None, Some(known.key.id), endpoint)
            .await
    }

    /// Ends a session. Ending it again changes nothing.
    ///
    /// # Errors
    /// When the log cannot take it.
    pub async fn sign_out(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        id: uuid::Uuid,
        credential: &Credential,
    ) -> Result<(), AppError> {
        let command = RightsCommand::EndSession(id);
        self.administer(caller, meta, &command, credential).await.map(drop)
    }

    async fn open_session(
        &self,
        tenant: TenantId,
        actor: String,
        roles: BTreeSet<Role>,
        link: Option<uuid::Uuid>,
        key: Option<uuid::Uuid>,
        endpoint: Option<Arc<Endpoint>>,
    ) -> Result<Option<SignedIn>, AppError> {
        let caller = Caller {
            tenant,
            actor: Actor::new(&actor, roles.iter().copied()),
            via: None,
            origin: None,
            endpoint,
        };
        let text = KeyText::new(tenant, self.new_id(), random_bytes());
        let session = self.pass(&text, actor, roles, SESSION);
        let command = RightsCommand::OpenSession { session: session.clone(), link, key, at: (self.clock)() };
        self.administer(&caller, &CommandMeta::default(), &command, &Credential::default()).await?;
        // Of two who use a link at once, one does.
        let (rights, _) = self.rights.fresh(tenant).await?;
        let is_open = rights.sessions.contains_key(&session.id);
        Ok(is_open.then(|| SignedIn { text: text.shown_as(Kind::Session), session }))
    }

    fn pass(&self, text: &KeyText, actor: String, roles: BTreeSet<Role>, lasting: TimeDelta) -> Pass {
        let expires_at = (self.clock)() + lasting;
        Pass { id: text.key_id, actor, roles, digest: text.digest(), expires_at }
    }
}
