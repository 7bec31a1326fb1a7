//! Requests that have the plain texts of a customer's profile beside members of their own.
//!
//! Such a request is read as its own struct, as strictly as any other; the members that are texts of a profile are taken out on
//! the way. So every text that is declared ([`ProfileField`]) is one of each such request.

use std::fmt;

use serde::de::{DeserializeSeed, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{ObjectBuilder, Required, Type};

use crate::domain::{PerField, ProfileField};

/// Which texts of a profile a request has.
pub type FieldSelection = fn(ProfileField) -> bool;

/// Every text of the profile.
#[must_use]
pub fn every(_: ProfileField) -> bool {
    true
}

/// Parameters of a query string, with those of the texts of the profile after the one of that name.
#[must_use]
pub fn parameters_after(name: &str, which: FieldSelection, mut own: Vec<Parameter>) -> Vec<Parameter> {
    let texts = ProfileField::ALL.into_iter().filter(|field| which(*field)).map(|field| {
        ParameterBuilder::new()
            .name(field.key())
            .parameter_in(ParameterIn::Query)
            .required(Required::False)
            .description(Some(field.description()))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
            .build()
    });
    let place = own.iter().position(|parameter| parameter.name == name).map_or(own.len(), |n| n + 1);
    own.splice(place..place, texts);
    own
}

/// A deserializer (or a part of one) whose objects have no texts of a profile: those are put aside.
#[derive(Debug)]
pub struct Beside<'a, D, T> {
    of: D,
    which: FieldSelection,
    texts: &'a mut PerField<T>,
}

impl<'a, D, T> Beside<'a, D, T> {
    /// Reads as the deserializer does, and puts aside into `texts` those texts of the profile that a request has.
    pub fn new(of: D, which: FieldSelection, texts: &'a mut PerField<T>) -> Self {
        Self { of, which, texts }
    }

    fn field(&self, key: &str) -> Option<ProfileField> {
        ProfileField::parse(key).filter(|field| (self.which)(*field))
    }
}

impl<'de, D: Deserializer<'de>, T: Deserialize<'de>> Deserializer<'de> for Beside<'_, D, T> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let Self { of, which, texts } = self;
        of.deserialize_map(Beside { of: visitor, which, texts })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, V: Visitor<'de>, T: Deserialize<'de>> Visitor<'de> for Beside<'_, V, T> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.of.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        let Self { of, which, texts } = self;
        of.visit_map(Beside { of: map, which, texts })
    }
}

impl<'de, A: MapAccess<'de>, T: Deserialize<'de>> MapAccess<'de> for Beside<'_, A, T> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        while let Some(key) = self.of.next_key::<String>()? {
            match self.field(&key) {
                Some(field) => *self.texts.get_mut(field) = self.of.next_value()?,
                None => return seed.deserialize(key.into_deserializer()).map(Some),
            }
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.of.next_value_seed(seed)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::ProfileTexts;
    use crate::http::strict::{FaultKind, Source, read};

    #[derive(Debug, Deserialize)]
    struct Own {
        tier: Option<String>,
    }

    #[derive(Debug)]
    struct Body {
        own: Own,
        texts: ProfileTexts,
    }

    impl<'de> Deserialize<'de> for Body {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let mut texts = ProfileTexts::default();
            let own = Own::deserialize(Beside::new(deserializer, ProfileField::is_in_reports, &mut texts))?;
            Ok(Self { own, texts })
        }
    }

    #[test]
    fn texts_of_the_profile_are_read_beside_the_other_members() {
        let body = json!({"industry": "food", "region": null, "tier": "A"});
        let Body { own, texts } = read(&body, Source::Body).unwrap();
        assert_eq!(own.tier.as_deref(), Some("A"));
        assert_eq!(texts, ProfileTexts::default().with(ProfileField::Industry, "food"));
    }

    #[test]
    fn what_is_wrong_with_them_is_named_together_with_the_rest() {
        let body = json!({"industry": 7, "service_type": "care", "tier": true, "colour": "red"});
        let faults = read::<Body>(&body, Source::Body).unwrap_err().all;
        let unknown = faults.iter().filter(|fault| fault.kind == FaultKind::Unknown);
        let mut named: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        named.sort_unstable();
        assert_eq!(named, ["colour", "industry", "service_type", "tier"]);
        assert_eq!(unknown.count(), 2, "{faults:?}");
        let faults = read::<Body>(&json!([]), Source::Body).unwrap_err().all;
        assert_eq!(faults[0].field, "$");
    }

    #[test]
    fn their_parameters_stand_after_the_one_that_is_named() {
        let own = ["tier", "version"].map(|name| ParameterBuilder::new().name(name).build());
        let all = parameters_after("tier", ProfileField::is_in_reports, own.into());
        let names: Vec<&str> = all.iter().map(|parameter| parameter.name.as_str()).collect();
        assert_eq!((names.first(), names.last()), (Some(&"tier"), Some(&"version")));
        assert_eq!(names.len(), 2 + ProfileField::IN_REPORTS.len());
    }
}
