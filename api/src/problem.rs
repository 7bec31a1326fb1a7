//! What a client is told when a request is not carried out: RFC 9457 problem documents, in Chinese or English.
//!
//! # Which error type goes where
//!
//! - **[`Refusal`](crate::domain::Refusal)** (domain): a business rule said no. It is a *result*: stored with the command's receipt, so
//!   that a retry reads the same, and carries its texts in both languages.
//! - **[`StoreError`](crate::eventstore::StoreError)** (eventstore): the log did not do what was asked. Nobody outside learns its words.
//! - **[`AppError`](crate::app::AppError)** (app): everything a command can end in; it wraps the two above and adds what only the
//!   write path can know (no such customer, another version, the key used before).
//! - **[`Problem`]** (here): what HTTP says. Handlers return `Result<_, Problem>` and use `?`. Everything above
//!   becomes a `Problem` in this file and nowhere else; what only HTTP can know (a malformed body, a missing
//!   credential, a wrong method) is made here directly, by constructors named after what the client did.
//!
//! A `Problem` does not know the request: language, path and trace id are added by [`render::problems`], the
//! one middleware through which every answer leaves. Answers that the framework made itself (405, 413, a panic)
//! are turned into problem documents there too, so there is no second kind of error.
//!
//! Faults of our own are logged once, there; what a client did wrong is not a fault and is not logged as one.

use std::borrow::Cow;
use std::time::Duration;

use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use crate::auth::token::TokenFault;
use crate::domain::instant::InvalidInstant;
use crate::domain::refusal::Violation;
use crate::domain::{Label, Role};
use crate::eventstore::Position;
use crate::http::strict::{Fault, FaultKind, Malformed, Source};

mod conversions;
pub mod document;
pub mod render;

/// Why a request was not carried out.
#[derive(Debug, Clone)]
pub struct Problem(Box<Parts>);

/// The parts of a problem that do not depend on who asked in which language.
#[derive(Debug, Clone)]
struct Parts {
    status: StatusCode,
    code: Cow<'static, str>,
    title: Label,
    detail: Label,
    violations: Vec<Violation>,
    extra: Map<String, Value>,
    headers: HeaderMap,
    /// What is written to our own log, and to nobody else.
    cause: Option<String>,
}

impl Problem {
    fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, title: Label, detail: Label) -> Self {
        Self(Box::new(Parts {
            status,
            code: code.into(),
            title,
            detail,
            violations: Vec::new(),
            extra: Map::new(),
            headers: HeaderMap::new(),
            cause: None,
        }))
    }

    /// The status it is answered with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0.code
    }

    fn with_header(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        if let Ok(value) = value.try_into() {
            self.0.headers.insert(name, value);
        }
        self
    }

    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.extra.insert(key.to_owned(), value.into());
        self
    }

    fn with_violation(mut self, field: &str, message: Label, how_to_fix: Label) -> Self {
        let code = self.0.code.clone();
        self.0.violations.push(Violation {
            code,
            field: field.to_owned(),
            message,
            how_to_fix,
            data: Map::new(),
        });
        self
    }

    fn because(mut self, cause: impl Into<String>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }
}

impl IntoResponse for Problem {
    /// The status, with the problem as an extension: [`render::problems`] writes the document.
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        response.headers_mut().extend(self.0.headers.clone());
        response.extensions_mut().insert(self);
        response
    }
}

/// What the client sent cannot be read.
impl Problem {
    /// The body is not a JSON document.
    #[must_use]
    pub fn malformed_body(malformed: &Malformed) -> Self {
        let Malformed { path, place, what } = malformed;
        let place_en =
            place.map_or(String::new(), |(line, column)| format!(", line {line}, column {column}"));
        let place_zh = place.map_or(String::new(), |(line, column)| format!("，第 {line} 行第 {column} 列"));
        let message = Label::new(
            format!("请求正文不是有效的 JSON（位置 {path}{place_zh}）：{what}"),
            format!("The body is not valid JSON at {path}{place_en}: {what}."),
        );
        Self::new(
            StatusCode::BAD_REQUEST,
            "malformed-body",
            Label::new("请求正文无法解析", "The body cannot be read"),
            message.clone(),
        )
        .with_violation(
            path,
            message,
            Label::new("请发送有效的 JSON。", "Send one valid JSON document."),
        )
    }

    /// The body broke off before its end.
    #[must_use]
    pub fn broken_body() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "broken-body",
            Label::new("请求正文不完整", "The body broke off"),
            Label::new("连接在正文结束前中断。", "The connection ended before the body did."),
        )
    }

    /// The client sent its body too slowly.
    #[must_use]
    pub fn body_too_slow() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "body-too-slow",
            Label::new("请求正文传输过慢", "The body came too slowly"),
            Label::new(
                "正文传输速度过慢，已停止接收，没有任何内容被写入；请检查网络后重新发送。",
                "The body came too slowly and was given up; nothing was written. Check the network and send it again.",
            ),
        )
        .with_header(header::CONNECTION, "close")
    }

    /// The client did not send the whole head of a request in time.
    #[must_use]
    pub fn head_too_slow(limit: Duration) -> Self {
        let seconds = limit.as_secs();
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "head-too-slow",
            Label::new("请求头传输过慢", "The head of the request came too slowly"),
            Label::new(
                format!("请求头未在 {seconds} 秒内传输完毕。"),
                format!("The head of the request was not complete within {seconds} seconds."),
            ),
        )
    }

    /// Every connection that the service can hold is at work.
    #[must_use]
    pub fn too_many_connections() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too-many-connections",
            Label::new("连接数已达上限", "There are too many connections"),
            Label::new(
                "所有连接都在处理请求，请稍后重试。",
                "Every connection is at work; try again in a moment.",
            ),
        )
        .with_header(header::RETRY_AFTER, "1")
    }

    /// Fields of a body, or parameters of a query string, are unknown, missing or wrong.
    #[must_use]
    pub fn faulty_fields(faults: &[Fault], source: Source) -> Self {
        let violations: Vec<Violation> = faults.iter().map(|fault| fault_violation(fault, source)).collect();
        let first = violations.first();
        let detail = first.map_or_else(|| Label::same(""), |violation| violation.message.clone());
        let code = first.map_or(Cow::Borrowed("invalid-value"), |violation| violation.code.clone());
        let title = Label::new("字段有误", "A field is unknown, missing or wrong");
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, title, detail);
        problem.0.violations = violations;
        problem
    }

    /// A field that must be given in this case is not.
    #[must_use]
    pub fn missing_field(field: &str) -> Self {
        let fault = Fault { field: field.to_owned(), kind: FaultKind::Missing };
        Self::faulty_fields(&[fault], Source::Body)
    }

    /// A parameter that must be given in this case is not.
    #[must_use]
    pub fn missing_parameter(parameter: &str) -> Self {
        let fault = Fault { field: parameter.to_owned(), kind: FaultKind::Missing };
        Self::faulty_fields(&[fault], Source::Query)
    }

    /// A field has a value that cannot be.
    #[must_use]
    pub fn invalid_value(field: &str, message: Label) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid-value",
            Label::new("字段值不正确", "A value is not well-formed"),
            message.clone(),
        )
        .with_violation(
            field,
            message,
            Label::new("请改正该字段的值。", "Correct the value of this field."),
        )
    }

    /// The query string is not well-formed.
    #[must_use]
    pub fn malformed_query(parameter: &str, message: Label) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "malformed-query",
            Label::new("查询参数无法解析", "The query string cannot be read"),
            message.clone(),
        )
        .with_violation(
            parameter,
            message,
            Label::new("请改正查询参数。", "Correct the query string."),
        )
    }

    /// A part of the path is not of the form that stands there.
    #[must_use]
    pub fn malformed_path(parameter: &str, expected: Label) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "malformed-path",
            Label::new("路径格式不正确", "A part of the path is not well-formed"),
            expected.clone(),
        )
        .with_violation(parameter, expected, Label::new("请改正路径。", "Correct the path."))
    }

    /// A header is not of the form that it must have.
    #[must_use]
    pub fn malformed_header(header: &str, expected: Label) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "malformed-header",
            Label::new("请求头格式不正确", "A header is not well-formed"),
            expected.clone(),
        )
        .with_violation(header, expected, Label::new("请改正请求头。", "Correct the header."))
    }

    /// The body is of another type than can be read here.
    #[must_use]
    pub fn unsupported_media_type(expected: &str) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            Label::new("不支持的内容类型", "The content type is not supported"),
            Label::new(
                format!("此处只接受 Content-Type: {expected}。"),
                format!("Here a body must have Content-Type: {expected}."),
            ),
        )
        .with_header(header::ACCEPT, expected)
    }

    /// The body is larger than is read here.
    #[must_use]
    pub fn body_too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            Label::new("请求正文过大", "The body is too large"),
            Label::new(
                format!("此处的正文最多 {limit} 字节。"),
                format!("Here a body has at most {limit} bytes."),
            ),
        )
        .with("limit_bytes", limit)
    }

    /// There is nothing at this path.
    #[must_use]
    pub fn no_such_path() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "no-such-path",
            Label::new("没有这个路径", "There is nothing at this path"),
            Label::new("全部接口见 /openapi.json。", "All endpoints are listed in /openapi.json."),
        )
    }

    /// There is something at this path, but not for this method. The framework sets `Allow`.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            Label::new("不支持此方法", "The method is not allowed here"),
            Label::new("允许的方法见 Allow 响应头。", "The header Allow lists the methods that are."),
        )
    }

    /// The framework refused the request before any handler saw it, and said no more than a status.
    #[must_use]
    pub fn refused_by_the_framework(status: StatusCode) -> Self {
        let reason = status.canonical_reason().unwrap_or("refused");
        Self::new(
            status,
            "bad-request",
            Label::new("请求无效", "The request is not valid"),
            Label::new(format!("请求被拒绝：{reason}。"), format!("The request was refused: {reason}.")),
        )
    }

    /// There is no such thing, or it is not this tenant's: the two cannot be told apart.
    #[must_use]
    pub fn not_found(what: &str, id: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            Label::new("未找到", "Not found"),
            Label::new(format!("没有这个{}：{id}。", in_chinese(what)), format!("There is no {what} {id}.")),
        )
    }
}

impl Problem {
    /// A line among others that are carried out together or not at all, and another of them was refused.
    #[must_use]
    pub fn not_carried_out(refused_line: u64) -> Self {
        let title = Label::new("未执行", "Not carried out");
        let detail = Label::new(
            format!("第 {refused_line} 行被拒绝，所以所有行都未执行。"),
            format!("Line {refused_line} was refused, so that no line was carried out."),
        );
        Self::new(StatusCode::CONFLICT, "not-carried-out", title, detail)
    }
}

/// Receivers of messages.
impl Problem {
    /// Nothing is sent to the receiver any more.
    #[must_use]
    pub fn switched_off() -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "switched-off",
            Label::new("接收端已停用", "The receiver is switched off"),
            Label::new(
                "该 webhook 已停用；请先调用 enable 重新启用。",
                "The webhook is switched off: switch it on with enable first.",
            ),
        )
    }

    /// The tenant has as many receivers as it may have.
    #[must_use]
    pub fn too_many_receivers(most: usize) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "too-many-receivers",
            Label::new("接收端过多", "There are too many receivers"),
            Label::new(
                format!("webhook 与机器人合计最多 {most} 个；请先删除不用的。"),
                format!("There may be {most} webhooks and robots in all: take away one that is not needed."),
            ),
        )
        .with("limit", most)
    }
}

/// Who the client is does not suffice.
impl Problem {
    /// No credential was sent, or one of another scheme.
    #[must_use]
    pub fn missing_credential() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "missing-credential",
            Label::new("需要身份凭证", "A credential is needed"),
            Label::new(
                "请发送 Authorization: Bearer <API 密钥或 JWT>。",
                "Send Authorization: Bearer <API key or JWT>.",
            ),
        )
        .with_header(header::WWW_AUTHENTICATE, r#"Bearer realm="waymark""#)
    }

    /// The credential is not one of ours, or not any more.
    #[must_use]
    pub fn bad_credential() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "bad-credential",
            Label::new("身份凭证无效", "The credential is not valid"),
            Label::new("API 密钥不存在、已撤销或有误。", "The API key is unknown, revoked or mistyped."),
        )
        .with_header(header::WWW_AUTHENTICATE, r#"Bearer realm="waymark", error="invalid_token""#)
    }

    /// The token is not believed, by its fault alone: what would have been right is not told.
    #[must_use]
    pub fn bad_token(fault: &TokenFault) -> Self {
        let (code, zh, en) = match fault {
            TokenFault::Malformed => (
                "token-malformed",
                "令牌不是可读取的 JWT（紧凑格式，且不含 crit 扩展）。".to_owned(),
                "The token is no JWT in compact form that can be read, or it has critical extensions."
                    .to_owned(),
            ),
            TokenFault::Algorithm => (
                "token-algorithm",
                "令牌的签名算法不被接受，或与其密钥不符。".to_owned(),
                "The token's algorithm is not accepted, or is not that of its key.".to_owned(),
            ),
            TokenFault::Key => (
                "token-key",
                "令牌的 kid 没有对应的密钥。".to_owned(),
                "The token's kid names no key that is known here.".to_owned(),
            ),
            TokenFault::Signature => (
                "token-signature",
                "令牌的签名不正确。".to_owned(),
                "The token's signature is not right.".to_owned(),
            ),
            TokenFault::Expired => (
                "token-expired",
                "令牌已过期，请重新获取。".to_owned(),
                "The token has expired: get a new one.".to_owned(),
            ),
            TokenFault::NotYetValid => (
                "token-not-yet-valid",
                "令牌尚未生效（nbf）。".to_owned(),
                "The token is not valid yet (nbf).".to_owned(),
            ),
            TokenFault::Issuer => (
                "token-issuer",
                "令牌的签发者（iss）不被接受。".to_owned(),
                "The token's issuer (iss) is not accepted here.".to_owned(),
            ),
            TokenFault::Audience => (
                "token-audience",
                "令牌不是签发给本服务的（aud）。".to_owned(),
                "The token was not issued for this service (aud).".to_owned(),
            ),
            TokenFault::Claim(claim) => (
                "token-claim",
                format!("令牌的声明 {claim} 缺失或格式不对。"),
                format!("The token's claim {claim} is missing, or not what it has to be."),
            ),
            TokenFault::Role(role) => (
                "token-role",
                format!("令牌授予的角色 {role} 不存在。"),
                format!("The token grants the role {role}, which there is not."),
            ),
            TokenFault::Tenant => (
                "token-tenant",
                "令牌所指的租户不存在。".to_owned(),
                "The token names a tenant that there is not.".to_owned(),
            ),
        };
        Self::new(
            StatusCode::UNAUTHORIZED,
            code,
            Label::new("令牌无效", "The token is not valid"),
            Label { zh, en },
        )
        .with_header(header::WWW_AUTHENTICATE, r#"Bearer realm="waymark", error="invalid_token""#)
    }

    /// The credential calls more often than it may.
    #[must_use]
    pub fn rate_limited(retry_after_seconds: u64, per_minute: u32, policy: &str) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate-limited",
            Label::new("请求过于频繁", "Too many requests"),
            Label::new(
                format!("该凭证每分钟最多 {per_minute} 次请求；请在 {retry_after_seconds} 秒后重试。"),
                format!(
                    "This credential may make {per_minute} requests a minute: try again in {retry_after_seconds} s."
                ),
            ),
        )
        .with("retry_after_seconds", retry_after_seconds)
        .with_header(header::RETRY_AFTER, retry_after_seconds.to_string())
        .with_header(HeaderName::from_static("ratelimit-policy"), policy)
        .with_header(
            HeaderName::from_static("ratelimit"),
            format!("\"credential\";r=0;t={retry_after_seconds}"),
        )
    }

    /// The actor's roles do not open this route.
    #[must_use]
    pub fn missing_role(needed: &[Role]) -> Self {
        let names: Vec<Value> = needed.iter().map(|role| serde_json::json!(role)).collect();
        let list = names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
        Self::new(
            StatusCode::FORBIDDEN,
            "missing-role",
            Label::new("角色无权访问", "The role does not open this"),
            Label::new(
                format!("需要以下角色之一：{list}。"),
                format!("One of these roles is needed: {list}."),
            ),
        )
        .with("roles_needed", names)
    }

    /// The key may not act for other people.
    #[must_use]
    pub fn missing_scope(scope: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "missing-scope",
            Label::new("凭证缺少权限范围", "The credential lacks a scope"),
            Label::new(
                format!("请求头 Waymark-Actor 需要权限范围 {scope}。"),
                format!("The header Waymark-Actor needs a key with the scope {scope}."),
            ),
        )
        .with("scope_needed", scope)
    }
}

impl Problem {
    /// The person in `Waymark-Actor` is no member, and may not act in the role that the name's prefix says.
    #[must_use]
    pub fn unknown_actor(name: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "unknown-actor",
            Label::new("没有这个人员", "There is no such person"),
            Label::new(
                format!(
                    "{name} 不是成员；非成员只能以销售身份（rep:…）或该凭证自身具有的角色行事。\
                     请先用 POST /v1/admin/members 设置其角色。"
                ),
                format!(
                    "{name} is no member. Somebody who is none acts as a rep (rep:…), or in a role that the credential \
                     itself has. Set their roles with POST /v1/admin/members first."
                ),
            ),
        )
    }

    /// The person was a member and is none any more.
    #[must_use]
    pub fn member_removed(name: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "member-removed",
            Label::new("该成员已被移除", "The member was removed"),
            Label::new(
                format!("{name} 已被移除，不能再以其身份操作。"),
                format!("{name} was removed from the members: nobody acts as them any more."),
            ),
        )
    }
}

/// It cannot be done now.
impl Problem {
    /// The read model has not reached the position that the client waits for.
    #[must_use]
    pub fn projection_behind(reached: Position) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "projection-behind",
            Label::new("读模型尚未更新到所需位置", "The read model is behind"),
            Label::new(
                format!("读模型目前到达位置 {reached}，请稍后重试。"),
                format!("The read model has reached position {reached}; try again in a moment."),
            ),
        )
        .with("position", reached)
        .with_header(header::RETRY_AFTER, "1")
        .with_header(HeaderName::from_static("waymark-position"), reached.to_string())
    }

    /// The read model is being folded from the beginning and answers nothing until it tells what is in the log.
    #[must_use]
    pub fn projection_unavailable(name: &str, reached: Position) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "projection-unavailable",
            Label::new("读模型暂不可用", "The read model is not available"),
            Label::new(
                format!("读模型 {name} 正在从事件日志重新生成，目前到达位置 {reached}，请稍后重试。"),
                format!(
                    "The read model {name} is being rebuilt from the log and has reached position {reached}; try again in a \
                     moment."
                ),
            ),
        )
        .with("projection", name)
        .with("position", reached)
        .with_header(header::RETRY_AFTER, "2")
    }

    /// Read models answer nothing, so requests are better sent to another node.
    #[must_use]
    pub fn projections_unavailable(names: &[&str]) -> Self {
        let names = names.join(", ");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "projection-unavailable",
            Label::new("读模型暂不可用", "Read models are not available"),
            Label::new(
                format!("以下读模型正在从事件日志重新生成：{names}。"),
                format!("These read models are being rebuilt from the log: {names}."),
            ),
        )
        .with("projections", names)
        .with_header(header::RETRY_AFTER, "2")
    }

    /// The log takes no entries. Why stands in our log.
    #[must_use]
    pub fn log_not_writable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "log-not-writable",
            Label::new("事件日志无法写入", "The log cannot be written"),
            Label::new(
                "事件日志目前无法写入新事件，请由运维人员检查磁盘或数据库。",
                "The log cannot record new events at the moment; an operator should check the disk or the database.",
            ),
        )
        .with_header(header::RETRY_AFTER, "5")
    }

    /// The read model is being rebuilt already.
    #[must_use]
    pub fn rebuild_running() -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "rebuild-running",
            Label::new("正在重建此读模型", "A rebuild is already running"),
            Label::new(
                "同一读模型同一时间只能有一个重建任务，请等它完成。",
                "Only one rebuild of a read model runs at a time; wait until it has finished.",
            ),
        )
    }

    /// A fault of our own. The cause goes to our log; the client gets the trace id to ask with.
    #[must_use]
    pub fn internal(cause: impl Into<String>) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal-error",
            Label::new("服务内部错误", "An error of our own"),
            Label::new(
                "服务出错，请求是否生效不确定；可用相同的 Idempotency-Key 重试。",
                "Something went wrong on our side. Retry with the same Idempotency-Key.",
            ),
        )
        .because(cause)
    }

    /// The service is stopping and takes nothing new.
    #[must_use]
    pub fn stopping() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "stopping",
            Label::new("服务正在停止", "The service is stopping"),
            Label::new("请稍后在其他节点重试。", "Try again in a moment, or on another node."),
        )
        .with_header(header::RETRY_AFTER, "1")
    }

    fn overloaded(retry_after_seconds: u32) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "overloaded",
            Label::new("服务繁忙", "Too much at once"),
            Label::new("等待写入的请求过多，请稍后重试。", "Too many writes are waiting; try again later."),
        )
        .with_header(header::RETRY_AFTER, retry_after_seconds.to_string())
    }

    fn unavailable(cause: String) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            Label::new("服务暂不可用", "The service is not available"),
            Label::new(
                "日志暂时无法写入或读取，请稍后重试。",
                "The log cannot be written or read at the moment; try again later.",
            ),
        )
        .with_header(header::RETRY_AFTER, "5")
        .because(cause)
    }
}

impl Problem {
    fn version_mismatch(current: u64) -> Self {
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            "version-mismatch",
            Label::new("版本已变化", "The version has changed"),
            Label::new(
                format!("当前版本是 {current}，与 If-Match 不符。"),
                format!("The version is {current}, which is not the one in If-Match."),
            ),
        )
        .with("version", current)
        .with_violation(
            "If-Match",
            Label::new("版本不符。", "The version is another one."),
            Label::new("重新读取后再提交。", "Read again, then decide again."),
        )
        .with_header(header::ETAG, format!("\"{current}\""))
    }
}

/// What is looked for, as Chinese readers call it.
fn in_chinese(what: &str) -> &str {
    match what {
        "customer" => "客户",
        "pipeline" => "销售流程",
        "pool" => "公海",
        "key" => "API 密钥",
        "import" => "导入",
        "projection" => "读模型",
        "parked event" => "搁置事件",
        "robot" => "机器人",
        "message of event" => "该事件的消息",
        other => other,
    }
}

/// One faulty field as a violation.
fn fault_violation(fault: &Fault, source: Source) -> Violation {
    let field = &fault.field;
    let (what_zh, what_en) = match source {
        Source::Body => ("字段", "field"),
        Source::Query => ("参数", "parameter"),
    };
    let (code, message, fix) = match &fault.kind {
        FaultKind::Unknown => (
            match source {
                Source::Body => "unknown-field",
                Source::Query => "unknown-parameter",
            },
            Label::new(format!("未知{what_zh}：{field}。"), format!("There is no {what_en} {field}.")),
            Label::new("请检查拼写，或删去它。", "Check the spelling, or leave it out."),
        ),
        FaultKind::Missing => (
            match source {
                Source::Body => "missing-field",
                Source::Query => "missing-parameter",
            },
            Label::new(format!("缺少{what_zh}：{field}。"), format!("The {what_en} {field} is missing.")),
            Label::new("请补上它。", "Add it."),
        ),
        FaultKind::NotOneOf(words) => {
            let words = words.join(", ");
            (
                "invalid-value",
                Label::new(
                    format!("{field} 的值不在可选范围内。"),
                    format!("{field} is none of the words it may be."),
                ),
                Label::new(format!("可选值：{words}。"), format!("Use one of: {words}.")),
            )
        }
        FaultKind::Nul => (
            "control-character",
            Label::new(
                format!("{field} 含有控制字符 U+0000。"),
                format!("{field} has the control character U+0000."),
            ),
            Label::new("请删除控制字符。", "Remove it."),
        ),
        FaultKind::Invalid(why) => {
            let of_instants = [InvalidInstant::Malformed, InvalidInstant::LeapSecond];
            let known = of_instants.into_iter().find(|known| known.to_string() == *why);
            let message = known.map_or_else(
                || {
                    Label::new(
                        format!("{field} 的值不正确：{why}。"),
                        format!("{field} is not valid: {why}."),
                    )
                },
                |known| {
                    let Label { zh, .. } = known.label();
                    Label::new(format!("{field} 的值不正确：{zh}"), format!("{field} is not valid: {why}."))
                },
            );
            ("invalid-value", message, Label::new("请改正该值。", "Correct the value."))
        }
    };
    Violation { code: Cow::Borrowed(code), field: field.clone(), message, how_to_fix: fix, data: Map::new() }
}
