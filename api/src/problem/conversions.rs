//! From the errors of other layers to problems: the one place where they meet HTTP.

use std::io::ErrorKind;

use axum::http::{StatusCode, header};
use serde_json::Map;

use super::Problem;
use crate::app::AppError;
use crate::auth::AdminError;
use crate::domain::Label;
use crate::domain::refusal::{Kind, Refusal, Violation};
use crate::eventstore::StoreError;
use crate::http::body::{STREAM_LIMIT, unread};
use crate::import::{BadRow, ImportError};
use crate::outbound::{MOST_RECEIVERS, OutboundError, Rejected};
use crate::projections::ProjectionError;

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal.kind {
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let mut problem = Self::new(status, refusal.code, refusal.title, refusal.detail);
        problem.0.violations = refusal.violations;
        problem.0.extra = refusal.extra;
        problem
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::CommandIdReused => AppError::KeyReused.into(),
            StoreError::Overloaded { retry_after_seconds } => Self::overloaded(retry_after_seconds),
            StoreError::Conflict { .. } | StoreError::DeadlinePassed => AppError::Contention.into(),
            StoreError::TooLarge { field, bytes, most } => Self::event_too_large(&field, bytes, most),
            StoreError::Invalid(what) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "entry-not-lawful",
                Label::new("内容无法写入日志", "The log does not take this"),
                Label::new(
                    format!("事件不符合日志的限制：{what}。"),
                    format!("The event breaks a limit: {what}."),
                ),
            ),
            StoreError::Poisoned(_)
            | StoreError::InDoubt(_)
            | StoreError::Unavailable(_)
            | StoreError::Absent(_) => Self::unavailable(error.to_string()),
            StoreError::Damaged { .. } | StoreError::UnknownKey(_) => Self::internal(error.to_string()),
        }
    }
}

impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Database(_) => Self::unavailable(error.to_string()),
            AdminError::Damaged { .. } => Self::internal(error.to_string()),
        }
    }
}

impl From<OutboundError> for Problem {
    fn from(error: OutboundError) -> Self {
        match error {
            OutboundError::Database(_) => Self::unavailable(error.to_string()),
            OutboundError::Store(error) => error.into(),
            OutboundError::App(error) => error.into(),
            OutboundError::Damaged { .. } => Self::internal(error.to_string()),
        }
    }
}

impl From<Rejected> for Problem {
    fn from(rejected: Rejected) -> Self {
        let (field, message) = match rejected {
            Rejected::Failed(error) => return error.into(),
            Rejected::TooMany => return Self::too_many_receivers(MOST_RECEIVERS),
            Rejected::Address => (
                "url",
                Label::new(
                    "应为 https 地址，不含用户名和 # 片段，例如 https://erp.example/hooks；域名用 Punycode。",
                    "It must be an https address without user or fragment, such as https://erp.example/hooks, its name in \
                     ASCII.",
                ),
            ),
            Rejected::Unencrypted => (
                "url",
                Label::new(
                    "应为 https 地址；只有允许内网地址的部署才接受 http。",
                    "It must be an https address; http is taken only where the operator permits private addresses.",
                ),
            ),
            Rejected::Private => (
                "url",
                Label::new(
                    "不允许内网或本机地址；可由运维人员以 WAYMARK_PRIVATE_ADDRESSES=allow 放开。",
                    "Private and loopback addresses are not permitted, unless the operator sets \
                     WAYMARK_PRIVATE_ADDRESSES=allow.",
                ),
            ),
            Rejected::UnknownType(name) => (
                "types",
                Label::new(
                    format!("没有事件类型 {name}；全部类型见 docs/events.md。"),
                    format!("There is no event type {name}; docs/events.md lists them all."),
                ),
            ),
        };
        Self::invalid_value(field, message)
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Refused(refusal) => (*refusal).into(),
            AppError::NotFound { what, id } => Self::not_found(what, &id),
            AppError::VersionMismatch { current } => Self::version_mismatch(current),
            AppError::KeyReused => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                Label::new("Idempotency-Key 已用于其他请求", "The Idempotency-Key was used before"),
                Label::new(
                    "此 Idempotency-Key 已用于另一个请求，请换一个。",
                    "This Idempotency-Key came with another request before; choose a new one.",
                ),
            )
            .with_violation(
                "Idempotency-Key",
                Label::new("键已用于内容不同的请求。", "The key belongs to a request with other content."),
                Label::new("为新的请求生成新的键。", "Make a new key for each new request."),
            ),
            AppError::Contention => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "contention",
                Label::new("并发修改过多", "Others kept changing the same thing"),
                Label::new("请稍后重试，没有任何内容被写入。", "Nothing was written; try again in a moment."),
            )
            .with_header(header::RETRY_AFTER, "1"),
            AppError::Store(error) => error.into(),
            AppError::Projection(error) => error.into(),
            AppError::Unreadable(what) => Self::internal(what),
        }
    }
}

impl From<ProjectionError> for Problem {
    fn from(error: ProjectionError) -> Self {
        match error {
            ProjectionError::Behind { position } => Self::projection_behind(position),
            ProjectionError::NotServing { projection, position } => {
                Self::projection_unavailable(projection, position)
            }
            ProjectionError::RebuildRunning => Self::rebuild_running(),
            ProjectionError::Store(error) => error.into(),
            ProjectionError::UnknownProjection(name) => Self::not_found("projection", &name),
            ProjectionError::NotParked(position) => Self::not_found("parked event", &position.to_string()),
            ProjectionError::BadCursor => {
                let message =
                    Label::new("不是本接口给出的游标。", "This is not a cursor that was given out here.");
                Self::invalid_value("cursor", message)
            }
            // A rebuild, or another process, took the read model over meanwhile: nothing is broken.
            ProjectionError::Fenced => AppError::Contention.into(),
            ProjectionError::Database(_) | ProjectionError::Damaged(_) | ProjectionError::Paused { .. } => {
                Self::unavailable(error.to_string())
            }
            ProjectionError::Poison { .. } => Self::internal(error.to_string()),
        }
    }
}

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::NotCsv { line, why } => Self::malformed_csv(line, &why),
            ImportError::NoColumn { parameter, column, found } => {
                let found = found.join(", ");
                let message = Label::new(
                    format!("文件没有列“{column}”；现有列：{found}。"),
                    format!("The file has no column {column}; it has: {found}."),
                );
                Self::invalid_value(parameter, message)
            }
            ImportError::TooManyStatuses { line, most } => Self::too_many_statuses(line, most),
            ImportError::StatusesTooLong { bytes, most, .. } => Self::event_too_large("status", bytes, most),
            ImportError::Empty => Self::malformed_csv(1, "there are no rows"),
            ImportError::BadParameter { parameter, message } => Self::invalid_value(parameter, message),
            ImportError::BadRows { rows, total } => Self::bad_rows(rows, total),
            ImportError::Io(error) if error.kind() == ErrorKind::FileTooLarge => {
                Self::body_too_large(STREAM_LIMIT)
            }
            ImportError::Io(error) => unread(&error),
            ImportError::App(error) => error.into(),
        }
    }
}

impl Problem {
    /// An event is one entry of the log, which has a limit: the field with most of it is named.
    pub(crate) fn event_too_large(field: &str, bytes: usize, most: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "event-too-large",
            Label::new("内容超过单个事件的上限", "This is more than one event holds"),
            Label::new(
                format!("这次操作会产生 {bytes} 字节的事件，上限为 {most} 字节；没有任何内容被写入。"),
                format!(
                    "This would make an event of {bytes} bytes; the limit is {most}. Nothing was written."
                ),
            ),
        )
        .with("bytes", bytes)
        .with("limit_bytes", most)
        .with_violation(
            field,
            Label::new(
                format!("它占了事件的大部分；整个事件最多 {most} 字节。"),
                format!("It takes most of the event, which has at most {most} bytes in all."),
            ),
            Label::new("请缩短内容，或拆分为多次操作。", "Shorten it, or split it into several requests."),
        )
    }

    fn too_many_statuses(line: u64, most: usize) -> Self {
        let message = Label::new(
            format!("第 {line} 行出现了第 {} 个不同的状态；一个流程最多 {most} 个阶段。", most + 1),
            format!("Line {line} has status number {}; a pipeline has at most {most} stages.", most + 1),
        );
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "too-many-statuses",
            Label::new("文件中的状态过多", "The file has too many different statuses"),
            message.clone(),
        )
        .with("line", line)
        .with("limit", most)
        .with_violation(
            "status",
            message,
            Label::new(
                "请检查 status 指定的列是否为状态列。",
                "Check whether the column that `status` names is the one with the status.",
            ),
        )
    }

    fn malformed_csv(line: u64, why: &str) -> Self {
        let message = Label::new(
            format!("第 {line} 行不是有效的 CSV：{why}。"),
            format!("Line {line} is not valid CSV: {why}."),
        );
        Self::new(
            StatusCode::BAD_REQUEST,
            "malformed-body",
            Label::new("请求正文无法解析", "The body cannot be read"),
            message.clone(),
        )
        .with("line", line)
        .with_violation(
            &format!("line {line}"),
            message,
            Label::new("请发送 UTF-8 编码的 CSV。", "Send CSV in UTF-8."),
        )
    }

    fn bad_rows(rows: Vec<BadRow>, total: u64) -> Self {
        let first = rows.first().map_or(0, |row| row.line);
        let mut problem = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "bad-rows",
            Label::new("文件中有无效的行", "Rows of the file are bad"),
            Label::new(
                format!("共有 {total} 行无效，第一处在第 {first} 行；没有导入任何内容。"),
                format!("{total} rows are bad, the first on line {first}. Nothing of the file was imported."),
            ),
        )
        .with("bad_rows", total);
        problem.0.violations = rows.into_iter().map(bad_row).collect();
        problem
    }
}

fn bad_row(row: BadRow) -> Violation {
    let how_to_fix = Label::new(
        "改正该行，或用 skip_bad=true 跳过。",
        "Correct the row, or leave it out with skip_bad=true.",
    );
    Violation { code: row.code.into(), field: row.field, message: row.message, how_to_fix, data: Map::new() }
        .with("line", row.line)
}
