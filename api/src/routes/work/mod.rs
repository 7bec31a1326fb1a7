//! Tasks, reminders, worklists, and the automation rules behind them.

mod automations;
mod complete;
mod dry_run;
mod reminders;
mod tasks;
mod worklist_query;
mod worklists;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use crate::auth::disclosure::reads_people;
use crate::domain::Actor;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(tasks::tasks))
        .routes(routes!(complete::complete))
        .routes(routes!(reminders::reminders))
        .routes(routes!(worklists::worklist))
        .routes(routes!(automations::automations))
        .routes(routes!(dry_run::dry_run))
}

/// A customer's name, for those who may read people.
fn name_for(actor: &Actor, name: Option<String>) -> Option<String> {
    name.filter(|_| reads_people(actor))
}
