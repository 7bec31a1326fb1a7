//! Customers as of an earlier instant: the rules, and what may be shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::app::{Caller, Viewer};
use crate::auth::disclosure::shown;
use crate::domain::Owner;
use crate::domain::company::Company;
use crate::domain::pipeline::version::Versions;
use crate::problem::Problem;
use crate::projections::AsOf;
use crate::projections::board::{CustomerAsOf, CustomerReport, RulesThen};
use crate::routes::AppState;

/// What was defined at an instant, as it was known.
pub(super) struct FormerDefinitions {
    at: AsOf,
    company: Arc<Company>,
    versions: BTreeMap<String, Arc<Versions>>,
}

impl FormerDefinitions {
    /// What was defined then.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(super) async fn new(state: &AppState, caller: &Caller, at: &AsOf) -> Result<Self, Problem> {
        let company = state.app.companies.then(caller.tenant, at.effective_at, at.known_position).await?;
        let versions = state.app.pipelines.versions_then(caller.tenant, at.known_at).await?;
        Ok(Self { at: *at, company, versions })
    }

    /// The definition that was in force of a journey for customers of an owner, with all versions that were known.
    pub(super) fn rules(&self, owner: &Owner, journey: &str) -> Option<RulesThen> {
        let versions = self.versions.get(journey)?;
        let team = match owner {
            Owner::Rep(rep) => self.company.people.team_of(rep).map(|team| team.key.as_str()),
            Owner::Pool(_) => None,
        };
        let in_force = versions.in_force(team, self.at.effective_at)?;
        let team = team.map(str::to_owned);
        Some(RulesThen { pipeline: in_force.pipeline.clone(), versions: versions.clone(), team })
    }
}

/// What of a customer as it stood the caller may read: what it may read of it now, no matter who owned it then. None where it sees
/// nothing of it, or not of the one in whose place it goes on.
///
/// # Errors
/// When the log cannot be read.
pub(super) async fn shown_now(
    viewer: &mut Viewer<'_>,
    former: CustomerAsOf,
) -> Result<Option<CustomerReport>, Problem> {
    let mut then = former.then;
    if !viewer.is_visible(then.id).await? {
        return Ok(None);
    }
    viewer.retain_visible(&mut then.distinct_from).await?;
    let disclosure = viewer.disclosure(then.id).await?;
    Ok(Some(shown(then, disclosure)))
}
