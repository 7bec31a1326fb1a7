//! What a pipeline asks to happen by itself: a trigger, a delay, a condition, actions. It is declared here and
//! carried out outside the domain, by ordinary commands.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::Label;
use crate::customer::purchases::{PurchaseCondition, Transaction};

/// A rule of the pipeline that acts by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Automation {
    /// Stable and opaque, unique in the pipeline.
    pub id: String,
    /// What it does, in a few words.
    pub name: Label,
    /// What sets it off, and the instant that its delay counts from.
    pub trigger: Trigger,
    /// How long after that it acts; at once when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Delay>,
    /// What must hold when it acts; always, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// What calls it off while it waits. Leaving the stages of its trigger (and `also_in`), a correction of what set it off, a
    /// merge and an erasure always do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cancelled_by: Vec<Activity>,
    /// What it does, in order.
    pub actions: Vec<Action>,
}

/// What sets an automation off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Trigger {
    /// A customer enters one of these stages; the delay counts from entry.
    StageEntered {
        /// The stages; any, when none is named.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        stages: Vec<String>,
        /// Stages that the customer may move on to without calling it off while it waits.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        also_in: Vec<String>,
    },
    /// A customer stays in one of these stages and nothing of `reset_by` happens; the delay counts from entry or
    /// from the last such event, whichever is later.
    StageIdle {
        /// The stages.
        stages: Vec<String>,
        /// What restarts the wait; with none, only entry does.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        reset_by: Vec<Activity>,
    },
    /// A date in one of the customer's custom fields, with an offset.
    FieldDate {
        /// The field's name.
        field: String,
        /// Added to the date: negative is before it.
        offset_seconds: i64,
        /// Only in these stages; any, when none is named.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        stages: Vec<String>,
        /// Stages that the customer may move on to from there without calling it off.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        also_in: Vec<String>,
    },
    /// A signal of this kind is recorded, with at least these particulars.
    Signal {
        /// The signal's kind, such as `paid`.
        signal: String,
        /// Particulars that it must have, each equal to what is given.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        data: BTreeMap<String, Value>,
        /// Only in these stages; any, when none is named.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        stages: Vec<String>,
    },
    /// The share of one of these stages is out of line with the days before: once for each alert.
    ShareAlert {
        /// The stages; any, when none is named.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        stages: Vec<String>,
        /// Only where it went this way; either, when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        direction: Option<ShareDirection>,
    },
    /// The calendar: once a period, for every customer in these stages.
    Schedule {
        /// The period.
        every: Period,
        /// The stages; any, when none is named.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        stages: Vec<String>,
    },
}

/// Which way the share of a stage went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShareDirection {
    /// It is higher than before.
    Up,
    /// It is lower.
    Down,
}

/// How often the calendar sets an automation off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// Every local day.
    Day,
    /// Every Monday.
    Week,
    /// Every first of a month.
    Month,
}

/// Something that happens to a customer, as clocks look at it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Activity {
    /// `update`: any change by a person: a move, a note, a follow-up, a signal or other details. Corrections, tags
    /// and what the system does are none.
    Update,
    /// `move`: a move to another stage.
    Move,
    /// `note`: a note.
    Note,
    /// `follow_up`: a follow-up with a channel and a next plan.
    FollowUp,
    /// `signal:<kind>`: a signal of that kind.
    Signal(String),
}

impl TryFrom<String> for Activity {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "update" => Ok(Self::Update),
            "move" => Ok(Self::Move),
            "note" => Ok(Self::Note),
            "follow_up" => Ok(Self::FollowUp),
            other => match other.strip_prefix("signal:").filter(|kind| is_word(kind)) {
                Some(kind) => Ok(Self::Signal(kind.to_owned())),
                None => Err("update, move, note, follow_up or signal:<kind>".to_owned()),
            },
        }
    }
}

impl From<Activity> for String {
    fn from(activity: Activity) -> Self {
        match activity {
            Activity::Update => "update".to_owned(),
            Activity::Move => "move".to_owned(),
            Activity::Note => "note".to_owned(),
            Activity::FollowUp => "follow_up".to_owned(),
            Activity::Signal(kind) => format!("signal:{kind}"),
        }
    }
}

/// A word for programs: what the kinds of signals are.
pub(super) fn is_word(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(&b);
    text.len() <= 64 && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.bytes().all(inner)
}

/// Whether a clock strikes when its time is reached, or only when it is exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Boundary {
    /// At the instant itself and after ("within 3 days").
    #[default]
    #[serde(rename = ">=")]
    Reached,
    /// The smallest unit of time after the instant, not at it ("more than 7 days").
    #[serde(rename = ">")]
    Exceeded,
}

/// What time counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DelayClock {
    /// All of it.
    #[default]
    Calendar,
    /// All but what lies in stages of the type `paused`.
    Active,
    /// Working hours.
    Business,
}

/// How long an automation waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delay {
    /// How long.
    pub seconds: u64,
    /// By which clock.
    #[serde(default)]
    pub clock: DelayClock,
    /// Whether it acts at the instant or after it.
    #[serde(default)]
    pub boundary: Boundary,
    /// By which of the definition's working calendars `business` hours count; by the only one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<String>,
}

/// What must hold of a customer. Every list that is not empty must be met by one of its items, every other field
/// that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// The sub-status is one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sub_statuses: Vec<String>,
    /// The value tier is one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<String>,
    /// The customer has one of these tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The customer has none of these tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without_tags: Vec<String>,
    /// The source is one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// The channel is one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<String>,
    /// The reason code of the last move is one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// The sub-status is none of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without_sub_statuses: Vec<String>,
    /// The customer's record has none of these kinds of documents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without_documents: Vec<String>,
    /// What the customer has bought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purchases: Option<PurchaseCondition>,
    /// The customer said to be at least this satisfied, from 0 to 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_satisfaction: Option<u8>,
    /// Whether a rep owns the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owned: Option<bool>,
    /// Whether a next contact lies ahead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_contact_planned: Option<bool>,
}

/// What conditions look at.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Facts<'a> {
    /// The sub-status.
    pub sub_status: Option<&'a str>,
    /// The value tier.
    pub tier: Option<&'a str>,
    /// The tags.
    pub tags: &'a [String],
    /// The source.
    pub source: Option<&'a str>,
    /// The channel.
    pub channel: Option<&'a str>,
    /// The reason code of the last move.
    pub reason: Option<&'a str>,
    /// The documents on record, by their ids: kind and SHA-256.
    pub documents: Option<&'a BTreeMap<Uuid, (String, String)>>,
    /// What the customer bought.
    pub transactions: &'a [Transaction],
    /// How satisfied it said to be.
    pub satisfaction: Option<u8>,
    /// The instant of acting.
    pub at: DateTime<Utc>,
    /// Whether a rep owns the customer.
    pub owned: bool,
    /// Whether a next contact lies ahead.
    pub next_contact_planned: bool,
}

impl Condition {
    /// Whether it holds.
    pub fn holds(&self, facts: &Facts<'_>) -> bool {
        let one_of = |wanted: &[String], found: Option<&str>| {
            wanted.is_empty() || found.is_some_and(|found| wanted.iter().any(|item| item == found))
        };
        let tagged = |wanted: &[String]| facts.tags.iter().any(|tag| wanted.contains(tag));
        one_of(&self.sub_statuses, facts.sub_status)
            && one_of(&self.tiers, facts.tier)
            && one_of(&self.sources, facts.source)
            && one_of(&self.channels, facts.channel)
            && one_of(&self.reasons, facts.reason)
            && (self.tags.is_empty() || tagged(&self.tags))
            && !tagged(&self.without_tags)
            && !facts.sub_status.is_some_and(|held| self.without_sub_statuses.iter().any(|one| one == held))
            && !facts
                .documents
                .into_iter()
                .flatten()
                .any(|(_, (kind, _))| self.without_documents.contains(kind))
            && self.min_satisfaction.is_none_or(|least| facts.satisfaction.is_some_and(|said| said >= least))
            && self.purchases.as_ref().is_none_or(|bought| bought.holds(facts.transactions, facts.at))
            && self.owned.is_none_or(|owned| owned == facts.owned)
            && self.next_contact_planned.is_none_or(|planned| planned == facts.next_contact_planned)
    }
}

impl Automation {
    /// Whether another definition of it does the same at the same time, whatever the words are.
    pub fn acts_like(&self, other: &Self) -> bool {
        let does = |one: &Self| one.actions.iter().map(|action| action.kind.clone()).collect::<Vec<_>>();
        (&self.id, &self.trigger, &self.delay, &self.condition, &self.cancelled_by)
            == (&other.id, &other.trigger, &other.delay, &other.condition, &other.cancelled_by)
            && does(self) == does(other)
    }
}

/// One thing that an automation does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// What is done, in words: the task's title, the reminder's text, the move's note.
    pub text: Label,
    /// What is done.
    #[serde(flatten)]
    pub kind: ActionKind,
}

/// What an automation can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ActionKind {
    /// A task for a role.
    CreateTask {
        /// Names the task to programs, such as `call_back`.
        task: String,
        /// Whose it is: `rep` is the owner.
        role: String,
        /// Until when, from the instant of acting; none for at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due_seconds: Option<u64>,
    },
    /// A message to a role.
    Remind {
        /// Whom: `rep` is the owner, `supervisor` the owner's.
        role: String,
        /// Through which channels; the workbench when none is named.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        channels: Vec<NotificationChannel>,
    },
    /// A move to another stage.
    Move {
        /// The stage.
        to: String,
        /// The sub-status within it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sub_status: Option<String>,
        /// The reason code.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Another sub-status within the stage.
    SetSubStatus {
        /// The sub-status.
        sub_status: String,
    },
    /// The customer goes to a pool. Its stage stays.
    MoveToPool {
        /// The pool's key.
        pool: String,
    },
    /// A tag is set, or taken away.
    SetTag {
        /// The tag.
        tag: String,
        /// Whether it is set.
        #[serde(default = "yes")]
        present: bool,
    },
    /// The time of the next contact is set.
    SetNextContact {
        /// How long after the instant of acting.
        seconds: u64,
    },
    /// A process outside the pipeline begins, such as signing or collecting payment: the customer leads to it as a
    /// task for the role, and subscribers to the log learn of it by name.
    StartProcess {
        /// Names the process, such as `signing`.
        process: String,
        /// Who is responsible.
        role: String,
    },
}

/// Where a reminder appears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotificationChannel {
    /// In the product itself.
    Workbench,
    /// WeCom (企业微信).
    Wecom,
    /// DingTalk (钉钉).
    Dingtalk,
    /// Feishu (飞书).
    Feishu,
}

impl NotificationChannel {
    /// Every channel.
    pub const ALL: [Self; 4] = [Self::Workbench, Self::Wecom, Self::Dingtalk, Self::Feishu];

    /// The channel's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Workbench => "workbench",
            Self::Wecom => "wecom",
            Self::Dingtalk => "dingtalk",
            Self::Feishu => "feishu",
        }
    }
}

fn yes() -> bool {
    true
}

impl Automation {
    /// Whether it only notifies of an entry, at once. The log has the entry already, so nothing more is recorded: who is
    /// notified is a fold of the moves.
    pub fn only_tells(&self) -> bool {
        let reminds = |action: &Action| matches!(action.kind, ActionKind::Remind { .. });
        let at_entry = matches!(self.trigger, Trigger::StageEntered { .. });
        at_entry && self.delay.is_none() && self.condition.is_none() && self.actions.iter().all(reminds)
    }

    /// The messages of an entry into a stage, if it only tells: text, role and channels.
    pub fn reminders_of(&self, stage: &str) -> impl Iterator<Item = (&Label, &str, &[NotificationChannel])> {
        let stages = self.trigger.stages();
        let tells = self.only_tells() && (stages.is_empty() || stages.iter().any(|named| named == stage));
        self.actions.iter().filter(move |_| tells).filter_map(|action| match &action.kind {
            ActionKind::Remind { role, channels } => Some((&action.text, role.as_str(), channels.as_slice())),
            _ => None,
        })
    }
}

impl Trigger {
    /// The stages that it is bound to; none where it is bound to all.
    pub fn stages(&self) -> &[String] {
        match self {
            Self::StageEntered { stages, .. }
            | Self::StageIdle { stages, .. }
            | Self::FieldDate { stages, .. }
            | Self::Signal { stages, .. }
            | Self::ShareAlert { stages, .. }
            | Self::Schedule { stages, .. } => stages,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_condition_always_holds_and_each_field_narrows_it() {
        let tags = ["vip".to_owned()];
        let facts = Facts { tier: Some("A"), tags: &tags, owned: true, ..Facts::default() };
        let tier = |tier: &str| Condition { tiers: vec![tier.to_owned()], ..Condition::default() };
        assert!(Condition::default().holds(&facts) && tier("A").holds(&facts) && !tier("B").holds(&facts));
        assert!(Condition { tags: tags.to_vec(), owned: Some(true), ..tier("A") }.holds(&facts));
        assert!(!Condition { without_tags: tags.to_vec(), ..Condition::default() }.holds(&facts));
        assert!(!Condition { owned: Some(false), ..Condition::default() }.holds(&facts));
        assert!(!Condition { reasons: vec!["price".into()], ..Condition::default() }.holds(&facts));
    }

    #[test]
    fn activities_are_words_and_signals_carry_their_kind() {
        for text in ["update", "move", "note", "follow_up", "signal:mail_opened"] {
            let read = Activity::try_from(text.to_owned()).unwrap();
            assert_eq!(String::from(read), text);
        }
        for text in ["", "signal:", "signal:Mail", "views"] {
            assert!(Activity::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
