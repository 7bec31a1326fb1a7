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
    /// Read and propose, and nothing else: the key of an agent, whose proposals people decide.
    Propose,
}

impl Scope {
    /// Every scope.
    const ALL: [Self; 2] = [Self::ActAs, Self::Propose];

    /// The scope's word, as events and answers have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ActAs => "act-as",
            Self::Propose => "propose",
        }
    }

    /// The scopes among these words. Those of a newer program open nothing here.
    #[must_use]
    pub fn among(words: &BTreeSet<String>) -> BTreeSet<Self> {
        words.iter().filter_map(|word| Self::parse(word)).collect()
    }

    /// The scope of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == word)
    }
}
