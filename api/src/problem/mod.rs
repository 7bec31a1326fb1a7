//! Errors as clients see them: RFC 9457 problem documents, in Chinese or English.
//!
//! # Which error type goes where
//!
//! - **[`Refusal`](crate::domain::Refusal)** (domain): a business rule said no. It is a *result*: stored with the command's
//!   receipt, so that a retry reads the same, and it carries its texts in both languages.
//! - **[`StoreError`](crate::eventstore::StoreError)** (eventstore): the log could not do what was asked. Clients never see
//!   its message.
//! - **[`AppError`](crate::app::AppError)** (app): everything a command can end in. It wraps the two above and adds what only
//!   the write path can know (no such customer, version mismatch, idempotency key reused).
//! - **[`Problem`]** (here): what HTTP says. Handlers return `Result<_, Problem>` and use `?`. The errors above become
//!   problems in `conversions`; what is wrong with a token or with the fields of a request becomes one beside the type that
//!   says so (`auth/token/fault.rs`, `http/strict/fault.rs`). Everything else is made by the constructors of `request`,
//!   `auth` and `service`, named after what the client did.
//!
//! Code, status and title of every kind of problem stand in one table, the [`catalog`].
//!
//! A `Problem` does not know the request: language, path and trace id are added by [`render::problems`], the one middleware
//! through which every answer leaves. Answers that the framework made itself (405, 413, a panic) become problem documents
//! there too, so there is no second kind of error. Faults of the service are logged there, once; client errors are not
//! logged.

mod auth;
pub mod catalog;
mod conversions;
pub mod document;
pub mod render;
mod request;
mod service;

use std::borrow::Cow;

use axum::http::header::{HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

pub use catalog::ProblemCode;

use crate::domain::Label;
use crate::domain::refusal::Violation;

/// Why a request failed.
#[derive(Debug, Clone)]
pub struct Problem(Box<Parts>);

/// What does not depend on the request: neither on its language nor on its path.
#[derive(Debug, Clone)]
struct Parts {
    status: StatusCode,
    code: Cow<'static, str>,
    title: Label,
    detail: Label,
    violations: Vec<Violation>,
    extra: Map<String, Value>,
    headers: HeaderMap,
    /// What is written to the server log, and never answered.
    cause: Option<String>,
}

impl Problem {
    /// A problem of the catalogue, with what is particular to this occurrence.
    pub(crate) fn new(code: ProblemCode, detail: Label) -> Self {
        Self::with_texts(code.status(), Cow::Borrowed(code.as_str()), code.title(), detail)
    }

    /// A problem whose code is not of the catalogue: a refusal brings its own.
    fn with_texts(status: StatusCode, code: Cow<'static, str>, title: Label, detail: Label) -> Self {
        Self(Box::new(Parts {
            status,
            code,
            title,
            detail,
            violations: Vec::new(),
            extra: Map::new(),
            headers: HeaderMap::new(),
            cause: None,
        }))
    }

    /// A problem of one field, parameter or header: the message is detail and violation.
    pub(crate) fn of_field(code: ProblemCode, field: &str, message: Label, how_to_fix: Label) -> Self {
        Self::new(code, message.clone()).with_violation(field, message, how_to_fix)
    }

    /// The status it is answered with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0.code
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        if let Ok(value) = value.try_into() {
            self.0.headers.insert(name, value);
        }
        self
    }

    /// The unmet conditions.
    pub(crate) fn violations(&self) -> &[Violation] {
        &self.0.violations
    }

    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.extra.insert(key.to_owned(), value.into());
        self
    }

    pub(crate) fn with_violation(self, field: &str, message: Label, how_to_fix: Label) -> Self {
        let (code, field) = (self.0.code.clone(), field.to_owned());
        self.with_violations([Violation { code, field, message, how_to_fix, data: Map::new() }])
    }

    pub(crate) fn with_violations(mut self, violations: impl IntoIterator<Item = Violation>) -> Self {
        self.0.violations.extend(violations);
        self
    }

    /// The same of fields that stand under names with a prefix.
    pub(crate) fn with_field_prefix(mut self, prefix: &str) -> Self {
        for violation in &mut self.0.violations {
            violation.field.insert_str(0, prefix);
        }
        self
    }

    /// The cause, which is logged and never answered.
    fn because(mut self, cause: impl Into<String>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }
}

impl IntoResponse for Problem {
    /// The status, with the problem as an extension: [`render::problems`] writes the document.
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        response.headers_mut().extend(self.0.headers.clone());
        response.extensions_mut().insert(self);
        response
    }
}
