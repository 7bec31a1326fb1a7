//! The signed head of the log.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use crate::auth::Authority;
use crate::problem::Problem;
use crate::routes::AppState;

/// The content type of notes and of what carries them.
pub(super) const TEXT: &str = "text/plain; charset=utf-8";

/// Get the checkpoint of the log
///
/// The size and the root of the log as it is now, as a C2SP tlog-checkpoint in a C2SP signed note. The key that checks it is
/// the `vkey` of `GET /v1/audit/keys`; keep the first one you get, and compare it with later ones. A checkpoint that you
/// keep reveals every later change to the entries under it.
#[utoipa::path(
    get, path = "/v1/audit/checkpoint", tag = "audit",
    responses((
        status = 200, description = "The signed note.", body = String, content_type = "text/plain",
        headers(("Cache-Control" = String, description = "It moves with the log, so it is not cached.")),
        example = "waymark/0190b2a4-0000-7000-8000-000000000000\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n\n\u{2014} waymark/0190b2a4-0000-7000-8000-000000000000 AzrH…\n",
    ))
)]
pub(super) async fn checkpoint(
    State(state): State<AppState>,
    Authority(caller): Authority,
) -> Result<impl IntoResponse, Problem> {
    let signed = state.checkpoint_signer.sign_head(caller.tenant).await?;
    Ok(([(header::CONTENT_TYPE, TEXT), (header::CACHE_CONTROL, "no-store")], signed.note))
}
