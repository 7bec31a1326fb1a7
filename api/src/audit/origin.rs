//! Where what is recorded came from.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waymark_eventstore::Envelope;

use crate::app::AGENT;

/// Where a change came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OriginKind {
    /// Somebody's request.
    Person,
    /// A rule of a pipeline, or the service itself.
    Rule,
    /// History from another system.
    Import,
    /// What an agent asked for.
    Agent,
    /// Somebody who ran the program.
    CommandLine,
}

impl OriginKind {
    /// Where an entry came from.
    pub(super) fn of(envelope: &Envelope<'_>) -> Self {
        match envelope.origin.as_deref() {
            Some("import") => Self::Import,
            Some(AGENT) => Self::Agent,
            Some(_) => Self::Rule,
            None if envelope.actor.starts_with("system:") => Self::Rule,
            None if envelope.actor.starts_with("operator:") => Self::CommandLine,
            None => Self::Person,
        }
    }

    /// The word, as answers have it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Rule => "rule",
            Self::Import => "import",
            Self::Agent => "agent",
            Self::CommandLine => "command_line",
        }
    }
}
