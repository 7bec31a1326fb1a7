//! What is wrong with the fields of a body or the parameters of a query string, and how clients are told.

use std::borrow::Cow;
use std::ops::Deref;

use serde_json::Map;

use crate::domain::instant::InvalidInstant;
use crate::domain::{Label, Violation};
use crate::problem::{Problem, ProblemCode};

/// Where the value was written, which decides whether `"5"` may be a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A JSON document: a number is a number.
    Body,
    /// A query string: everything arrives as text.
    Query,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The field's path.
    pub field: String,
    /// What is wrong.
    pub kind: FaultKind,
}

/// The ways in which a field can be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// No such field.
    Unknown,
    /// It is required.
    Missing,
    /// It must be one of a few words.
    NotOneOf(&'static [&'static str]),
    /// It is of another type than it must be.
    Mistyped(Box<Mistyped>),
    /// Its value is not possible: the deserializer's own message.
    Invalid(String),
    /// It holds U+0000, which no text may: not every database can store or search it.
    Nul,
}

/// What a value must be, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistyped {
    /// What it must be.
    pub expected: Label,
    /// What it is.
    pub found: Label,
}

/// All that is wrong with a body or a query string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    /// Where they were written.
    pub source: Source,
    /// Each of them; never none.
    pub all: Vec<Fault>,
}

impl Deref for Faults {
    type Target = [Fault];

    fn deref(&self) -> &[Fault] {
        &self.all
    }
}

impl From<Faults> for Problem {
    /// The first fault gives code and detail, each of them a violation.
    fn from(faults: Faults) -> Self {
        let told: Vec<_> = faults.all.iter().map(|fault| fault.told(faults.source)).collect();
        let first = told.first().map(|(code, message, _)| (*code, message.clone()));
        let (code, detail) = first.unwrap_or_else(|| (ProblemCode::InvalidValue, Label::same("")));
        let violations =
            faults.all.into_iter().zip(told).map(|(fault, (code, message, how_to_fix))| Violation {
                code: Cow::Borrowed(code.as_str()),
                field: fault.field,
                message,
                how_to_fix,
                data: Map::new(),
            });
        Self::new(code, detail).with_violations(violations)
    }
}

impl Problem {
    /// A field that is required in this case is not given.
    #[must_use]
    pub fn missing_field(field: &str) -> Self {
        Faults::missing(Source::Body, field).into()
    }

    /// A parameter that is required in this case is not given.
    #[must_use]
    pub fn missing_parameter(parameter: &str) -> Self {
        Faults::missing(Source::Query, parameter).into()
    }
}

impl Faults {
    fn missing(source: Source, field: &str) -> Self {
        Self { source, all: vec![Fault { field: field.to_owned(), kind: FaultKind::Missing }] }
    }
}

impl Fault {
    /// The fault as clients are told it: code, message, and how to fix it.
    fn told(&self, source: Source) -> (ProblemCode, Label, Label) {
        let field = &self.field;
        let (zh, en) = match source {
            Source::Body => ("字段", "field"),
            Source::Query => ("参数", "parameter"),
        };
        match &self.kind {
            FaultKind::Unknown if source == Source::Query && is_of_a_past(field) => (
                ProblemCode::UnknownParameter,
                Label::new(
                    format!("本接口只有当前的内容，不接受 {field}：过去的状态没有保存。"),
                    format!(
                        "This operation has the present alone and takes no {field}: what it was like before is not kept."
                    ),
                ),
                Label::new(
                    format!("请删除 {field}；客户、看板、时间线和报表可按任意时刻查询。"),
                    format!(
                        "Remove {field}. Customers, boards, timelines and reports can be asked for as of any moment."
                    ),
                ),
            ),
            FaultKind::Unknown => (
                match source {
                    Source::Body => ProblemCode::UnknownField,
                    Source::Query => ProblemCode::UnknownParameter,
                },
                Label::new(format!("未知{zh}：{field}。"), format!("Unknown {en}: {field}.")),
                Label::new("请检查拼写，或将其删除。", "Check the spelling, or remove it."),
            ),
            FaultKind::Missing => (
                match source {
                    Source::Body => ProblemCode::MissingField,
                    Source::Query => ProblemCode::MissingParameter,
                },
                Label::new(format!("缺少{zh}：{field}。"), format!("The {en} {field} is missing.")),
                Label::new("请补充。", "Add it."),
            ),
            FaultKind::NotOneOf(words) => (
                ProblemCode::InvalidValue,
                Label::new(
                    format!("{field} 的值不在允许的范围内。"),
                    format!("The value of {field} is not one of the allowed values."),
                ),
                Label::new(
                    format!("可选值：{}。", words.join("、")),
                    format!("Use one of: {}.", words.join(", ")),
                ),
            ),
            FaultKind::Nul => (
                ProblemCode::ControlCharacter,
                Label::new(
                    format!("{field} 含有控制字符 U+0000。"),
                    format!("{field} contains the control character U+0000."),
                ),
                Label::new("请删除控制字符。", "Remove the control character."),
            ),
            FaultKind::Mistyped(mistyped) => (
                ProblemCode::InvalidValue,
                Label::new(
                    format!("{field} 应为{}，而不是{}。", mistyped.expected.zh, mistyped.found.zh),
                    format!("{field} must be {}, not {}.", mistyped.expected.en, mistyped.found.en),
                ),
                Label::new("请改正该值。", "Correct the value."),
            ),
            FaultKind::Invalid(why) => (
                ProblemCode::InvalidValue,
                invalid(field, why),
                Label::new("请改正该值。", "Correct the value."),
            ),
        }
    }
}

/// Whether a parameter asks for an earlier moment.
fn is_of_a_past(parameter: &str) -> bool {
    matches!(parameter, "effective_at" | "known_at" | "known_position")
}

/// What is said of a text that is no amount.
pub(crate) const NOT_DECIMAL: &str = "expected a decimal number as text, such as \"12.30\"";

/// A value that is not possible. The deserializer speaks English alone; what instants and amounts must be is known in both
/// languages.
fn invalid(field: &str, why: &str) -> Label {
    let of_instants = [InvalidInstant::Malformed, InvalidInstant::LeapSecond];
    let known = of_instants.into_iter().find(|known| known.to_string() == *why);
    let zh = match known {
        Some(known) => format!("{field} 的值不正确：{}", known.label().zh),
        None if why == NOT_DECIMAL => format!("{field} 应为文字形式的十进制数，例如 \"12.30\"。"),
        None => format!("{field} 的值不正确（{why}）。"),
    };
    Label::new(zh, format!("{field} is not valid: {why}."))
}
