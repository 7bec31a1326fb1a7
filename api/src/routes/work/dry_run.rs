//! Dry runs of automation rules.

use std::collections::BTreeMap;

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::auth::Authority;
use crate::http::answer::AsOfResponse;
use crate::http::query::Nothing;
use crate::http::{Command, ConsistencyParams, Instant, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// How many deadlines are shown.
const SHOWN: u32 = 500;

/// The pipeline and the end of the preview.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"pipeline": "sales", "until": "2027-04-01T00:00:00Z"}))]
pub(super) struct DryRunBody {
    /// The pipeline's key.
    pipeline: String,
    /// The end of the preview (inclusive); now when absent.
    until: Option<Instant>,
}

/// The result of a dry run.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DryRun {
    /// The pipeline's key.
    pipeline: String,
    /// The end of the preview (inclusive).
    until: DateTime<Utc>,
    /// How often each rule would run, in total.
    rules: BTreeMap<String, u64>,
    /// The first 500 actions, by due time.
    items: Vec<PlannedAction>,
}

/// An action that a rule would take.
#[derive(Debug, Serialize, ToSchema)]
struct PlannedAction {
    /// The rule.
    rule: String,
    /// The customer.
    customer_id: Uuid,
    /// The event that triggered the rule.
    cause: Uuid,
    /// When it is due.
    due_at: DateTime<Utc>,
}

/// Dry-run automation rules
///
/// Nothing is executed. The preview reflects the current state; it does not anticipate what people do in the meantime
/// or rules that trigger other rules.
#[utoipa::path(
    post, path = "/v1/automations/dry-runs", tag = "work", request_body = DryRunBody, params(ConsistencyParams),
    responses(
        (status = 200, description = "The actions due by then.", body = DryRun),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn dry_run(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(consistency, ..): Query<ConsistencyParams, Nothing>,
    command: Command<DryRunBody>,
) -> Result<AsOfResponse<DryRun>, Problem> {
    consistency.wait(&state, &caller, "work").await?;
    let DryRunBody { pipeline, until } = command.body;
    drop(state.app.pipelines.find(caller.tenant, &pipeline, None).await?);
    let until = until.map_or_else(|| (state.app.clock)(), |until| until.0);
    let visibility = state.app.visibility(&caller).await?;
    let (rules, due, position) =
        state.app.projections.work(caller.tenant).await?.due_in(&pipeline, until, SHOWN, &visibility).await?;
    let items = due.into_iter().map(|one| PlannedAction {
        rule: one.rule,
        customer_id: one.customer,
        cause: one.cause,
        due_at: one.due_at,
    });
    Ok(AsOfResponse { position, body: DryRun { pipeline, until, rules, items: items.collect() } })
}
