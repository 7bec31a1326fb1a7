//! The automation rules of a pipeline, with pending, executed and skipped actions.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::Authority;
use crate::domain::Label;
use crate::http::answer::AsOfResponse;
use crate::http::{ConsistencyParams, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::BilingualText;
use crate::projections::work::{RuleReport, SkipReport};
use crate::routes::AppState;

/// How many refusals are shown.
const SKIPS: u32 = 50;

/// Whose rules are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListRulesParams {
    /// The pipeline's key.
    #[param(example = "sales")]
    pipeline: String,
}

/// The rules of a pipeline.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Rules {
    /// The pipeline's key.
    pipeline: String,
    /// The version in force, of which the names are.
    pipeline_version: u32,
    /// Each rule.
    items: Vec<Rule>,
    /// The last that were due and refused.
    skipped: Vec<SkipReport>,
}

/// A rule.
#[derive(Debug, Serialize, ToSchema)]
struct Rule {
    /// The automation's id, or `reclaim:<id>`, `warn:<id>:<seconds>`, `first_contact` of a pool.
    #[schema(example = "quoted_without_update")]
    rule: String,
    /// What it is called; null where the version in force has no such rule.
    #[schema(value_type = Option<BilingualText>)]
    name: Option<Label>,
    /// What it did and will do.
    #[serde(flatten)]
    report: RuleReport,
}

/// List automation rules
///
/// Each rule with its pending deadlines and its latest runs. Deadlines reflect the current state: a follow-up, a
/// transition or a correction removes or postpones them.
#[utoipa::path(
    get, path = "/v1/automations", tag = "work",
    params(ListRulesParams, ConsistencyParams),
    responses(
        (status = 200, description = "The rules.", body = Rules),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn automations(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(of, consistency, ..): Query<ListRulesParams, ConsistencyParams>,
) -> Result<AsOfResponse<Rules>, Problem> {
    consistency.wait(&state, &caller, "work").await?;
    let pipeline = state.app.pipelines.find(caller.tenant, &of.pipeline, None).await?;
    let visibility = state.app.visibility(&caller).await?;
    let (mut reports, skipped, position) =
        state.app.projections.work(caller.tenant).await?.rules(&of.pipeline, SKIPS, &visibility).await?;
    let mut items: Vec<Rule> = pipeline
        .automations
        .iter()
        .map(|automation| Rule {
            rule: automation.id.clone(),
            name: Some(automation.name.clone()),
            report: reports.remove(&automation.id).unwrap_or_default(),
        })
        .collect();
    let clocks =
        pipeline.pools.iter().filter_map(|pool| pool.rules.as_ref()).flat_map(|rules| &rules.reclaim);
    let named = |rule: &str| {
        let of_clocks = ["reclaim:", "warn:", "overtaken:"];
        let id = of_clocks.iter().find_map(|kind| rule.strip_prefix(kind))?.split(':').next()?;
        clocks.clone().find(|clock| clock.id == id).map(|clock| clock.name.clone())
    };
    // A cancelled task is a rule of its own, once: it says nothing about the pipeline.
    let others = reports.into_iter().filter(|(rule, _)| !rule.starts_with("cancel:"));
    items.extend(others.map(|(rule, report)| Rule { name: named(&rule), rule, report }));
    let (key, pipeline_version) = (pipeline.key.clone(), pipeline.version);
    Ok(AsOfResponse { position, body: Rules { pipeline: key, pipeline_version, items, skipped } })
}
