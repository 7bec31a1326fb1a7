//! Reading a board.

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Authority;
use crate::auth::sight::reads_people;
use crate::domain::Label;
use crate::http::answer::Reading;
use crate::http::language::Wanted;
use crate::http::{Key, Moment, Page, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::{BoardQuery, BoardReport};
use crate::routes::Site;
use crate::routes::customers::names::Names;
use crate::routes::filter::Who;

/// Whose cards.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Shown {
    /// Only this stage's cards; the other stages come without cards. A `cursor` needs it.
    stage: Option<String>,
}

/// Read a board
///
/// Who stands where, now or at any instant, as it is known now or was known then. `limit` is the number of cards
/// a stage shows.
#[utoipa::path(
    get, path = "/v1/boards/{pipeline}", tag = "analytics",
    params(("pipeline" = String, Path, description = "The pipeline."), Shown, Who, Moment, Page),
    responses(
        (status = 200, description = "The board.", body = BoardReport),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn read(
    State(site): State<Site>,
    Authority(caller): Authority,
    Key(key): Key,
    Wanted(language): Wanted,
    Query(Shown { stage }, who, moment, page): Query<Shown, Who, Moment, Page>,
) -> Result<Reading<BoardReport>, Problem> {
    let pipeline = site.app.pipelines.find(caller.tenant, &key, None).await?;
    let limit = page.limit()? as usize;
    if page.cursor().is_some() && stage.is_none() {
        let message =
            Label::new("使用 cursor 时必须给出 stage。", "A cursor belongs to one stage: give stage, too.");
        return Err(Problem::invalid_value("cursor", message));
    }
    if !moment.is_now() {
        // A board of the past is made of both read models.
        moment.wait(&site, &caller, "dwell").await?;
    }
    let at = moment.at(&site, &caller, "board").await?;
    let cursor = page.cursor().map(str::to_owned);
    let query = BoardQuery { at, now: moment.is_now(), filter: who.into(), stage, cursor, limit };
    let names = Names::new(&site, &caller, language).await?;
    let name = |stage: &str| names.stage(&key, stage);
    let mut report = site.app.projections.board(caller.tenant, &pipeline, &query, &name).await?;
    if !reads_people(&caller.actor) {
        report.stages.iter_mut().flat_map(|stage| &mut stage.cards).for_each(|card| card.name = None);
    }
    Ok(Reading { position: report.position, body: report })
}
