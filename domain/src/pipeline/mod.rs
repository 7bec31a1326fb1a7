//! A pipeline: the versioned definition of the stages that a customer passes on the way to a deal.
//!
//! Versions are immutable: publishing makes a new one. A command is judged by the version in force when it is
//! given; events of the past are never judged again. Nothing is inferred from a stage's name: its type says what
//! it means.

pub mod automation;
mod check;
pub mod direction;
mod endings;
pub mod event;
mod parse;
mod schema;
pub mod stage_type;
mod standard_path;
pub mod template;
#[cfg(test)]
mod tests;
pub mod version;
mod withdrawal;

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

pub use automation::Automation;
pub use check::publication::changed_types;
pub use direction::{ApprovedAt, Direction};
pub use endings::{Ending, Endings};
pub use event::PipelineEvent;
pub use schema::schema;
pub use stage_type::StageType;
pub use template::{Template, templates};

use crate::Label;
use crate::actor::{Actor, Role};
use crate::calendar::Calendar;
use crate::customer::event::TransactionKind;
use crate::pool::{Pool, PoolKind};

/// The most stages of a pipeline; as many items any other list of its definition has at most.
pub const MOST_STAGES: usize = 200;

/// What sort of journey the pipeline describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PipelineKind {
    /// From a first contact to a deal and after.
    Sales,
    /// From a lead to a customer worth a sales journey.
    Lead,
}

/// A group of stages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// Stable and opaque.
    pub id: String,
    /// What it is called.
    pub name: Label,
}

/// When a customer is in a stage: an objective action, and its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Criterion {
    /// What was done.
    pub action: Label,
    /// What came of it.
    pub result: Label,
}

/// What must be done in a stage, by whom, until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextAction {
    /// What.
    pub what: Label,
    /// The responsible role, such as `rep`, `manager`, `delivery`.
    pub role: String,
    /// Until when, counted from entry.
    pub deadline_seconds: u64,
}

/// A finer status within a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubStatus {
    /// Stable and opaque, unique in its stage.
    pub id: String,
    /// What it is called.
    pub name: Label,
    /// The documents that a move into it takes, beside those of the stage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<EvidenceKind>,
}

/// A kind of document that shows that a stage's criterion is met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceKind {
    /// Stable and opaque, such as `contract_signed`.
    pub kind: String,
    /// What it is called.
    pub name: Label,
    /// Whether nobody enters without it.
    pub required: bool,
    /// The group that it is one of: of each group at least one document must be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub any_of: Option<String>,
    /// Whether it must name a document of the customer's record.
    #[serde(default, skip_serializing_if = "is_false")]
    pub on_record: bool,
    /// What the customer did that shows the same: a transaction of this kind on its record is as good as the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<TransactionKind>,
}

/// What of these kinds must be shown: of each group one. A required kind is a group of its own.
pub fn demanded_evidence<'a>(kinds: impl Iterator<Item = &'a EvidenceKind>) -> Vec<Vec<&'a EvidenceKind>> {
    let kinds: Vec<&EvidenceKind> = kinds.collect();
    let groups: BTreeSet<&str> = kinds.iter().filter_map(|kind| kind.any_of.as_deref()).collect();
    let of = |group| kinds.iter().copied().filter(|kind| kind.any_of.as_deref() == Some(group)).collect();
    let alone = kinds.iter().copied().filter(|kind| kind.required).map(|kind| vec![kind]);
    alone.chain(groups.into_iter().map(of)).collect()
}

/// What a move into a stage asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryForm {
    /// A note on the key progress.
    #[serde(default)]
    pub note: bool,
    /// What comes next, in words.
    #[serde(default)]
    pub next_step: bool,
    /// One of these reason codes; with none, no reason is asked for.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// The documents that it takes.
    #[serde(default)]
    pub evidence: Vec<EvidenceKind>,
    /// What must be known of the customer: each the name of a [`CustomerField`](crate::CustomerField), or of a custom field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// What the form has room for without demanding it, by the same names: what is given with the move is kept with the customer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offers: Vec<String>,
    /// How many follow-ups must have been recorded since the customer entered the stage that it leaves.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub min_follow_ups: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_false(value: &bool) -> bool {
    !value
}

/// A stage, which is to say a status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Stable and opaque; names are translations.
    pub id: String,
    /// The phase it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// What it means.
    #[serde(rename = "type")]
    pub kind: StageType,
    /// What it is called.
    pub name: Label,
    /// The one definition that the whole team uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<Label>,
    /// When a customer is in it. Only pipelines read from a file of past changes lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry_criterion: Option<Criterion>,
    /// What must be done in it. Only pipelines read from a file of past changes lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_action: Option<NextAction>,
    /// Finer statuses within it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sub_statuses: Vec<SubStatus>,
    /// The configured probability of winning from here, between 0 and 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<Decimal>,
    /// What a move into it asks for.
    #[serde(default)]
    pub entry_form: EntryForm,
    /// Whether it is one of the five to eight that everybody uses.
    #[serde(default)]
    pub core: bool,
    /// How to work a customer in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub playbook: Option<Label>,
    /// After how long in it a customer counts as stagnant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stagnant_after_seconds: Option<u64>,
}

impl Stage {
    /// The sub-status of that id.
    pub fn sub_status(&self, id: &str) -> Option<&SubStatus> {
        self.sub_statuses.iter().find(|known| known.id == id)
    }

    /// The documents that a move into the stage, and into this sub-status of it, takes.
    pub fn evidence<'a>(&'a self, sub_status: Option<&str>) -> impl Iterator<Item = &'a EvidenceKind> {
        self.entry_form.evidence.iter().chain(self.finer_evidence(sub_status))
    }

    /// The documents that this sub-status of the stage takes beside the stage's own.
    pub fn finer_evidence<'a>(&'a self, sub_status: Option<&str>) -> impl Iterator<Item = &'a EvidenceKind> {
        let finer = sub_status.and_then(|id| self.sub_status(id));
        finer.into_iter().flat_map(|finer| &finer.evidence)
    }
}

/// A permitted move, and what it asks for beyond the form of the stage entered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransitionRule {
    /// The stage left.
    pub from: String,
    /// The stage entered.
    pub to: String,
    /// Who must approve; nobody when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// Customer fields that must be known, as in [`EntryForm::fields`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// How many follow-ups must have been recorded since the stage left was entered. The greater of this and the
    /// entry form's holds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub min_follow_ups: u32,
}

/// An approval that a move needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The roles of which any may approve; never the requester.
    pub roles: Vec<Role>,
    /// When an approved move happened.
    #[serde(default)]
    pub effective: ApprovedAt,
    /// How long a request waits before it expires.
    pub expires_seconds: u64,
}

/// Which moves are permitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transitions {
    /// Every one.
    Any,
    /// These, and no others.
    #[serde(untagged)]
    Listed(Vec<TransitionRule>),
}

/// Why something ended: a code that is counted, with its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Stable and opaque, such as `price`.
    pub code: String,
    /// What it is called.
    pub name: Label,
}

/// One version of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pipeline {
    /// Names the pipeline in the tenant, and its journeys.
    pub key: String,
    /// From 1, without gaps.
    pub version: u32,
    /// Sales or lead.
    pub kind: PipelineKind,
    /// What it is called.
    pub name: Label,
    /// Groups of stages, in order.
    #[serde(default)]
    pub phases: Vec<Phase>,
    /// The stages, in order: what stands later is further on.
    pub stages: Vec<Stage>,
    /// Where journeys begin.
    pub entry_stage: String,
    /// Which moves are permitted. Reactivation is not among them: it begins a new cycle.
    pub transitions: Transitions,
    /// Reason codes that entry forms refer to.
    #[serde(default)]
    pub reasons: Vec<Reason>,
    /// The pools that customers of the pipeline may be in; exactly one is the default.
    pub pools: Vec<Pool>,
    /// What happens by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub automations: Vec<Automation>,
    /// How owners are reminded of the contacts that they agreed; not at all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visits: Option<VisitReminder>,
    /// What it takes to put a deal off; nothing when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_close: Option<PushRules>,
    /// The working calendars that delays refer to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calendars: Vec<Calendar>,
}

/// How owners are reminded of the contacts that they agreed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitReminder {
    /// How long before the agreed instant.
    #[serde(default)]
    pub remind_before_seconds: u64,
    /// Through which channels; all when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<automation::NotificationChannel>,
}

/// What it takes to put a deal off: to expect its close on a later day than before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushRules {
    /// By more days than these only with a reason; without one by as many as there are, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_after_days: Option<u32>,
    /// How often a deal may have been put off after somebody of the role has put it off; any number for roles without an entry.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub max_pushes: BTreeMap<Role, u32>,
}

impl PushRules {
    /// How often a deal may have been put off after the actor has, by the one of its roles that permits the most; none where
    /// there is no cap.
    pub fn cap(&self, actor: &Actor) -> Option<u32> {
        if actor.is_system() {
            return None;
        }
        let commands = |role: &&Role| !matches!(role, Role::Analyst | Role::Auditor);
        let mut caps = actor.roles.iter().filter(commands).map(|role| self.max_pushes.get(role).copied());
        caps.try_fold(0, |most, cap| cap.map(|cap| most.max(cap)))
    }
}

impl Pipeline {
    /// The working calendar of a key; without one, the only one that there is.
    pub fn calendar(&self, key: Option<&str>) -> Option<&Calendar> {
        match (key, self.calendars.as_slice()) {
            (Some(key), all) => all.iter().find(|calendar| calendar.key == key),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }

    /// The pipeline of a file of past changes: every status is a stage whose id is the status text as it stands,
    /// in the given order, and any move is permitted.
    ///
    /// Which statuses are deals and which are losses is told by `endings`. All others have the type `open`, and the first of
    /// those is the one to enter by.
    pub fn any_move(key: &str, statuses: &[String], endings: &Endings) -> Self {
        let stage = |status: &String| Stage {
            id: status.clone(),
            phase: None,
            kind: endings.kind(status),
            name: Label::same(status),
            definition: None,
            entry_criterion: None,
            next_action: None,
            sub_statuses: Vec::new(),
            probability: None,
            entry_form: EntryForm::default(),
            core: false,
            playbook: None,
            stagnant_after_seconds: None,
        };
        let stages: Vec<Stage> = statuses.iter().map(stage).collect();
        let entry = stages.iter().find(|stage| !stage.kind.is_final()).or(stages.first());
        Self {
            key: key.to_owned(),
            version: 1,
            kind: PipelineKind::Sales,
            name: Label::same(key),
            phases: Vec::new(),
            entry_stage: entry.map(|stage| stage.id.clone()).unwrap_or_default(),
            stages,
            transitions: Transitions::Any,
            reasons: Vec::new(),
            pools: vec![Pool {
                key: "customer_pool".to_owned(),
                kind: PoolKind::CustomerPool,
                name: Label::new("公海", "Customer pool"),
                timezone: chrono_tz::Asia::Shanghai,
                claims_per_day: 3,
                default: true,
                rules: None,
            }],
            automations: Vec::new(),
            visits: None,
            expected_close: None,
            calendars: Vec::new(),
        }
    }

    /// The stage of that id.
    pub fn stage(&self, id: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.id == id)
    }

    /// Where the stage stands in the order, from 0.
    pub fn order(&self, id: &str) -> Option<usize> {
        self.stages.iter().position(|stage| stage.id == id)
    }

    /// The pool of that key.
    pub fn pool(&self, key: &str) -> Option<&Pool> {
        self.pools.iter().find(|pool| pool.key == key)
    }

    /// The pool of customers that nobody owns.
    pub fn default_pool(&self) -> Option<&Pool> {
        self.pools.iter().find(|pool| pool.default)
    }

    /// Whether a move from one stage to another is permitted.
    pub fn allows(&self, from: &str, to: &str) -> bool {
        match &self.transitions {
            Transitions::Any => from != to && self.stage(to).is_some(),
            Transitions::Listed(_) => self.transition(from, to).is_some(),
        }
    }

    /// The rule that permits a move, with what it asks for; none where every move is permitted or this one is not.
    pub fn transition(&self, from: &str, to: &str) -> Option<&TransitionRule> {
        let Transitions::Listed(rules) = &self.transitions else { return None };
        rules.iter().find(|rule| rule.from == from && rule.to == to)
    }

    /// The stages that a customer in `from` may move to, in order.
    pub fn allowed_from(&self, from: &str) -> Vec<&str> {
        self.stages.iter().map(|stage| stage.id.as_str()).filter(|to| self.allows(from, to)).collect()
    }

    /// Which way a move goes; none where any move is permitted, because then the stages have no order.
    pub fn direction(&self, from: &str, to: &str) -> Option<Direction> {
        if self.transitions == Transitions::Any {
            return None;
        }
        let (from, to) = (self.order(from)?, self.order(to)?);
        Some(if from < to { Direction::Forward } else { Direction::Backward })
    }
}
