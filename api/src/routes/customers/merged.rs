//! Redirects from a merged customer to its survivor.

use axum::http::Uri;
use axum::response::{IntoResponse, Redirect, Response};
use uuid::Uuid;

use crate::app::{AppError, Caller};
use crate::domain::customer::Customer;
use crate::domain::people::Visibility;
use crate::http::AsOfParams;
use crate::problem::Problem;
use crate::routes::AppState;

/// The answer that sends a reader on from a customer that was merged as of the times asked about; none where it was not merged
/// then. What was asked before the merge is answered by the customer's own record.
///
/// # Errors
/// When the log or the read model cannot be read.
pub(in crate::routes) async fn elsewhere(
    state: &AppState,
    caller: &Caller,
    customer: &Customer,
    as_of: &AsOfParams,
    (what, uri): (&str, &Uri),
) -> Result<Option<Response>, Problem> {
    if as_of.is_now() {
        return match customer.merged_into {
            Some(_) => gone_on(state, caller, customer.id, what, uri).await.map(Some),
            None => Ok(None),
        };
    }
    let at = as_of.at(state, caller, "board").await?;
    let past = state.app.definitions_then(caller.tenant, &at).await?;
    let rules = |owner: &_, journey: &str| past.rules(owner, journey);
    let mut board = state.app.projections.board(caller.tenant).await?;
    let (found, _) =
        board.customer_as_of(customer.id, &Visibility::Everything, &at, &|_, _| None, &rules).await?;
    match found.and_then(|found| found.then.merged_into) {
        Some(survivor) => gone_on_to(state, caller, customer.id, survivor, what, uri).await.map(Some),
        None => Ok(None),
    }
}

/// The answer that sends a reader on from a merged customer to the one that goes on in its place, with the same
/// question: `what` is the rest of the path, such as `/timeline`.
///
/// # Errors
/// When there is no such customer, or the log cannot be read.
pub(in crate::routes) async fn gone_on(
    state: &AppState,
    caller: &Caller,
    customer: Uuid,
    what: &str,
    uri: &Uri,
) -> Result<Response, Problem> {
    let survivor = state.app.survivor(caller, customer).await?;
    if !state.app.is_visible(caller, &survivor).await? {
        return Err(Problem::not_found("customer", &customer.to_string()));
    }
    Ok(redirect(survivor.id, what, uri))
}

/// The same, to the customer that went on in its place at the time asked about.
///
/// # Errors
/// As for a customer that does not exist, where the caller does not see the other one; when the log cannot be read.
pub(super) async fn gone_on_to(
    state: &AppState,
    caller: &Caller,
    customer: Uuid,
    survivor: Uuid,
    what: &str,
    uri: &Uri,
) -> Result<Response, Problem> {
    match state.app.customer_state(caller, survivor).await {
        Ok(survivor) => Ok(redirect(survivor.id, what, uri)),
        Err(AppError::NotFound { .. }) => Err(Problem::not_found("customer", &customer.to_string())),
        Err(error) => Err(error.into()),
    }
}

fn redirect(survivor: Uuid, what: &str, uri: &Uri) -> Response {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    Redirect::permanent(&format!("/v1/customers/{survivor}{what}{query}")).into_response()
}
