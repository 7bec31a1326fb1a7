//! Creating a chat robot.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::list::RobotReply;
use crate::app::Caller;
use crate::auth::{Authority, PresentedCredential};
use crate::domain::{Label, Language};
use crate::http::answer::Recorded;
use crate::http::{Command, RepName};
use crate::outbound::NewRobot;
use crate::outbound::endpoint::Kind;
use crate::outbound::secret::RobotSecret;
use crate::problem::Problem;
use crate::routes::webhooks::description;
use crate::routes::{AppState, people};

/// The longest key, token, secret or name, in characters.
const LONGEST: usize = 200;

/// The platforms whose groups have robots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Platform {
    /// WeCom.
    Wecom,
    /// DingTalk.
    Dingtalk,
    /// Feishu.
    Feishu,
}

/// The languages of robots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RobotLanguage {
    /// In Chinese.
    #[default]
    Zh,
    /// In English.
    En,
}

/// A new chat robot.
#[derive(Clone, Deserialize, ToSchema)]
#[schema(example = json!({"kind": "wecom", "key": "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa", "member": "li"}))]
pub(super) struct NewRobotBody {
    /// The platform. The robot receives reminders on this channel.
    kind: Platform,
    /// WeCom: the `key` in the robot's URL.
    key: Option<String>,
    /// DingTalk: the `access_token` in the robot's URL. Feishu: the last segment of the URL.
    token: Option<String>,
    /// DingTalk and Feishu: the signing secret, if the robot requires signatures.
    secret: Option<String>,
    /// Receives this person's reminders: `li` or `rep:li` for a rep, or `supervisor:zhou`.
    #[schema(value_type = Option<String>)]
    member: Option<RepName>,
    /// Receives this team's reminders. A robot with neither member nor team is the default.
    team: Option<String>,
    /// The language of the messages: Chinese by default.
    #[serde(default)]
    language: RobotLanguage,
    /// A description.
    description: Option<String>,
    /// Whether messages contain customer names; otherwise ids.
    #[serde(default)]
    include_personal: bool,
}

/// A robot that was created.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct NewRobotReply {
    /// The robot.
    #[serde(flatten)]
    robot: RobotReply,
    /// What was recorded.
    #[serde(flatten)]
    recorded: Recorded,
}

/// Create a chat robot
///
/// It posts reminders to a group chat from now on. A reminder on the robot's channel goes to the robot of its
/// recipient, otherwise to the robot of the recipient's team, otherwise to the default robot. A repeat under the same
/// `Idempotency-Key` creates no other robot.
#[utoipa::path(
    post, path = "/v1/admin/robots", tag = "admin", request_body = NewRobotBody,
    responses((status = 201, description = "Created. Its token and secret are not returned again.", body = NewRobotReply))
)]
pub(super) async fn create(
    State(state): State<AppState>,
    Authority(caller): Authority,
    shown: PresentedCredential,
    Command { body, meta }: Command<NewRobotBody>,
) -> Result<(StatusCode, Json<NewRobotReply>), Problem> {
    // A team may be gone since the first time: what is answered again is not examined again.
    let (robot, told) = match state.outbound.set_up_first(&caller, &meta).await? {
        Some(first) => first,
        None => {
            let new = read(&state, &caller, body).await?;
            state.outbound.add_robot(&caller, &meta, &shown.credential(), new).await?
        }
    };
    let reply = NewRobotReply { robot: robot.into(), recorded: (&told).into() };
    Ok((StatusCode::CREATED, Json(reply)))
}

async fn read(state: &AppState, caller: &Caller, body: NewRobotBody) -> Result<NewRobot, Problem> {
    let secret = credentials(&body)?;
    let member = body.member.as_ref().map(|name| word("member", name.id())).transpose()?;
    if let Some(key) = &body.team {
        people::require_team(state, caller, "team", key).await?;
        if member.is_some() {
            let message =
                Label::new("member 与 team 只能给出一个。", "Specify either member or team, not both.");
            return Err(Problem::invalid_value("team", message));
        }
    }
    Ok(NewRobot {
        kind: body.kind.into(),
        secret,
        member,
        team: body.team,
        language: match body.language {
            RobotLanguage::Zh => Language::Zh,
            RobotLanguage::En => Language::En,
        },
        description: description(body.description)?,
        include_personal: body.include_personal,
    })
}

fn credentials(body: &NewRobotBody) -> Result<RobotSecret, Problem> {
    let (wanted, given, other, stray) = match body.kind {
        Platform::Wecom => ("key", &body.key, "token", &body.token),
        Platform::Dingtalk | Platform::Feishu => ("token", &body.token, "key", &body.key),
    };
    if stray.is_some() {
        let message = Label::new(
            format!("该平台的机器人使用 {wanted}，不使用 {other}。"),
            format!("Robots on this platform use {wanted}, not {other}."),
        );
        return Err(Problem::invalid_value(other, message));
    }
    let Some(token) = given else { return Err(Problem::missing_field(wanted)) };
    if body.kind == Platform::Wecom && body.secret.is_some() {
        let message = Label::new("企业微信机器人没有签名密钥。", "WeCom robots have no signing secret.");
        return Err(Problem::invalid_value("secret", message));
    }
    let secret = body.secret.as_deref().map(|secret| word("secret", secret)).transpose()?;
    Ok(RobotSecret { token: word(wanted, token)?, secret })
}

/// A text without blanks and control characters, of a length that can be.
fn word(field: &str, text: &str) -> Result<String, Problem> {
    let count = text.chars().count();
    let fits =
        (1..=LONGEST).contains(&count) && !text.chars().any(|sign| sign.is_whitespace() || sign.is_control());
    if fits {
        return Ok(text.to_owned());
    }
    let message = Label::new(
        format!("应为 1 至 {LONGEST} 个字符，且不含空白。"),
        format!("Must be 1 to {LONGEST} characters without whitespace."),
    );
    Err(Problem::invalid_value(field, message))
}

impl From<Platform> for Kind {
    fn from(platform: Platform) -> Self {
        match platform {
            Platform::Wecom => Self::Wecom,
            Platform::Dingtalk => Self::Dingtalk,
            Platform::Feishu => Self::Feishu,
        }
    }
}
