//! Texts, words and lists: what they may hold, and how much.

use crate::Label;
use crate::customer::known::MAX_TAGS;
use crate::refusal::{Code, Violation, require};

/// Free text: notes, summaries, reasons.
pub(crate) const MAX_TEXT_CHARS: usize = 4_000;

/// Names of customers and of sources, channels and tiers.
pub(crate) const MAX_NAME_CHARS: usize = 200;

/// Ids given by clients: reps, tags, external ids.
pub(crate) const MAX_ID_CHARS: usize = 100;

/// The most characters of a tag.
pub(crate) const MAX_TAG_CHARS: usize = MAX_ID_CHARS / 2;

/// Text that must be there, over several lines if need be.
pub(in crate::customer::decide) fn text(field: &str, text: &str) -> Vec<Violation> {
    if text.trim().is_empty() {
        return vec![Violation::new(
            Code::EmptyText,
            field,
            Label::new("内容不能为空。", "The text must not be empty."),
            Label::new("请填写内容。", "Enter a text."),
        )];
    }
    long_text(field, text, MAX_TEXT_CHARS)
}

/// Text over several lines, of its own greatest length.
pub(in crate::customer::decide) fn long_text(field: &str, text: &str, max_chars: usize) -> Vec<Violation> {
    let breaks = |c: char| matches!(c, '\n' | '\r' | '\t');
    [within(field, text, max_chars), without_controls(field, text, breaks)].concat()
}

/// Text over several lines that may be absent but not empty.
pub(in crate::customer::decide) fn optional_text(field: &str, value: Option<&str>) -> Vec<Violation> {
    value.map(|value| text(field, value)).unwrap_or_default()
}

/// Text of one line that must be there.
pub(in crate::customer::decide) fn line(field: &str, text: &str, max_chars: usize) -> Vec<Violation> {
    if text.trim().is_empty() {
        return self::text(field, text);
    }
    [within(field, text, max_chars), without_controls(field, text, |_| false)].concat()
}

/// Text of one line that may be absent but not empty.
pub(in crate::customer::decide) fn optional_line(
    field: &str,
    text: Option<&str>,
    max_chars: usize,
) -> Vec<Violation> {
    text.map(|text| line(field, text, max_chars)).unwrap_or_default()
}

fn within(field: &str, text: &str, max_chars: usize) -> Vec<Violation> {
    require(text.chars().count() <= max_chars, || {
        Violation::new(
            Code::TextTooLong,
            field,
            Label::new(
                format!("内容最多{max_chars}个字符。"),
                format!("The text exceeds {max_chars} characters."),
            ),
            Label::new("请缩短内容。", "Shorten the content."),
        )
        .with("max_chars", max_chars)
    })
}

pub(super) fn without_controls(field: &str, text: &str, except: impl Fn(char) -> bool) -> Vec<Violation> {
    require(!text.chars().any(|c| c.is_control() && !except(c)), || {
        Violation::new(
            Code::ControlCharacter,
            field,
            Label::new("内容含有控制字符。", "The text contains control characters."),
            Label::new("请删除控制字符。", "Remove the control characters."),
        )
    })
}

/// A word for programs: a small letter, then small letters, digits, `_`, `-` or `.`, 64 in all at most.
pub(in crate::customer::decide) fn identifier(field: &str, id: &str) -> Vec<Violation> {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(&b);
    let well_formed =
        id.len() <= 64 && id.starts_with(|c: char| c.is_ascii_lowercase()) && id.bytes().all(inner);
    require(well_formed, || {
        Violation::new(
            Code::InvalidIdentifier,
            field,
            Label::new(
                "标识须以小写字母开头，只含小写字母、数字、_、-、.，最多64个字符。",
                "An identifier must start with a lowercase letter and contain only lowercase letters, digits, _, - and ., at most 64 characters.",
            ),
            Label::new("例如 logged_in。", "For example: logged_in."),
        )
    })
}

/// Labels that are not statuses.
pub(in crate::customer::decide) fn tags(tags: &[String]) -> Vec<Violation> {
    let each = tags.iter().enumerate().flat_map(|(n, tag)| line(&format!("tags[{n}]"), tag, MAX_TAG_CHARS));
    [at_most("tags", tags.len(), MAX_TAGS), each.collect()].concat()
}

pub(in crate::customer::decide) fn at_most(field: &str, items: usize, max_items: usize) -> Vec<Violation> {
    require(items <= max_items, || {
        Violation::new(
            Code::TooManyItems,
            field,
            Label::new(format!("最多{max_items}项。"), format!("At most {max_items} items are allowed.")),
            Label::new("请减少条目。", "Remove some items."),
        )
        .with("max_items", max_items)
    })
}
