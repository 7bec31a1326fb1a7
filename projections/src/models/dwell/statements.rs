//! The statements of this read model, one a file.

pub(crate) const TAIL: &str = include_str!("tail.sql");
pub(crate) const CLOSE: &str = include_str!("close.sql");
pub(crate) const ENDED_SINCE: &str = include_str!("ended_since.sql");
pub(crate) const KNOWN: &str = include_str!("known.sql");
pub(crate) const ENDS_AMONG: &str = include_str!("ends_among.sql");
pub(crate) const MOVES_AMONG: &str = include_str!("moves_among.sql");
pub(crate) const ENDS: &str = include_str!("ends.sql");
pub(crate) const ENDS_OF: &str = include_str!("ends_of.sql");
pub(crate) const JOURNEYS: &str = include_str!("journeys.sql");
pub(crate) const NEXT_JOURNEY: &str = include_str!("next_journey.sql");
pub(crate) const MOVES_AFTER: &str = include_str!("moves_after.sql");
pub(crate) const REASONS: &str = include_str!("reasons.sql");
