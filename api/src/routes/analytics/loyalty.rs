//! Who buys again.

use axum::extract::State;
use futures::future::BoxFuture;
use serde::Deserialize;
use utoipa::IntoParams;

use super::groups::ReportOf;
use super::split::{Split, SplitWindowParams, split};
use super::{definition, of_all};
use crate::auth::Authority;
use crate::auth::disclosure::reads_people;
use crate::domain::Label;
use crate::domain::customer::event::TransactionKind;
use crate::http::answer::AsOfResponse;
use crate::http::{AsOfParams, Key, Query, page};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::reports::loyalty::{LoyaltyQuery, LoyaltyReport};
use crate::projections::reports::page::Pages;
use crate::routes::AppState;
use crate::routes::customers::purchases::TransactionWord;
use crate::routes::filter::CustomerFilterParams;

/// From how many purchases on a customer is loyal, unless told otherwise.
const MIN_COUNT: u32 = 2;
/// The most that can be asked for.
const MOST: u32 = 10_000;

/// What counts as loyal, and which page of the customers.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LoyaltyParams {
    /// What counts as a purchase: `order` by default.
    #[param(inline)]
    kind: Option<TransactionWord>,
    /// From how many purchases on a customer is loyal: 2 by default.
    #[param(minimum = 1, maximum = 10000)]
    min_count: Option<u32>,
    /// The `next_cursor` of the customers' previous page.
    cursor: Option<String>,
    /// The maximum number of customers: 50 by default, 500 at most.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Get the loyal customers
///
/// The customers that bought at least `min_count` times in the window, their share of all buyers with Wilson's 95% interval, the
/// median time between two purchases, the points of the programme, and what the loyal have in common: each value's share
/// among them beside its share among the other buyers.
#[utoipa::path(
    get, path = "/v1/loyalty/{pipeline}", tag = "analytics",
    params(("pipeline" = String, Path, description = "The pipeline."), LoyaltyParams, SplitWindowParams, CustomerFilterParams, AsOfParams),
    responses(
        (status = 200, description = "The report.", body = Split<LoyaltyReport>),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn loyalty(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(key): Key,
    Query(asked, time_window, who, as_of): Query<
        LoyaltyParams,
        SplitWindowParams,
        CustomerFilterParams,
        AsOfParams,
    >,
) -> Result<AsOfResponse<Split<LoyaltyReport>>, Problem> {
    let min_count = asked.min_count.unwrap_or(MIN_COUNT);
    if !(1..=MOST).contains(&min_count) {
        let message =
            Label::new(format!("应为 1 至 {MOST} 的整数。"), format!("Must be an integer from 1 to {MOST}."));
        return Err(Problem::invalid_value("min_count", message));
    }
    let list = asked.cursor.is_some().then(|| "customers".to_owned());
    let pages = Pages { list, cursor: asked.cursor, limit: page::limit(asked.limit)? as usize };
    time_window.window()?;
    let at = of_all(&as_of, &state, &caller).await?;
    let definition = definition(&state, &caller, &key, &at).await?;
    let filter = who.filter(&state, &caller, &at).await?;
    let kind = asked.kind.map_or(TransactionKind::Order, TransactionKind::from);
    let (state, caller, definition, min_count) = (&state, &caller, &definition, min_count as usize);
    let run = |at, filter, window| -> BoxFuture<'_, Result<LoyaltyReport, Problem>> {
        let query = LoyaltyQuery { at, window, filter, kind, min_count, pages: pages.clone() };
        Box::pin(async move {
            let mut reports = state.app.projections.reports(caller.tenant).await?;
            let mut report = reports.loyalty(definition, &query).await?;
            if !reads_people(&caller.actor) {
                report.unname();
            }
            Ok(report)
        })
    };
    let of = ReportOf::customers(state, caller, definition);
    let body = split(of, &time_window, (at, filter), &run).await?;
    Ok(AsOfResponse { position: body.report().position, body })
}
