//! Checks of single values that every aggregate makes. Each answers with what is wrong.

use crate::Label;
use crate::refusal::{Code, Violation, require};

const MAX_LINE_CHARS: usize = 100;

/// A word that names something: small letters, digits, `_`, `-`, `.`, beginning with a letter.
pub(crate) fn key(field: &str, key: &str) -> Vec<Violation> {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(&b);
    let shaped =
        key.len() <= 64 && key.starts_with(|c: char| c.is_ascii_lowercase()) && key.bytes().all(inner);
    require(shaped, || {
        Violation::new(
            Code::InvalidIdentifier,
            field,
            Label::new(
                "标识须以小写字母开头，只含小写字母、数字、_、-、.，最多64个字符。",
                "A key must start with a lowercase letter and contain only lowercase letters, digits, _, - and ., at most 64 characters.",
            ),
            Label::new("例如 north_team。", "For example: north_team."),
        )
    })
}

/// A name in both languages.
pub(crate) fn label(field: &str, label: &Label) -> Vec<Violation> {
    [line(&format!("{field}.zh"), &label.zh), line(&format!("{field}.en"), &label.en)].concat()
}

/// A required single line of at most 100 characters.
pub(crate) fn line(field: &str, text: &str) -> Vec<Violation> {
    line_of(field, text, MAX_LINE_CHARS)
}

/// A required single line of at most `max_chars` characters.
pub(crate) fn line_of(field: &str, text: &str, max_chars: usize) -> Vec<Violation> {
    let valid =
        !text.trim().is_empty() && text.chars().count() <= max_chars && !text.chars().any(char::is_control);
    require(valid, || {
        Violation::new(
            Code::InvalidValue,
            field,
            Label::new(
                format!("应为1至{max_chars}个字符的一行文字。"),
                format!("Must be a single line of 1 to {max_chars} characters."),
            ),
            Label::new("请改正该字段。", "Correct this field."),
        )
    })
}

/// A key of a list that has no such item.
pub(crate) fn unknown(field: &str) -> Violation {
    Violation::new(
        Code::UnknownKey,
        field,
        Label::new("没有这一项。", "No item has this key."),
        Label::new("请使用列表中的标识。", "Use a key from the list."),
    )
}
