//! Setting receivers up: webhooks and robots, their keys, and switching on what was switched off.

use chrono::TimeDelta;
use uuid::Uuid;

use super::client::Target;
use super::endpoint::{Endpoint, Kind};
use super::guard;
use super::secret::{RobotSecret, WebhookKey};
use super::{Outbound, OutboundError};
use crate::config::PrivateAddresses;
use crate::domain::Language;
use crate::domain::customer::codec::event_types;
use crate::eventstore::{StoreError, TenantId};
use crate::secrets::random_bytes;

/// How many receivers a tenant may have.
pub const MOST_RECEIVERS: usize = 100;
/// How long a key that was replaced signs beside the new one.
const BOTH_FOR: TimeDelta = TimeDelta::hours(24);

/// A webhook to be set up.
#[derive(Debug, Clone, Default)]
pub struct NewWebhook {
    /// Where it is.
    pub url: String,
    /// Which types of event it is told; all where none is named.
    pub types: Vec<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Whether it is told what is personal.
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

impl Outbound {
    /// Sets a webhook up. It is told what happens from now on. The key is given here and never again.
    ///
    /// # Errors
    /// When it cannot be set up as asked, or the tables fail.
    pub async fn add_webhook(
        &self,
        tenant: TenantId,
        by: &str,
        new: NewWebhook,
    ) -> Result<(Endpoint, WebhookKey), Rejected> {
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
        self.add(tenant, &endpoint).await?;
        Ok((endpoint, key))
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

    /// Sets a robot up. It carries the reminders from now on.
    ///
    /// # Errors
    /// When there are too many receivers, or the tables fail.
    pub async fn add_robot(&self, tenant: TenantId, by: &str, new: NewRobot) -> Result<Endpoint, Rejected> {
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
        self.add(tenant, &endpoint).await?;
        Ok(endpoint)
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

    async fn add(&self, tenant: TenantId, endpoint: &Endpoint) -> Result<(), Rejected> {
        if self.store.endpoints(tenant).await?.len() >= MOST_RECEIVERS {
            return Err(Rejected::TooMany);
        }
        self.store.add(tenant, endpoint).await?;
        let (id, kind, by) = (endpoint.id, endpoint.kind.as_str(), endpoint.created_by.as_str());
        tracing::info!(%tenant, endpoint = %id, kind, by, "a receiver of messages was set up");
        Ok(())
    }

    /// The webhooks or the robots of a tenant, oldest first.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn receivers(&self, tenant: TenantId, robots: bool) -> Result<Vec<Endpoint>, OutboundError> {
        let mut found = self.store.endpoints(tenant).await?;
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

    /// Gives a webhook another key, which is given here and never again. For a day the former one signs beside it.
    ///
    /// # Errors
    /// When the tables fail.
    pub async fn rotate(&self, tenant: TenantId, webhook: &Endpoint) -> Result<WebhookKey, OutboundError> {
        let key = WebhookKey::new(random_bytes());
        let sealed = self.app.vault.seal_secret(tenant, webhook.id, key.bytes()).await?;
        self.store.rotate(tenant, webhook.id, sealed, (self.app.clock)() + BOTH_FOR).await?;
        Ok(key)
    }

    /// Switches a receiver on again. It is told what happens from now on, and what was on its way when it was switched
    /// off. One that is on stays as it is.
    ///
    /// # Errors
    /// When the tables fail.
    pub async fn enable(&self, tenant: TenantId, id: Uuid) -> Result<(), OutboundError> {
        let head = self.app.store.head(tenant).await?.position;
        self.store.enable(tenant, id, head).await.map(drop)
    }
}
