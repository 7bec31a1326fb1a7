//! The plain texts of a customer's profile, declared once.
//!
//! Whatever has one of them has them all, by walking [`ProfileField::ALL`]: commands, events and their schemas, folds and merges,
//! the rows, filters and groups of the read models, the requests and answers of the API, exports and the console. A new one
//! is a variant here, and does not compile until it has an answer to each question ("How to add a field to the profile" in
//! CONTRIBUTING.md says what is left).
//!
//! None of them is personal: what says something about a person is a [`Personal`](crate::Personal) value, which an erasure
//! takes away, and stands in a member of its own.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A plain text of a customer's profile. Of two records that become one, the one that goes on keeps its own, and takes the
/// other's where it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProfileField {
    /// The line of business.
    Industry,
    /// The region, by which teams see the customer or not.
    Region,
    /// The kind of service that the customer is in.
    ServiceType,
    /// How large the company is, in the tenant's own classes, such as `50-199`.
    CompanySize,
}

/// From which versions of the events with a profile on there is a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinceVersion {
    /// Of `customer.registered`.
    pub registered: u32,
    /// Of `customer.details_changed`.
    pub details_changed: u32,
}

impl ProfileField {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Industry, Self::Region, Self::ServiceType, Self::CompanySize];

    /// Those that reports look at, in the order of the columns of exports: customers are filtered, grouped and compared by them,
    /// as they were at any instant, so their past is kept. Lists are filtered by all.
    pub const IN_REPORTS: [Self; 3] = [Self::Region, Self::Industry, Self::CompanySize];

    /// Their names on the wire, in the order of [`Self::ALL`].
    pub const KEYS: [&'static str; Self::ALL.len()] = {
        let (mut keys, mut n) = ([""; Self::ALL.len()], 0);
        while n < keys.len() {
            keys[n] = Self::ALL[n].key();
            n += 1;
        }
        keys
    };

    /// The name on the wire, in the log and of the column.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Industry => "industry",
            Self::Region => "region",
            Self::ServiceType => "service_type",
            Self::CompanySize => "company_size",
        }
    }

    /// What people call it: in Chinese and in English.
    #[must_use]
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Industry => ("行业", "Industry"),
            Self::Region => ("地区", "Region"),
            Self::ServiceType => ("服务类型", "Service type"),
            Self::CompanySize => ("企业规模", "Company size"),
        }
    }

    /// From which versions of events on there is one; none of those that there are as long as profiles.
    #[must_use]
    pub const fn since(self) -> Option<SinceVersion> {
        match self {
            Self::Industry | Self::Region | Self::ServiceType => None,
            Self::CompanySize => Some(SinceVersion { registered: 5, details_changed: 7 }),
        }
    }

    /// Whether reports look at it.
    #[must_use]
    pub fn is_in_reports(self) -> bool {
        Self::IN_REPORTS.contains(&self)
    }

    /// The field of that name.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.key() == key)
    }

    /// The sentence that describes it in the API: `The service type.`
    #[must_use]
    pub fn description(self) -> String {
        format!("The {}.", self.names().1.to_lowercase())
    }
}

/// Something of each field of the profile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct PerField<T>([T; ProfileField::ALL.len()]);

/// What a customer's profile says in plain texts.
pub type ProfileTexts = PerField<Option<String>>;

impl<T> PerField<T> {
    /// That of a field.
    #[must_use]
    pub fn get(&self, field: ProfileField) -> &T {
        &self.0[field as usize]
    }

    /// That of a field, to be changed.
    pub fn get_mut(&mut self, field: ProfileField) -> &mut T {
        &mut self.0[field as usize]
    }

    /// Each of them with its field.
    pub fn iter(&self) -> impl Iterator<Item = (ProfileField, &T)> {
        ProfileField::ALL.into_iter().zip(&self.0)
    }

    /// What is made of each field.
    pub fn of(each: impl FnMut(ProfileField) -> T) -> Self {
        Self(ProfileField::ALL.map(each))
    }

    /// What is made of each.
    pub fn map<U>(self, mut each: impl FnMut(ProfileField, T) -> U) -> PerField<U> {
        let mut fields = ProfileField::ALL.into_iter();
        // There are as many fields as values.
        PerField(self.0.map(|value| each(fields.next().unwrap_or(ProfileField::Industry), value)))
    }
}

impl ProfileTexts {
    /// The text of a field, where there is one.
    #[must_use]
    pub fn text(&self, field: ProfileField) -> Option<&str> {
        self.get(field).as_deref()
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.text(ProfileField::Region)
    }

    /// The same texts and a further one.
    #[must_use]
    pub fn with(mut self, field: ProfileField, text: impl Into<String>) -> Self {
        *self.get_mut(field) = Some(text.into());
        self
    }

    /// Those that reports look at.
    #[must_use]
    pub fn in_reports(&self) -> Self {
        Self::of(|field| self.get(field).clone().filter(|_| field.is_in_reports()))
    }

    /// Sets what is said, and takes away what is cleared.
    pub fn learn(&mut self, said: &Self, is_cleared: impl Fn(&str) -> bool) {
        for (field, text) in said.iter() {
            if text.is_some() || is_cleared(field.key()) {
                self.get_mut(field).clone_from(text);
            }
        }
    }

    /// What another one says and this one does not.
    #[must_use]
    pub fn lacking(&self, other: &Self) -> Self {
        Self::of(|field| other.get(field).clone().filter(|_| self.get(field).is_none()))
    }

    /// Writes all of them, null where there is none.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize_all<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(field, text)| (field.key(), text)))
    }
}

/// Those that there are, by their names.
impl Serialize for ProfileTexts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let said = self.iter().filter_map(|(field, text)| Some((field.key(), text.as_ref()?)));
        serializer.collect_map(said)
    }
}

/// An object that may have a member for each field, and others.
impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for PerField<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for Members<T> {
            type Value = PerField<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with the texts of a profile")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut values = PerField::of(|_| T::default());
                while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
                    match ProfileField::parse(&key) {
                        Some(field) => *values.get_mut(field) = map.next_value()?,
                        None => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(values)
            }
        }

        deserializer.deserialize_struct("ProfileTexts", &ProfileField::KEYS, Members(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_field_has_its_place_and_a_name_of_its_own() {
        for (n, field) in ProfileField::ALL.into_iter().enumerate() {
            assert_eq!(field as usize, n, "{field:?} stands where its place is");
            assert_eq!(ProfileField::parse(ProfileField::KEYS[n]), Some(field));
            let texts = PerField::of(ProfileField::key);
            assert_eq!(*texts.get(field), field.key());
            texts.map(|each, key| assert_eq!(each.key(), key));
        }
    }

    #[test]
    fn texts_are_members_by_their_names_and_those_that_are_absent_are_left_out() {
        let texts = ProfileTexts::default().with(ProfileField::Region, "north");
        assert_eq!(serde_json::to_value(&texts).unwrap(), json!({"region": "north"}));
        let read: ProfileTexts =
            serde_json::from_value(json!({"region": "north", "x": [1], "industry": null})).unwrap();
        assert_eq!(read, texts);
        assert!(serde_json::from_value::<ProfileTexts>(json!({"region": 1})).is_err());
    }

    #[test]
    fn what_is_said_is_set_what_is_cleared_is_taken_away_and_the_rest_stays() {
        let mut held = PerField::of(|field| Some(field.key().to_owned()));
        let said = ProfileTexts::default().with(ProfileField::Region, "north");
        held.learn(&said, |key| key == "industry");
        assert_eq!((held.region(), held.text(ProfileField::Industry)), (Some("north"), None));
        assert_eq!(held.text(ProfileField::ServiceType), Some("service_type"));
        let full = PerField::of(|field| Some(field.key().to_owned()));
        assert_eq!(held.lacking(&full), ProfileTexts::default().with(ProfileField::Industry, "industry"));
    }

    #[test]
    fn the_catalogue_of_events_has_a_row_for_each_text() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/events.md");
        let catalogue = std::fs::read_to_string(path).unwrap();
        let (_, section) = catalogue.split_once("\n### Texts of a profile\n").unwrap();
        let section = section.split("\n### ").next().unwrap();
        let told: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
        let rows = ProfileField::ALL.map(|field| {
            let ((zh, en), reports) = (field.names(), if field.is_in_reports() { "yes" } else { "no" });
            let since = field.since().map_or("as long as profiles".to_owned(), |since| {
                format!(
                    "version {} of a registration, {} of details",
                    since.registered, since.details_changed
                )
            });
            format!("| `{}` | {zh} | {en} | {reports} | {since} |", field.key())
        });
        assert_eq!(told, rows);
    }
}
