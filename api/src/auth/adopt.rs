//! What a program that did not record it set up is recorded as it stands, once, when this one looks first.
//!
//! It is such a program's database when keys, members or receivers stand in the tables, no event tells of them, and
//! this program has never brought the tables up. Where the log tells of a member's roles, it counts. A crash in
//! between leaves some of it recorded, and the next process that looks records the rest.

use chrono::{DateTime, Utc};

use super::rights_fold::{RightsFold, query};
use super::store::{AdminError, AdminStore, KeptKey};
use crate::ambient::IdGenerator;
use crate::app::{AppError, Caller, FoldCache, company_draft};
use crate::domain::Actor;
use crate::domain::company::CompanyEvent;
use crate::domain::company::event::{KeyAdopted, ReceiverAdopted, RightsAdopted, RolesSet};
use crate::domain::company::rights::Rights as Fold;
use crate::eventstore::{Append, Clock, EventStore, Outcome, Position, StoreError, TenantId};
use crate::outbound::{OutboundStore, recorded};

/// Who records it.
const UPGRADE: &str = "system:upgrade";
/// How many events are appended at once.
const AT_ONCE: usize = 100;
/// How often it is begun again because another process appended something.
const ATTEMPTS: u32 = 16;

/// What an adoption reads and writes.
pub(super) struct Adoption<'a> {
    pub(super) log: &'a dyn EventStore,
    pub(super) admin: &'a AdminStore,
    pub(super) messages: &'a OutboundStore,
    pub(super) clock: &'a Clock,
    pub(super) ids: &'a IdGenerator,
    pub(super) folds: &'a FoldCache<RightsFold>,
}

/// Events, each with its instant.
type Missing = Vec<(CompanyEvent, DateTime<Utc>)>;

impl Adoption<'_> {
    /// Records what stands in the tables, where nothing tells of it. Returns the rights as they are then.
    ///
    /// # Errors
    /// When a table or the log fails.
    pub(super) async fn adopt(
        &self,
        tenant: TenantId,
        mut read: RightsFold,
        mut read_to: Position,
    ) -> Result<(RightsFold, Position), AppError> {
        for _ in 0..ATTEMPTS {
            if read.rights.recorded || self.admin.reached(tenant).await?.is_some() {
                return Ok((read, read_to));
            }
            let events = self.unrecorded(tenant, &read.rights).await?;
            if events.is_empty() {
                return Ok((read, read_to));
            }
            match self.append(tenant, read_to, events).await {
                Ok(()) => {
                    tracing::info!(%tenant, "keys, members and receivers of a former program were recorded in the log");
                }
                Err(AppError::Store(StoreError::Conflict { .. })) => {}
                Err(error) => return Err(error),
            }
            (read, read_to) = self.folds.current(tenant).await?;
        }
        Err(AppError::Contention)
    }

    /// The events that are missing, the one that closes it last; none where there is nothing.
    async fn unrecorded(&self, tenant: TenantId, fold: &Fold) -> Result<Missing, AppError> {
        let kept = self.admin.kept(tenant).await?;
        let endpoints = self.messages.endpoints(tenant).await?;
        if kept.keys.is_empty() && kept.members.is_empty() && endpoints.is_empty() {
            return Ok(Vec::new());
        }
        let now = (self.clock)();
        let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        let closing = RightsAdopted {
            keys: count(kept.keys.len()),
            members: count(kept.members.len()),
            receivers: count(endpoints.len()),
        };
        let mut events = Vec::new();
        for key in kept.keys.iter().filter(|key| !fold.keys.contains_key(&key.id)) {
            events.push((CompanyEvent::KeyAdopted(adopted(key)?), now));
        }
        for member in kept.members.iter().filter(|member| !fold.members.contains_key(&member.actor)) {
            let event = RolesSet { actor: member.actor.clone(), roles: member.roles()? };
            events.push((CompanyEvent::RolesSet(event), member.changed_at()?));
        }
        for endpoint in endpoints.iter().filter(|endpoint| !fold.receivers.contains_key(&endpoint.id)) {
            let disabled_because = endpoint.disabled.as_ref().map(|(_, because)| because.clone());
            let event = ReceiverAdopted { receiver: recorded(endpoint), disabled_because };
            events.push((CompanyEvent::ReceiverAdopted(event), now));
        }
        events.push((CompanyEvent::RightsAdopted(closing), now));
        Ok(events)
    }

    /// Appends the events, in parts. A crash in between leaves some of them recorded, and the next process that looks
    /// records the rest.
    async fn append(&self, tenant: TenantId, read_to: Position, events: Missing) -> Result<(), AppError> {
        let caller = Caller {
            tenant,
            actor: Actor::new(UPGRADE, []),
            via: None,
            origin: Some("rule"),
            endpoint: None,
        };
        let mut after = read_to;
        for part in events.chunks(AT_ONCE) {
            let drafts = part.iter().map(|(event, at)| company_draft(&caller, (self.ids)(), event, *at));
            let drafts = drafts.collect::<Result<Vec<_>, _>>()?;
            let append = Append { condition: Some(query().none_after(after)), ..Append::new(tenant, drafts) };
            if let Outcome::Appended(appended) = self.log.append(append).await? {
                after = appended.last_position();
            }
        }
        Ok(())
    }
}

fn adopted(key: &KeptKey) -> Result<KeyAdopted, AdminError> {
    Ok(KeyAdopted { key: key.key()?, created_at: key.created_at()?, revoked_at: key.revoked_at()? })
}
