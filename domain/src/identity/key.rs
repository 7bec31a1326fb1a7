//! Exact keys: who has the same one is the same customer.

use super::{credit_code, email, phone};
use crate::Personal;
use crate::customer::contact::{ChannelId, ContactKind, NewContact};

/// What sort of key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// A telephone number in E.164.
    Phone,
    /// An e-mail address in small letters.
    Email,
    /// A WeChat id in small letters.
    Wechat,
    /// A unified social credit code.
    CreditCode,
    /// The id that a channel knows the person by.
    ChannelId,
}

impl KeyKind {
    /// The word under which it stands in answers and tags.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Wechat => "wechat",
            Self::CreditCode => "credit_code",
            Self::ChannelId => "channel_id",
        }
    }

    /// The kind of that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Phone, Self::Email, Self::Wechat, Self::CreditCode, Self::ChannelId]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

/// An exact key of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// What sort of key.
    pub kind: KeyKind,
    /// The one form in which it is compared.
    pub value: String,
    /// The field of the command that it comes from, such as `contacts[0].value`.
    pub field: String,
}

impl Key {
    /// The key of a way to reach somebody; none where the text is no key.
    pub fn of_contact(kind: ContactKind, text: &str, field: String) -> Option<Self> {
        let (kind, value) = match kind {
            ContactKind::Phone => (KeyKind::Phone, phone(text)?),
            ContactKind::Email => (KeyKind::Email, email(text)?),
            ContactKind::Wechat => (KeyKind::Wechat, wechat(text)?),
        };
        Some(Self { kind, value, field })
    }

    /// The keys of what an event or a command says, each once, in order.
    pub(crate) fn all<'a>(
        contacts: impl IntoIterator<Item = (ContactKind, Option<&'a String>)>,
        code: Option<&Personal<String>>,
        channel_ids: &[ChannelId],
    ) -> Vec<Self> {
        let mut keys: Vec<Self> = Vec::new();
        for key in Self::each(contacts, code, channel_ids) {
            if !keys.iter().any(|known| (known.kind, &known.value) == (key.kind, &key.value)) {
                keys.push(key);
            }
        }
        keys
    }

    /// The keys of what an event or a command says, as often as they stand there, in order.
    pub(crate) fn each<'a>(
        contacts: impl IntoIterator<Item = (ContactKind, Option<&'a String>)>,
        code: Option<&Personal<String>>,
        channel_ids: &[ChannelId],
    ) -> Vec<Self> {
        let mut keys: Vec<Self> = Vec::new();
        for (n, (kind, text)) in contacts.into_iter().enumerate() {
            keys.extend(text.and_then(|text| Self::of_contact(kind, text, format!("contacts[{n}].value"))));
        }
        if let Some(value) = code.and_then(Personal::clear).and_then(|code| credit_code(code).ok()) {
            keys.push(Self { kind: KeyKind::CreditCode, value, field: "credit_code".to_owned() });
        }
        for (n, held) in channel_ids.iter().enumerate() {
            if let Some(id) = held.id.clear() {
                let value = format!("{}\n{}", held.channel, id.trim());
                keys.push(Self { kind: KeyKind::ChannelId, value, field: format!("channel_ids[{n}].id") });
            }
        }
        keys
    }

    /// Where it stands in the details of an event, as a JSON pointer.
    pub(crate) fn pointer(&self) -> String {
        let path = self.field.replace("].", "/").replace('[', "/");
        match self.kind {
            KeyKind::Phone | KeyKind::Email | KeyKind::Wechat => format!("/{path}"),
            KeyKind::CreditCode | KeyKind::ChannelId => format!("/profile/{path}"),
        }
    }
}

impl NewContact {
    /// The key by which this contact is recognised; none where its text is no key.
    pub fn key(&self) -> Option<Key> {
        Key::of_contact(self.kind, &self.value, String::new())
    }
}

/// A WeChat id: a letter, then five to nineteen letters, digits, `_` or `-`. Nicknames are none.
fn wechat(text: &str) -> Option<String> {
    let id: String = text.chars().map(super::half_width).collect::<String>().trim().to_ascii_lowercase();
    let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    let shaped = (6..=20).contains(&id.len())
        && id.starts_with(|c: char| c.is_ascii_alphabetic())
        && id.bytes().all(inner);
    shaped.then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(channel: &str, id: &str) -> ChannelId {
        ChannelId { channel: channel.to_owned(), id: Personal::Clear(id.to_owned()) }
    }

    #[test]
    fn every_key_comes_once_and_says_where_it_stood() {
        let texts =
            ["138 0013 8000", "+8613800138000", "Li@Example.com", "张伟", "Zhang_Wei"].map(str::to_owned);
        let kinds = [
            ContactKind::Phone,
            ContactKind::Phone,
            ContactKind::Email,
            ContactKind::Wechat,
            ContactKind::Wechat,
        ];
        let code = Personal::Clear("91330100799655058b".to_owned());
        let ids = [channel("mini_program", "o6_bmj"), channel("website", "o6_bmj")];
        let keys = Key::all(kinds.into_iter().zip(texts.iter().map(Some)), Some(&code), &ids);
        let told: Vec<_> =
            keys.iter().map(|key| (key.kind, key.value.as_str(), key.field.as_str())).collect();
        assert_eq!(
            told,
            [
                (KeyKind::Phone, "+8613800138000", "contacts[0].value"),
                (KeyKind::Email, "li@example.com", "contacts[2].value"),
                (KeyKind::Wechat, "zhang_wei", "contacts[4].value"),
                (KeyKind::CreditCode, "91330100799655058B", "credit_code"),
                (KeyKind::ChannelId, "mini_program\no6_bmj", "channel_ids[0].id"),
                (KeyKind::ChannelId, "website\no6_bmj", "channel_ids[1].id"),
            ]
        );
    }

    #[test]
    fn what_is_sealed_or_no_key_gives_none() {
        let sealed = ChannelId { channel: "website".to_owned(), id: Personal::Sealed };
        let keys = Key::all([(ContactKind::Phone, None)], Some(&Personal::Erased), &[sealed]);
        assert_eq!(keys, []);
        assert_eq!(wechat("12345678"), None);
        assert_eq!(wechat("wei"), None);
    }

    #[test]
    fn kinds_are_read_back_from_their_words() {
        for kind in [KeyKind::Phone, KeyKind::Email, KeyKind::Wechat, KeyKind::CreditCode, KeyKind::ChannelId]
        {
            assert_eq!(KeyKind::parse(kind.as_str()), Some(kind));
        }
    }
}
