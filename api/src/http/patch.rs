//! A field of a partial update: absent, null, or a value.

use serde::{Deserialize, Deserializer};

/// What a partial update says of a field, as in a JSON merge patch (RFC 7396). The field needs `#[serde(default)]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// Absent: it stays as it is.
    #[default]
    Keep,
    /// Null: it is taken away.
    Clear,
    /// It becomes this.
    Set(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

impl<T> Patch<T> {
    /// The value, where there is one; the name of the field is added to those that are taken away where it is null.
    pub fn or_clear(self, name: &str, clear: &mut Vec<String>) -> Option<T> {
        match self {
            Self::Keep => None,
            Self::Set(value) => Some(value),
            Self::Clear => {
                if !clear.iter().any(|cleared| cleared == name) {
                    clear.push(name.to_owned());
                }
                None
            }
        }
    }
}

impl<T: Default> Patch<T> {
    /// The value, which is empty where the field is null: for lists, of which none is an empty one.
    pub fn or_empty(self) -> Option<T> {
        match self {
            Self::Keep => None,
            Self::Clear => Some(T::default()),
            Self::Set(value) => Some(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::strict::{Source, read};

    #[derive(Debug, Deserialize)]
    struct Body {
        #[serde(default)]
        tier: Patch<String>,
    }

    #[test]
    fn a_field_is_absent_null_or_has_a_value() {
        for (body, is) in [
            (json!({}), Patch::Keep),
            (json!({"tier": null}), Patch::Clear),
            (json!({"tier": "A"}), Patch::Set("A".to_owned())),
        ] {
            assert_eq!(read::<Body>(&body, Source::Body).unwrap().tier, is);
        }
        assert_eq!(read::<Body>(&json!({"tier": 1}), Source::Body).unwrap_err().all[0].field, "tier");
    }

    #[test]
    fn a_field_that_is_null_is_named_once_among_those_taken_away() {
        let mut clear = vec!["region".to_owned()];
        assert_eq!(Patch::<u8>::Clear.or_clear("region", &mut clear), None);
        assert_eq!(Patch::<u8>::Clear.or_clear("tier", &mut clear), None);
        assert_eq!(Patch::Set(3).or_clear("amount", &mut clear), Some(3));
        assert_eq!(clear, ["region", "tier"]);
    }
}
