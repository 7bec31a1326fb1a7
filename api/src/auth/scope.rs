//! What API keys and tokens may do beside what roles allow.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What an API key may do beside what its actor's roles allow.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Act for the person named in `Waymark-Actor`.
    ActAs,
}

impl Scope {
    /// Every scope.
    const ALL: [Self; 1] = [Self::ActAs];

    /// The scope's word, as events and answers have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ActAs => "act-as",
        }
    }

    /// The scopes among these words. Those of a newer program open nothing here.
    #[must_use]
    pub fn among(words: &BTreeSet<String>) -> BTreeSet<Self> {
        Self::ALL.into_iter().filter(|scope| words.contains(scope.as_str())).collect()
    }
}
