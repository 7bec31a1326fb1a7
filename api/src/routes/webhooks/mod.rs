//! Webhooks: other systems that receive events.

mod create;
pub(super) mod deliveries;
mod keys;
mod list;
pub(super) mod replay;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::AppState;
use crate::domain::Label;
use crate::eventstore::TenantId;
use crate::outbound::endpoint::Endpoint;
use crate::problem::Problem;

/// The longest description, in characters.
const LONGEST_DESCRIPTION: usize = 200;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create::create, list::list))
        .routes(routes!(list::remove))
        .routes(routes!(keys::rotate))
        .routes(routes!(keys::enable))
        .routes(routes!(deliveries::of_webhook))
        .routes(routes!(replay::of_webhook))
}

/// The webhook or robot of that id.
pub(super) async fn found(
    state: &AppState,
    tenant: TenantId,
    id: Uuid,
    what: &'static str,
) -> Result<Endpoint, Problem> {
    let found = state.outbound.receiver(tenant, id, what == ROBOT).await?;
    found.ok_or_else(|| Problem::not_found(what, &id.to_string()))
}

/// What a webhook is called where there is none.
pub(super) const WEBHOOK: &str = "webhook";
/// What a robot is.
pub(super) const ROBOT: &str = "robot";

/// A description that is not too long, without blanks around it.
pub(super) fn description(text: Option<String>) -> Result<Option<String>, Problem> {
    let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let fits =
        |text: &String| text.chars().count() <= LONGEST_DESCRIPTION && !text.chars().any(char::is_control);
    if text.as_ref().is_none_or(fits) {
        return Ok(text);
    }
    let message = Label::new(
        format!("最多 {LONGEST_DESCRIPTION} 个字符，且不含控制字符。"),
        format!("Must have at most {LONGEST_DESCRIPTION} characters and no control characters."),
    );
    Err(Problem::invalid_value("description", message))
}
