//! The fold: who may call, where messages go, and who follows the log.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::Actor;
use crate::actor::Role;
use crate::company::event::{CompanyEvent, Consumer, Key, Pass, Receiver};

/// Who may call, where messages go, and who follows the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// How many events it has.
    pub version: u64,
    /// The members, by actor name.
    pub members: BTreeMap<String, Membership>,
    /// Who was a member or held a key, was removed, and has not become a member again: actor names, those of reps without
    /// the prefix of the role.
    pub removed: BTreeSet<String>,
    /// The API keys, revoked ones included.
    pub keys: BTreeMap<Uuid, KeyRights>,
    /// The links to sign in by that were not used. One that has expired is left out as soon as somebody signs in after it did.
    pub links: BTreeMap<Uuid, Pass>,
    /// The sessions that did not end; of those that expired the same holds.
    pub sessions: BTreeMap<Uuid, SessionRights>,
    /// The receivers of messages that were not deleted.
    pub receivers: BTreeMap<Uuid, ReceiverRights>,
    /// Those that were.
    pub deleted_receivers: BTreeSet<Uuid>,
    /// The consumers that were not deleted, by name.
    pub consumers: BTreeMap<String, ConsumerRights>,
    /// Whether the log tells of all of this. What was set up by a program that did not record it must be adopted first.
    pub recorded: bool,
}

/// What a member may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Which roles.
    pub roles: BTreeSet<Role>,
    /// When they were last set.
    pub changed_at: DateTime<Utc>,
}

/// What an API key opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRights {
    /// The key.
    pub key: Key,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Since when it opens nothing; none where it is valid.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// A session of somebody who signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRights {
    /// The session.
    pub session: Pass,
    /// The API key by which it was opened, and with which it ends.
    pub key: Option<Uuid>,
}

/// A receiver of messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiverRights {
    /// The receiver.
    pub receiver: Receiver,
    /// When it was set up, or recorded.
    pub created_at: DateTime<Utc>,
    /// Why nothing is sent there; none where it is on.
    pub disabled: Option<String>,
}

/// A consumer of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerRights {
    /// The consumer as it was made, but for its position, which is the one that it began after last.
    pub consumer: Consumer,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// How often it began: what was acknowledged before it began last counts no more.
    pub starts: u32,
}

/// Whether two actor names are one person's: a rep is named with the prefix of the role or without.
#[must_use]
pub fn is_same_person(one: &str, other: &str) -> bool {
    bare(one) == bare(other)
}

fn bare(name: &str) -> &str {
    name.strip_prefix("rep:").unwrap_or(name)
}

/// Whether somebody reads the events of a subject in the log. Those of API keys, sessions, receivers and consumers are for those
/// who watch over the machinery: managers, administrators and auditors.
#[must_use]
pub fn reads_events_of(actor: &Actor, subject: &str) -> bool {
    let of_rights = subject == "rights"
        || ["key/", "receiver/", "consumer/", "session/", "sign-in-link/", "endpoints/"]
            .iter()
            .any(|kind| subject.starts_with(kind));
    !of_rights || [Role::Manager, Role::Admin, Role::Auditor].iter().any(|role| actor.is(*role))
}

/// The roles that a key lets somebody act in who is no member: by the prefix of the name the role rep, or another that
/// the key has itself. An administrator has every role, a manager those of whom it leads. None where the prefix is no such
/// role.
#[must_use]
pub fn role_without_membership(name: &str, of_key: &BTreeSet<Role>) -> Option<Role> {
    let (prefix, _) = name.split_once(':').filter(|(_, rest)| !rest.is_empty())?;
    let asked = [Role::Rep, Role::Supervisor, Role::Manager, Role::Analyst, Role::Auditor]
        .into_iter()
        .find(|role| role.as_str() == prefix)?;
    let manages = of_key.contains(&Role::Manager) && asked == Role::Supervisor;
    let has = of_key.contains(&asked) || of_key.contains(&Role::Admin) || manages;
    (asked == Role::Rep || has).then_some(asked)
}

impl KeyRights {
    /// Whether it opens anything.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.revoked_at.is_none()
    }
}

impl Rights {
    /// Folds the next event in, which happened at an instant.
    pub fn evolve(&mut self, event: &CompanyEvent, at: DateTime<Utc>) {
        self.version += 1;
        match event {
            CompanyEvent::RolesSet(event) => {
                self.removed.remove(bare(&event.actor));
                let membership = Membership { roles: event.roles.clone(), changed_at: at };
                self.members.insert(event.actor.clone(), membership);
            }
            CompanyEvent::MemberRemoved(event) => self.remove(&event.actor, at),
            CompanyEvent::KeyCreated(event) => {
                self.recorded = true;
                self.add_key(&event.key, at, None);
            }
            CompanyEvent::KeyAdopted(event) => self.add_key(&event.key, event.created_at, event.revoked_at),
            CompanyEvent::KeyRevoked(event) => {
                if let Some(key) = self.keys.get_mut(&event.id) {
                    key.revoked_at.get_or_insert(at);
                }
                self.sessions.retain(|_, session| session.key != Some(event.id));
            }
            CompanyEvent::SignInLinkCreated(event) => {
                self.links.insert(event.link.id, event.link.clone());
            }
            CompanyEvent::SessionOpened(event) => {
                let used = |link: &Uuid| event.link.as_ref() == Some(link);
                self.links.retain(|id, link| !used(id) && link.expires_at > at);
                self.sessions.retain(|_, session| session.session.expires_at > at);
                let session = SessionRights { session: event.session.clone(), key: event.key };
                self.sessions.insert(event.session.id, session);
            }
            CompanyEvent::SessionEnded(event) => drop(self.sessions.remove(&event.id)),
            CompanyEvent::RightsAdopted(_) => self.recorded = true,
            CompanyEvent::ReceiverCreated(event) => {
                self.recorded = true;
                self.add_receiver(&event.receiver, at, None);
            }
            CompanyEvent::ReceiverAdopted(event) => {
                self.add_receiver(&event.receiver, at, event.disabled_because.clone());
            }
            CompanyEvent::ReceiverDeleted(event) => {
                self.receivers.remove(&event.id);
                self.deleted_receivers.insert(event.id);
            }
            CompanyEvent::ReceiverEnabled(event) => self.switch(event.id, None),
            CompanyEvent::ReceiverDisabled(event) => self.switch(event.id, Some(event.because.clone())),
            CompanyEvent::ConsumerCreated(event) => {
                let consumer = event.consumer.clone();
                let known = ConsumerRights { consumer, created_at: at, starts: 1 };
                self.consumers.insert(known.consumer.name.clone(), known);
            }
            CompanyEvent::ConsumerReset(event) => {
                if let Some(known) = self.consumers.values_mut().find(|known| known.consumer.id == event.id) {
                    known.consumer.position = event.position;
                    known.starts += 1;
                }
            }
            CompanyEvent::ConsumerDeleted(event) => {
                self.consumers.retain(|_, known| known.consumer.id != event.id);
            }
            // What was sealed of a person is no right, nor is what signs, and what else the tenant has set up is [`super::Company`]'s.
            CompanyEvent::ReceiverKeyRotated(_)
            | CompanyEvent::EndpointsErased(_)
            | CompanyEvent::TeamSet(_)
            | CompanyEvent::TeamDissolved(_)
            | CompanyEvent::DeputyAppointed(_)
            | CompanyEvent::DeputyDismissed(_)
            | CompanyEvent::FieldDeclared(_)
            | CompanyEvent::FieldWithdrawn(_)
            | CompanyEvent::RatesSet(_)
            | CompanyEvent::CalendarSet(_)
            | CompanyEvent::IntakeSet(_)
            | CompanyEvent::InboxRead(_)
            | CompanyEvent::EventSkipped(_)
            | CompanyEvent::ImportUndone(_)
            | CompanyEvent::AuditReviewed(_)
            | CompanyEvent::ExportStarted(_)
            | CompanyEvent::SegmentsArchived(_)
            | CompanyEvent::SigningKeyRotated(_)
            | CompanyEvent::RootKeyRotated(_) => {}
        }
    }

    fn remove(&mut self, actor: &str, at: DateTime<Utc>) {
        self.members.retain(|name, _| !is_same_person(name, actor));
        for key in self.keys.values_mut().filter(|key| is_same_person(&key.key.actor, actor)) {
            key.revoked_at.get_or_insert(at);
        }
        self.links.retain(|_, link| !is_same_person(&link.actor, actor));
        self.sessions.retain(|_, session| !is_same_person(&session.session.actor, actor));
        self.removed.insert(bare(actor).to_owned());
    }

    fn add_key(&mut self, key: &Key, created_at: DateTime<Utc>, revoked_at: Option<DateTime<Utc>>) {
        self.keys.insert(key.id, KeyRights { key: key.clone(), created_at, revoked_at });
    }

    fn add_receiver(&mut self, receiver: &Receiver, created_at: DateTime<Utc>, disabled: Option<String>) {
        let known = ReceiverRights { receiver: receiver.clone(), created_at, disabled };
        self.receivers.insert(receiver.id, known);
    }

    fn switch(&mut self, id: Uuid, disabled: Option<String>) {
        if let Some(receiver) = self.receivers.get_mut(&id) {
            receiver.disabled = disabled;
        }
    }

    /// Whether somebody was removed and has not become a member again.
    #[must_use]
    pub fn is_removed(&self, actor: &str) -> bool {
        self.removed.contains(bare(actor))
    }

    /// The member of that name, and how the member is called. A rep is found with the prefix of the role and without.
    #[must_use]
    pub fn member(&self, actor: &str) -> Option<(&str, &Membership)> {
        let found =
            |name: &str| self.members.get_key_value(name).map(|(name, member)| (name.as_str(), member));
        found(actor).or_else(|| found(bare(actor))).or_else(|| found(&format!("rep:{}", bare(actor))))
    }

    pub(super) fn valid_keys_of<'a>(&'a self, actor: &'a str) -> impl Iterator<Item = &'a KeyRights> {
        self.keys.values().filter(move |key| key.is_valid() && is_same_person(&key.key.actor, actor))
    }

    /// Whether a member or the holder of a valid key administers, one person left out.
    pub(super) fn has_admin_without(&self, actor: &str) -> bool {
        let other = |name: &str| !is_same_person(name, actor);
        let member =
            |(name, member): (&String, &Membership)| other(name) && member.roles.contains(&Role::Admin);
        let key =
            |key: &KeyRights| key.is_valid() && other(&key.key.actor) && key.key.roles.contains(&Role::Admin);
        self.members.iter().any(member) || self.keys.values().any(key)
    }

    pub(super) fn is_admin(&self, actor: &str) -> bool {
        let member = self
            .members
            .iter()
            .any(|(name, member)| is_same_person(name, actor) && member.roles.contains(&Role::Admin));
        member || self.valid_keys_of(actor).any(|key| key.key.roles.contains(&Role::Admin))
    }
}
