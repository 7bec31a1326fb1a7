//! Names of stages in the caller's language.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::app::{Caller, InForce};
use crate::domain::pipeline::version::Versions;
use crate::domain::{Language, Pipeline};
use crate::problem::Problem;
use crate::routes::AppState;

/// The names of all stages of a tenant, in one language.
pub(in crate::routes) struct Names {
    pipelines: Arc<BTreeMap<String, Arc<Pipeline>>>,
    versions: Arc<BTreeMap<String, Arc<Versions>>>,
    language: Language,
}

impl Names {
    /// The names as the latest versions have them.
    pub(in crate::routes) async fn new(
        state: &AppState,
        caller: &Caller,
        language: Language,
    ) -> Result<Self, Problem> {
        let InForce { pipelines, versions } = state.app.pipelines.in_force(caller.tenant, None).await?;
        Ok(Self { pipelines, versions, language })
    }

    /// What a stage is called: by the version in force, else by the last that had it; none where none ever had.
    pub(in crate::routes) fn stage(&self, pipeline: &str, stage: &str) -> Option<String> {
        let found = self.find(pipeline, |version| version.stage(stage))?;
        Some(found.name.text(self.language).to_owned())
    }

    /// What a sub-status of a stage is called, as [`Self::stage`].
    pub(in crate::routes) fn sub_status(&self, pipeline: &str, stage: &str, id: &str) -> Option<String> {
        let found = self.find(pipeline, |version| version.stage(stage)?.sub_status(id))?;
        Some(found.name.text(self.language).to_owned())
    }

    fn find<'a, T>(&'a self, pipeline: &str, of: impl Fn(&'a Pipeline) -> Option<&'a T>) -> Option<&'a T> {
        let current = self.pipelines.get(pipeline).and_then(|version| of(version));
        let former = || self.versions.get(pipeline)?.all().iter().rev().find_map(|known| of(&known.pipeline));
        current.or_else(former)
    }
}
