//! What a client sent cannot be read or carried out.

use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header;

use super::{Problem, ProblemCode};
use crate::domain::Label;

/// The message cannot be read.
impl Problem {
    /// The connection ended before the body did.
    #[must_use]
    pub fn broken_body() -> Self {
        let detail = Label::new(
            "连接在请求正文传输完成前中断。",
            "The connection closed before the body was complete.",
        );
        Self::new(ProblemCode::BrokenBody, detail)
    }

    /// The client sent its body too slowly.
    #[must_use]
    pub fn body_too_slow() -> Self {
        let detail = Label::new(
            "请求正文传输过慢，已停止接收，没有写入任何内容；请检查网络后重新发送。",
            "The body arrived too slowly and was discarded; nothing was written. Check the network and send the request again.",
        );
        Self::new(ProblemCode::BodyTooSlow, detail).with_header(header::CONNECTION, "close")
    }

    /// The client did not send the whole request header in time.
    #[must_use]
    pub fn head_too_slow(limit: Duration) -> Self {
        let seconds = limit.as_secs();
        let detail = Label::new(
            format!("请求头未在 {seconds} 秒内传输完毕。"),
            format!("The request header was not complete within {seconds} seconds."),
        );
        Self::new(ProblemCode::HeadTooSlow, detail)
    }

    /// A query string that cannot be decoded.
    #[must_use]
    pub fn malformed_query(parameter: &str, message: Label) -> Self {
        let fix = Label::new("请改正查询参数。", "Correct the query string.");
        Self::of_field(ProblemCode::MalformedQuery, parameter, message, fix)
    }

    /// A path parameter of another form than stands there.
    #[must_use]
    pub fn malformed_path(parameter: &str, expected: Label) -> Self {
        let fix = Label::new("请改正路径。", "Correct the path.");
        Self::of_field(ProblemCode::MalformedPath, parameter, expected, fix)
    }

    /// A header of another form than it must have.
    #[must_use]
    pub fn malformed_header(header: &str, expected: Label) -> Self {
        let fix = Label::new("请改正请求头。", "Correct the header.");
        Self::of_field(ProblemCode::MalformedHeader, header, expected, fix)
    }

    /// A body of another type than the operation takes.
    #[must_use]
    pub fn unsupported_media_type(expected: &str) -> Self {
        let detail = Label::new(
            format!("此处只接受 Content-Type: {expected}。"),
            format!("This operation only accepts Content-Type: {expected}."),
        );
        Self::new(ProblemCode::UnsupportedMediaType, detail).with_header(header::ACCEPT, expected)
    }

    /// A body larger than the operation takes.
    #[must_use]
    pub fn body_too_large(limit: usize) -> Self {
        let detail = Label::new(
            format!("此处的请求正文最多 {limit} 字节。"),
            format!("The body of this request may have at most {limit} bytes."),
        );
        Self::new(ProblemCode::BodyTooLarge, detail).with("limit_bytes", limit)
    }

    /// The framework rejected the request before any handler saw it, and gave no more than a status.
    #[must_use]
    pub fn refused_by_the_framework(status: StatusCode) -> Self {
        let reason = status.canonical_reason().unwrap_or("rejected");
        let detail =
            Label::new(format!("请求被拒绝：{reason}。"), format!("The request was rejected: {reason}."));
        let mut problem = Self::new(ProblemCode::BadRequest, detail);
        problem.0.status = status;
        problem
    }
}

/// What it names does not exist.
impl Problem {
    /// There is no route at this path.
    #[must_use]
    pub fn no_such_path() -> Self {
        let detail = Label::new("全部接口见 /openapi.json。", "All operations are listed in /openapi.json.");
        Self::new(ProblemCode::NoSuchPath, detail)
    }

    /// There is a route at this path, but not for this method. The framework sets `Allow`.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        let detail =
            Label::new("支持的方法见 Allow 响应头。", "The Allow header lists the supported methods.");
        Self::new(ProblemCode::MethodNotAllowed, detail)
    }

    /// It does not exist, or belongs to another tenant: the two cannot be distinguished.
    #[must_use]
    pub fn not_found(what: &str, id: &str) -> Self {
        let detail =
            Label::new(format!("没有这个{}：{id}。", in_chinese(what)), format!("There is no {what} {id}."));
        Self::new(ProblemCode::NotFound, detail)
    }
}

impl Problem {
    /// An import of which the log has no event.
    #[must_use]
    pub fn nothing_imported(id: &str) -> Self {
        let detail = Label::new(
            format!(
                "日志中没有导入任务 {id} 带来的记录：它不存在，或没有带来新内容（重复导入同一文件即如此）。"
            ),
            format!(
                "The log has nothing that the import {id} brought: there is no such import, or it brought nothing, as the same \
                 file imported again does."
            ),
        );
        Self::new(ProblemCode::NotFound, detail)
    }
}

/// It can be read and cannot be accepted.
impl Problem {
    /// A field or parameter with a value that it cannot have.
    #[must_use]
    pub fn invalid_value(field: &str, message: Label) -> Self {
        let fix = Label::new("请改正该值。", "Correct the value.");
        Self::of_field(ProblemCode::InvalidValue, field, message, fix)
    }

    /// One event is one entry of the log, which has a limit: the field that takes most of it is named.
    pub(crate) fn event_too_large(field: &str, bytes: usize, most: usize) -> Self {
        let detail = Label::new(
            format!("该操作会产生 {bytes} 字节的事件，上限为 {most} 字节；没有写入任何内容。"),
            format!(
                "The request would create an event of {bytes} bytes; the limit is {most}. Nothing was written."
            ),
        );
        let message = Label::new(
            format!("该字段占了事件的大部分；单个事件最多 {most} 字节。"),
            format!("This field takes most of the event, which may have at most {most} bytes."),
        );
        let fix =
            Label::new("请缩短内容，或拆分为多次请求。", "Shorten it, or split it into several requests.");
        Self::new(ProblemCode::EventTooLarge, detail)
            .with("bytes", bytes)
            .with("limit_bytes", most)
            .with_violation(field, message, fix)
    }

    /// A line of an atomic batch in which other lines were refused: the numbers of the first of them, and how many there are.
    #[must_use]
    pub fn not_carried_out(refused_lines: &[u64], total: usize) -> Self {
        let named = |between: &str| {
            let named: Vec<String> = refused_lines.iter().map(u64::to_string).collect();
            named.join(between)
        };
        let detail = match refused_lines {
            [only] if total == 1 => Label::new(
                format!("第 {only} 行被拒绝，因此所有行都未执行。"),
                format!("Line {only} was refused, so no line was executed."),
            ),
            all if all.len() == total => Label::new(
                format!("第 {} 行被拒绝，因此所有行都未执行。", named("、")),
                format!("Lines {} were refused, so no line was executed.", named(", ")),
            ),
            _ => Label::new(
                format!("第 {} 行等共 {total} 行被拒绝，因此所有行都未执行。", named("、")),
                format!(
                    "{total} lines were refused, the first of them {}, so no line was executed.",
                    named(", ")
                ),
            ),
        };
        Self::new(ProblemCode::NotCarriedOut, detail)
            .with("refused_lines", refused_lines)
            .with("refused_total", total)
    }

    /// `If-Match` names another version than the current one.
    pub(super) fn version_mismatch(current: u64) -> Self {
        let detail = Label::new(
            format!("当前版本是 {current}，与 If-Match 不一致。"),
            format!("The current version is {current}, which does not match If-Match."),
        );
        let message = Label::new("版本不一致。", "The version does not match.");
        let fix = Label::new(
            "请重新读取，再决定是否提交。",
            "Read the customer again and decide whether to resubmit.",
        );
        Self::new(ProblemCode::VersionMismatch, detail)
            .with("version", current)
            .with_violation("If-Match", message, fix)
            .with_header(header::ETAG, format!("\"{current}\""))
    }

    /// The idempotency key belongs to another request.
    pub(super) fn idempotency_key_reused() -> Self {
        let message = Label::new(
            "此 Idempotency-Key 已用于内容不同的请求。",
            "This Idempotency-Key was already used for a different request.",
        );
        let fix = Label::new("请为每个新请求生成新的键。", "Generate a new key for each new request.");
        Self::of_field(ProblemCode::IdempotencyKeyReused, "Idempotency-Key", message, fix)
    }

    /// Messages to a receiver that was disabled.
    #[must_use]
    pub fn switched_off() -> Self {
        let detail = Label::new(
            "该接收端已停用；请先调用 enable 重新启用。",
            "The receiver is disabled; enable it first.",
        );
        Self::new(ProblemCode::SwitchedOff, detail)
    }

    /// A consumer has come further than it is asked to go.
    #[must_use]
    pub fn already_acknowledged(position: u64) -> Self {
        let message = Label::new(
            format!("该消费者已确认到序号 {position}。"),
            format!("The consumer has acknowledged up to position {position}."),
        );
        let fix = Label::new(
            "请从该序号之后继续读取；若要重读之前的事件，请调用 POST /v1/consumers/{name}/resets。",
            "Go on from there; to get earlier events again, use POST /v1/consumers/{name}/resets.",
        );
        Self::of_field(ProblemCode::AlreadyAcknowledged, "position", message, fix).with("position", position)
    }

    /// A consumer of somebody else, whose events are chosen by what that one sees.
    #[must_use]
    pub fn not_own_consumer(name: &str, actor: &str) -> Self {
        let detail = Label::new(
            format!("消费者 {name} 属于 {actor}，只有其本人可以读取和确认；请另建一个。"),
            format!(
                "The consumer {name} is {actor}'s, who alone reads and acknowledges by it: create another one."
            ),
        );
        Self::new(ProblemCode::NotOwnConsumer, detail)
    }

    /// The tenant has as many receivers as it may have.
    #[must_use]
    pub fn too_many_receivers(most: usize) -> Self {
        let detail = Label::new(
            format!("webhook 与机器人合计最多 {most} 个；请先删除不再使用的。"),
            format!(
                "A tenant may have at most {most} webhooks and robots in total; delete one that is no longer needed."
            ),
        );
        Self::new(ProblemCode::TooManyReceivers, detail).with("limit", most)
    }
}

/// What is looked for, as Chinese readers call it.
fn in_chinese(what: &str) -> &str {
    match what {
        "customer" => "客户",
        "pipeline" => "销售流程",
        "pipeline version" => "销售流程版本",
        "pool" => "公海",
        "key" => "API 密钥",
        "consumer" => "消费者",
        "event type" => "事件类型或版本",
        "import" => "导入任务",
        "export" => "导出类型",
        "projection" => "读模型",
        "parked event" => "搁置事件",
        "event" => "事件",
        "tile" => "哈希分块",
        "pilot" => "试点",
        "robot" => "机器人",
        "receiver" => "推送或机器人",
        "worklist" => "工作清单",
        "message of event" => "该事件的消息",
        other => other,
    }
}
