//! One record of a journey, and how it came to be recorded.

use waymark_domain::customer::timeline::MoveKind;

use super::Micros;

/// One record of a journey: a move (registration, insertion, reactivation) as it counts after corrections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MoveRecord {
    /// When it happened.
    pub at: Micros,
    /// The stage it names ([`stages`](super::JourneySet::stages)).
    pub stage: u32,
    /// Who did it ([`actors`](super::JourneySet::actors)).
    pub actor: u32,
    /// The cycle of the journey it belongs to, from 1.
    pub cycle: u32,
    /// Whether the stage was already held, so that no stay began.
    pub repeat: bool,
    /// The pipeline version that the stage is of.
    pub version: u16,
    /// How it came to be recorded.
    pub how: Provenance,
}

/// Whose doing a record is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Origin {
    /// Somebody's own command.
    #[default]
    Person,
    /// A rule's.
    Rule,
    /// Read in from a file of the past.
    Import,
}

impl Origin {
    /// Of an event's origin.
    #[must_use]
    pub fn of(origin: Option<&str>) -> Self {
        match origin {
            Some("rule") => Self::Rule,
            Some("import") => Self::Import,
            _ => Self::Person,
        }
    }

    /// The word under which it stands in the tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Rule => "rule",
            Self::Import => "import",
        }
    }

    /// What that word means.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Person, Self::Rule, Self::Import].into_iter().find(|by| by.as_str() == word)
    }
}

/// The word under which a kind of move stands in the tables.
#[must_use]
pub fn move_kind_word(kind: MoveKind) -> &'static str {
    match kind {
        MoveKind::Registered => "registered",
        MoveKind::Moved => "moved",
        MoveKind::Inserted => "inserted",
        MoveKind::Reactivated => "reactivated",
    }
}

/// The kind of move that a word of the tables means.
#[must_use]
pub fn move_kind_of(word: &str) -> Option<MoveKind> {
    let all = [MoveKind::Registered, MoveKind::Moved, MoveKind::Inserted, MoveKind::Reactivated];
    all.into_iter().find(|kind| move_kind_word(*kind) == word)
}

/// How a record came to be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provenance {
    /// When the log took it.
    pub recorded: Micros,
    /// Whose doing it is.
    pub by: Origin,
    /// How the move came about.
    pub kind: MoveKind,
    /// Whether anything was written down with it.
    pub noted: bool,
}

impl Default for Provenance {
    fn default() -> Self {
        Self { recorded: 0, by: Origin::default(), kind: MoveKind::Moved, noted: false }
    }
}
