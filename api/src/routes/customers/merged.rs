//! Where a merged customer goes on.

use axum::http::Uri;
use axum::response::{IntoResponse, Redirect, Response};
use uuid::Uuid;

use crate::app::Caller;
use crate::problem::Problem;
use crate::routes::Site;

/// The answer that sends a reader on from a merged customer to the one that goes on in its place, with the same
/// question: `what` is the rest of the path, such as `/timeline`.
///
/// # Errors
/// When there is no such customer, or the log cannot be read.
pub(in crate::routes) async fn gone_on(
    site: &Site,
    caller: &Caller,
    customer: Uuid,
    what: &str,
    uri: &Uri,
) -> Result<Response, Problem> {
    let survivor = site.app.survivor(caller, customer).await?;
    if !site.app.is_seen(caller, &survivor).await? {
        return Err(Problem::not_found("customer", &customer.to_string()));
    }
    let survivor = survivor.id;
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    Ok(Redirect::permanent(&format!("/v1/customers/{survivor}{what}{query}")).into_response())
}
