//! The keys that check what was signed.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Authority;
use crate::http::answer::List;
use crate::http::{Page, Query};
use crate::problem::Problem;
use crate::routes::AppState;

/// A key that signs checkpoints.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct SigningKeyReply {
    /// Whose signatures it checks: the origin of the log.
    #[schema(example = "waymark/0190b2a4-0000-7000-8000-000000000000")]
    name: String,
    /// The key's id in signatures: four bytes in hexadecimal.
    #[schema(example = "c5f1d2a0")]
    key_id: String,
    /// How it signs.
    #[schema(example = "ed25519")]
    algorithm: &'static str,
    /// The key in the form `name+id+key` of C2SP signed-note, as verifiers read it.
    vkey: String,
}

/// List the keys that sign checkpoints
#[utoipa::path(
    get, path = "/v1/audit/keys", tag = "audit",
    params(Page),
    responses((status = 200, description = "Each key.", body = List<SigningKeyReply>))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(page, ..): Query<Page>,
) -> Result<Json<List<SigningKeyReply>>, Problem> {
    let verifier = state.checkpoint_signer.verifier(caller.tenant);
    let key = SigningKeyReply {
        name: verifier.name().to_owned(),
        key_id: format!("{:08x}", verifier.id()),
        algorithm: "ed25519",
        vkey: verifier.to_vkey(),
    };
    Ok(Json(List::paged(vec![key], &page, |key: &SigningKeyReply| key.key_id.clone())?))
}
