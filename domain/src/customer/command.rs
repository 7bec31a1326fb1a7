//! What people and rules ask for. Texts are plain here; the events mark the personal ones.

mod documents;
mod holds;
mod key;
mod proposals;
mod purchases;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

pub use super::contact::NewContact;
use super::event::{Contract, DetailsChanged, Evidence, Money, Occasion, OnConflict, StagePolicy};
use crate::{Owner, ProfileTexts};
pub use documents::{AddDocument, SuppliedEvidence};
pub use holds::{PlaceLegalHold, ReleaseLegalHold};
pub use key::RotateKey;
pub use proposals::{Proposal, Propose, ProposedCommand};
pub use purchases::{RecordPoints, RecordTransaction, VoidTransaction};

/// A command about one customer.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// A new customer.
    Register(Register),
    /// Other details.
    ChangeDetails(ChangeDetails),
    /// Another stage, because the world changed.
    Transition(Transition),
    /// Another stage although conditions are unmet.
    Override(Override),
    /// What becomes of a request for a move.
    Settle(Settle),
    /// An agent proposes a command.
    Propose(Propose),
    /// Another record of a move, because the record was wrong.
    Correct(Correct),
    /// The next cycle of a lost or dormant customer.
    Reactivate(Reactivate),
    /// Its place in the definition in force.
    Migrate(Migrate),
    /// Something worth writing down.
    Note(Note),
    /// A conversation.
    FollowUp(FollowUp),
    /// An observation.
    Signal(Signal),
    /// A rep takes the customer from its pool.
    Claim,
    /// A rep looks at the customer.
    View,
    /// The owner gives the customer back to a pool.
    Release(Release),
    /// Another owner.
    ChangeOwner(ChangeOwner),
    /// The person must be forgotten.
    Erase(Erase),
    /// The import that brought the customer, or moves of it, is undone.
    Withdraw(Withdraw),
    /// Somebody who is a customer already came in as a lead again.
    RepeatInquiry(RepeatInquiry),
    /// A document, by reference.
    AddDocument(AddDocument),
    /// An order, a contract or a payment.
    RecordTransaction(RecordTransaction),
    /// A transaction that did not come about.
    VoidTransaction(VoidTransaction),
    /// Points of a loyalty programme, a reward or a recommendation.
    RecordPoints(RecordPoints),
    /// A score of a model outside.
    ScoreByModel(ScoreByModel),
    /// A warning that the customer may be lost, or its end.
    FlagRisk(FlagRisk),
    /// The customer's data must be kept for a time.
    PlaceLegalHold(PlaceLegalHold),
    /// That is over.
    ReleaseLegalHold(ReleaseLegalHold),
    /// The customer's key is changed.
    RotateKey(RotateKey),
    /// A rule does what is due.
    Act(Act),
    /// A task is done.
    CompleteTask(CompleteTask),
}

/// A new customer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Register {
    /// The id that the customer gets.
    pub customer: Uuid,
    /// The pipeline's key.
    pub pipeline: String,
    /// The first stage; the pipeline's entry stage when absent.
    pub stage: Option<String>,
    /// The sub-status within it.
    pub sub_status: Option<String>,
    /// What the customer is called.
    pub name: Option<String>,
    /// The id in another system.
    pub external_id: Option<String>,
    /// Where the lead came from.
    pub source: Option<String>,
    /// Through which channel.
    pub channel: Option<String>,
    /// Ways to reach it.
    pub contacts: Vec<NewContact>,
    /// Labels that are not statuses.
    pub tags: Vec<String>,
    /// The value tier.
    pub tier: Option<String>,
    /// What the deal may be worth.
    pub amount: Option<Money>,
    /// Custom fields.
    pub fields: Option<BTreeMap<String, serde_json::Value>>,
    /// Whom it belongs to; the pipeline's default pool when absent.
    pub owner: Option<Owner>,
    /// A note.
    pub note: Option<String>,
    /// What else is known.
    pub profile: NewProfile,
    /// What shows that the stage's criterion is met.
    pub shown: SuppliedEvidence,
}

/// What is known of a customer beside its name and contacts; what is absent is not said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewProfile {
    /// The unified social credit code.
    pub credit_code: Option<String>,
    /// All ids that channels know the person by: channel and id.
    pub channel_ids: Option<Vec<(String, String)>>,
    /// The plain texts.
    pub texts: ProfileTexts,
    /// The contract's days.
    pub contract: Option<Contract>,
    /// The day of delivery.
    pub delivered_on: Option<NaiveDate>,
    /// The day until which the deal is put off.
    pub postponed_until: Option<NaiveDate>,
    /// The day on which the deal is expected to close.
    pub expected_close_on: Option<NaiveDate>,
    /// Why that day.
    pub expected_close_reason: Option<String>,
    /// Whether the day stands in the place of the one said last, which was a wrong record.
    pub expected_close_correction: bool,
    /// What has been won so far.
    pub won_amount: Option<Money>,
    /// How satisfied the customer is, from 0 to 10.
    pub satisfaction: Option<u8>,
}

/// Other details; what is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChangeDetails {
    /// The new name.
    pub name: Option<String>,
    /// The new source.
    pub source: Option<String>,
    /// The new channel.
    pub channel: Option<String>,
    /// All contacts, replacing the former ones.
    pub contacts: Option<Vec<NewContact>>,
    /// All tags, replacing the former ones.
    pub tags: Option<Vec<String>>,
    /// The new value tier.
    pub tier: Option<String>,
    /// The new amount.
    pub amount: Option<Money>,
    /// All custom fields, replacing the former ones.
    pub fields: Option<BTreeMap<String, serde_json::Value>>,
    /// What else must be set.
    pub profile: NewProfile,
    /// What must be taken away, by name: of [`super::event::CLEARABLE`].
    pub clear: Vec<String>,
}

/// Another stage.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transition {
    /// The stage to enter.
    pub to: String,
    /// The journey; the primary one when absent. A pipeline that the customer is not in yet begins a journey.
    pub pipeline: Option<String>,
    /// The sub-status within the stage.
    pub sub_status: Option<String>,
    /// Why: one of the stage's reason codes, or words where the stage asks for none.
    pub reason: Option<String>,
    /// Key progress, in words.
    pub note: Option<String>,
    /// What comes next, in words.
    pub next_step: Option<String>,
    /// What shows that the stage's criterion is met.
    pub evidence: Vec<Evidence>,
    /// The version that the caller has seen; refused where another one is in force.
    pub expected_pipeline_version: Option<u32>,
    /// What it says of the customer, as a change of details would, but that custom fields are set beside the former ones. Until
    /// when the deal is put off and how much is won is said into stages that mean it or ask for it only.
    pub details: Box<ChangeDetails>,
    /// Documents added with it; those that the stage asks for are evidence.
    pub documents: Vec<AddDocument>,
}

/// Another stage although conditions are unmet: by those with permission, with a reason, marked permanently in the event.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Override {
    /// The stage to enter.
    pub to: String,
    /// The journey; the primary one when absent.
    pub pipeline: Option<String>,
    /// The sub-status within the stage.
    pub sub_status: Option<String>,
    /// Why, in words.
    pub reason: String,
}

/// What becomes of a request for a move, or of a proposal.
#[derive(Debug, Clone, PartialEq)]
pub struct Settle {
    /// The request.
    pub request: Uuid,
    /// What becomes of it.
    pub decision: Decision,
    /// What is said about it.
    pub note: Option<String>,
    /// What the proposal says, read again from its event; none for a request.
    pub proposed: Option<Box<Proposal>>,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The move takes place.
    Approve,
    /// It does not.
    Reject,
    /// The requester takes it back.
    Withdraw,
    /// Nobody decided in time.
    Expire,
}

/// A wrong record, put right.
#[derive(Debug, Clone, PartialEq)]
pub struct Correct {
    /// The record: a move, or an earlier correction. An insertion may do without.
    pub corrects: Option<Uuid>,
    /// What is right.
    pub change: Amendment,
    /// Why.
    pub reason: String,
    /// What is to become of moves that no longer fit.
    pub on_conflict: OnConflict,
    /// What shows that the right stage's criterion is met.
    pub shown: SuppliedEvidence,
}

/// What a correction says.
#[derive(Debug, Clone, PartialEq)]
pub enum Amendment {
    /// It never happened.
    Void,
    /// It led to another stage.
    Target {
        /// The right stage.
        to: String,
        /// The sub-status within it.
        sub_status: Option<String>,
    },
    /// It happened at another instant.
    Time {
        /// The right instant.
        moved_at: DateTime<Utc>,
    },
    /// A step was forgotten.
    Insert {
        /// The stage entered.
        to: String,
        /// The sub-status within it.
        sub_status: Option<String>,
        /// When.
        moved_at: DateTime<Utc>,
    },
}

/// The next cycle of a lost or dormant customer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reactivate {
    /// The stage to begin it in: an open one.
    pub to: String,
    /// Why.
    pub reason: String,
    /// What shows that the stage's criterion is met.
    pub shown: SuppliedEvidence,
}

/// A customer's place in the definition in force.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Migrate {
    /// The journey; the primary one when absent.
    pub pipeline: Option<String>,
    /// The stage, where somebody chooses; what the definition says, when absent.
    pub to: Option<String>,
}

/// Something worth writing down.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Note {
    /// What.
    pub text: String,
}

/// A conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct FollowUp {
    /// How: one of [`super::event::CHANNELS`].
    pub channel: String,
    /// What was said.
    pub summary: String,
    /// Whether its goal was reached.
    pub goal_reached: Option<bool>,
    /// What comes next, and when. Nothing is recorded without it.
    pub next_plan: Option<Plan>,
    /// What was sent, through the channel `content`.
    pub content: Option<NewContent>,
}

/// Something to read that was sent to a customer.
#[derive(Debug, Clone, PartialEq)]
pub struct NewContent {
    /// What sort.
    pub kind: super::event::ContentKind,
    /// What it is called.
    pub title: String,
    /// Its id or address where it is kept.
    pub document: Option<String>,
}

/// What must be done next.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub text: String,
}

/// An observation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Signal {
    /// What, such as `paid` or `logged_in`.
    pub kind: String,
    /// Its particulars.
    pub data: Option<serde_json::Value>,
}

/// The customer goes back to a pool.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Release {
    /// Which; the one it was claimed from, or else its pipeline's default pool, when absent.
    pub pool: Option<String>,
    /// Why.
    pub reason: String,
}

/// Another owner.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeOwner {
    /// Who.
    pub to: Owner,
    /// Why; where it is the word of an occasion, that too.
    pub reason: String,
    /// On what occasion.
    pub occasion: Option<Occasion>,
}

/// An import is undone for a customer.
#[derive(Debug, Clone, PartialEq)]
pub struct Withdraw {
    /// The import.
    pub import: Uuid,
    /// The events that it brought.
    pub imported: BTreeSet<Uuid>,
    /// What others have done with the customer since: nothing is taken back then.
    pub since: Vec<Uuid>,
    /// What gives a customer that was there before back what it was known by then.
    pub restores: Option<Box<DetailsChanged>>,
    /// Why, as histories show it.
    pub reason: String,
}

/// The person must be forgotten.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Erase {
    /// On what ground, such as `request`: a word for programs, never text about the person.
    pub ground: String,
}

/// Somebody who is a customer already came in as a lead again.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RepeatInquiry {
    /// Where the lead came from this time.
    pub source: Option<String>,
    /// Through which channel.
    pub channel: Option<String>,
    /// By which kinds of key the customer was recognised.
    pub recognised_by: Vec<String>,
    /// What the lead said.
    pub note: Option<String>,
}

/// Two customers are one. A command on the survivor; the other one's state comes with the decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Merge {
    /// The customer that is taken in.
    pub absorbed: Uuid,
    /// How the survivor's stage is found.
    pub stage_policy: StagePolicy,
    /// Why, in words.
    pub reason: Option<String>,
}

/// Two merged customers are two after all. A command on the survivor.
#[derive(Debug, Clone, PartialEq)]
pub struct Unmerge {
    /// The customer that was taken in.
    pub absorbed: Uuid,
    /// Why.
    pub reason: String,
}

/// Two customers that look alike are two. A command on both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DismissDuplicate {
    /// The other one.
    pub other: Uuid,
    /// Why.
    pub reason: String,
}

/// Two customers that were said to be two may be one after all. A command on both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReopenDuplicate {
    /// The other one.
    pub other: Uuid,
    /// Why.
    pub reason: String,
}

/// A warning that the customer may be lost, or its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlagRisk {
    /// Whether it is at risk from now on.
    pub at_risk: bool,
    /// Why.
    pub reason: Option<String>,
}

/// A score of a model outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoreByModel {
    /// What the model is called.
    pub model: String,
    /// Which version of it.
    pub version: String,
    /// The score, in the model's own terms.
    pub score: rust_decimal::Decimal,
    /// Why, in the model's words.
    pub explanation: Option<String>,
}

/// A rule does what is due. What that is, the agenda says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Act {
    /// The rule.
    pub rule: String,
    /// The event that set it off.
    pub cause: Uuid,
}

/// A task is done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompleteTask {
    /// Which.
    pub task: Uuid,
    /// What is said about it.
    pub note: Option<String>,
}
