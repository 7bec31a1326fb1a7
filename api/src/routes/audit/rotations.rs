//! The key that signs checkpoints is changed.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::Authority;
use crate::domain::company::DEFAULT_OVERLAP_SECONDS;
use crate::http::Command;
use crate::http::answer::Accepted;
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;
use crate::signing_key_rotation::{RotationRequest, rotate};

/// A change of the key.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"reason": "Yearly rotation"}))]
pub(super) struct RotationBody {
    /// Why: it is part of the event.
    reason: String,
    /// For how many seconds the old key signs beside the new one: 30 days unless given, 365 days at most, 0 where the old key must
    /// not sign any more. It signs the first checkpoint after the change in any case: anyone who knows the old key learns the new one
    /// from that.
    #[schema(example = 2_592_000, maximum = 31_536_000)]
    overlap_seconds: Option<u64>,
}

/// Change the key that signs checkpoints
///
/// Makes a new key for this log and signs with it from now on; the key's secret is kept in the key file of the installation and
/// nowhere else. The change is an event (`signing_key.rotated`), and the first checkpoint that has it is signed by both keys. During
/// the overlap checkpoints carry both signatures, after it the new one alone. Give the new public key (`vkey`) to everybody who
/// checks this log, witnesses included, before the overlap ends.
#[utoipa::path(
    post, path = "/v1/audit/keys/rotations", tag = "audit", request_body = RotationBody,
    responses(
        (status = 200, description = "Changed; `key_id` and `vkey` are those of the new key.", body = Accepted),
        (status = 409, description = "Somebody else changed the key at the same time.", body = ProblemDocument),
        (status = 503, description = "This node does not have the key that signs now, or cannot write the key file.", body = ProblemDocument),
    )
)]
pub(super) async fn create(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Command { body: RotationBody { reason, overlap_seconds }, meta }: Command<RotationBody>,
) -> Result<Accepted, Problem> {
    let asked =
        RotationRequest { reason, overlap_seconds: overlap_seconds.unwrap_or(DEFAULT_OVERLAP_SECONDS) };
    Ok(rotate(&state.app, &state.checkpoint_signer, &caller, &meta, asked).await?.into())
}
