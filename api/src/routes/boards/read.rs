//! Reading a board.

use std::collections::BTreeMap;

use axum::extract::State;
use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::app::Caller;
use crate::auth::Authority;
use crate::auth::disclosure::{card_shown, owner_of};
use crate::domain::Label;
use crate::domain::customer::event::Money;
use crate::domain::money::{Rates, decimals};
use crate::domain::people::Disclosure;
use crate::http::answer::AsOfResponse;
use crate::http::language::RequestedLanguage;
use crate::http::{AsOfParams, Key, Page, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::AsOf;
use crate::projections::board::{BoardQuery, BoardReport, CardOrder, ConvertedReport, NextAction};
use crate::routes::customers::names::{Names, NextContacts, next_contacts};
use crate::routes::filter::CustomerFilterParams;
use crate::routes::{AppState, known};

/// Whose cards.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct BoardParams {
    /// Return cards for this stage only; other stages are returned without cards. Required with `cursor`.
    stage: Option<String>,
    /// The order of the cards: `entered`, those who have been there longest first; `value`, by tier, then by amount; `amount`,
    /// the largest first; or `next_contact`, those first who are due to be contacted first, only of a board of now. Of those who
    /// are equal, who has been there longest comes first.
    #[serde(default)]
    #[param(inline)]
    sort: CardOrder,
    /// The currency to convert the stages' amounts into; the base currency of the exchange rates when absent.
    #[param(example = "CNY")]
    currency: Option<String>,
    /// The day of the exchange rates, or the last earlier day with rates; the day of `effective_at` when absent.
    #[param(example = "2026-11-02")]
    rate_date: Option<NaiveDate>,
}

/// Get a pipeline board
///
/// The customers in each stage, now or as of any instant, by what is known now or was known at an earlier time. `limit`
/// is the number of cards per stage.
#[utoipa::path(
    get, path = "/v1/boards/{pipeline}", tag = "analytics",
    params(("pipeline" = String, Path, description = "The pipeline."), BoardParams, CustomerFilterParams, AsOfParams, Page),
    responses(
        (status = 200, description = "The board.", body = BoardReport),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn read(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(key): Key,
    RequestedLanguage(language): RequestedLanguage,
    Query(shown, who, as_of, page): Query<BoardParams, CustomerFilterParams, AsOfParams, Page>,
) -> Result<AsOfResponse<BoardReport>, Problem> {
    let limit = page.limit()? as usize;
    let stage = shown.stage.clone();
    if page.cursor().is_some() && stage.is_none() {
        let message = Label::new("使用 cursor 时必须同时给出 stage。", "cursor requires stage.");
        return Err(Problem::invalid_value("cursor", message));
    }
    if shown.sort == CardOrder::NextContact && !as_of.is_now() {
        let message = Label::new(
            "sort=next_contact 只能用于当前的看板：过去约定的联系时间不再保存。",
            "sort=next_contact is for a board of now: what was agreed at an earlier time is not kept.",
        );
        return Err(Problem::invalid_value("sort", message));
    }
    // A board of the past is made of two read models; of now, another one says what must be done next.
    let beside = if as_of.is_now() { "work" } else { "dwell" };
    as_of.wait(&state, &caller, beside).await?;
    let at = as_of.at(&state, &caller, "board").await?;
    let pipeline = state.app.pipelines.definition_then(caller.tenant, &key, &at).await?.pipeline;
    known::stages(&state, &caller, Some(&key), stage.clone()).await?;
    let cursor = page.cursor().map(str::to_owned);
    let filter = who.filter(&state, &caller, &at).await?;
    let query = BoardQuery { at, now: as_of.is_now(), filter, stage, cursor, limit, order: shown.sort };
    let names = Names::new(&state, &caller, language).await?.of_shown(pipeline.clone());
    let name = |stage: &str, sub_status: Option<&str>| match sub_status {
        None => names.stage(&key, stage),
        Some(id) => names.sub_status(&key, stage, id),
    };
    let mut report = state
        .app
        .projections
        .pipeline_board(caller.tenant, &key)
        .await?
        .cards(&pipeline, &query, &name)
        .await?;
    for card in report.stages.iter_mut().flat_map(|stage| &mut stage.cards) {
        let disclosure = Disclosure::to(&caller.actor, &owner_of(&card.owner));
        card_shown(card, disclosure);
    }
    // Of a former board it is not known what was planned then.
    if as_of.is_now() {
        let cards = report.stages.iter().flat_map(|stage| &stage.cards);
        let ids: Vec<Uuid> = cards.map(|card| card.customer_id).collect();
        plan(&mut report, &key, &names, &next_contacts(&state, &caller, &ids).await?);
    }
    convert(&state, &caller, &shown, &at, &mut report).await?;
    Ok(AsOfResponse { position: report.position, body: report })
}

/// What must be done next on each card.
fn plan(report: &mut BoardReport, pipeline: &str, names: &Names, contacts: &NextContacts) {
    let now = report.effective_at;
    for stage in &mut report.stages {
        for card in &mut stage.cards {
            let agreed = card.next_action.take();
            let contact = contacts.get(&card.customer_id).copied();
            card.next_action = names.next(contact, agreed, (pipeline, &stage.stage), card.entered_at);
            let is_overdue = |next: &NextAction| next.source == "plan" && next.due_at < now;
            if !card.next_action.as_ref().is_some_and(is_overdue) {
                card.flags.retain(|flag| flag != "overdue_follow_up");
            }
        }
    }
}

/// Adds what the amounts of each stage come to in one currency.
async fn convert(
    state: &AppState,
    caller: &Caller,
    shown: &BoardParams,
    at: &AsOf,
    report: &mut BoardReport,
) -> Result<(), Problem> {
    let company =
        state.app.companies.then(caller.tenant, DateTime::<Utc>::MAX_UTC, at.known_position).await?;
    let date = shown.rate_date.unwrap_or_else(|| at.effective_at.date_naive());
    if shown.currency.as_deref().is_some_and(|currency| decimals(currency).is_none()) {
        let message = Label::new("应为 ISO 4217 现行货币代码。", "Must be an active ISO 4217 currency code.");
        return Err(Problem::invalid_value("currency", message));
    }
    let Some(rates) = company.rates_on(date) else {
        // What is all in the currency asked for needs no rates.
        let sums = report.stages.iter().flat_map(|stage| &stage.amounts);
        if let Some(currency) =
            shown.currency.as_deref().filter(|wanted| sums.clone().all(|sum| sum.currency == **wanted))
        {
            let none = Rates { date, base: currency.to_owned(), rates: BTreeMap::new() };
            total(report, &none, currency);
            return Ok(());
        }
        if shown.rate_date.is_none() && shown.currency.is_none() {
            return Ok(());
        }
        let message = Label::new(
            format!("{date} 及之前没有汇率。"),
            format!("There are no exchange rates on or before {date}."),
        );
        return Err(Problem::invalid_value("rate_date", message));
    };
    let currency = shown.currency.as_deref().unwrap_or(&rates.base);
    total(report, rates, currency);
    Ok(())
}

/// Adds to each stage what its amounts come to in a currency.
fn total(report: &mut BoardReport, rates: &Rates, currency: &str) {
    for stage in &mut report.stages {
        let money = stage.amounts.iter().filter_map(|sum| {
            Some(Money { amount: sum.amount.parse().ok()?, currency: sum.currency.clone() })
        });
        let money: Vec<Money> = money.collect();
        stage.converted = rates.total(&money, currency).map(|total| ConvertedReport {
            amount: total.amount.to_string(),
            currency: currency.to_owned(),
            rate_date: rates.date,
            without_rate: total.without_rate,
        });
    }
}
