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
use crate::auth::{Authority, Shown};
use crate::domain::{Actor, Label};
use crate::http::Command;
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
    /// The code, to be typed on the sign-in page. It is not stored and returned only here.
    code: String,
    /// The path of the sign-in page with the code, under the address of this service.
    #[schema(example = "/console/sign-in?code=wml_…")]
    path: String,
    /// When it expires.
    expires_at: DateTime<Utc>,
}

/// Create a sign-in link
///
/// A link or code by which somebody signs in to the console once. A retry creates another: the code of the first is not
/// stored and cannot be returned again.
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
    shown: Shown,
    Command { body, .. }: Command<NewSignInLink>,
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
    let (code, link) = state.app.create_sign_in_link(&caller, actor, lasting, &shown.credential()).await?;
    let path = format!("/console/sign-in?code={code}");
    let reply = SignInLinkReply { id: link.id, actor: link.actor, code, path, expires_at: link.expires_at };
    Ok((StatusCode::CREATED, Json(reply)))
}
