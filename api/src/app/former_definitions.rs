//! What was defined at an earlier instant, as it was known.

use std::collections::BTreeMap;
use std::sync::Arc;

use waymark_domain::Owner;
use waymark_domain::company::Company;
use waymark_domain::pipeline::version::Versions;
use waymark_eventstore::TenantId;
use waymark_projections::AsOf;
use waymark_projections::board::RulesThen;

use super::{App, AppError};

/// The pipelines and teams of an instant, as they were known.
pub(crate) struct FormerDefinitions {
    at: AsOf,
    company: Arc<Company>,
    versions: BTreeMap<String, Arc<Versions>>,
}

impl App {
    /// What was defined then.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn definitions_then(
        &self,
        tenant: TenantId,
        at: &AsOf,
    ) -> Result<FormerDefinitions, AppError> {
        let company = self.companies.then(tenant, at.effective_at, at.known_position).await?;
        let versions = self.pipelines.versions_then(tenant, at.known_at).await?;
        Ok(FormerDefinitions { at: *at, company, versions })
    }
}

impl FormerDefinitions {
    /// The definition that was in force of a journey for customers of an owner, with all versions that were known.
    pub(crate) fn rules(&self, owner: &Owner, journey: &str) -> Option<RulesThen> {
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
