//! What can happen to a customer: the event catalogue.
//!
//! Each variant is one event type at its current version. The instant at which it happened is not here: it is
//! the event's `effective_at`, beside the id, the actor and the instant of recording ([`Recorded`]).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::pipeline::version::MappingKind;
use crate::{Owner, Personal};

/// An event with what the log knows about it: what folds are made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded<E> {
    /// Its place in the tenant's log.
    pub position: u64,
    /// The event's id.
    pub id: Uuid,
    /// When it happened in the business.
    pub effective_at: DateTime<Utc>,
    /// When we learned it.
    pub recorded_at: DateTime<Utc>,
    /// Who did it.
    pub actor: String,
    /// `import`, `rule`, or none for a person's command.
    pub origin: Option<String>,
    /// What happened.
    pub event: E,
}

/// Something that happened to a customer. It is read by [`CustomerEvent::decode`], which knows the event type.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum CustomerEvent {
    /// `customer.registered`
    Registered(Registered),
    /// `customer.details_changed`
    DetailsChanged(DetailsChanged),
    /// `customer.moved`
    Moved(Moved),
    /// `customer.move_voided`
    MoveVoided(MoveVoided),
    /// `customer.move_target_corrected`
    MoveTargetCorrected(MoveTargetCorrected),
    /// `customer.move_time_corrected`
    MoveTimeCorrected(MoveTimeCorrected),
    /// `customer.move_inserted`
    MoveInserted(MoveInserted),
    /// `customer.reactivated`
    Reactivated(Reactivated),
    /// `customer.stage_migrated`
    StageMigrated(StageMigrated),
    /// `customer.noted`
    Noted(Noted),
    /// `customer.followed_up`
    FollowedUp(FollowedUp),
    /// `customer.signalled`
    Signalled(Signalled),
    /// `customer.claimed`
    Claimed(Claimed),
    /// `customer.released`
    Released(Released),
    /// `customer.owner_changed`
    OwnerChanged(OwnerChanged),
    /// `customer.erased`
    Erased(Erased),
}

/// A way to reach a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// `phone`, `email` or `wechat`.
    pub kind: ContactKind,
    /// The number, address or account.
    pub value: Personal<String>,
}

/// How a contact detail is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactKind {
    /// A telephone number.
    Phone,
    /// An e-mail address.
    Email,
    /// A WeChat account.
    Wechat,
}

/// An amount of money: a decimal, never a float, with its ISO 4217 currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// The amount.
    pub amount: rust_decimal::Decimal,
    /// The ISO 4217 code, such as `CNY`.
    pub currency: String,
}

/// A customer entered a pipeline for the first time. It is also the entry into its first stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Registered {
    /// The customer's id.
    pub customer: Uuid,
    /// The pipeline's key; also the journey's name.
    pub pipeline: String,
    /// The definition in force.
    pub pipeline_version: u32,
    /// The first stage.
    pub stage: String,
    /// The sub-status within it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_status: Option<String>,
    /// What the customer is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Personal<String>>,
    /// The id in another system, unique in the tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Where the lead came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Through which channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Ways to reach it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<Contact>,
    /// Labels that are not statuses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The value tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// What the deal may be worth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// Custom fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Personal<BTreeMap<String, serde_json::Value>>>,
    /// Who it belongs to from the start.
    pub owner: Owner,
    /// A note (an imported row's other columns).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Personal<String>>,
}

/// Details were set; what is absent stays as it was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DetailsChanged {
    /// The new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Personal<String>>,
    /// The new source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The new channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// All contacts, replacing the former ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contacts: Option<Vec<Contact>>,
    /// All tags, replacing the former ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// The new value tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// The new amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// All custom fields, replacing the former ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Personal<BTreeMap<String, serde_json::Value>>>,
}

/// Which way a move went along the pipeline's order of stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Towards the end of the pipeline.
    Forward,
    /// Back to an earlier stage: the customer really went back.
    Backward,
}

/// A document by reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Which demand of the stage it meets, such as `quote_receipt_confirmed`.
    pub kind: String,
    /// The document's id or address.
    pub reference: String,
    /// SHA-256 of the document, in lower-case hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// The world changed: the customer is in another stage. On import, also a repeated status.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// The journey, by its pipeline's key.
    pub journey: String,
    /// The definition in force.
    pub pipeline_version: u32,
    /// The cycle of the journey, from 1.
    pub cycle: u32,
    /// The stage left; none when the journey begins with this move.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The stage entered.
    pub to: String,
    /// The sub-status within it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_status: Option<String>,
    /// Which way; absent where the stages have no order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// Why: a reason code of the pipeline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, in words, where the stage asks for no code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_text: Option<Personal<String>>,
    /// Key progress, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Personal<String>>,
    /// What comes next, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_step: Option<Personal<String>>,
    /// What shows that the entry criterion is met.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// What became of a move that followed a corrected one and no longer fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnConflict {
    /// The correction is refused.
    #[default]
    Reject,
    /// The following move is re-read as leaving the corrected stage.
    Continue,
    /// The following moves are voided with it.
    Truncate,
}

/// Correction: the move never happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MoveVoided {
    /// The journey, by its pipeline's key.
    pub journey: String,
    /// The event that is corrected: a move, or an earlier correction.
    pub corrects: Uuid,
    /// Why.
    pub reason: Personal<String>,
    /// How a conflict with the following move was settled.
    #[serde(default)]
    pub on_conflict: OnConflict,
    /// Following moves voided by `truncate`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_voids: Vec<Uuid>,
}

/// Correction: another stage was meant, at the same instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MoveTargetCorrected {
    /// The journey, by its pipeline's key.
    pub journey: String,
    /// The event that is corrected.
    pub corrects: Uuid,
    /// The definition that the right stage is of; that of the move, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline_version: Option<u32>,
    /// The right stage.
    pub to: String,
    /// The sub-status within it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_status: Option<String>,
    /// Why.
    pub reason: Personal<String>,
    /// How a conflict with the following move was settled.
    #[serde(default)]
    pub on_conflict: OnConflict,
    /// Following moves voided by `truncate`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_voids: Vec<Uuid>,
}

/// Correction: it happened at another instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MoveTimeCorrected {
    /// The journey, by its pipeline's key.
    pub journey: String,
    /// The event that is corrected.
    pub corrects: Uuid,
    /// The right instant.
    pub moved_at: DateTime<Utc>,
    /// Why.
    pub reason: Personal<String>,
    /// How a conflict with the following move was settled.
    #[serde(default)]
    pub on_conflict: OnConflict,
    /// Following moves voided by `truncate`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_voids: Vec<Uuid>,
}

/// Correction: a forgotten step, entered late. It happened at the event's own `effective_at`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MoveInserted {
    /// The journey, by its pipeline's key.
    pub journey: String,
    /// The definition in force.
    pub pipeline_version: u32,
    /// The event after which it was forgotten, or which prompted the correction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrects: Option<Uuid>,
    /// The cycle of the stay that it splits.
    pub cycle: u32,
    /// The stage that was left at that instant.
    pub from: String,
    /// The stage entered.
    pub to: String,
    /// The sub-status within it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_status: Option<String>,
    /// Why.
    pub reason: Personal<String>,
    /// How a conflict with the following move was settled.
    #[serde(default)]
    pub on_conflict: OnConflict,
    /// Following moves voided by `truncate`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_voids: Vec<Uuid>,
}

/// A lost or dormant customer came back: the journey's next cycle began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reactivated {
    /// The journey, by its pipeline's key.
    pub journey: String,
    /// The definition in force.
    pub pipeline_version: u32,
    /// The cycle that begins.
    pub cycle: u32,
    /// The stage left.
    pub from: String,
    /// The stage entered.
    pub to: String,
    /// Why.
    pub reason: Personal<String>,
}

/// Another version of the pipeline took force: the stay that the customer is in has another label. It is no move:
/// the stay continues, no rule is asked and no clock begins anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageMigrated {
    /// The journey, by its pipeline's key.
    pub journey: String,
    /// The definition under which the stay had its old label.
    pub from_version: u32,
    /// The definition that took force.
    pub pipeline_version: u32,
    /// The stage in the old definition.
    pub from: String,
    /// The stage in the new one.
    pub to: String,
    /// The sub-status within it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_status: Option<String>,
    /// How the new stage was found.
    pub kind: MappingKind,
}

/// Somebody wrote something down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Noted {
    /// What.
    pub text: Personal<String>,
}

/// What is to be done next, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NextPlan {
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub text: Personal<String>,
}

/// The ways in which people speak to a customer.
pub const CHANNELS: &[&str] = &["phone", "wechat", "visit", "email", "meeting", "content", "other"];

/// Somebody spoke to the customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FollowedUp {
    /// How: one of [`CHANNELS`].
    pub channel: String,
    /// What was said.
    pub summary: Personal<String>,
    /// Whether the goal of the visit was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal_reached: Option<bool>,
    /// What comes next.
    pub next_plan: NextPlan,
}

/// Something was observed about the customer: a payment, a login, a mail opened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signalled {
    /// What, such as `paid` or `logged_in`.
    pub kind: String,
    /// Its particulars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Personal<serde_json::Value>>,
}

/// A rep took the customer from a pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claimed {
    /// Who (an actor name without prefix, as in [`Owner::Rep`]).
    pub rep: String,
    /// From which pool.
    pub pool: String,
    /// The pool's local date on which the claim counts against the quota.
    pub quota_date: chrono::NaiveDate,
}

/// A rep gave the customer back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Released {
    /// Who had it.
    pub rep: String,
    /// Into which pool.
    pub pool: String,
    /// Why.
    pub reason: Personal<String>,
}

/// The customer was given to somebody else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OwnerChanged {
    /// Who had it.
    pub from: Owner,
    /// Who has it.
    pub to: Owner,
    /// Why.
    pub reason: Personal<String>,
}

/// The person asked to be forgotten: the key of the personal fields was destroyed with this event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Erased {
    /// On what ground, such as `request`; never free text about the person.
    pub ground: String,
}
