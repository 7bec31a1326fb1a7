//! Names of people, as clients write them.
//!
//! A rep has one name in two forms: `li`, under which customers are owned, and `rep:li`, which the log has of anyone who acts.
//! Wherever a person is named, either is understood. Answers have one form a field: a field that names a rep has `li`, one
//! that names who acted or leads has the role before the name, and an owner has its kind beside its id.

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use utoipa::ToSchema;

use crate::domain::Role;

/// Every role, by the word that stands before a name.
const ROLES: [Role; 6] =
    [Role::Rep, Role::Supervisor, Role::Manager, Role::Admin, Role::Analyst, Role::Auditor];

/// A rep, by `li` or `rep:li`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, example = "li")]
pub struct RepName(String);

impl RepName {
    /// The rep that a text names; none where it names no rep: nothing, a pool, or with a word before the colon that is no
    /// role.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let id = match text.split_once(':') {
            Some(("rep", id)) => id,
            // Somebody who sells beside another role owns customers under the whole name.
            Some((role, _)) if !is_role(role) => return None,
            _ => text,
        };
        (!id.trim().is_empty()).then(|| Self(id.to_owned()))
    }

    /// The name under which customers are owned.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0
    }

    /// The same, owned.
    #[must_use]
    pub fn into_id(self) -> String {
        self.0
    }
}

/// Who leads a team: `zhou` is the supervisor of that name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, example = "supervisor:zhou")]
pub struct LeaderName(String);

impl LeaderName {
    /// The name that the log has of the leader.
    #[must_use]
    pub fn into_actor(self) -> String {
        self.0
    }
}

/// The name that the log has of somebody with these roles: one that says no role has the first of them before it.
#[must_use]
pub fn actor_name(text: &str, roles: impl IntoIterator<Item = Role>) -> String {
    match roles.into_iter().next() {
        Some(role) if !text.contains(':') => format!("{}:{text}", role.as_str()),
        _ => text.to_owned(),
    }
}

fn is_role(word: &str) -> bool {
    ROLES.iter().any(|role| role.as_str() == word)
}

struct Text<T> {
    expected: &'static str,
    read: fn(&str) -> Option<T>,
}

impl<T> de::Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.read)(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

impl<'de> Deserialize<'de> for RepName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_str(Text { expected: "a rep such as \"li\" or \"rep:li\"", read: Self::parse })
    }
}

impl<'de> Deserialize<'de> for LeaderName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |text: &str| {
            let known = text.split_once(':').is_none_or(|(role, name)| is_role(role) && !name.is_empty());
            (known && !text.trim().is_empty()).then(|| Self(actor_name(text, [Role::Supervisor])))
        };
        deserializer
            .deserialize_str(Text { expected: "a leader such as \"supervisor:zhou\" or \"zhou\"", read })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::http::strict::{Source, read};

    fn rep(text: &str) -> Option<String> {
        RepName::parse(text).map(RepName::into_id)
    }

    #[test]
    fn a_rep_has_one_name_in_two_forms() {
        for text in ["li", "rep:li"] {
            assert_eq!(rep(text).as_deref(), Some("li"), "{text}");
        }
        assert_eq!(rep("rep:org:7").as_deref(), Some("org:7"));
        assert_eq!(rep("supervisor:wang").as_deref(), Some("supervisor:wang"));
        for text in ["", " ", "rep:", "pool:customer_pool", "king:li", "system:reclaim"] {
            assert_eq!(rep(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_leader_without_a_role_is_a_supervisor() {
        let leader = |value: &Value| read::<LeaderName>(value, Source::Body).map(LeaderName::into_actor);
        assert_eq!(leader(&json!("zhou")).unwrap(), "supervisor:zhou");
        assert_eq!(leader(&json!("manager:wang")).unwrap(), "manager:wang");
        for value in [json!(""), json!("king:zhou"), json!("rep:"), json!(5), json!(null)] {
            assert!(leader(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn who_acts_has_its_role_before_its_name() {
        assert_eq!(actor_name("li", [Role::Rep]), "rep:li");
        assert_eq!(actor_name("rep:li", [Role::Rep]), "rep:li");
        assert_eq!(actor_name("zhou", [Role::Supervisor, Role::Manager]), "supervisor:zhou");
        assert_eq!(actor_name("zhou", []), "zhou");
    }
}
