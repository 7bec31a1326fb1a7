//! Decisions about members, API keys, receivers and consumers.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::command::RightsCommand;
use super::fold::{KeyRights, Rights, is_same_person};
use crate::Label;
use crate::actor::Role;
use crate::company::event::{
    CompanyEvent, ConsumerCreated, ConsumerDeleted, ConsumerReset, EndpointsErased, KeyCreated, KeyRevoked,
    MemberRemoved, ReceiverCreated, ReceiverDeleted, ReceiverDisabled, ReceiverEnabled, ReceiverKeyRotated,
    RolesSet, SessionEnded, SessionOpened, SignInLinkCreated,
};
use crate::refusal::{Code, Refusal, Violation, require};
use crate::validate::{key, line, line_of, unknown};

/// The longest reason, in characters.
const MAX_REASON_CHARS: usize = 1_000;

/// How many revoked keys the event of a removal names. All are revoked.
const MOST_NAMED_KEYS: usize = 1_000;

/// How many consumers a tenant may have.
const MOST_CONSUMERS: usize = 100;

/// With what a command about rights was given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credential {
    /// What it is called, such as `key:<id>`; none at the command line.
    pub name: Option<String>,
    /// Whether it makes its holder an administrator by itself: a token that another service signs, or the command line.
    pub administers: bool,
}

impl Credential {
    /// Whether its holder administers, whatever becomes of a person.
    fn administers_beside(&self, actor: &str) -> bool {
        let own = self.name.as_deref().and_then(|name| name.strip_prefix("token:"));
        self.administers && !own.is_some_and(|own| is_same_person(own, actor))
    }
}

/// Decides a command about rights; none where there is nothing to do.
///
/// # Errors
/// The refusal, with every unmet condition.
pub fn decide(
    rights: &Rights,
    command: &RightsCommand,
    credential: &Credential,
) -> Result<Option<CompanyEvent>, Refusal> {
    let by = credential.name.clone();
    let there = |id: &Uuid| require(rights.receivers.contains_key(id), || unknown("id"));
    let (unmet, event) = match command.clone() {
        RightsCommand::CreateKey(key) => (
            [line("actor", &key.actor), not_removed(rights, &key.actor)].concat(),
            CompanyEvent::KeyCreated(KeyCreated { key, credential: by }),
        ),
        RightsCommand::RevokeKey { id, reason } => {
            let known = rights.keys.get(&id);
            if known.is_some_and(|key| !key.is_valid()) {
                return Ok(None);
            }
            let unmet = [require(known.is_some(), || unknown("id")), reasoned(reason.as_deref())].concat();
            (unmet, CompanyEvent::KeyRevoked(KeyRevoked { id, reason, credential: by }))
        }
        RightsCommand::SetRoles { actor, roles } => {
            let unmet = [line("actor", &actor), admin_remains(rights, &actor, &roles, credential)].concat();
            (unmet, CompanyEvent::RolesSet(RolesSet { actor, roles }))
        }
        RightsCommand::RemoveMember { actor, reason } => {
            let unmet = [
                is_known(rights, &actor),
                admin_remains(rights, &actor, &BTreeSet::new(), credential),
                reasoned(reason.as_deref()),
            ];
            let keys = rights.valid_keys_of(&actor).take(MOST_NAMED_KEYS).map(|key| key.key.id).collect();
            (
                unmet.concat(),
                CompanyEvent::MemberRemoved(MemberRemoved { actor, keys, reason, credential: by }),
            )
        }
        RightsCommand::EraseEndpoints { actor, key, reason } => {
            // Anyone who left something sealed has acted, under whatever credential.
            let acted = key.is_some() || rights.is_removed(&actor);
            let somebody = if acted { Vec::new() } else { is_known(rights, &actor) };
            let unmet = [somebody, line_of("reason", &reason, MAX_REASON_CHARS)];
            let Some(key) = key else {
                Refusal::require_all(unmet)?;
                return Ok(None);
            };
            let event = EndpointsErased { actor, key, reason, credential: by };
            (unmet.concat(), CompanyEvent::EndpointsErased(event))
        }
        RightsCommand::CreateSignInLink(link) => (
            [line("actor", &link.actor), not_removed(rights, &link.actor)].concat(),
            CompanyEvent::SignInLinkCreated(SignInLinkCreated { link, credential: by }),
        ),
        RightsCommand::OpenSession { session, link, key, at } => {
            // Somebody else may have used the link, or revoked the key, since it was looked at.
            let link_opens =
                link.is_none_or(|id| rights.links.get(&id).is_some_and(|link| link.expires_at > at));
            let key_opens = key.is_none_or(|id| rights.keys.get(&id).is_some_and(KeyRights::is_valid));
            if !link_opens || !key_opens {
                return Ok(None);
            }
            let unmet = not_removed(rights, &session.actor);
            (unmet, CompanyEvent::SessionOpened(SessionOpened { session, link, key }))
        }
        RightsCommand::EndSession(id) => {
            if !rights.sessions.contains_key(&id) {
                return Ok(None);
            }
            (Vec::new(), CompanyEvent::SessionEnded(SessionEnded { id, credential: by }))
        }
        RightsCommand::CreateReceiver(receiver) => {
            (Vec::new(), CompanyEvent::ReceiverCreated(ReceiverCreated { receiver, credential: by }))
        }
        RightsCommand::DeleteReceiver(id) => {
            (there(&id), CompanyEvent::ReceiverDeleted(ReceiverDeleted { id, credential: by }))
        }
        RightsCommand::RotateReceiverKey(id) => {
            (there(&id), CompanyEvent::ReceiverKeyRotated(ReceiverKeyRotated { id, credential: by }))
        }
        RightsCommand::EnableReceiver(id) => {
            if rights.receivers.get(&id).is_some_and(|receiver| receiver.disabled.is_none()) {
                return Ok(None);
            }
            (there(&id), CompanyEvent::ReceiverEnabled(ReceiverEnabled { id, credential: by }))
        }
        RightsCommand::DisableReceiver { id, because } => {
            if rights.receivers.get(&id).is_some_and(|receiver| receiver.disabled.is_some()) {
                return Ok(None);
            }
            (there(&id), CompanyEvent::ReceiverDisabled(ReceiverDisabled { id, because }))
        }
        RightsCommand::CreateConsumer(consumer) => (
            [key("name", &consumer.name), name_is_free(rights, &consumer.name), room_for_one(rights)]
                .concat(),
            CompanyEvent::ConsumerCreated(ConsumerCreated { consumer, credential: by }),
        ),
        RightsCommand::ResetConsumer { id, position } => {
            (follows(rights, id), CompanyEvent::ConsumerReset(ConsumerReset { id, position, credential: by }))
        }
        RightsCommand::DeleteConsumer(id) => {
            (follows(rights, id), CompanyEvent::ConsumerDeleted(ConsumerDeleted { id, credential: by }))
        }
    };
    Refusal::require_all([unmet])?;
    Ok(Some(event))
}

fn follows(rights: &Rights, id: Uuid) -> Vec<Violation> {
    require(rights.consumers.values().any(|known| known.consumer.id == id), || unknown("name"))
}

fn name_is_free(rights: &Rights, name: &str) -> Vec<Violation> {
    require(!rights.consumers.contains_key(name), || {
        Violation::new(
            Code::ConsumerExists,
            "name",
            Label::new(
                format!("已有名为 {name} 的消费者。"),
                format!("There is a consumer named {name} already."),
            ),
            Label::new(
                "请另取名称；若要让它从别处重新开始，请调用 POST /v1/consumers/{name}/resets。",
                "Choose another name; to make the consumer begin elsewhere, use POST /v1/consumers/{name}/resets.",
            ),
        )
    })
}

fn room_for_one(rights: &Rights) -> Vec<Violation> {
    require(rights.consumers.len() < MOST_CONSUMERS, || {
        Violation::new(
            Code::TooManyItems,
            "name",
            Label::new(
                format!("消费者最多 {MOST_CONSUMERS} 个。"),
                format!("There may be at most {MOST_CONSUMERS} consumers."),
            ),
            Label::new("请先删除不再使用的消费者。", "Delete one that is no longer needed."),
        )
    })
}

fn reasoned(reason: Option<&str>) -> Vec<Violation> {
    reason.map(|reason| line_of("reason", reason, MAX_REASON_CHARS)).unwrap_or_default()
}

fn not_removed(rights: &Rights, actor: &str) -> Vec<Violation> {
    require(!rights.is_removed(actor), || {
        Violation::new(
            Code::MemberRemoved,
            "actor",
            Label::new(format!("{actor} 已被移除。"), format!("{actor} has been removed.")),
            Label::new(
                "如需恢复，请先通过 POST /v1/admin/members 重新设置其角色。",
                "To restore the member, set their roles with POST /v1/admin/members first.",
            ),
        )
    })
}

/// A member, or somebody who holds a key.
fn is_known(rights: &Rights, actor: &str) -> Vec<Violation> {
    let known = rights.member(actor).is_some() || rights.valid_keys_of(actor).next().is_some();
    require(known, || {
        Violation::new(
            Code::UnknownMember,
            "actor",
            Label::new(format!("没有成员 {actor}。"), format!("There is no member {actor}.")),
            Label::new(
                "成员名单见 GET /v1/admin/members。",
                "See GET /v1/admin/members for the list of members.",
            ),
        )
    })
}

/// Whether somebody administers once a person has these roles, or none.
fn admin_remains(
    rights: &Rights,
    actor: &str,
    roles: &BTreeSet<Role>,
    credential: &Credential,
) -> Vec<Violation> {
    // Roles of a member say nothing of the keys that the person holds: only a removal ends those.
    let keeps_a_key =
        !roles.is_empty() && rights.valid_keys_of(actor).any(|key| key.key.roles.contains(&Role::Admin));
    let remains = credential.administers_beside(actor)
        || roles.contains(&Role::Admin)
        || keeps_a_key
        || !rights.is_admin(actor)
        || rights.has_admin_without(actor);
    require(remains, || {
        Violation::new(
            Code::LastAdmin,
            "actor",
            Label::new(format!("{actor} 是最后一名管理员。"), format!("{actor} is the last administrator.")),
            Label::new("请先为其他人员设置 admin 角色。", "Assign the admin role to someone else first."),
        )
    })
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};

    use super::*;
    use crate::Actor;
    use crate::company::event::{Consumer, Key, Pass, Receiver};
    use crate::company::rights::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn key(id: u128, actor: &str, role: Role) -> RightsCommand {
        RightsCommand::CreateKey(Key {
            id: Uuid::from_u128(id),
            actor: actor.to_owned(),
            roles: [role].into(),
            scopes: BTreeSet::new(),
            digest: "00".repeat(32),
        })
    }

    fn member(actor: &str, role: Role) -> RightsCommand {
        RightsCommand::SetRoles { actor: actor.to_owned(), roles: [role].into() }
    }

    fn removal(actor: &str) -> RightsCommand {
        RightsCommand::RemoveMember { actor: actor.to_owned(), reason: None }
    }

    fn receiver(id: u128) -> Receiver {
        Receiver {
            id: Uuid::from_u128(id),
            kind: "webhook".to_owned(),
            host: Some("erp.example".to_owned()),
            types: Vec::new(),
            member: None,
            team: None,
            include_personal: false,
            digest: "11".repeat(32),
        }
    }

    /// What follows from commands, one a second.
    fn after(commands: impl IntoIterator<Item = RightsCommand>) -> Rights {
        let mut rights = Rights::default();
        for (second, command) in (1..).zip(commands) {
            if let Some(event) = decide(&rights, &command, &Credential::default()).unwrap() {
                rights.evolve(&event, at(second));
            }
        }
        rights
    }

    #[track_caller]
    fn refused(rights: &Rights, command: &RightsCommand) -> String {
        let refusal = decide(rights, command, &Credential::default()).unwrap_err();
        refusal.code.into_owned()
    }

    #[test]
    fn a_key_opens_what_it_was_made_for_until_it_is_revoked() {
        let revoke = RightsCommand::RevokeKey { id: Uuid::from_u128(1), reason: Some("lost".to_owned()) };
        let rights = after([key(1, "rep:li", Role::Rep), revoke.clone()]);
        let known = &rights.keys[&Uuid::from_u128(1)];
        assert_eq!((known.created_at, known.revoked_at), (at(1), Some(at(2))));
        assert_eq!(
            decide(&rights, &revoke, &Credential::default()),
            Ok(None),
            "a second time changes nothing"
        );
        let unknown = RightsCommand::RevokeKey { id: Uuid::from_u128(9), reason: None };
        assert_eq!(refused(&rights, &unknown), "unknown-key");
        let unreasoned = RightsCommand::RevokeKey { id: Uuid::from_u128(2), reason: Some(" ".to_owned()) };
        assert_eq!(refused(&after([key(2, "rep:li", Role::Rep)]), &unreasoned), "invalid-value");
    }

    #[test]
    fn a_removal_ends_the_membership_and_every_key_of_the_person() {
        let rights = after([
            key(1, "admin:root", Role::Admin),
            key(2, "li", Role::Rep),
            key(3, "rep:li", Role::Analyst),
            key(4, "rep:lin", Role::Rep),
            member("rep:li", Role::Rep),
            removal("rep:li"),
        ]);
        let valid = rights.keys.values().filter(|key| key.is_valid()).map(|key| key.key.id.as_u128());
        assert_eq!(valid.collect::<Vec<_>>(), [1, 4]);
        assert!(rights.members.is_empty() && rights.is_removed("li") && rights.is_removed("rep:li"));
        assert!(!rights.is_removed("rep:lin"));
        assert_eq!(refused(&rights, &removal("rep:li")), "unknown-member");
        assert_eq!(refused(&rights, &removal("rep:zhao")), "unknown-member");
        assert_eq!(refused(&rights, &key(5, "rep:li", Role::Rep)), "member-removed");
    }

    #[test]
    fn the_event_of_a_removal_names_the_keys_that_it_ended() {
        let rights = after([key(1, "admin:root", Role::Admin), key(2, "rep:li", Role::Rep)]);
        let event = decide(&rights, &removal("rep:li"), &Credential::default()).unwrap();
        let Some(CompanyEvent::MemberRemoved(event)) = event else { panic!("{event:?}") };
        assert_eq!(event.keys, [Uuid::from_u128(2)].into());
    }

    #[test]
    fn somebody_who_becomes_a_member_again_may_have_keys_again_but_the_old_ones_stay_revoked() {
        let rights = after([
            key(1, "admin:root", Role::Admin),
            key(2, "rep:li", Role::Rep),
            removal("rep:li"),
            member("rep:li", Role::Rep),
            key(3, "rep:li", Role::Rep),
        ]);
        assert!(!rights.is_removed("rep:li"));
        let valid = rights.keys.values().filter(|key| key.is_valid()).map(|key| key.key.id.as_u128());
        assert_eq!(valid.collect::<Vec<_>>(), [1, 3]);
    }

    #[test]
    fn the_last_administrator_is_neither_removed_nor_made_something_else() {
        let alone = after([member("admin:root", Role::Admin), key(1, "admin:root", Role::Admin)]);
        assert_eq!(refused(&alone, &removal("admin:root")), "last-admin");
        let by_token = Credential { name: Some("token:admin:wang".to_owned()), administers: true };
        assert!(decide(&alone, &removal("admin:root"), &by_token).is_ok());
        let by_own = Credential { name: Some("token:admin:root".to_owned()), administers: true };
        assert!(decide(&alone, &removal("admin:root"), &by_own).is_err(), "the token is the person's own");
        let keyless = after([member("admin:root", Role::Admin)]);
        assert_eq!(refused(&keyless, &member("admin:root", Role::Rep)), "last-admin");
        assert!(
            decide(&alone, &member("admin:root", Role::Rep), &Credential::default()).is_ok(),
            "its key stays"
        );
        for second in [member("admin:wang", Role::Admin), key(2, "admin:first", Role::Admin)] {
            let two = after([member("admin:root", Role::Admin), key(1, "admin:root", Role::Admin), second]);
            assert!(decide(&two, &removal("admin:root"), &Credential::default()).is_ok());
        }
        let other_roles = after([member("admin:root", Role::Admin), member("rep:li", Role::Rep)]);
        assert_eq!(refused(&other_roles, &removal("admin:root")), "last-admin");
        assert!(decide(&other_roles, &removal("rep:li"), &Credential::default()).is_ok());
    }

    fn pass(id: u128, actor: &str, until: i64) -> Pass {
        let (id, roles, digest) = (Uuid::from_u128(id), [Role::Rep].into(), "22".repeat(32));
        Pass { id, actor: actor.to_owned(), roles, digest, expires_at: at(until) }
    }

    fn sign_in(session: u128, link: Option<u128>, key: Option<u128>, second: i64) -> RightsCommand {
        let (link, key) = (link.map(Uuid::from_u128), key.map(Uuid::from_u128));
        RightsCommand::OpenSession { session: pass(session, "rep:li", 100), link, key, at: at(second) }
    }

    fn open(rights: &Rights) -> Vec<u128> {
        rights.sessions.keys().map(Uuid::as_u128).collect()
    }

    #[test]
    fn a_link_lets_in_once_and_not_after_it_expired() {
        let link = RightsCommand::CreateSignInLink(pass(1, "rep:li", 10));
        let rights = after([link.clone(), sign_in(7, Some(1), None, 2), sign_in(8, Some(1), None, 3)]);
        assert_eq!(open(&rights), [7], "it was used up");
        assert_eq!(open(&after([link.clone(), sign_in(7, Some(1), None, 10)])), [0; 0], "it has expired");
        assert_eq!(
            open(&after([link.clone(), sign_in(7, Some(2), None, 2)])),
            [0; 0],
            "there is no such link"
        );
        let ended =
            after([link, sign_in(7, Some(1), None, 2), RightsCommand::EndSession(Uuid::from_u128(7))]);
        assert_eq!(open(&ended), [0; 0]);
        let again = decide(&ended, &RightsCommand::EndSession(Uuid::from_u128(7)), &Credential::default());
        assert_eq!(again, Ok(None), "a second time changes nothing");
    }

    #[test]
    fn a_session_ends_with_the_key_by_which_it_was_opened_and_with_the_person() {
        let revoke = RightsCommand::RevokeKey { id: Uuid::from_u128(1), reason: None };
        let both = [
            key(1, "rep:li", Role::Rep),
            sign_in(7, None, Some(1), 2),
            RightsCommand::CreateSignInLink(pass(2, "rep:li", 50)),
            sign_in(8, Some(2), None, 4),
            RightsCommand::CreateSignInLink(pass(3, "rep:li", 50)),
        ];
        assert_eq!(open(&after(both.clone())), [7, 8]);
        assert_eq!(open(&after(both.clone().into_iter().chain([revoke.clone()]))), [8]);
        let gone = after(both.clone().into_iter().chain([member("rep:li", Role::Rep), removal("rep:li")]));
        assert!(gone.sessions.is_empty() && gone.links.is_empty());
        assert_eq!(refused(&gone, &RightsCommand::CreateSignInLink(pass(4, "rep:li", 50))), "member-removed");
        assert_eq!(open(&after([key(1, "rep:li", Role::Rep), revoke, sign_in(7, None, Some(1), 3)])), [0; 0]);
    }

    #[test]
    fn a_receiver_is_created_switched_and_deleted() {
        let id = Uuid::from_u128(7);
        let disable = RightsCommand::DisableReceiver { id, because: "it answered 410".to_owned() };
        let rights = after([RightsCommand::CreateReceiver(receiver(7)), disable.clone()]);
        assert_eq!(rights.receivers[&id].disabled.as_deref(), Some("it answered 410"));
        assert!(rights.recorded);
        assert_eq!(decide(&rights, &disable, &Credential::default()), Ok(None));
        let on =
            after([RightsCommand::CreateReceiver(receiver(7)), disable, RightsCommand::EnableReceiver(id)]);
        assert_eq!(on.receivers[&id].disabled, None);
        assert_eq!(decide(&on, &RightsCommand::EnableReceiver(id), &Credential::default()), Ok(None));
        let gone = after([RightsCommand::CreateReceiver(receiver(7)), RightsCommand::DeleteReceiver(id)]);
        assert!(gone.receivers.is_empty());
        for command in [
            RightsCommand::DeleteReceiver(id),
            RightsCommand::RotateReceiverKey(id),
            RightsCommand::EnableReceiver(id),
        ] {
            assert_eq!(refused(&gone, &command), "unknown-key");
        }
    }

    fn consumer(id: u128, name: &str) -> RightsCommand {
        RightsCommand::CreateConsumer(Consumer {
            id: Uuid::from_u128(id),
            name: name.to_owned(),
            actor: "analyst:erp".to_owned(),
            types: Vec::new(),
            position: 5,
        })
    }

    #[test]
    fn a_consumer_has_its_name_alone_begins_again_and_leaves_the_name_to_another() {
        let id = Uuid::from_u128(9);
        let reset = RightsCommand::ResetConsumer { id, position: 2 };
        let rights = after([consumer(9, "erp"), reset.clone()]);
        let known = &rights.consumers["erp"];
        assert_eq!((known.starts, known.consumer.position, known.created_at), (2, 2, at(1)));
        assert_eq!(refused(&rights, &consumer(10, "erp")), "consumer-exists");
        assert_eq!(refused(&rights, &consumer(10, "ERP")), "invalid-identifier");
        let gone = after([consumer(9, "erp"), RightsCommand::DeleteConsumer(id)]);
        for command in [reset, RightsCommand::DeleteConsumer(id)] {
            assert_eq!(refused(&gone, &command), "unknown-key");
        }
        assert!(decide(&gone, &consumer(10, "erp"), &Credential::default()).is_ok());
        let many = after((0..100).map(|n| consumer(n, &format!("erp-{n}"))));
        assert_eq!(refused(&many, &consumer(100, "erp-100")), "too-many-items");
    }

    #[test]
    fn events_of_keys_and_receivers_are_read_by_those_who_watch_over_the_machinery() {
        use Role::{Admin, Analyst, Auditor, Manager, Rep, Supervisor};
        for (role, reads) in [
            (Rep, false),
            (Supervisor, false),
            (Manager, true),
            (Analyst, false),
            (Admin, true),
            (Auditor, true),
        ] {
            let actor = Actor::new("x", [role]);
            for event in [
                CompanyEvent::KeyRevoked(KeyRevoked { id: Uuid::nil(), reason: None, credential: None }),
                CompanyEvent::ReceiverEnabled(ReceiverEnabled { id: Uuid::nil(), credential: None }),
            ] {
                assert_eq!(reads_events_of(&actor, &event.subject().unwrap()), reads, "{role:?}");
            }
            assert!(reads_events_of(&actor, "company/settings") && reads_events_of(&actor, "customer/1"));
        }
    }

    /// Roles of the key × prefix of the name: what somebody who is no member acts as.
    #[test]
    fn somebody_who_is_no_member_is_a_rep_or_what_the_key_grants_itself() {
        use Role::{Admin, Analyst, Auditor, Manager, Rep, Supervisor};
        let all = [Rep, Supervisor, Manager, Admin, Analyst, Auditor];
        for of_key in all {
            for asked in all {
                let name = format!("{}:anybody", asked.as_str());
                let granted = match (of_key, asked) {
                    (_, Admin) => None,
                    (_, Rep) => Some(Rep),
                    (Admin, _) => Some(asked),
                    (Manager, Supervisor) => Some(Supervisor),
                    _ if of_key == asked => Some(asked),
                    _ => None,
                };
                assert_eq!(role_without_membership(&name, &[of_key].into()), granted, "{of_key:?} {name}");
            }
            for name in ["system:reclaim", "li", "rep:", "rep", ":li", "operator:root"] {
                assert_eq!(role_without_membership(name, &[of_key].into()), None, "{name}");
            }
        }
        assert_eq!(role_without_membership("manager:x", &BTreeSet::new()), None);
    }
}
