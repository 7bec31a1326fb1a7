//! Personal values, marked by their type.
//!
//! A [`Personal`] value stands in an event's JSON as `{"$personal": value}`. Before the event reaches the log the
//! service replaces each such object by `{"$sealed": {…}}`; on reading, the object comes back as it was, or as
//! `{"$erased": true}` once the person's key has been destroyed. A fold that has no use for the value reads the
//! sealed form as it stands.

use serde::de::{DeserializeOwned, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value about a person: a name, a contact detail, free text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Personal<T> {
    /// Readable.
    Clear(T),
    /// Encrypted, and not opened by this reader.
    Sealed,
    /// The person was erased: nobody can read it any more.
    Erased,
}

impl<T> Personal<T> {
    /// The value, where it can be read.
    pub fn clear(&self) -> Option<&T> {
        match self {
            Self::Clear(value) => Some(value),
            Self::Sealed | Self::Erased => None,
        }
    }
}

impl<T> From<T> for Personal<T> {
    fn from(value: T) -> Self {
        Self::Clear(value)
    }
}

impl<T: Serialize> Serialize for Personal<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Self::Clear(value) => map.serialize_entry("$personal", value)?,
            Self::Sealed => map.serialize_entry("$sealed", &true)?,
            Self::Erased => map.serialize_entry("$erased", &true)?,
        }
        map.end()
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Personal<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Marked<T>(std::marker::PhantomData<T>);
        impl<'de, T: DeserializeOwned> Visitor<'de> for Marked<T> {
            type Value = Personal<T>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object with $personal, $sealed or $erased")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let value = match map.next_key::<std::borrow::Cow<'de, str>>()?.as_deref() {
                    Some("$personal") => Personal::Clear(map.next_value()?),
                    Some("$sealed") => {
                        map.next_value::<IgnoredAny>()?;
                        Personal::Sealed
                    }
                    Some("$erased") => {
                        map.next_value::<IgnoredAny>()?;
                        Personal::Erased
                    }
                    _ => return Err(A::Error::custom("a personal value is $personal, $sealed or $erased")),
                };
                match map.next_key::<IgnoredAny>()? {
                    None => Ok(value),
                    Some(_) => Err(A::Error::custom("a personal value has one key")),
                }
            }
        }
        deserializer.deserialize_map(Marked(std::marker::PhantomData))
    }
}
