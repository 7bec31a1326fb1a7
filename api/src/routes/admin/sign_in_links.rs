//! Links by which people sign in.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{RoleName, actor, actor_name};
use crate::app::MadeLink;
use crate::auth::{Authority, PresentedCredential};
use crate::domain::{Actor, Label};
use crate::http::Command;
use crate::http::answer::Recorded;
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// The longest that a link can be used, in seconds: a week.
const LONGEST: i64 = 7 * 86_400;

/// A new sign-in link.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"actor": "rep:li", "roles": ["rep"], "expires_in_seconds": 3600}))]
pub(super) struct NewSignInLink {
    /// Who signs in by it.
    actor: String,
    /// The roles; those of the member when absent. A member acts in the roles that are set for the member.
    #[serde(default)]
    roles: BTreeSet<RoleName>,
    /// For how many seconds it can be used: a day when absent, a week at most.
    #[schema(minimum = 1, maximum = 604800)]
    expires_in_seconds: Option<i64>,
}

/// A sign-in link, with its code.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct SignInLinkReply {
    /// The link's id.
    id: Uuid,
    /// Who signs in by it.
    #[schema(example = "rep:li")]
    actor: String,
    /// The code, to be typed on the sign-in page. It is not stored and returned only here: null in the answer to a repeat.
    #[schema(required)]
    code: Option<String>,
    /// The path of the sign-in page with the code, under the address of this service; null in the answer to a repeat.
    #[schema(required, example = "/console/sign-in?code=wml_…")]
    path: Option<String>,
    /// Whether this answers a repeat: the code was in the first answer.
    secret_already_shown: bool,
    /// When it expires.
    expires_at: DateTime<Utc>,
    /// What was recorded.
    #[serde(flatten)]
    recorded: Recorded,
}

/// Create a sign-in link
///
/// A link or code by which somebody signs in to the console once. A repeat under the same `Idempotency-Key` creates no other
/// link. It is answered with the first one without its code, which is not stored.
#[utoipa::path(
    post, path = "/v1/admin/sign-in-links", tag = "admin", request_body = NewSignInLink,
    responses(
        (status = 201, description = "Created; `code` is returned only once.", body = SignInLinkReply),
        (status = 409, description = "The member was removed.", body = ProblemDocument),
    )
)]
pub(super) async fn create(
    State(state): State<AppState>,
    Authority(caller): Authority,
    shown: PresentedCredential,
    Command { body, meta }: Command<NewSignInLink>,
) -> Result<(StatusCode, Json<SignInLinkReply>), Problem> {
    let seconds = body.expires_in_seconds.unwrap_or(86_400);
    if !(1..=LONGEST).contains(&seconds) {
        let message = Label::new(
            format!("应为 1 至 {LONGEST} 之间的秒数。"),
            format!("Must be a number of seconds from 1 to {LONGEST}."),
        );
        return Err(Problem::invalid_value("expires_in_seconds", message));
    }
    let rights = state.app.rights.fresh(caller.tenant).await?.0;
    let actor = match rights.member(actor_name(&body.actor)?) {
        Some((name, member)) if body.roles.is_empty() => Actor::new(name, member.roles.iter().copied()),
        _ => actor(&body.actor, &body.roles)?,
    };
    let lasting = TimeDelta::seconds(seconds);
    let credential = shown.credential();
    let made = state.app.create_sign_in_link(&caller, &meta, actor, lasting, &credential);
    let (code, link, told) = made.await?;
    let MadeLink { id, actor, expires_at } = link;
    let path = code.as_ref().map(|code| format!("/console/sign-in?code={code}"));
    let secret_already_shown = code.is_none();
    let recorded = (&told).into();
    let reply = SignInLinkReply { id, actor, code, path, secret_already_shown, expires_at, recorded };
    Ok((StatusCode::CREATED, Json(reply)))
}
