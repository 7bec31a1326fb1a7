//! What a file says of its customers beside their moves.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::Value;
use waymark_domain::Owner;
use waymark_domain::customer::command::{NewContact, Register};
use waymark_domain::customer::event::{ContactKind, Money};
use waymark_domain::field::{FieldType, Fields};

use super::names::{is_of_another_role, rep_name};

/// What a column may say of a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// What it is called.
    Name,
    /// Its telephones.
    Phone,
    /// Its e-mail addresses.
    Email,
    /// What the deal may be worth.
    Amount,
    /// In which currency; or one for the whole file.
    Currency,
    /// Whose it is: a rep, or `pool:KEY`.
    Owner,
    /// Where the lead came from.
    Source,
    /// Through which channel.
    Channel,
    /// Its labels.
    Tag,
    /// Its id in another system, where that is not what names the case.
    ExternalId,
}

/// All of them.
pub(super) const DETAILS: [Detail; 10] = [
    Detail::Name,
    Detail::Phone,
    Detail::Email,
    Detail::Amount,
    Detail::Currency,
    Detail::Owner,
    Detail::Source,
    Detail::Channel,
    Detail::Tag,
    Detail::ExternalId,
];

impl Detail {
    /// The parameter that names its column.
    #[must_use]
    pub fn parameter(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Amount => "amount",
            Self::Currency => "currency",
            Self::Owner => "owner",
            Self::Source => "source",
            Self::Channel => "channel",
            Self::Tag => "tag",
            Self::ExternalId => "external_id",
        }
    }
}

/// What one cell says of a customer.
#[derive(Debug, Clone)]
pub(super) enum Cell {
    Text(Detail, Box<str>),
    Amount(Money),
    /// A custom field, by its place in the mapping.
    Field(usize, Box<str>),
}

/// What the rows of a case say together: of each thing what the latest row says that says it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Details {
    texts: BTreeMap<Detail, (DateTime<Utc>, Box<str>)>,
    amount: Option<(DateTime<Utc>, Money)>,
    fields: BTreeMap<usize, (DateTime<Utc>, Box<str>)>,
    tags: BTreeSet<Box<str>>,
    /// Who made the latest move that names somebody.
    last_actor: Option<(DateTime<Utc>, Box<str>)>,
}

impl Details {
    /// What a single cell says.
    pub(super) fn of(at: DateTime<Utc>, cell: Cell) -> Self {
        let mut details = Self::default();
        details.take(at, cell);
        details
    }

    /// Takes what a cell of a row of that instant says.
    pub(super) fn take(&mut self, at: DateTime<Utc>, cell: Cell) {
        match cell {
            Cell::Text(Detail::Tag, text) => self.tags.extend(listed(&text).map(Box::from)),
            Cell::Text(detail, text) => {
                if self.texts.get(&detail).is_none_or(|(before, _)| *before <= at) {
                    self.texts.insert(detail, (at, text));
                }
            }
            Cell::Amount(amount) => {
                if self.amount.as_ref().is_none_or(|(before, _)| *before <= at) {
                    self.amount = Some((at, amount));
                }
            }
            Cell::Field(field, text) => {
                if self.fields.get(&field).is_none_or(|(before, _)| *before <= at) {
                    self.fields.insert(field, (at, text));
                }
            }
        }
    }

    /// Takes who made a move at that instant.
    pub(super) fn take_actor(&mut self, at: DateTime<Utc>, actor: &str) {
        if !actor.is_empty()
            && !is_of_another_role(actor)
            && self.last_actor.as_ref().is_none_or(|(before, _)| *before <= at)
        {
            self.last_actor = Some((at, actor.into()));
        }
    }

    /// Whether nothing is said.
    pub(super) fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.amount.is_none() && self.fields.is_empty() && self.tags.is_empty()
    }

    /// What the rows say of one thing.
    pub(super) fn text(&self, detail: Detail) -> Option<&str> {
        self.texts.get(&detail).map(|(_, text)| &**text)
    }

    /// What the deal may be worth.
    pub(super) fn amount(&self) -> Option<&Money> {
        self.amount.as_ref().map(|(_, amount)| amount)
    }

    /// The id in another system, where a column of its own says it.
    pub(super) fn external_id(&self) -> Option<&str> {
        self.text(Detail::ExternalId)
    }

    /// Whose it is: what its column says, else who moved it last; none where nobody is named.
    pub(super) fn owner(&self) -> Option<Owner> {
        let said =
            self.text(Detail::Owner).or_else(|| self.last_actor.as_ref().map(|(_, actor)| &**actor))?;
        Some(match said.strip_prefix("pool:") {
            Some(pool) => Owner::Pool(pool.trim().to_owned()),
            None => Owner::Rep(rep_name(said).to_owned()),
        })
    }

    /// Puts it all into a registration. `keys` are the fields of the mapping, `declared` what is known of their types.
    pub(super) fn describe(&self, register: &mut Register, keys: &[(String, String)], declared: &Fields) {
        let text = |detail| self.text(detail).map(str::to_owned);
        register.name = text(Detail::Name);
        register.source = text(Detail::Source);
        register.channel = text(Detail::Channel);
        register.owner = self.owner();
        register.amount = self.amount.as_ref().map(|(_, amount)| amount.clone());
        register.tags = self.tags.iter().map(ToString::to_string).collect();
        for (detail, kind) in [(Detail::Phone, ContactKind::Phone), (Detail::Email, ContactKind::Email)] {
            let values = self.text(detail).into_iter().flat_map(contacts);
            register.contacts.extend(values.map(|value| NewContact { kind, value: value.to_owned() }));
        }
        if !self.fields.is_empty() {
            let value = |(at, (_, text)): (&usize, &(DateTime<Utc>, Box<str>))| {
                let key = &keys[*at].0;
                (key.clone(), typed(text, declared.get(key).map(|field| &field.kind)))
            };
            register.fields = Some(self.fields.iter().map(value).collect());
        }
    }
}

/// The parts of a cell that lists several.
fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ';', '，', '；', '、', '|', '\n']).map(str::trim).filter(|part| !part.is_empty())
}

/// The contacts of a cell: a stroke stands between whole telephone numbers, too.
fn contacts(text: &str) -> impl Iterator<Item = &str> {
    let is_telephone =
        |part: &str| part.bytes().filter(u8::is_ascii_digit).count() >= 7 && !part.contains('@');
    listed(text).flat_map(move |part| {
        let several = part.contains('/') && part.split('/').all(is_telephone);
        part.split(move |sign| several && sign == '/').map(str::trim)
    })
}

/// A text as a value of the field's type; as the text that it is where it is none, which the field then refuses.
fn typed(text: &str, kind: Option<&FieldType>) -> Value {
    let as_it_stands = || Value::String(text.to_owned());
    match kind {
        Some(FieldType::Integer) => text.parse::<i64>().map_or_else(|_| as_it_stands(), Value::from),
        Some(FieldType::Boolean) => match text.to_lowercase().as_str() {
            "true" | "yes" | "y" | "1" | "是" | "有" => Value::Bool(true),
            "false" | "no" | "n" | "0" | "否" | "无" => Value::Bool(false),
            _ => as_it_stands(),
        },
        Some(FieldType::Choice { many: true, .. }) => Value::Array(listed(text).map(Value::from).collect()),
        _ => as_it_stands(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: u32) -> DateTime<Utc> {
        format!("2026-11-{day:02}T00:00:00Z").parse().unwrap()
    }

    fn says(detail: Detail, text: &str) -> Cell {
        Cell::Text(detail, text.into())
    }

    #[test]
    fn the_latest_row_that_says_something_counts_whatever_the_order_of_rows() {
        let mut details = Details::default();
        details.take(at(3), says(Detail::Name, "Later"));
        details.take_actor(at(3), "li");
        details.take(at(1), says(Detail::Name, "Earlier"));
        details.take_actor(at(1), "wang");
        details.take_actor(at(5), "");
        let mut register = Register::default();
        details.describe(&mut register, &[], &Fields::new());
        assert_eq!(register.name.as_deref(), Some("Later"));
        assert_eq!(register.owner, Some(Owner::Rep("li".into())));
    }

    #[test]
    fn a_column_of_owners_counts_before_who_moved_it_and_may_name_a_pool() {
        let mut details = Details::default();
        details.take(at(1), says(Detail::Owner, "rep:zhao"));
        details.take_actor(at(1), "li");
        assert_eq!(details.owner(), Some(Owner::Rep("zhao".into())));
        details.take(at(2), says(Detail::Owner, "pool:customer_pool"));
        assert_eq!(details.owner(), Some(Owner::Pool("customer_pool".into())));
    }

    #[test]
    fn a_stroke_stands_between_whole_telephone_numbers_and_nowhere_else() {
        let parts = |text: &'static str| contacts(text).collect::<Vec<_>>();
        assert_eq!(parts("13900001002/13900001003"), ["13900001002", "13900001003"]);
        assert_eq!(parts("0755/88886666、a/b@c.example"), ["0755/88886666", "a/b@c.example"]);
    }

    #[test]
    fn a_cell_may_list_several_telephones_and_tags() {
        let mut details = Details::default();
        details.take(at(1), says(Detail::Phone, "13800138000; 0755-8888 6666"));
        details.take(at(1), says(Detail::Tag, "重点、老客户"));
        details.take(at(2), says(Detail::Tag, "VIP"));
        let mut register = Register::default();
        details.describe(&mut register, &[], &Fields::new());
        assert_eq!(register.contacts.len(), 2);
        assert_eq!(register.tags, ["VIP", "老客户", "重点"]);
    }
}
