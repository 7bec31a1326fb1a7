//! Data quality of a pipeline.

use axum::extract::State;
use futures::future::BoxFuture;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::groups::ReportOf;
use super::split::{Split, SplitWindowParams, split};
use super::{days, definition, definitions, of_all};
use crate::auth::Authority;
use crate::auth::disclosure::reads_people;
use crate::http::answer::AsOfResponse;
use crate::http::{AsOfParams, Key, Query, page};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::reports::page::Pages;
use crate::projections::reports::quality::{QualityQuery, QualityReport};
use crate::routes::AppState;
use crate::routes::filter::CustomerFilterParams;

/// More than N days of silence is too long, unless told otherwise.
const SILENT_DAYS: u32 = 7;
/// Customers are to go on from a stage within N days, unless told otherwise.
const HORIZON_DAYS: u32 = 30;

/// The lists of the report.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ListName {
    /// Moves for which conditions were passed over.
    Overrides,
    /// Open customers who leak.
    Leaking,
    /// Open customers who stand still.
    Stagnant,
    /// Contradictions.
    Conflicts,
}

impl ListName {
    fn as_str(self) -> &'static str {
        match self {
            Self::Overrides => "overrides",
            Self::Leaking => "leaking",
            Self::Stagnant => "stagnant",
            Self::Conflicts => "conflicts",
        }
    }
}

/// By which measures, and which page of which list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct QualityParams {
    /// The number of days without activity after which a customer counts as leaking: 7 by default.
    #[param(minimum = 1, maximum = 3650)]
    silent_days: Option<u32>,
    /// The number of days within which a customer has to advance from a stage: 30 by default.
    #[param(minimum = 1, maximum = 3650)]
    horizon_days: Option<u32>,
    /// The list to page through; the others are returned without items.
    #[param(inline)]
    list: Option<ListName>,
    /// The `next_cursor` of the list's previous page. Requires `list`.
    cursor: Option<String>,
    /// The maximum number of items per list: 50 by default, 500 at most.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Get data quality
///
/// Overrides, corrections per hundred changes, transitions without a note, the share of automatic changes, stage usage,
/// stages whose conversion has dropped (a one-sided two-proportion test with the Benjamini–Hochberg false discovery
/// rate over the stages), open customers that leak or stagnate, funnel health, and conflicts. Shares have Wilson's 95%
/// interval.
#[utoipa::path(
    get, path = "/v1/quality/{pipeline}", tag = "analytics",
    params(("pipeline" = String, Path, description = "The pipeline."), QualityParams, SplitWindowParams, CustomerFilterParams, AsOfParams),
    responses(
        (status = 200, description = "The report; null where a figure is undefined.", body = Split<QualityReport>),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn quality(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(key): Key,
    Query(measure, asked, who, as_of): Query<
        QualityParams,
        SplitWindowParams,
        CustomerFilterParams,
        AsOfParams,
    >,
) -> Result<AsOfResponse<Split<QualityReport>>, Problem> {
    let silence_seconds = days("silent_days", measure.silent_days, SILENT_DAYS)?;
    let horizon_seconds = days("horizon_days", measure.horizon_days, HORIZON_DAYS)?;
    if measure.cursor.is_some() && measure.list.is_none() {
        return Err(Problem::missing_parameter("list"));
    }
    let list = measure.list.map(|list| list.as_str().to_owned());
    let pages = Pages { list, cursor: measure.cursor, limit: page::limit(measure.limit)? as usize };
    asked.window()?;
    let at = of_all(&as_of, &state, &caller).await?;
    let definition = definition(&state, &caller, &key, &at).await?;
    let filter = who.filter(&state, &caller, &at).await?;
    let mut others = definitions(&state, &caller, None, &at).await?;
    others.retain(|other| other.pipeline.key != key);
    let (state, caller, definition, others) = (&state, &caller, &definition, &others);
    let run = |at, filter, window| -> BoxFuture<'_, Result<QualityReport, Problem>> {
        let pages = pages.clone();
        Box::pin(async move {
            let query = QualityQuery { at, window, filter, pages, silence_seconds, horizon_seconds };
            let mut reports = state.app.projections.reports(caller.tenant).await?;
            let mut report = reports.quality(definition, others, &query).await?;
            if !reads_people(&caller.actor) {
                report.unname();
            }
            Ok(report)
        })
    };
    let of = ReportOf::customers(state, caller, definition);
    let body = split(of, &asked, (at, filter), &run).await?;
    Ok(AsOfResponse { position: body.report().position, body })
}
