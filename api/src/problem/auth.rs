//! The caller's identity or rights do not suffice.

use axum::http::header::{self, HeaderName};
use serde_json::Value;

use super::{Problem, ProblemCode};
use crate::domain::{Label, Role};

/// What a credential that was sent and is not accepted is answered with (RFC 6750, section 3).
const INVALID_TOKEN: &str = r#"Bearer realm="waymark", error="invalid_token""#;

/// The credential is missing or not accepted.
impl Problem {
    /// No credential was sent, or one of another scheme.
    #[must_use]
    pub fn missing_credential() -> Self {
        let detail = Label::new(
            "请发送 Authorization: Bearer <API 密钥或 JWT>。",
            "Send Authorization: Bearer <API key or JWT>.",
        );
        Self::new(ProblemCode::MissingCredential, detail)
            .with_header(header::WWW_AUTHENTICATE, r#"Bearer realm="waymark""#)
    }

    /// The API key is unknown or no longer valid.
    #[must_use]
    pub fn bad_credential() -> Self {
        let detail =
            Label::new("API 密钥不存在、已撤销或有误。", "The API key is unknown, revoked or mistyped.");
        Self::invalid_token(ProblemCode::BadCredential, detail)
    }

    /// A session that is none, or none any more.
    #[must_use]
    pub fn session_ended() -> Self {
        let detail = Label::new("会话已结束，请重新登录。", "The session has ended; sign in again.");
        Self::invalid_token(ProblemCode::BadCredential, detail)
    }

    /// A link to sign in by that lets nobody in.
    #[must_use]
    pub fn sign_in_link_unusable() -> Self {
        let detail = Label::new(
            "登录链接有误、已被使用或已过期，请向管理员索取新的链接。",
            "The sign-in link is mistyped, used or expired; ask an administrator for a new one.",
        );
        Self::invalid_token(ProblemCode::BadCredential, detail)
    }

    /// A credential that is not accepted.
    pub(crate) fn invalid_token(code: ProblemCode, detail: Label) -> Self {
        Self::new(code, detail).with_header(header::WWW_AUTHENTICATE, INVALID_TOKEN)
    }

    /// The credential makes more requests than it may.
    #[must_use]
    pub fn rate_limited(retry_after_seconds: u64, per_minute: u32, policy: &str) -> Self {
        let detail = Label::new(
            format!("该凭证每分钟最多 {per_minute} 次请求；请在 {retry_after_seconds} 秒后重试。"),
            format!(
                "This credential may make {per_minute} requests per minute; try again in {retry_after_seconds} s."
            ),
        );
        let left = format!("\"credential\";r=0;t={retry_after_seconds}");
        Self::new(ProblemCode::RateLimited, detail)
            .with("retry_after_seconds", retry_after_seconds)
            .with_header(header::RETRY_AFTER, retry_after_seconds.to_string())
            .with_header(HeaderName::from_static("ratelimit-policy"), policy)
            .with_header(HeaderName::from_static("ratelimit"), left)
    }
}

/// The caller is known and may not do this.
impl Problem {
    /// None of the caller's roles opens this route.
    #[must_use]
    pub fn missing_role(needed: &[Role]) -> Self {
        let names: Vec<Value> = needed.iter().map(|role| serde_json::json!(role)).collect();
        let list = |separator| names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(separator);
        let detail = Label::new(
            format!("需要以下角色之一：{}。", list("、")),
            format!("This requires one of the roles: {}.", list(", ")),
        );
        Self::new(ProblemCode::MissingRole, detail).with("roles_needed", names)
    }

    /// The key may not act for other people.
    #[must_use]
    pub fn missing_scope(scope: &str) -> Self {
        let detail = Label::new(
            format!("使用请求头 Waymark-Actor 需要带有权限范围 {scope} 的密钥。"),
            format!("The header Waymark-Actor requires a key with the scope {scope}."),
        );
        Self::new(ProblemCode::MissingScope, detail).with("scope_needed", scope)
    }

    /// The person in `Waymark-Actor` is no member, and the name's prefix is no role that the credential may lend.
    #[must_use]
    pub fn unknown_actor(name: &str) -> Self {
        let detail = Label::new(
            format!(
                "{name} 不是成员；非成员只能以销售（rep:…）或该凭证自身的角色行事。\
                 请先用 POST /v1/admin/members 设置其角色。"
            ),
            format!(
                "{name} is not a member. A person who is not a member can only act as a rep (rep:…) or in a role of the \
                 credential itself. Assign roles with POST /v1/admin/members first."
            ),
        );
        Self::new(ProblemCode::UnknownActor, detail)
    }

    /// The person was a member and was removed.
    #[must_use]
    pub fn member_removed(name: &str) -> Self {
        let detail = Label::new(
            format!("成员 {name} 已被移除，不能再以其身份操作。"),
            format!("The member {name} was removed; acting for them is no longer possible."),
        );
        Self::new(ProblemCode::MemberRemoved, detail)
    }
}
