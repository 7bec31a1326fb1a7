//! What people do with a customer, and what is observed.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Label, Personal};

/// Somebody wrote something down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Noted {
    /// What.
    pub text: Personal<String>,
}

/// What must be done next, and when.
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

/// The time of the next contact was set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NextContactSet {
    /// When.
    pub at: DateTime<Utc>,
    /// What for.
    pub text: Label,
}
