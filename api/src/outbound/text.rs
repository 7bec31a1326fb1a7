//! What a robot says: texts in the language of its group, made of the reminder alone.
//!
//! Nothing of the person stands in a text unless the robot was set up to be told names: a group chat has more readers
//! than the owner of a customer.

use std::borrow::Cow;

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use uuid::Uuid;

use crate::domain::{Label, Language};

/// East of Greenwich, in seconds: what clocks show where Chinese texts are read.
const BEIJING: i32 = 8 * 3_600;
/// What stands where a text was cut.
const ELLIPSIS: &str = "…";

/// One reminder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Of what: the words of the rule.
    pub text: Label,
    /// The customer that it is about; none where the calendar reminds of a pipeline as a whole.
    pub customer: Option<Uuid>,
    /// What the customer is called, where the robot gets names.
    pub name: Option<String>,
    /// The journey, by its pipeline's key.
    pub journey: String,
    /// The rep whose customer it is, by name such as `li`.
    pub owner: Option<String>,
    /// When it was due.
    pub at: DateTime<Utc>,
}

/// A text of at most `most` bytes of UTF-8, cut between two characters and marked where it was cut.
#[must_use]
pub fn cut(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let room = text.floor_char_boundary(most.saturating_sub(ELLIPSIS.len()));
    let kept = format!("{}{ELLIPSIS}", &text[..room]);
    // Where not even the mark has room, nothing has.
    Cow::Owned(if kept.len() <= most { kept } else { String::new() })
}

/// One reminder in full.
#[must_use]
pub fn single(message: &Message, language: Language) -> String {
    let mut lines = vec![match language {
        Language::Zh => format!("【提醒】{}", message.text.zh),
        Language::En => format!("[Reminder] {}", message.text.en),
    }];
    if let Some(customer) = about(message) {
        lines.push(match language {
            Language::Zh => format!("客户：{customer}"),
            Language::En => format!("Customer: {customer}"),
        });
    }
    if let Some(owner) = &message.owner {
        lines.push(match language {
            Language::Zh => format!("负责人：{owner}"),
            Language::En => format!("Owner: {owner}"),
        });
    }
    let at = clock(message.at, language);
    lines.push(match language {
        Language::Zh => format!("流程：{}，时间：{at}", message.journey),
        Language::En => format!("Pipeline: {}, at {at}", message.journey),
    });
    lines.join("\n")
}

/// Many reminders in one text of at most `most` bytes, a line each. Returns how many of them have room in it, always one
/// at least; the others are for the next text.
#[must_use]
pub fn digest(messages: &[Message], language: Language, most: usize) -> (String, usize) {
    for count in (1..=messages.len()).rev() {
        let text = lines(&messages[..count], messages.len(), language);
        if text.len() <= most || count == 1 {
            return (cut(&text, most).into_owned(), count);
        }
    }
    (String::new(), 0)
}

fn lines(told: &[Message], waiting: usize, language: Language) -> String {
    let left = waiting - told.len();
    let head = match (language, left) {
        (Language::Zh, 0) => format!("【提醒】共 {waiting} 条"),
        (Language::Zh, _) => format!("【提醒】{} 条，另有 {left} 条", told.len()),
        (Language::En, 0) => format!("[Reminders] {waiting}"),
        (Language::En, _) => format!("[Reminders] {}, and {left} more", told.len()),
    };
    let line = |(n, message): (usize, &Message)| {
        let text = match language {
            Language::Zh => &message.text.zh,
            Language::En => &message.text.en,
        };
        let about = [about(message), message.owner.clone()].into_iter().flatten().collect::<Vec<_>>();
        match (about.is_empty(), language) {
            (true, _) => format!("{}. {text}", n + 1),
            (false, Language::Zh) => format!("{}. {text}（{}）", n + 1, about.join("，")),
            (false, Language::En) => format!("{}. {text} ({})", n + 1, about.join(", ")),
        }
    };
    std::iter::once(head).chain(told.iter().enumerate().map(line)).collect::<Vec<_>>().join("\n")
}

/// The customer by name where names are told, or else by id.
fn about(message: &Message) -> Option<String> {
    message.name.clone().or(message.customer.map(|id| id.to_string()))
}

/// An instant as people there read it, to the minute.
fn clock(at: DateTime<Utc>, language: Language) -> String {
    match language {
        Language::Zh => {
            let offset = FixedOffset::east_opt(BEIJING);
            let shown = offset.map_or_else(
                || (at + TimeDelta::seconds(BEIJING.into())).naive_utc(),
                |offset| at.with_timezone(&offset).naive_local(),
            );
            shown.format("%Y-%m-%d %H:%M（北京时间）").to_string()
        }
        Language::En => at.format("%Y-%m-%d %H:%M UTC").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(n: u128) -> Message {
        Message {
            text: Label::new("请致电客户，询问报价意见", "Call the customer about the quote"),
            customer: Some(Uuid::from_u128(n)),
            name: None,
            journey: "landian-6".to_owned(),
            owner: Some("li".to_owned()),
            at: "2026-03-04T08:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_text_is_cut_between_characters_and_never_longer_than_permitted() {
        let chinese = "报".repeat(683);
        assert_eq!(chinese.len(), 2_049);
        let cut_text = cut(&chinese, 2_048);
        assert_eq!(cut_text, format!("{}…", "报".repeat(681)));
        assert!(cut_text.len() <= 2_048);
        let fits = "报".repeat(682);
        assert_eq!(cut(&fits, 2_048), fits, "2,046 bytes stay as they are");
        for most in 0..12 {
            assert!(cut("报价单🙂", most).len() <= most, "{most}");
        }
        assert_eq!(cut("报价单🙂", 13), "报价单🙂");
        assert_eq!(cut("报价单🙂", 12), "报价单…");
    }

    #[test]
    fn a_reminder_names_the_customer_by_id_unless_names_are_told() {
        let plain = single(&message(1), Language::Zh);
        assert_eq!(
            plain,
            "【提醒】请致电客户，询问报价意见\n客户：00000000-0000-0000-0000-000000000001\n负责人：li\n\
             流程：landian-6，时间：2026-03-04 16:00（北京时间）"
        );
        let named = Message { name: Some("海港食品".to_owned()), ..message(1) };
        assert!(single(&named, Language::Zh).contains("客户：海港食品\n"));
        assert_eq!(
            single(&Message { customer: None, owner: None, ..message(1) }, Language::En),
            "[Reminder] Call the customer about the quote\nPipeline: landian-6, at 2026-03-04 08:00 UTC"
        );
    }

    #[test]
    fn a_digest_has_a_line_for_each_reminder() {
        let (text, told) = digest(&[message(1), message(2)], Language::Zh, 2_048);
        assert_eq!(told, 2);
        assert_eq!(text.lines().next(), Some("【提醒】共 2 条"));
        assert_eq!(text.lines().count(), 3);
        assert!(text.ends_with("（00000000-0000-0000-0000-000000000002，li）"), "{text}");
    }

    #[test]
    fn a_digest_takes_what_has_room_and_leaves_the_rest_for_the_next() {
        let messages: Vec<Message> = (0..60).map(message).collect();
        let (text, told) = digest(&messages, Language::Zh, 2_048);
        assert!(told > 10 && told < 60 && text.len() <= 2_048, "{told}: {} bytes", text.len());
        assert_eq!(text.lines().count(), told + 1);
        assert!(text.starts_with(&format!("【提醒】{told} 条，另有 {} 条", 60 - told)));
        let more = lines(&messages[..=told], messages.len(), Language::Zh);
        assert!(more.len() > 2_048, "another one would not have had room");
    }

    #[test]
    fn a_reminder_that_has_no_room_is_cut_rather_than_kept_back_permanently() {
        let long = Message { text: Label::same("报".repeat(1_000)), ..message(1) };
        let (text, told) = digest(&[long.clone(), long], Language::Zh, 2_048);
        assert_eq!(told, 1);
        assert!(text.len() <= 2_048 && text.ends_with('…'));
    }
}
