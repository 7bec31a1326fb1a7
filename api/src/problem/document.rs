//! The problem document as it is sent.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::Problem;
use crate::domain::{Language, Violation};

/// An error (RFC 9457, `application/problem+json`).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProblemDocument {
    /// Identifies the kind of problem: `urn:waymark:problem:` and the code.
    #[schema(example = "urn:waymark:problem:claim-quota-exhausted")]
    pub r#type: String,
    /// The meaning of the code, in the requested language.
    #[schema(example = "Today's claims are used up")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 409)]
    pub status: u16,
    /// What is wrong in this case.
    pub detail: String,
    /// The path of the request.
    #[schema(example = "/v1/customers/01930000-0000-7000-8000-000000000000/claims")]
    pub instance: String,
    /// A stable code in kebab case, for programs.
    #[schema(example = "claim-quota-exhausted")]
    pub code: String,
    /// All unmet conditions at once.
    pub violations: Vec<ViolationDocument>,
    /// Identifies the request in the server log; also in the header `Trace-Id`.
    #[schema(example = "4bf92f3577b34da6a3ce929d0e0e4736")]
    pub trace_id: String,
    /// Additional members for programs, such as `available_at`, `version` or `conflicts`.
    #[serde(flatten)]
    #[schema(additional_properties)]
    pub extra: Map<String, Value>,
}

/// One unmet condition.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ViolationDocument {
    /// A stable code in kebab case.
    #[schema(example = "note-required")]
    pub code: String,
    /// The field, as a JSON path; empty for the request as a whole.
    #[schema(example = "note")]
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// How to fix it.
    pub how_to_fix: String,
    /// Additional members for programs, such as `allowed`.
    #[serde(flatten)]
    #[schema(additional_properties)]
    pub data: Map<String, Value>,
}

impl ViolationDocument {
    /// The violation in one language.
    #[must_use]
    pub fn of(violation: &Violation, language: Language) -> Self {
        Self {
            code: violation.code.to_string(),
            field: violation.field.clone(),
            message: violation.message.text(language).to_owned(),
            how_to_fix: violation.how_to_fix.text(language).to_owned(),
            data: violation.data.clone(),
        }
    }
}

impl Problem {
    /// The document for one reader of one request.
    #[must_use]
    pub fn document(&self, language: Language, instance: &str, trace_id: &str) -> ProblemDocument {
        let parts = &self.0;
        let violations = parts.violations.iter().map(|violation| ViolationDocument::of(violation, language));
        ProblemDocument {
            r#type: format!("urn:waymark:problem:{}", parts.code),
            title: parts.title.text(language).to_owned(),
            status: parts.status.as_u16(),
            detail: parts.detail.text(language).to_owned(),
            instance: instance.to_owned(),
            code: parts.code.to_string(),
            violations: violations.collect(),
            trace_id: trace_id.to_owned(),
            extra: parts.extra.clone(),
        }
    }
}
