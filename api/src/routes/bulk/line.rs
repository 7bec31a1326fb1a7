//! A line of a bulk request, and its reply.

use axum::body::Bytes;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Sender;
use crate::domain::Label;
use crate::domain::identity::{Key, KeyKind, credit_code};
use crate::http::answer::Accepted;
use crate::http::command::{parse_key, read_body};
use crate::http::strict;
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;

/// A command.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({
    "command": "transition", "customer_id": "01930000-0000-7000-8000-000000000000",
    "body": {"to": "quoted", "note": "Sent the quotation", "next_step": "Ring on Friday"}, "idempotency_key": "row-17"
}))]
pub(super) struct BulkLine {
    /// The command.
    pub(super) command: Verb,
    /// The customer; absent for `register`.
    pub(super) customer_id: Option<Uuid>,
    /// The request body of the single call.
    #[serde(default = "empty")]
    #[schema(value_type = Object)]
    pub(super) body: Value,
    /// Makes the line safe to retry, like the header of the single call.
    pub(super) idempotency_key: Option<String>,
}

/// The commands available in bulk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verb {
    /// `POST /v1/customers`
    Register,
    /// `POST /v1/customers/{id}/transitions`
    Transition,
    /// `POST /v1/customers/{id}/corrections`
    Correction,
    /// `POST /v1/customers/{id}/reactivations`
    Reactivation,
    /// `POST /v1/customers/{id}/notes`
    Note,
    /// `POST /v1/customers/{id}/follow-ups`
    FollowUp,
    /// `POST /v1/customers/{id}/signals`
    Signal,
    /// `POST /v1/customers/{id}/transactions`
    Transaction,
    /// `POST /v1/customers/{id}/points`
    Points,
    /// `POST /v1/customers/{id}/claims`
    Claim,
    /// `POST /v1/customers/{id}/releases`
    Release,
    /// `POST /v1/customers/{id}/owner-changes`
    OwnerChange,
    /// `POST /v1/customers/{id}/merges`
    Merge,
    /// `POST /v1/customers/{id}/distinctions`
    Distinction,
}

impl Verb {
    /// The last part of the single call's path; none for `register`.
    pub(super) fn segment(self) -> Option<&'static str> {
        Some(match self {
            Self::Register => return None,
            Self::Transition => "transitions",
            Self::Correction => "corrections",
            Self::Reactivation => "reactivations",
            Self::Note => "notes",
            Self::FollowUp => "follow-ups",
            Self::Signal => "signals",
            Self::Transaction => "transactions",
            Self::Points => "points",
            Self::Claim => "claims",
            Self::Release => "releases",
            Self::OwnerChange => "owner-changes",
            Self::Merge => "merges",
            Self::Distinction => "distinctions",
        })
    }
}

fn empty() -> Value {
    Value::Object(Map::new())
}

impl BulkLine {
    /// Reads a line as strictly as a body.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let value = strict::parse(bytes)?;
        let line: Self = read_body(&value)?;
        match (line.command, line.customer_id) {
            (Verb::Register, Some(_)) => {
                let message = Label::new(
                    "登记客户时由系统分配编号，不能指定。",
                    "The id of a new customer is assigned by the service.",
                );
                Err(Problem::invalid_value("customer_id", message))
            }
            (Verb::Register, None) | (_, Some(_)) => line.with_valid_key(),
            (_, None) => Err(Problem::missing_field("customer_id")),
        }
    }

    fn with_valid_key(mut self) -> Result<Self, Problem> {
        if let Some(text) = &self.idempotency_key {
            let key = parse_key(text).ok_or_else(|| {
                let message = Label::new(
                    "应为 1 至 255 个可见 ASCII 字符。",
                    "Must be 1 to 255 visible ASCII characters.",
                );
                Problem::invalid_value("idempotency_key", message)
            })?;
            self.idempotency_key = Some(key);
        }
        Ok(self)
    }

    /// What the line has to do with: lines with something in common are carried out one after the other.
    pub(super) fn concerns(&self) -> Vec<String> {
        let external_id = self.body.get("external_id").and_then(Value::as_str);
        let claims = (self.command == Verb::Claim).then(|| "claims".to_owned());
        let key = self.idempotency_key.as_ref().map(|key| format!("key:{key}"));
        let customer = self.customer_id.map(|customer| format!("customer:{customer}"));
        let external = external_id.map(|id| format!("external:{id}"));
        let second = ["absorbed", "other", "referred"]
            .iter()
            .find_map(|field| self.body.get(field))
            .and_then(Value::as_str);
        let second = second.map(|id| format!("customer:{}", id.to_ascii_lowercase()));
        let keys = self.keys().into_iter().map(|key| format!("{}:{}", key.kind.as_str(), key.value));
        [claims, key, customer, external, second].into_iter().flatten().chain(keys).collect()
    }

    /// By what a registration's customer may be known to another line.
    fn keys(&self) -> Vec<Key> {
        let contacts = self.body.get("contacts").and_then(Value::as_array).into_iter().flatten();
        let contact = |contact: &Value| {
            let kind = serde_json::from_value(contact.get("kind")?.clone()).ok()?;
            Key::of_contact(kind, contact.get("value")?.as_str()?, String::new())
        };
        let code =
            self.body.get("credit_code").and_then(Value::as_str).and_then(|code| credit_code(code).ok());
        let code = code.map(|value| Key { kind: KeyKind::CreditCode, value, field: String::new() });
        contacts.filter_map(contact).chain(code).collect()
    }
}

/// The result of a line.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct LineReply {
    /// The line number, from 1.
    #[schema(example = 1)]
    line: u64,
    /// The HTTP status of the corresponding single call.
    #[schema(example = 200)]
    status: u16,
    /// The result if it was accepted; with `dry_run`, the types of the events it would record.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<LineResult>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<ProblemDocument>,
}

/// The result of an accepted line.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum LineResult {
    /// It was executed.
    Accepted(Accepted),
    /// Dry run: it would be accepted.
    Rehearsed {
        /// The types of the events that it would record.
        would_record: Vec<&'static str>,
    },
}

impl LineReply {
    pub(super) fn new(
        sender: &Sender,
        line: u64,
        outcome: Result<(StatusCode, LineResult), Problem>,
    ) -> Self {
        match outcome {
            Ok((status, result)) => {
                Self { line, status: status.as_u16(), result: Some(result), problem: None }
            }
            Err(problem) => {
                let reader = &sender.reader;
                let document = problem.document(reader.language, "/v1/bulk", &reader.trace_id.to_string());
                Self { line, status: document.status, result: None, problem: Some(document) }
            }
        }
    }

    /// The reply as a line of its own. It is made of texts and numbers only, so writing it cannot fail.
    pub(super) fn ndjson(&self) -> Bytes {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line.into()
    }
}

#[cfg(test)]
mod tests {
    use super::{BulkLine, Verb};

    const CUSTOMER: &str = "01930000-0000-7000-8000-000000000000";

    #[test]
    fn a_line_names_its_command_and_customer() {
        let line = BulkLine::parse(format!(r#"{{"command":"claim","customer_id":"{CUSTOMER}"}}"#).as_bytes())
            .unwrap();
        assert_eq!(
            (line.command, line.customer_id.map(|id| id.to_string())),
            (Verb::Claim, Some(CUSTOMER.into()))
        );
    }

    #[test]
    fn what_is_wrong_with_a_line_is_told() {
        for (code, line) in [
            ("malformed-body", "{".to_owned()),
            ("missing-field", r#"{"command":"note","body":{"text":"x"}}"#.to_owned()),
            ("invalid-value", r#"{"command":"explode"}"#.to_owned()),
            ("invalid-value", format!(r#"{{"command":"register","customer_id":"{CUSTOMER}"}}"#)),
            (
                "invalid-value",
                format!(r#"{{"command":"claim","customer_id":"{CUSTOMER}","idempotency_key":""}}"#),
            ),
            ("unknown-field", format!(r#"{{"command":"claim","customer":"{CUSTOMER}"}}"#)),
        ] {
            assert_eq!(BulkLine::parse(line.as_bytes()).unwrap_err().code(), code, "{line}");
        }
    }
}
