//! Setting receivers up: webhooks and robots, their keys, and switching on what was switched off.

use chrono::TimeDelta;
use uuid::Uuid;

use super::client::Target;
use super::endpoint::{Endpoint, Kind};
use super::guard;
use super::secret::{RobotSecret, WebhookKey};
use super::{Outbound, OutboundError, recorded};
use crate::ambient::random_bytes;
use crate::app::{AppError, Caller, CommandAnswer, CommandMeta, id_of_made};
use crate::config::PrivateAddresses;
use crate::domain::catalogue::event_types;
use crate::domain::company::rights::{Credential, RightsCommand};
use crate::domain::{Actor, Language};
use crate::eventstore::{StoreError, TenantId};

/// How many receivers a tenant may have.
pub const MOST_RECEIVERS: usize = 100;
/// Who records what becomes of a receiver by itself.
const OUTBOUND: &str = "system:outbound";
/// How long a key that was replaced signs beside the new one.
const BOTH_FOR: TimeDelta = TimeDelta::hours(24);

/// A webhook to be set up.
#[derive(Debug, Clone, Default)]
pub struct NewWebhook {
    /// Where it is.
    pub url: String,
    /// Which types of event it receives; all where none is named.
    pub types: Vec<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Whether it receives personal fields.
    pub include_personal: bool,
}

/// A robot to be set up.
#[derive(Debug, Clone)]
pub struct NewRobot {
    /// Of which platform.
    pub kind: Kind,
    /// What it is called with.
    pub secret: RobotSecret,
    /// Whose reminders it carries.
    pub member: Option<String>,
    /// Or which team's.
    pub team: Option<String>,
    /// The language of its texts.
    pub language: Language,
    /// What it is for.
    pub description: Option<String>,
    /// Whether customers are named to it.
    pub include_personal: bool,
}

/// Why a receiver cannot be set up as asked.
#[derive(Debug)]
pub enum Rejected {
    /// The address is none of the web.
    Address,
    /// The address is not encrypted.
    Unencrypted,
    /// The address is a private one.
    Private,
    /// There is no such type of event.
    UnknownType(String),
    /// There are as many receivers as there may be.
    TooMany,
    /// The tables failed.
    Failed(OutboundError),
}

impl From<OutboundError> for Rejected {
    fn from(error: OutboundError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for Rejected {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<AppError> for Rejected {
    fn from(error: AppError) -> Self {
        Self::Failed(error.into())
    }
}

/// Receivers as they are set up: each change is an event first. A crash before the tables follow leaves a receiver of which
/// the log tells and that has no row; it is taken away like any other.
impl Outbound {
    /// Sets a webhook up. It receives what happens from now on. The key is given here and never again: a repeat is answered
    /// with the webhook alone.
    ///
    /// # Errors
    /// When it cannot be set up as asked, or the tables fail.
    pub async fn add_webhook(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        credential: &Credential,
        new: NewWebhook,
    ) -> Result<(Endpoint, Option<WebhookKey>, CommandAnswer), Rejected> {
        let (tenant, by) = (caller.tenant, caller.actor.name.as_str());
        if let Some((first, told)) = self.set_up_first(caller, meta).await? {
            return Ok((first, None, told));
        }
        self.examine(&new)?;
        let (id, key) = ((self.app.ids)(), WebhookKey::new(random_bytes()));
        let secret = self.app.vault.seal_secret(tenant, id, key.bytes()).await?;
        let endpoint = Endpoint {
            description: new.description,
            include_personal: new.include_personal,
            url: Some(new.url),
            types: new.types,
            ..self.blank(tenant, id, Kind::Webhook, by, secret).await?
        };
        let (endpoint, told) = self.add(caller, meta, credential, endpoint).await?;
        Ok((endpoint, (!told.repeated).then_some(key), told))
    }

    fn examine(&self, new: &NewWebhook) -> Result<(), Rejected> {
        let target = Target::parse(&new.url).ok_or(Rejected::Address)?;
        if self.settings.private_addresses == PrivateAddresses::Refuse {
            if !target.tls {
                return Err(Rejected::Unencrypted);
            }
            if target.address().is_some_and(|address| !guard::is_public(address)) {
                return Err(Rejected::Private);
            }
        }
        let known = |name: &String| event_types().any(|known| known.name == name);
        match new.types.iter().find(|name| !known(name)) {
            Some(unknown) => Err(Rejected::UnknownType(unknown.clone())),
            None => Ok(()),
        }
    }

    /// The receiver that was set up under this key the first time.
    ///
    /// # Errors
    /// The refusal, where it was one; [`AppError::NotFound`] when the receiver was taken away since; or the tables fail.
    pub async fn set_up_first(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
    ) -> Result<Option<(Endpoint, CommandAnswer)>, OutboundError> {
        let Some(first) = self.app.first_answer(caller, meta).await? else { return Ok(None) };
        Ok(Some((self.made(caller.tenant, id_of_made(&first)?).await?, first)))
    }

    async fn made(&self, tenant: TenantId, id: Uuid) -> Result<Endpoint, OutboundError> {
        let made = self.endpoints(tenant).await?.into_iter().find(|endpoint| endpoint.id == id);
        let gone = || AppError::NotFound { what: "receiver".into(), id: id.to_string() };
        Ok(made.ok_or_else(gone)?)
    }

    /// Sets a robot up. It carries the reminders from now on.
    ///
    /// # Errors
    /// When there are too many receivers, or the tables fail.
    pub async fn add_robot(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        credential: &Credential,
        new: NewRobot,
    ) -> Result<(Endpoint, CommandAnswer), Rejected> {
        let (tenant, by) = (caller.tenant, caller.actor.name.as_str());
        let id = (self.app.ids)();
        let readable = serde_json::to_vec(&new.secret)
            .map_err(|error| OutboundError::Damaged { what: "secret", word: error.to_string() })?;
        let secret = self.app.vault.seal_secret(tenant, id, &readable).await?;
        let endpoint = Endpoint {
            description: new.description,
            include_personal: new.include_personal,
            member: new.member,
            team: new.team,
            language: new.language,
            ..self.blank(tenant, id, new.kind, by, secret).await?
        };
        self.add(caller, meta, credential, endpoint).await
    }

    /// A receiver that begins at the end of the log: what is there already is no news.
    async fn blank(
        &self,
        tenant: TenantId,
        id: Uuid,
        kind: Kind,
        by: &str,
        secret: Vec<u8>,
    ) -> Result<Endpoint, OutboundError> {
        Ok(Endpoint {
            id,
            kind,
            description: None,
            include_personal: false,
            url: None,
            types: Vec::new(),
            member: None,
            team: None,
            language: Language::Zh,
            secret,
            former: None,
            created_at: (self.app.clock)(),
            created_by: by.to_owned(),
            disabled: None,
            cursor: self.app.store.head(tenant).await?.position,
        })
    }

    /// Adds a receiver, and says whether it is a new one or was set up the first time.
    async fn add(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        credential: &Credential,
        mut endpoint: Endpoint,
    ) -> Result<(Endpoint, CommandAnswer), Rejected> {
        let tenant = caller.tenant;
        if self.app.rights.fresh(tenant).await?.0.receivers.len() >= MOST_RECEIVERS {
            return Err(Rejected::TooMany);
        }
        let command = RightsCommand::CreateReceiver(recorded(&endpoint));
        let told = self.app.administer(caller, meta, &command, credential).await?;
        if told.repeated {
            return Ok((self.made(tenant, id_of_made(&told)?).await?, told));
        }
        // That it was set up is no news to it.
        endpoint.cursor = told.position;
        self.store.add(tenant, &endpoint).await?;
        // Who sends may have looked between the event and the row.
        self.app.store.tell(tenant);
        let (id, kind, by) = (endpoint.id, endpoint.kind.as_str(), endpoint.created_by.as_str());
        tracing::info!(%tenant, endpoint = %id, kind, by, "a receiver of messages was set up");
        Ok((endpoint, told))
    }

    /// The webhooks or the robots of a tenant, oldest first.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn receivers(&self, tenant: TenantId, robots: bool) -> Result<Vec<Endpoint>, OutboundError> {
        let mut found = self.endpoints(tenant).await?;
        found.retain(|endpoint| endpoint.kind.is_robot() == robots);
        Ok(found)
    }

    /// One of the webhooks or of the robots.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn receiver(
        &self,
        tenant: TenantId,
        id: Uuid,
        robots: bool,
    ) -> Result<Option<Endpoint>, OutboundError> {
        Ok(self.receivers(tenant, robots).await?.into_iter().find(|endpoint| endpoint.id == id))
    }

    /// Gives a webhook another key, which is given here and never again: none to a repeat. For a day the former one signs
    /// beside it.
    ///
    /// # Errors
    /// When the tables fail.
    pub async fn rotate(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        credential: &Credential,
        webhook: &Endpoint,
    ) -> Result<(Option<WebhookKey>, CommandAnswer), OutboundError> {
        let (tenant, command) = (caller.tenant, RightsCommand::RotateReceiverKey(webhook.id));
        let told = self.app.administer(caller, meta, &command, credential).await?;
        if told.repeated {
            return Ok((None, told));
        }
        let key = WebhookKey::new(random_bytes());
        let sealed = self.app.vault.seal_secret(tenant, webhook.id, key.bytes()).await?;
        self.store.rotate(tenant, webhook.id, sealed, (self.app.clock)() + BOTH_FOR).await?;
        Ok((Some(key), told))
    }

    /// Switches a receiver on again. It is told what happens from now on, and what was on its way when it was switched
    /// off. One that is on stays as it is.
    ///
    /// # Errors
    /// When the tables fail.
    pub async fn enable(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        credential: &Credential,
        id: Uuid,
    ) -> Result<CommandAnswer, OutboundError> {
        let (tenant, command) = (caller.tenant, RightsCommand::EnableReceiver(id));
        let told = self.app.administer(caller, meta, &command, credential).await?;
        if !told.repeated {
            let head = self.app.store.head(tenant).await?.position;
            self.store.enable(tenant, id, head).await?;
            self.app.store.tell(tenant);
        }
        Ok(told)
    }

    /// Takes a receiver away, with its secrets and what was on its way there.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there is none of that sort, or the tables fail.
    pub async fn remove(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        credential: &Credential,
        id: Uuid,
        what: &'static str,
    ) -> Result<(), OutboundError> {
        if self.app.first_answer(caller, meta).await?.is_some() {
            return Ok(());
        }
        let (rights, _) = self.app.rights.fresh(caller.tenant).await?;
        let known = rights.receivers.get(&id);
        if known.is_none_or(|known| (known.receiver.kind == Kind::Webhook.as_str()) != (what == "webhook")) {
            return Err(AppError::NotFound { what: what.into(), id: id.to_string() }.into());
        }
        let command = RightsCommand::DeleteReceiver(id);
        self.app.administer(caller, meta, &command, credential).await?;
        self.store.remove(caller.tenant, id).await.map(drop)
    }

    /// Switches a receiver off that answered that it is gone.
    pub(super) async fn disable(
        &self,
        tenant: TenantId,
        id: Uuid,
        because: &str,
    ) -> Result<(), OutboundError> {
        self.by_itself(tenant, &RightsCommand::DisableReceiver { id, because: because.to_owned() }).await
    }

    /// Records that a receiver is there no more.
    pub(super) async fn record_gone(&self, tenant: TenantId, id: Uuid) -> Result<(), OutboundError> {
        self.by_itself(tenant, &RightsCommand::DeleteReceiver(id)).await
    }

    async fn by_itself(&self, tenant: TenantId, command: &RightsCommand) -> Result<(), OutboundError> {
        let caller = Caller {
            tenant,
            actor: Actor::new(OUTBOUND, []),
            via: None,
            origin: Some("rule"),
            endpoint: None,
        };
        let done =
            self.app.administer(&caller, &CommandMeta::default(), command, &Credential::default()).await;
        match done {
            // It was taken away meanwhile.
            Err(AppError::Refused(_)) => Ok(()),
            done => Ok(done.map(drop)?),
        }
    }
}
