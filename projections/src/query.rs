//! What queries have in common: the two times, and which customers count.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;
use waymark_domain::people::Visibility;
use waymark_domain::{Owner, PerField, ProfileTexts};
use waymark_eventstore::Position;

use crate::db::Value;
use crate::stats::Micros;

/// The two times of a question: which business instant, and which state of knowledge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsOf {
    /// The business instant asked about.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge, as it is echoed in the reply.
    pub known_at: DateTime<Utc>,
    /// The last position that counts as known; none for all there is.
    pub known_position: Option<Position>,
}

impl AsOf {
    /// What is known now about an instant.
    #[must_use]
    pub fn known_now(effective_at: DateTime<Utc>) -> Self {
        Self { effective_at, known_at: effective_at, known_position: None }
    }

    pub(crate) fn micros(&self) -> Micros {
        self.effective_at.timestamp_micros()
    }
}

/// Values of which any will do: what a filter such as `stage=quoted,won` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnyOf(Vec<String>);

impl AnyOf {
    /// The values of a text. Commas stand between values, and may stand in one: the text as a whole is among them.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty() && *part != text);
        Self(std::iter::once(text).chain(parts).map(str::to_owned).collect())
    }

    /// Whether a value is one of them.
    #[must_use]
    pub fn contains(&self, value: &str) -> bool {
        self.0.iter().any(|wanted| wanted == value)
    }

    /// The values as one text, in which a statement looks for one.
    pub(crate) fn list(&self) -> String {
        name_list(&self.0)
    }

    /// The values, at least one.
    pub(crate) fn values(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }

    /// A condition of a statement that a column has one of them: a mark for each.
    pub(crate) fn condition(&self, column: &str) -> String {
        format!("{column} IN ({})", vec!["?"; self.0.len()].join(", "))
    }
}

impl From<&str> for AnyOf {
    fn from(text: &str) -> Self {
        Self::read(text)
    }
}

/// The sub-status of a stay: the one in which it ended, or stands. None of a stay without one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StaySubStatus(pub Option<String>);

/// What the texts of a profile must be.
pub type ProfileFilter = PerField<Option<AnyOf>>;

/// Whether texts of a profile are what is wanted.
pub(crate) fn has_texts(wanted: &ProfileFilter, held: &ProfileTexts) -> bool {
    wanted.iter().all(|(field, wanted)| {
        let is = |wanted: &AnyOf| held.text(field).is_some_and(|held| wanted.contains(held));
        wanted.as_ref().is_none_or(is)
    })
}

/// Which customers count. All that are set must hold, for the customer as it was at the instant asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CohortFilter {
    /// Whose they are.
    pub owner: Option<Owner>,
    /// Whose they are: any of these reps.
    pub reps: Option<BTreeSet<String>>,
    /// Where the lead came from.
    pub source: Option<AnyOf>,
    /// Through which channel.
    pub channel: Option<AnyOf>,
    /// A label they carry.
    pub tag: Option<AnyOf>,
    /// The sub-status that a journey of theirs stands in.
    pub sub_status: Option<AnyOf>,
    /// The value tier.
    pub tier: Option<AnyOf>,
    /// The texts of the profile, of those that reports look at.
    pub texts: ProfileFilter,
    /// The pipeline version under which they last moved.
    pub version: Option<u32>,
    /// These customers alone.
    pub among: Option<Arc<BTreeSet<Uuid>>>,
    /// Where stays are counted, those alone whose own sub-status this is.
    pub stays: Option<StaySubStatus>,
    /// Which customers are visible to the caller now: of others, nothing of the past is shown either.
    pub visibility: Visibility,
}

impl CohortFilter {
    /// Whether every customer that is seen passes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self { visibility: self.visibility.clone(), ..Self::default() }
    }

    /// Whether it says anything of what customers were like.
    #[must_use]
    pub(crate) fn has_conditions(&self) -> bool {
        let Self { among, stays, visibility, .. } = self.clone();
        *self != Self { among, stays, visibility, ..Self::default() }
    }

    /// Whether nobody is left out, by the filter or by what is visible to the caller.
    #[must_use]
    pub fn is_everybody(&self) -> bool {
        *self == Self::default()
    }
}

/// The one there is; none of several, or of none.
pub(crate) fn only<T>(all: &[T]) -> Option<&T> {
    match all {
        [one] => Some(one),
        _ => None,
    }
}

/// What stands around each name of a list where a statement looks for one: no name has it.
pub(crate) const LIST_SEPARATOR: &str = "\n";

/// A list of names as one text, in which a statement looks for a name with the separator on both sides: it is in the list
/// when replacing it changes the text, on either engine.
pub(crate) fn name_list<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let each = names.into_iter().map(|name| format!("{name}{LIST_SEPARATOR}"));
    std::iter::once(LIST_SEPARATOR.to_owned()).chain(each).collect()
}

/// What a statement binds of a visibility: its regions, its owners, and what stands around each of them; nothing where everything
/// is seen. A name is in such a list when replacing it changes the list, on either engine.
pub(crate) fn visibility_binds(visibility: &Visibility) -> [Value; 3] {
    match visibility {
        Visibility::Everything => [Value::Null, Value::Null, Value::Null],
        Visibility::Within { regions, owners } => {
            [name_list(regions).into(), name_list(owners).into(), LIST_SEPARATOR.into()]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_value_of_a_list_will_do_and_a_value_may_hold_a_comma() {
        let any = AnyOf::read("quoted, won");
        assert!(any.contains("quoted") && any.contains("won") && any.contains("quoted, won"));
        assert!(!any.contains("lost") && !any.contains(""));
        assert_eq!(AnyOf::read("won").values(), ["won"]);
        assert_eq!(any.condition("c.stage"), "c.stage IN (?, ?, ?)");
    }
}
