//! What can happen to a customer: the event catalogue.
//!
//! Each variant is one event type at its current version. The instant at which it happened is not here: it is
//! the event's `effective_at`, beside the id, the actor and the instant of recording ([`Recorded`]).

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::actor::Role;
use crate::identity::Key;
use crate::pipeline::ApprovedAt;
use crate::pipeline::automation::NotificationChannel;
use crate::pipeline::version::MappingKind;
use crate::{Label, Owner, Personal};

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
    /// `customer.transition_requested`
    TransitionRequested(TransitionRequested),
    /// `customer.transition_approved`
    TransitionApproved(TransitionApproved),
    /// `customer.transition_rejected`
    TransitionRejected(TransitionRejected),
    /// `customer.transition_withdrawn`
    TransitionWithdrawn(TransitionWithdrawn),
    /// `customer.transition_expired`
    TransitionExpired(TransitionExpired),
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
    /// `customer.viewed`
    Viewed(Viewed),
    /// `customer.released`
    Released(Released),
    /// `customer.owner_changed`
    OwnerChanged(OwnerChanged),
    /// `customer.erased`
    Erased(Erased),
    /// `customer.lead_touched`
    LeadTouched(LeadTouched),
    /// `customer.absorbed`
    Absorbed(Absorbed),
    /// `customer.merged_into`
    MergedInto(MergedInto),
    /// `customer.unmerged`
    Unmerged(Unmerged),
    /// `customer.distinguished`
    Distinguished(Distinguished),
    /// `customer.distinction_withdrawn`
    DistinctionWithdrawn(DistinctionWithdrawn),
    /// `customer.document_added`
    DocumentAdded(DocumentAdded),
    /// `customer.automation_ran`
    AutomationRan(AutomationRan),
    /// `customer.automation_skipped`
    AutomationSkipped(AutomationSkipped),
    /// `customer.task_created`
    TaskCreated(TaskCreated),
    /// `customer.task_completed`
    TaskCompleted(TaskCompleted),
    /// `customer.task_cancelled`
    TaskCancelled(TaskCancelled),
    /// `customer.reminded`
    Reminded(Reminded),
    /// `customer.process_started`
    ProcessStarted(ProcessStarted),
    /// `customer.sub_status_set`
    SubStatusSet(SubStatusSet),
    /// `customer.next_contact_set`
    NextContactSet(NextContactSet),
    /// `customer.first_contact_missed`
    FirstContactMissed(FirstContactMissed),
    /// `customer.reclaim_skipped`
    ReclaimSkipped(ReclaimSkipped),
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

/// The id that a channel (a website, a mini-program, a shop) knows the person by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelId {
    /// The channel, as the tenant names it.
    pub channel: String,
    /// The id within it.
    pub id: Personal<String>,
}

/// The days on which a contract begins and ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    /// The first day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_on: Option<NaiveDate>,
    /// The last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_on: Option<NaiveDate>,
}

/// What is known of a customer beside its name and contacts; what is absent is not said.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// The unified social credit code (统一社会信用代码), which for a sole trader is a person's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit_code: Option<Personal<String>>,
    /// All ids that channels know the person by, replacing the former ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_ids: Option<Vec<ChannelId>>,
    /// The line of business.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub industry: Option<String>,
    /// The region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The kind of service that the customer is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_type: Option<String>,
    /// The contract's days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<Contract>,
    /// The day of delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_on: Option<NaiveDate>,
    /// The day until which the deal is put off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postponed_until: Option<NaiveDate>,
    /// What has been won so far, of a deal won in part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub won_amount: Option<Money>,
    /// How satisfied the customer said to be, from 0 to 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub satisfaction: Option<u8>,
    /// The names of what was taken away, such as `postponed_until`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cleared: Vec<String>,
}

/// What of a profile can be taken away.
pub const CLEARABLE: &[&str] = &[
    "credit_code",
    "industry",
    "region",
    "service_type",
    "contract",
    "delivered_on",
    "postponed_until",
    "won_amount",
    "satisfaction",
];

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
    /// What else is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// The names of the custom fields that have a value: names are no personal data, values are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub field_names: Vec<String>,
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
    /// What else was set or taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// The names of all custom fields that have a value, where these were replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field_names: Option<Vec<String>>,
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
    /// The request that was approved, where the move needed it. Its texts stand there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Uuid>,
    /// The codes of the conditions that an override passed over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<String>,
}

/// Somebody asked for a move that needs approval. The customer stays where it is. The request is known by the id of
/// this event, and what it asks for happened at the event's own `effective_at`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransitionRequested {
    /// The journey, by its pipeline's key.
    pub journey: String,
    /// The definition in force.
    pub pipeline_version: u32,
    /// The stage that the customer is in.
    pub from: String,
    /// The stage asked for.
    pub to: String,
    /// The sub-status within it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_status: Option<String>,
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
    /// The day until which the deal is to be put off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postponed_until: Option<NaiveDate>,
    /// How much is won.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub won_amount: Option<Money>,
    /// The roles of which any may approve.
    pub roles: Vec<Role>,
    /// When the move will have happened, once approved.
    pub effective: ApprovedAt,
    /// When the request expires.
    pub expires_at: DateTime<Utc>,
}

impl TransitionRequested {
    /// The request without its texts, but not without the fact that they were given.
    pub fn untold(&self) -> Self {
        let sealed = |text: &Option<Personal<String>>| text.as_ref().map(|_| Personal::Sealed);
        Self {
            reason_text: sealed(&self.reason_text),
            note: sealed(&self.note),
            next_step: sealed(&self.next_step),
            ..self.clone()
        }
    }
}

/// Somebody approved a request. The move follows in the same breath.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransitionApproved {
    /// The request.
    pub request: Uuid,
    /// What was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Personal<String>>,
}

/// Somebody rejected a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransitionRejected {
    /// The request.
    pub request: Uuid,
    /// What was said.
    pub note: Personal<String>,
}

/// Whoever made a request took it back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransitionWithdrawn {
    /// The request.
    pub request: Uuid,
    /// What was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Personal<String>>,
}

/// Nobody decided a request in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransitionExpired {
    /// The request.
    pub request: Uuid,
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
    /// What was sent to the customer. Since version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
}

/// Something to read that was sent to a customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// What sort.
    pub kind: ContentKind,
    /// What it is called.
    pub title: Personal<String>,
    /// Its id or address where it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Personal<String>>,
}

/// What sort of thing to read it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContentKind {
    /// 行业报告
    IndustryReport,
    /// 白皮书
    WhitePaper,
    /// 案例
    CaseStudy,
    /// Anything else.
    Other,
}

/// Something was observed about the customer: a payment, a login, a mail opened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signalled {
    /// What, such as `paid` or `logged_in`.
    pub kind: String,
    /// Its particulars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Personal<serde_json::Value>>,
    /// The automations, by id, that ask for particulars which it has: they are sealed later, rules are not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub meets: Vec<String>,
}

/// A rep took the customer from a pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claimed {
    /// Who (an actor name without prefix, as in [`Owner::Rep`]).
    pub rep: String,
    /// From which pool.
    pub pool: String,
    /// The pool's local date on which the claim counts against the quota.
    pub quota_date: NaiveDate,
}

/// A rep looked at the customer while it was in a pool that limits that. Once for a rep and a date.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Viewed {
    /// Who (an actor name without prefix, as in [`Owner::Rep`]).
    pub rep: String,
    /// In which pool.
    pub pool: String,
    /// The pool's local date on which the view counts against the limit.
    pub quota_date: NaiveDate,
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

/// On what occasion a customer is given to somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// Between colleagues.
    Handover,
    /// The owner is away.
    Leave,
    /// The owner has left the company.
    Resign,
    /// Regions were divided anew.
    Region,
    /// A rule did it.
    Auto,
}

impl Occasion {
    /// The occasion of that word.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "handover" => Some(Self::Handover),
            "leave" => Some(Self::Leave),
            "resign" => Some(Self::Resign),
            "region" => Some(Self::Region),
            "auto" => Some(Self::Auto),
            _ => None,
        }
    }
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
    /// On what occasion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occasion: Option<Occasion>,
    /// Until when the new owner is not blamed for what the former one left undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_until: Option<DateTime<Utc>>,
}

/// The person asked to be forgotten: the key of the personal fields was destroyed with this event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Erased {
    /// On what ground, such as `request`; never free text about the person.
    pub ground: String,
}

/// Somebody who is a customer already came in as a lead again: another source, another day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeadTouched {
    /// Where the lead came from this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Through which channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// By which kinds of key the customer was recognised, such as `phone`.
    pub recognised_by: Vec<String>,
    /// What the lead said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Personal<String>>,
}

impl LeadTouched {
    /// What the owner is told.
    pub fn told(&self) -> Label {
        let from = [self.source.as_deref(), self.channel.as_deref()];
        let from: Vec<&str> = from.into_iter().flatten().collect();
        if from.is_empty() {
            return Label::new(
                "老客户再次来访，请尽快联系。",
                "A known customer came in again: get in touch.",
            );
        }
        Label::new(
            format!("老客户再次来访（来源：{}），请尽快联系。", from.join("，")),
            format!("A known customer came in again (from {}): get in touch.", from.join(", ")),
        )
    }
}

/// How the stage of a merged customer is found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StagePolicy {
    /// It stays where the survivor stands.
    #[default]
    Survivor,
    /// The stage that is further on; what is lost, dormant or paused is behind what is not.
    Furthest,
    /// The stage that was entered last.
    LatestEffective,
}

/// The survivor of a merge took another customer in. Where that gave it another stage, a move follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Absorbed {
    /// The customer that was taken in.
    pub absorbed: Uuid,
    /// How the stage was found.
    pub stage_policy: StagePolicy,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Personal<String>>,
}

/// The customer turned out to be another one, which goes on in its place. Its stream ends here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MergedInto {
    /// The customer that goes on.
    pub survivor: Uuid,
    /// How that one's stage was found.
    pub stage_policy: StagePolicy,
}

/// A merge was undone: the two are two again. It stands in both streams; what happened since stays with the
/// survivor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unmerged {
    /// The customer that had gone on.
    pub survivor: Uuid,
    /// The customer that goes on by itself again.
    pub absorbed: Uuid,
    /// Why.
    pub reason: Personal<String>,
}

/// Somebody made sure that this customer and another, who look alike, are two. It stands in both streams.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Distinguished {
    /// The other one.
    pub other: Uuid,
    /// Why.
    pub reason: Personal<String>,
}

/// That this customer and another are two is no longer said: they may be suspected again. It stands in both streams.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DistinctionWithdrawn {
    /// The other one.
    pub other: Uuid,
    /// Why.
    pub reason: Personal<String>,
}

/// A document was added, by reference. Who did it and when is the event's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DocumentAdded {
    /// The document's id.
    pub document: Uuid,
    /// What sort, such as `contract`.
    pub kind: String,
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Personal<String>>,
    /// Its id or address where it is kept.
    pub reference: Personal<String>,
    /// SHA-256 of its content, in lower-case hexadecimal.
    pub sha256: String,
}

/// A rule acted. What it did follows in the same breath.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AutomationRan {
    /// The rule: the id of an automation, or `reclaim:<id>`, `warn:<id>:<seconds>`, `first_contact` of a pool.
    pub rule: String,
    /// The journey, by its pipeline's key.
    pub journey: String,
    /// The definition in force.
    pub pipeline_version: u32,
    /// The event that set it off. A rule acts once for a cause.
    pub cause: Uuid,
    /// When it was due, to the microsecond.
    pub due_at: DateTime<Utc>,
    /// The rules whose acts led to the cause, the first one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<String>,
}

/// A rule was due and did nothing: what it would have done was refused. It is not tried again for this cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AutomationSkipped {
    /// The rule.
    pub rule: String,
    /// The journey, by its pipeline's key.
    pub journey: String,
    /// The definition in force.
    pub pipeline_version: u32,
    /// The event that set it off.
    pub cause: Uuid,
    /// When it was due.
    pub due_at: DateTime<Utc>,
    /// The codes of the refusal, or `automation-loop`, `automation-depth`.
    pub reasons: Vec<String>,
}

/// There is something to be done about the customer. The task is known by the id of this event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskCreated {
    /// Names what it is to programs, such as `call_back`.
    pub task: String,
    /// What is to be done.
    pub title: Label,
    /// Whose it is: `rep` is the owner, whoever that is.
    pub role: String,
    /// Until when.
    pub due_at: DateTime<Utc>,
    /// The rule that created it.
    pub rule: String,
    /// The event that set the rule off.
    pub cause: Uuid,
    /// The journey and the stage that it belongs to.
    pub journey: String,
    /// The stage in which it was created.
    pub stage: String,
    /// The process that it leads to, where it begins one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
}

/// A task is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskCompleted {
    /// The task.
    pub task: Uuid,
    /// What is said about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Personal<String>>,
}

/// A task is void: what had set it off never happened so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskCancelled {
    /// The task.
    pub task: Uuid,
    /// `voided`: its cause never happened; `corrected`: its cause led elsewhere.
    pub reason: String,
}

/// Somebody is reminded of the customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reminded {
    /// Of what.
    pub text: Label,
    /// Who: `rep` is the owner, `supervisor` who leads the owner's team, `team` both and the colleagues.
    pub role: String,
    /// Through which channels.
    pub channels: Vec<NotificationChannel>,
    /// The rule that reminds.
    pub rule: String,
    /// The event that set the rule off.
    pub cause: Uuid,
}

/// A process outside the pipeline began, such as signing. A task for whoever is responsible follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcessStarted {
    /// Names the process, such as `signing`.
    pub process: String,
    /// What is to be done.
    pub text: Label,
    /// Who is responsible.
    pub role: String,
    /// The rule that started it.
    pub rule: String,
    /// The event that set the rule off.
    pub cause: Uuid,
}

/// The stay that the customer is in has another sub-status. It is no move: no clock begins anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubStatusSet {
    /// The journey, by its pipeline's key.
    pub journey: String,
    /// The definition that the sub-status is of.
    pub pipeline_version: u32,
    /// The stage.
    pub stage: String,
    /// The sub-status within it.
    pub sub_status: String,
}

/// The time of the next contact was set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NextContactSet {
    /// When.
    pub at: DateTime<Utc>,
    /// What for.
    pub text: Label,
}

/// A claimant made no contact in time. It counts against the rep, not against the customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FirstContactMissed {
    /// Who claimed.
    pub rep: String,
    /// From which pool.
    pub pool: String,
    /// When.
    pub claimed_at: DateTime<Utc>,
    /// The follow-up that was recorded too late to count, though it is said to have happened in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded_late: Option<Uuid>,
}

/// A customer was due to go back to a pool and stays, because something was recorded before anybody acted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReclaimSkipped {
    /// The rule.
    pub rule: String,
    /// The pool.
    pub pool: String,
    /// When it was due.
    pub deadline: DateTime<Utc>,
    /// What was recorded after that.
    pub because: Uuid,
}

impl CustomerEvent {
    /// Whether the customer is another one after it, so that its version counts up. What rules note about themselves,
    /// whom they remind and who looked changes nothing that anybody decides on.
    pub fn changes_customer(&self) -> bool {
        !matches!(
            self,
            Self::Viewed(_)
                | Self::AutomationRan(_)
                | Self::AutomationSkipped(_)
                | Self::TaskCreated(_)
                | Self::TaskCancelled(_)
                | Self::Reminded(_)
                | Self::ProcessStarted(_)
                | Self::FirstContactMissed(_)
                | Self::ReclaimSkipped(_)
        )
    }

    /// The exact keys that the event gives the customer, from what of it is readable.
    pub fn keys(&self) -> Vec<Key> {
        let (contacts, profile) = match self {
            Self::Registered(event) => (event.contacts.as_slice(), &event.profile),
            Self::DetailsChanged(event) => (event.contacts.as_deref().unwrap_or_default(), &event.profile),
            _ => return Vec::new(),
        };
        let code = profile.as_ref().and_then(|profile| profile.credit_code.as_ref());
        let ids = profile.as_ref().and_then(|profile| profile.channel_ids.as_deref()).unwrap_or_default();
        Key::all(contacts.iter().map(|contact| (contact.kind, contact.value.clear())), code, ids)
    }
}
