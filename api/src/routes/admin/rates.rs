//! Exchange rates: one table per day.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Map;
use utoipa::{IntoParams, ToSchema};

use crate::auth::Authority;
use crate::domain::Label;
use crate::domain::company::CompanyCommand;
use crate::domain::money::{self, Rates};
use crate::http::answer::{Accepted, List};
use crate::http::{Command, ConsistencyParams, Page, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// The rates of a day.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[schema(example = json!({"date": "2026-11-02", "base": "CNY", "rates": {"USD": "7.10", "EUR": "7.80"}}))]
pub(super) struct RatesBody {
    /// The day.
    date: NaiveDate,
    /// The currency that the rates are told in.
    base: String,
    /// What one unit of each currency costs in the base: decimals as text, never floats.
    rates: BTreeMap<String, String>,
}

/// The rates of which day.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Day {
    /// Only the table in force on this day; every table when absent.
    #[param(example = "2026-11-02")]
    date: Option<NaiveDate>,
}

impl RatesBody {
    fn rates(self) -> Result<Rates, Problem> {
        let read = |(currency, text): (String, String)| match money::decimal(&text) {
            Some(rate) => Ok((currency, rate)),
            None => {
                let message = Label::new(
                    "应为十进制数文本，例如 \"7.10\"。",
                    "Must be a decimal number as text, such as \"7.10\".",
                );
                Err(Problem::invalid_value(&format!("rates.{currency}"), message))
            }
        };
        let rates = self.rates.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Rates { date: self.date, base: self.base, rates })
    }

    fn of(rates: &Rates) -> Self {
        let text = |(currency, rate): (&String, &Decimal)| (currency.clone(), rate.to_string());
        Self { date: rates.date, base: rates.base.clone(), rates: rates.rates.iter().map(text).collect() }
    }
}

/// Set the exchange rates of a day
///
/// They apply until the next day for which rates are set.
#[utoipa::path(
    post, path = "/v1/admin/rates", tag = "admin", request_body = RatesBody,
    responses(
        (status = 200, description = "Saved.", body = Accepted),
        (status = 422, description = "A currency or a rate is not valid.", body = ProblemDocument),
    )
)]
pub(super) async fn set(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Command { body, meta }: Command<RatesBody>,
) -> Result<Accepted, Problem> {
    let rates = body.rates()?;
    Ok(state.app.configure(&caller, &meta, &CompanyCommand::SetRates(rates), Map::new()).await?.into())
}

/// List exchange rates
#[utoipa::path(
    get, path = "/v1/admin/rates", tag = "admin",
    params(Day, Page, ConsistencyParams),
    responses((status = 200, description = "The exchange rate tables, oldest first.", body = List<RatesBody>))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(day, page, consistency, _): Query<Day, Page, ConsistencyParams>,
) -> Result<Json<List<RatesBody>>, Problem> {
    consistency.defined(&state, &caller).await?;
    let company = state.app.companies.now(caller.tenant).await?;
    let tables: Vec<RatesBody> = match day.date {
        Some(date) => company.rates_on(date).map(RatesBody::of).into_iter().collect(),
        None => company.rates.values().map(RatesBody::of).collect(),
    };
    Ok(Json(List::paged(tables, &page, |table| table.date.to_string())?))
}
