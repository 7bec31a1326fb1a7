//! The catalogue of problems: each stable code with its status and its title in both languages.
//!
//! Codes are part of the public contract and are never renamed. What is particular to one occurrence stands in the
//! problem's detail, its violations and its members. Refusals of the domain bring codes of their own
//! ([`Code`](crate::domain::refusal::Code)); a code that stands in both catalogues has the same title in both.

use axum::http::StatusCode;

use crate::domain::Label;

macro_rules! problems {
    ($($variant:ident $code:literal $status:ident $zh:literal $en:literal)*) => {
        /// A kind of problem, named for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ProblemCode {
            $(#[doc = concat!("`", $code, "`: ", $en, ".")] $variant,)*
        }

        impl ProblemCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The code as it stands in answers.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }

            /// The HTTP status of the answer.
            #[must_use]
            pub fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status),* }
            }

            /// The title, which is the same for every occurrence.
            #[must_use]
            pub fn title(self) -> Label {
                match self { $(Self::$variant => Label::new($zh, $en)),* }
            }
        }
    };
}

problems! {
    BadRequest "bad-request" BAD_REQUEST "请求无效" "Bad request"
    MalformedBody "malformed-body" BAD_REQUEST "请求正文无法解析" "Malformed request body"
    BrokenBody "broken-body" BAD_REQUEST "请求正文不完整" "Incomplete request body"
    MalformedQuery "malformed-query" BAD_REQUEST "查询参数格式不正确" "Malformed query string"
    MalformedPath "malformed-path" BAD_REQUEST "路径参数格式不正确" "Malformed path parameter"
    MalformedHeader "malformed-header" BAD_REQUEST "请求头格式不正确" "Malformed request header"
    BodyTooSlow "body-too-slow" REQUEST_TIMEOUT "请求正文传输超时" "Request body timed out"
    HeadTooSlow "head-too-slow" REQUEST_TIMEOUT "请求头传输超时" "Request header timed out"
    BodyTooLarge "body-too-large" PAYLOAD_TOO_LARGE "请求正文过大" "Request body too large"
    EventTooLarge "event-too-large" PAYLOAD_TOO_LARGE "事件内容过大" "Event too large"
    UnsupportedMediaType "unsupported-media-type" UNSUPPORTED_MEDIA_TYPE "不支持的内容类型" "Unsupported media type"

    NoSuchPath "no-such-path" NOT_FOUND "路径不存在" "Path not found"
    MethodNotAllowed "method-not-allowed" METHOD_NOT_ALLOWED "不支持该请求方法" "Method not allowed"
    NotFound "not-found" NOT_FOUND "未找到" "Not found"

    UnknownField "unknown-field" UNPROCESSABLE_ENTITY "未知字段" "Unknown field"
    UnknownParameter "unknown-parameter" UNPROCESSABLE_ENTITY "未知参数" "Unknown parameter"
    MissingField "missing-field" UNPROCESSABLE_ENTITY "缺少字段" "Missing field"
    MissingParameter "missing-parameter" UNPROCESSABLE_ENTITY "缺少参数" "Missing parameter"
    InvalidValue "invalid-value" UNPROCESSABLE_ENTITY "值无效" "Invalid value"
    ControlCharacter "control-character" UNPROCESSABLE_ENTITY "内容含有控制字符" "Control characters not allowed"
    EntryInvalid "entry-not-lawful" UNPROCESSABLE_ENTITY "内容无法写入事件日志" "Entry rejected by the event log"
    IdempotencyKeyReused "idempotency-key-reused" UNPROCESSABLE_ENTITY "Idempotency-Key 已用于其他请求" "Idempotency-Key already used"
    TooManyReceivers "too-many-receivers" UNPROCESSABLE_ENTITY "接收端数量已达上限" "Receiver limit reached"
    TooManyStatuses "too-many-statuses" UNPROCESSABLE_ENTITY "文件中的状态过多" "Too many distinct statuses"
    BadRows "bad-rows" UNPROCESSABLE_ENTITY "文件中有无效的行" "Invalid rows in the file"

    MissingCredential "missing-credential" UNAUTHORIZED "缺少身份凭证" "Missing credential"
    BadCredential "bad-credential" UNAUTHORIZED "身份凭证无效" "Invalid credential"
    TokenMalformed "token-malformed" UNAUTHORIZED "令牌无效" "Invalid token"
    TokenAlgorithm "token-algorithm" UNAUTHORIZED "令牌无效" "Invalid token"
    TokenKey "token-key" UNAUTHORIZED "令牌无效" "Invalid token"
    TokenSignature "token-signature" UNAUTHORIZED "令牌无效" "Invalid token"
    TokenExpired "token-expired" UNAUTHORIZED "令牌无效" "Invalid token"
    TokenNotYetValid "token-not-yet-valid" UNAUTHORIZED "令牌无效" "Invalid token"
    TokenIssuer "token-issuer" UNAUTHORIZED "令牌无效" "Invalid token"
    TokenAudience "token-audience" UNAUTHORIZED "令牌无效" "Invalid token"
    TokenClaim "token-claim" UNAUTHORIZED "令牌无效" "Invalid token"
    TokenRole "token-role" UNAUTHORIZED "令牌无效" "Invalid token"
    TokenTenant "token-tenant" UNAUTHORIZED "令牌无效" "Invalid token"

    MissingRole "missing-role" FORBIDDEN "角色权限不足" "Role required"
    MissingScope "missing-scope" FORBIDDEN "凭证缺少权限范围" "Scope required"
    NotOwnConsumer "not-own-consumer" FORBIDDEN "不是自己的消费者" "Another actor's consumer"
    UnknownActor "unknown-actor" FORBIDDEN "未知操作人" "Unknown actor"
    MemberRemoved "member-removed" FORBIDDEN "该成员已被移除" "Member removed"

    NotCarriedOut "not-carried-out" CONFLICT "未执行" "Not executed"
    AlreadyAcknowledged "already-acknowledged" CONFLICT "已确认到更靠后的位置" "Already acknowledged further"
    SwitchedOff "switched-off" CONFLICT "接收端已停用" "Receiver disabled"
    RebuildRunning "rebuild-running" CONFLICT "读模型正在重建" "Rebuild already running"
    VersionMismatch "version-mismatch" PRECONDITION_FAILED "版本不一致" "Version mismatch"
    RateLimited "rate-limited" TOO_MANY_REQUESTS "请求过于频繁" "Too many requests"

    InternalError "internal-error" INTERNAL_SERVER_ERROR "服务器内部错误" "Internal server error"
    Contention "contention" SERVICE_UNAVAILABLE "并发修改过多" "Too many concurrent changes"
    ErasureRecordUnavailable "erasure-record-unavailable" SERVICE_UNAVAILABLE "删除记录不可用" "Record of erasures unavailable"
    KeyFileNotWritable "key-file-not-writable" SERVICE_UNAVAILABLE "密钥文件无法写入" "Key file not writable"
    LogNotWritable "log-not-writable" SERVICE_UNAVAILABLE "事件日志无法写入" "Event log not writable"
    SegmentUnreadable "segment-unreadable" SERVICE_UNAVAILABLE "事件日志的一段无法读取" "Part of the event log cannot be read"
    Overloaded "overloaded" SERVICE_UNAVAILABLE "服务繁忙" "Server busy"
    ProjectionBehind "projection-behind" SERVICE_UNAVAILABLE "读模型尚未更新到所需位置" "Read model behind"
    ProjectionUnavailable "projection-unavailable" SERVICE_UNAVAILABLE "读模型暂不可用" "Read model unavailable"
    SigningKeyMissing "signing-key-missing" SERVICE_UNAVAILABLE "本节点缺少签名密钥" "Signing key missing on this node"
    Stopping "stopping" SERVICE_UNAVAILABLE "服务正在停止" "Server shutting down"
    TooManyConnections "too-many-connections" SERVICE_UNAVAILABLE "连接数已达上限" "Too many connections"
    Unavailable "unavailable" SERVICE_UNAVAILABLE "服务暂不可用" "Service unavailable"
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::ProblemCode;
    use crate::domain::refusal::Code;

    #[test]
    fn every_code_is_kebab_case_and_stands_once() {
        let codes: BTreeSet<&str> = ProblemCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes.len(), ProblemCode::ALL.len());
        for code in codes {
            assert!(code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{code}");
        }
    }

    #[test]
    fn a_code_of_both_catalogues_has_one_title() {
        for code in ProblemCode::ALL {
            if let Some(refusal) = Code::parse(code.as_str()) {
                assert_eq!(code.title(), refusal.title(), "{}", code.as_str());
            }
        }
    }
}
