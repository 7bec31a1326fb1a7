//! The keys that check what was signed.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Authority;
use crate::eventstore::Position;
use crate::http::answer::List;
use crate::http::{Page, Query};
use crate::problem::Problem;
use crate::routes::AppState;
use crate::signing_keys::LogKey;

/// What a key does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum KeyState {
    /// It signs.
    Active,
    /// It signs beside the one that replaced it.
    Retiring,
    /// It signs no more; it checks what it signed.
    Retired,
}

/// A key that signs checkpoints, or did.
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
    /// What it does now.
    state: KeyState,
    /// Since when it signs: for the first key when the first entry was recorded; null while there is none.
    valid_from: Option<DateTime<Utc>>,
    /// Until when it signs beside the key that replaced it; null for the one that is active.
    valid_until: Option<DateTime<Utc>>,
    /// The position of the event `signing_key.rotated` from which on it signs; null for the first key.
    position: Option<Position>,
}

/// List the keys that sign checkpoints
///
/// Each key that signs or ever signed this log, the first one first.
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
    let keys = state.checkpoint_signer.keys(caller.tenant).await?;
    let first = state.app.store.read(caller.tenant, 0, 1).await?;
    let (begun, now) = (first.first().map(|entry| entry.recorded_at), (state.app.clock)());
    let replies = keys.into_iter().map(|key| reply(&key, begun, now)).collect();
    let order = |key: &SigningKeyReply| format!("{:020}", key.position.unwrap_or(0));
    Ok(Json(List::paged(replies, &page, order)?))
}

fn reply(key: &LogKey, begun: Option<DateTime<Utc>>, now: DateTime<Utc>) -> SigningKeyReply {
    let state = match key.valid_until {
        None => KeyState::Active,
        Some(_) if key.signs_beside(now) => KeyState::Retiring,
        Some(_) => KeyState::Retired,
    };
    SigningKeyReply {
        name: key.verifier.name().to_owned(),
        key_id: format!("{:08x}", key.verifier.id()),
        algorithm: "ed25519",
        vkey: key.verifier.to_vkey(),
        state,
        valid_from: key.valid_from.or(begun),
        valid_until: key.valid_until,
        position: (key.position > 0).then_some(key.position),
    }
}
