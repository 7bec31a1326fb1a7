//! What stored history would have been under another definition.

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::forecasts::CurrencyParams;
use super::{definition, of_all};
use crate::auth::Authority;
use crate::auth::disclosure::reads_people;
use crate::domain::Label;
use crate::http::answer::AsOfResponse;
use crate::http::language::RequestedLanguage;
use crate::http::{AsOfParams, Command, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::reports::what_if::WhatIfQuery;
use crate::routes::AppState;
use crate::routes::filter::CustomerFilterParams;
use crate::what_if::{MOST_CUSTOMERS, Names, Rows, WhatIfAnswer, WhatIfQuestion};

/// The rows of each list unless told otherwise, and the most.
const USUAL_ROWS: usize = 500;
const MOST_ROWS: usize = 5_000;

/// Which rows of the lists are returned.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RowParams {
    /// The most rows of each list: 500 by default, at most 5000.
    #[param(minimum = 1, maximum = 5000)]
    limit: Option<usize>,
    /// Leave out this many first rows of each list.
    offset: Option<usize>,
}

impl RowParams {
    fn rows(self) -> Result<Rows, Problem> {
        let limit = self.limit.unwrap_or(USUAL_ROWS);
        if !(1..=MOST_ROWS).contains(&limit) {
            let message = Label::new(
                format!("应在 1 至 {MOST_ROWS} 之间。"),
                format!("Must be between 1 and {MOST_ROWS}."),
            );
            return Err(Problem::invalid_value("limit", message));
        }
        Ok(Rows { limit, offset: self.offset.unwrap_or_default() })
    }
}

/// Replay stored history under another definition
///
/// What would have been otherwise between `from` and `to` if this definition, these automation rules or these pools had
/// been in force: which recorded transitions would have been refused and why, which deadlines would have been others or
/// missed, which customers would have gone back to a pool, and what that makes of dwell times, conversion and the
/// forecast. Nothing is written. Recorded transitions are decided again, one by one, with the customer as it stood then;
/// `limits` says what a replay cannot know. The same question has the same answer, byte for byte.
#[utoipa::path(
    post, path = "/v1/what-if", tag = "analytics", request_body = WhatIfQuestion,
    params(RowParams, CurrencyParams, CustomerFilterParams, AsOfParams),
    responses(
        (status = 200, description = "What would have been otherwise.", body = WhatIfAnswer),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
        (status = 422, description = "The definition is unusable; `violations` lists every reason.", body = ProblemDocument),
    )
)]
pub(super) async fn what_if(
    State(state): State<AppState>,
    Authority(caller): Authority,
    RequestedLanguage(language): RequestedLanguage,
    Query(rows, currency, who, as_of): Query<RowParams, CurrencyParams, CustomerFilterParams, AsOfParams>,
    command: Command<WhatIfQuestion>,
) -> Result<AsOfResponse<WhatIfAnswer>, Problem> {
    let (question, rows) = (command.body, rows.rows()?);
    let at = of_all(&as_of, &state, &caller).await?;
    let known = definition(&state, &caller, &question.pipeline, &at).await?;
    let hypothesis = question.hypothesis(&known, at.effective_at)?;
    let span = hypothesis.span;
    let filter = who.filter(&state, &caller, &at).await?;
    let convert = currency.rates(&state, &caller, &at).await?;
    let zones = state.app.zones.clone();
    let query = WhatIfQuery { at, filter, hypothesis, convert, zones, most_customers: MOST_CUSTOMERS };
    let mut reports = state.app.projections.reports(caller.tenant).await?;
    let found = reports.what_if(&known, &query).await?.ok_or_else(too_many)?;
    let names = match reads_people(&caller.actor) {
        true => reports.names(&rows.customers(&found), &at).await?,
        false => Names::new(),
    };
    let position = found.position;
    Ok(AsOfResponse { position, body: WhatIfAnswer::of(&question, span, (found, &names), rows, language) })
}

fn too_many() -> Problem {
    let message = Label::new(
        format!("客户多于 {MOST_CUSTOMERS} 个；请用筛选条件缩小范围。"),
        format!("There are more than {MOST_CUSTOMERS} customers; narrow the filter."),
    );
    Problem::invalid_value("pipeline", message)
}
