//! The fold of the log that says who may call and where messages go.

use std::sync::Arc;

use crate::app::{AppError, Fold};
use crate::domain::company::CompanyEvent;
use crate::domain::company::rights::Rights;
use crate::domain::tags;
use crate::eventstore::{Entry, Position, Query, QueryItem};

/// A tenant's rights, and the last event that changed them.
#[derive(Debug, Clone, Default)]
pub(super) struct RightsFold {
    pub(super) rights: Arc<Rights>,
    pub(super) last: Position,
}

impl Fold for RightsFold {
    fn query() -> Query {
        query()
    }

    fn apply(&mut self, entry: &Entry) -> Result<(), AppError> {
        apply(Arc::make_mut(&mut self.rights), entry)?;
        self.last = entry.position;
        Ok(())
    }
}

/// Which events tell of rights. The roles of members were recorded before the other events were, without the tag.
#[must_use]
pub(crate) fn query() -> Query {
    let roles =
        QueryItem { types: vec!["member.roles_set".to_owned()], tags: vec![tags::COMPANY.to_owned()] };
    Query::tag(tags::RIGHTS).or(Query { items: vec![roles] })
}

/// Folds an entry of the log in, and returns the event that it is.
///
/// # Errors
/// When it is none that this program can read.
pub(super) fn apply(rights: &mut Rights, entry: &Entry) -> Result<Option<CompanyEvent>, AppError> {
    let unreadable = |why: String| AppError::Unreadable(format!("position {}: {why}", entry.position));
    let envelope = entry.envelope().map_err(|error| unreadable(error.to_string()))?;
    let event = CompanyEvent::decode(&envelope.event_type, envelope.type_version, envelope.data)
        .map_err(|error| unreadable(error.to_string()))?;
    if let Some(event) = &event {
        rights.evolve(event, envelope.effective_at);
    }
    Ok(event)
}
