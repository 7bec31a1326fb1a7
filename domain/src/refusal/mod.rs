//! Why a command was refused: every unmet condition at once, each with a way out.

mod code;

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use code::Code;

use crate::{Label, instant};

/// What sort of refusal it is; HTTP says it as a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// There is no such thing (404).
    NotFound,
    /// The actor may not do this (403).
    Forbidden,
    /// The state does not admit it now (409).
    Conflict,
    /// The command itself asks for what cannot be (422).
    Unprocessable,
}

/// One unmet condition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Violation {
    /// Stable, kebab-case: one of [`Code`].
    pub code: Cow<'static, str>,
    /// The field of the command that it is about, as a JSON path such as `next_plan.at`; empty for the whole.
    pub field: String,
    /// What is wrong.
    pub message: Label,
    /// What to do about it.
    pub how_to_fix: Label,
    /// Particulars for programs, such as `allowed` (stages) or `available_at`.
    #[serde(flatten)]
    pub data: Map<String, Value>,
}

impl Violation {
    /// A violation without particulars.
    pub fn new(code: Code, field: impl Into<String>, message: Label, how_to_fix: Label) -> Self {
        Self {
            code: Cow::Borrowed(code.as_str()),
            field: field.into(),
            message,
            how_to_fix,
            data: Map::new(),
        }
    }

    /// Adds a particular for programs.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.data.insert(key.to_owned(), value.into());
        self
    }

    /// Adds an instant for programs.
    #[must_use]
    pub fn with_instant(self, key: &str, at: DateTime<Utc>) -> Self {
        self.with(key, instant::text(at))
    }
}

/// A command that was not carried out. It is stored as the outcome of the command, so a retry reads the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    /// The gravest sort among the violations.
    pub kind: Kind,
    /// The code of the first violation of that sort.
    pub code: Cow<'static, str>,
    /// What the code says in general.
    pub title: Label,
    /// What is wrong in this case.
    pub detail: Label,
    /// All unmet conditions.
    pub violations: Vec<Violation>,
    /// Particulars of the leading violation, such as `available_at` or `conflicts`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

impl Refusal {
    /// Ok when nothing is unmet, else the refusal that lists everything.
    ///
    /// # Errors
    /// When there is a violation. The gravest sort leads: not found, then forbidden, then conflict.
    pub fn require_all(guards: impl IntoIterator<Item = Vec<Violation>>) -> Result<(), Self> {
        let violations: Vec<Violation> = guards.into_iter().flatten().collect();
        let leading = violations
            .iter()
            .filter_map(|violation| Some((Code::parse(&violation.code)?, violation)))
            .min_by_key(|(code, _)| code.kind());
        let Some((code, first)) = leading else { return Ok(()) };
        Err(Self {
            kind: code.kind(),
            code: Cow::Borrowed(code.as_str()),
            title: code.title(),
            detail: first.message.clone(),
            extra: first.data.clone(),
            violations,
        })
    }

    /// The refusal for one unmet condition.
    pub fn from_code(code: Code, field: &str, message: Label, how_to_fix: Label) -> Self {
        let violation = Violation::new(code, field, message.clone(), how_to_fix);
        Self {
            kind: code.kind(),
            code: Cow::Borrowed(code.as_str()),
            title: code.title(),
            detail: message,
            extra: Map::new(),
            violations: vec![violation],
        }
    }

    /// When the command may be tried again, where time alone will allow it.
    pub fn available_at(&self) -> Option<DateTime<Utc>> {
        self.extra.get("available_at")?.as_str()?.parse().ok()
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.detail.en)
    }
}

impl std::error::Error for Refusal {}

/// The violation, if the condition holds not; the shape of most guards.
pub(crate) fn require(met: bool, violation: impl FnOnce() -> Violation) -> Vec<Violation> {
    if met { Vec::new() } else { vec![violation()] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violation(code: Code) -> Violation {
        Violation::new(code, "f", Label::new("错", code.as_str()), Label::same("fix"))
    }

    #[test]
    fn the_gravest_sort_leads_and_nothing_is_left_out() {
        let available_at = "2026-03-01T16:00:00Z";
        let refusal = Refusal::require_all([
            vec![violation(Code::EmptyText)],
            Vec::new(),
            vec![
                violation(Code::ClaimQuotaExhausted).with("available_at", available_at),
                violation(Code::AlreadyClaimed),
            ],
        ]);
        let refusal = refusal.unwrap_err();
        assert_eq!((refusal.kind, refusal.code.as_ref()), (Kind::Conflict, "claim-quota-exhausted"));
        assert_eq!(refusal.available_at(), available_at.parse().ok());
        assert_eq!(refusal.violations.len(), 3);
        assert_eq!(Refusal::require_all([Vec::new(), Vec::new()]), Ok(()));
    }

    #[test]
    fn a_refusal_is_stored_and_read_back_whole() {
        let refusal = Refusal::require_all([vec![violation(Code::AlreadyInStage).with("n", 1)]]).unwrap_err();
        let stored = serde_json::to_string(&refusal).unwrap();
        assert_eq!(serde_json::from_str::<Refusal>(&stored).unwrap(), refusal);
    }

    #[test]
    fn codes_are_kebab_case_and_kept_permanently() {
        let codes: Vec<String> =
            Code::ALL.iter().map(|code| format!("{} {:?}", code.as_str(), code.kind())).collect();
        assert!(Code::ALL.iter().all(|code| Code::parse(code.as_str()) == Some(*code)));
        assert!(
            Code::ALL.iter().all(|code| code.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'-'))
        );
        insta::assert_snapshot!(codes.join("\n"));
    }
}
