//! The origin of records: people, as things happen, or history from another system.

use axum::http::Method;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::Caller;
use crate::auth::access::{Access, access};
use crate::problem::Problem;

/// An origin that a client may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Origin {
    /// The past, loaded from elsewhere.
    Import,
}

/// Where what is recorded comes from.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Provenance {
    /// `import` for history from another system: as with `POST /v1/imports`, which the same roles may use, no recording
    /// delay is counted, no message is sent, and no rule runs for the single records.
    #[param(inline)]
    origin: Option<Origin>,
}

impl Provenance {
    /// The caller, telling of the past where that is said.
    ///
    /// # Errors
    /// 403 to roles that may not import.
    pub(super) fn of(self, caller: Caller) -> Result<Caller, Problem> {
        let Some(Origin::Import) = self.origin else { return Ok(caller) };
        match access(&Method::POST, "/v1/imports") {
            Some(Access::Roles(needed)) if !needed.iter().any(|role| caller.actor.is(*role)) => {
                Err(Problem::missing_role(needed))
            }
            _ => Ok(Caller { origin: Some("import"), ..caller }),
        }
    }
}
