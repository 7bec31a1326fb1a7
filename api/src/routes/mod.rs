//! The routes of the service: one folder per noun, one file per verb.

#![expect(unused_qualifications, reason = "utoipa spells out the trait of each entry in `params(…)`")]

mod activity;
mod admin;
mod analytics;
mod approvals;
mod audit;
mod boards;
mod bulk;
mod command;
mod consumers;
mod customers;
mod deputies;
mod download;
mod duplicates;
mod event_schemas;
mod events;
mod exports;
mod fields;
mod filter;
mod handovers;
mod history;
mod imports;
mod inbox;
mod known;
mod leads;
mod me;
mod operations;
mod ownership;
mod people;
mod pipelines;
mod projections;
mod provenance;
mod robots;
mod sessions;
mod status;
mod templates;
mod webhooks;
mod work;

use std::ops::Deref;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;

use crate::access_log::AccessLog;
use crate::app::App;
use crate::audit::Histories;
use crate::auth::Rechecks;
use crate::checkpoint_signer::CheckpointSigner;
use crate::outbound::Outbound;
pub use events::Feeds;
pub use imports::Imports;

/// What handlers work with. One count, because the router clones it several times a request.
#[derive(Clone)]
pub struct AppState(Arc<AppParts>);

/// The parts of the service that handlers work with.
pub struct AppParts {
    /// The write path and everything behind it.
    pub app: App,
    /// Messages to the outside.
    pub outbound: Arc<Outbound>,
    /// Cancelled when the service is to stop: streams end on it.
    pub stop: CancellationToken,
    /// What is read of the logs for streams.
    pub feeds: Feeds,
    /// Whether those who follow a stream may still do so.
    pub rechecks: Rechecks,
    /// Files being imported.
    pub imports: Arc<Imports>,
    /// Who signs the logs' heads, over what the proofs are made of.
    pub(crate) checkpoint_signer: Arc<CheckpointSigner>,
    /// Who read what.
    pub(crate) access_log: Arc<AccessLog>,
    /// What pages of changes were told from.
    pub(crate) histories: Histories,
}

impl AppState {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: AppParts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for AppState {
    type Target = AppParts;

    fn deref(&self) -> &AppParts {
        &self.0
    }
}

/// Every route, with its description.
pub fn router() -> OpenApiRouter<AppState> {
    [
        operations::router(),
        inbox::router(),
        me::router(),
        sessions::router(),
        templates::router(),
        pipelines::router(),
        customers::router(),
        leads::router(),
        duplicates::router(),
        status::router(),
        approvals::router(),
        activity::router(),
        work::router(),
        ownership::router(),
        handovers::router(),
        deputies::router(),
        history::router(),
        boards::router(),
        analytics::router(),
        events::router(),
        event_schemas::router(),
        audit::router(),
        exports::router(),
        bulk::router(),
        imports::router(),
        projections::router(),
        webhooks::router(),
        consumers::router(),
        admin::router(),
        robots::router(),
    ]
    .into_iter()
    .fold(OpenApiRouter::new(), OpenApiRouter::merge)
}
