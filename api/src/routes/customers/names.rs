//! What stages are called, for one reader.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::app::Caller;
use crate::domain::{Language, Pipeline};
use crate::problem::Problem;
use crate::routes::Site;

/// The names of all stages of a tenant, in one language.
pub(in crate::routes) struct Names {
    pipelines: Arc<BTreeMap<String, Arc<Pipeline>>>,
    language: Language,
}

impl Names {
    /// The names as the latest versions have them.
    pub(in crate::routes) async fn new(
        site: &Site,
        caller: &Caller,
        language: Language,
    ) -> Result<Self, Problem> {
        Ok(Self { pipelines: site.app.pipelines.latest(caller.tenant).await?, language })
    }

    /// What a stage is called; none where the latest version has no such stage.
    pub(in crate::routes) fn stage(&self, pipeline: &str, stage: &str) -> Option<String> {
        let found = self.pipelines.get(pipeline)?.stage(stage)?;
        Some(found.name.text(self.language).to_owned())
    }
}
