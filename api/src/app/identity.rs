//! Who is known already: the keys of what will be recorded, and the customers that have them.
//!
//! A key stands in the log as a blind tag: a keyed hash beside the entry, deleted at an erasure. It is part of the
//! append's condition, so of two registrations of one telephone at the same moment exactly one is accepted.

use std::collections::HashSet;
use std::sync::Arc;

use uuid::Uuid;
use waymark_domain::customer::{Customer, CustomerEvent, NewEvent};
use waymark_domain::identity::KeyKind;
use waymark_domain::refusal::{Code, Refusal, Violation};
use waymark_domain::tags;
use waymark_domain::{Label, Language};
use waymark_eventstore::{Position, Query, TenantId};

use super::customer_cache::decode;
use super::{App, AppError, Caller};

/// Entries read at a time.
const ENTRIES_PER_PAGE: u32 = 100;

/// A key as the log knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyTag {
    /// The blind tag.
    pub(crate) tag: String,
    kind: KeyKind,
    field: String,
}

impl KeyTag {
    /// The key as one that a customer has already.
    pub(super) fn of(self, customer: Uuid, visible: bool) -> KeyMatch {
        KeyMatch { customer, visible, recognised_by: self.kind.as_str(), field: self.field }
    }
}

/// A customer that has a key already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyMatch {
    /// Who; of merged customers the one that goes on.
    pub(super) customer: Uuid,
    /// Whether the caller sees it: of others only their existence is reported.
    pub(super) visible: bool,
    /// By which kind of key: a [`KeyKind`], or `external_id`.
    pub(super) recognised_by: &'static str,
    field: String,
}

/// The query for events with any of these keys.
pub(super) fn query(keys: &[KeyTag]) -> Query {
    keys.iter().fold(Query::default(), |query, key| query.or(Query::tag(key.tag.clone())))
}

impl App {
    /// The keys that an event gives its customer, as the log knows them.
    pub(crate) async fn key_tags(
        &self,
        tenant: TenantId,
        event: &CustomerEvent,
    ) -> Result<Vec<KeyTag>, AppError> {
        let mut keys = Vec::new();
        for key in event.keys() {
            let tag = self.vault.blind_tag(tenant, key.kind.as_str(), &key.value).await?;
            keys.push(KeyTag { tag, kind: key.kind, field: key.field });
        }
        Ok(keys)
    }

    /// The keys of several events.
    pub(crate) async fn all_key_tags(
        &self,
        tenant: TenantId,
        events: &[NewEvent],
    ) -> Result<Vec<KeyTag>, AppError> {
        let mut keys = Vec::new();
        for new in events {
            keys.extend(self.key_tags(tenant, &new.event).await?);
        }
        Ok(keys)
    }

    /// Whether a customer has any of the keys that events would give another one: a new one, or one that is there.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn is_known(
        &self,
        caller: &Caller,
        events: &[(NewEvent, Arc<str>)],
        other_than: Option<Uuid>,
    ) -> Result<bool, AppError> {
        let mut keys = Vec::new();
        for (new, _) in events {
            keys.extend(self.key_tags(caller.tenant, &new.event).await?);
        }
        if keys.is_empty() {
            return Ok(false);
        }
        Ok(!self.find_matches(caller, &keys, other_than).await?.0.is_empty())
    }

    /// The customers, other than one, that have any of these keys now, and up to where the log was read.
    pub(super) async fn find_matches(
        &self,
        caller: &Caller,
        keys: &[KeyTag],
        other_than: Option<Uuid>,
    ) -> Result<(Vec<KeyMatch>, Position), AppError> {
        let head = self.store.head(caller.tenant).await?.position;
        let mut known = Vec::new();
        for key in keys {
            let holder = self.holder(caller, key, head).await?;
            if let Some(customer) = holder.filter(|customer| Some(customer.id) != other_than) {
                let visible = self.is_visible(caller, &customer).await?;
                known.push(key.clone().of(customer.id, visible));
            }
        }
        Ok((known, head))
    }

    /// The customer with that id in another system, as a known one: not one who was erased or
    /// withdrawn, whose id is free.
    pub(super) async fn match_by_external_id(
        &self,
        caller: &Caller,
        external_id: &str,
        until: Position,
    ) -> Result<Option<KeyMatch>, AppError> {
        let query = Query::tag(tags::external(external_id));
        let mut after = 0;
        loop {
            let page =
                self.store.read_matching(caller.tenant, &query, after, until, ENTRIES_PER_PAGE).await?;
            for entry in &page {
                after = entry.position;
                let Some(recorded) = decode(entry)? else { continue };
                let CustomerEvent::Registered(registered) = recorded.event else { continue };
                let state = self.load(caller, registered.customer).await?.customer;
                if state.is_gone() {
                    continue;
                }
                let customer = self.survivor(caller, registered.customer).await?;
                let visible = self.is_visible(caller, &customer).await?;
                let field = "external_id".to_owned();
                return Ok(Some(KeyMatch {
                    customer: customer.id,
                    visible,
                    recognised_by: "external_id",
                    field,
                }));
            }
            if page.len() < ENTRIES_PER_PAGE as usize {
                return Ok(None);
            }
        }
    }

    /// The customer that has a key: it said so in an event, and has said nothing else since.
    async fn holder(
        &self,
        caller: &Caller,
        key: &KeyTag,
        head: Position,
    ) -> Result<Option<Arc<Customer>>, AppError> {
        let query = Query::tag(key.tag.clone());
        let mut after = 0;
        loop {
            let page = self.store.read_matching(caller.tenant, &query, after, head, ENTRIES_PER_PAGE).await?;
            for entry in &page {
                let envelope = entry.envelope().map_err(|error| AppError::Unreadable(error.to_string()))?;
                let subject = envelope.subject.strip_prefix("customer/").and_then(|id| id.parse().ok());
                let Some(customer) = subject else { continue };
                let state = self.load(caller, customer).await?.customer;
                if state.holds_key(key.kind, entry.position) {
                    return Ok(Some(self.survivor(caller, customer).await?));
                }
                after = entry.position;
            }
            if page.len() < ENTRIES_PER_PAGE as usize {
                return Ok(None);
            }
        }
    }

    /// The customer that goes on in the place of this one: itself, unless it was merged.
    ///
    /// # Errors
    /// [`AppError::NotFound`], or when the log cannot be read.
    pub async fn survivor(&self, caller: &Caller, customer: Uuid) -> Result<Arc<Customer>, AppError> {
        let mut state = self.load(caller, customer).await?.customer;
        // Each merge is followed once: a log that was tampered with may lead back to where it began.
        let mut passed = HashSet::new();
        while let Some(survivor) = state.merged_into.filter(|_| passed.insert(state.id)) {
            state = self.load(caller, survivor).await?.customer;
        }
        Ok(state)
    }
}

/// The refusal to register or describe somebody who is known already; none where nobody is.
pub(super) fn refuse_matches(known: &[KeyMatch]) -> Result<(), AppError> {
    Ok(Refusal::require_all([known.iter().map(violation).collect()])?)
}

fn violation(known: &KeyMatch) -> Violation {
    let word = |language| word(known.recognised_by).text(language).to_owned();
    let message = Label::new(
        format!("已有客户使用这个{}。", word(Language::Zh)),
        format!("Another customer has this {} already.", word(Language::En)),
    );
    let told = |how_to_fix| {
        Violation::new(Code::DuplicateCustomer, known.field.clone(), message, how_to_fix)
            .with("recognised_by", known.recognised_by)
    };
    if !known.visible {
        return told(elsewhere());
    }
    told(Label::new(
        "使用 customer_id 指出的客户；线索请发送到 /v1/leads。",
        "Use the customer named by customer_id; send leads to /v1/leads.",
    ))
    .with("customer_id", known.customer.to_string())
}

/// The way out for somebody who does not see the customer that is known.
pub(super) fn elsewhere() -> Label {
    Label::new(
        "该客户属于其他区域；请联系主管，线索请发送到 /v1/leads。",
        "The customer is another region's: ask a manager; send leads to /v1/leads.",
    )
}

fn word(recognised_by: &str) -> Label {
    match KeyKind::parse(recognised_by) {
        Some(KeyKind::Phone) => Label::new("电话", "telephone number"),
        Some(KeyKind::Email) => Label::new("邮箱", "e-mail address"),
        Some(KeyKind::Wechat) => Label::new("微信号", "WeChat id"),
        Some(KeyKind::CreditCode) => Label::new("统一社会信用代码", "unified social credit code"),
        Some(KeyKind::ChannelId) => Label::new("渠道标识", "id in a channel"),
        None => Label::same(recognised_by),
    }
}
