//! Conversions from the errors of other layers to problems.

use std::io::ErrorKind;

use axum::http::StatusCode;
use serde_json::{Map, json};

use super::{Problem, ProblemCode};
use crate::app::AppError;
use crate::auth::AdminError;
use crate::checkpoint_signer::CheckpointSignerError;
use crate::domain::Label;
use crate::domain::refusal::{Kind, Refusal, Violation};
use crate::eventstore::StoreError;
use crate::http::body::{STREAM_LIMIT, unread};
use crate::import::{BadRow, ImportError, Problems};
use crate::outbound::{MOST_RECEIVERS, OutboundError, Rejected};
use crate::projections::ProjectionError;
use crate::signing_key_rotation::RotationError;
use crate::signing_keys::SigningKeyError;

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal.kind {
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let mut problem = Self::with_texts(status, refusal.code, refusal.title, refusal.detail);
        problem.0.violations = refusal.violations;
        problem.0.extra = refusal.extra;
        problem
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::CommandIdReused => Self::idempotency_key_reused(),
            StoreError::Overloaded { retry_after_seconds } => Self::overloaded(retry_after_seconds),
            StoreError::Conflict { .. } | StoreError::DeadlinePassed => Self::contention(),
            StoreError::TooLarge { field, bytes, most } => Self::event_too_large(&field, bytes, most),
            StoreError::Invalid(what) => Self::new(
                ProblemCode::EntryInvalid,
                Label::new(
                    format!("事件不符合事件日志的限制（{what}）。"),
                    format!("The event violates a limit of the event log: {what}."),
                ),
            ),
            StoreError::Poisoned(_)
            | StoreError::InDoubt(_)
            | StoreError::Unavailable(_)
            | StoreError::Absent(_) => Self::unavailable(error.to_string()),
            StoreError::Segment(fault) => {
                let cause = fault.to_string();
                Self::segment_unreadable(&[fault]).because(cause)
            }
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
                    "须为 https 地址，不含用户名和 # 片段，例如 https://erp.example/hooks；域名使用 Punycode。",
                    "Must be an https URL without user information or fragment, such as https://erp.example/hooks; the host \
                     name in ASCII (Punycode).",
                ),
            ),
            Rejected::Unencrypted => (
                "url",
                Label::new(
                    "须为 https 地址；只有允许内网地址的部署才接受 http。",
                    "Must be an https URL; http is accepted only where the operator permits private addresses.",
                ),
            ),
            Rejected::Private => (
                "url",
                Label::new(
                    "不允许内网或本机地址；可由运维人员以 WAYMARK_PRIVATE_ADDRESSES=allow 放开。",
                    "Private and loopback addresses are not permitted unless the operator sets \
                     WAYMARK_PRIVATE_ADDRESSES=allow.",
                ),
            ),
            Rejected::UnknownType(name) => (
                "types",
                Label::new(
                    format!("未知的事件类型 {name}；全部类型见 docs/events.md。"),
                    format!("Unknown event type {name}; docs/events.md lists all types."),
                ),
            ),
        };
        Self::invalid_value(field, message)
    }
}

impl From<CheckpointSignerError> for Problem {
    fn from(error: CheckpointSignerError) -> Self {
        match error {
            CheckpointSignerError::Store(error) => error.into(),
            CheckpointSignerError::Key(error) => error.into(),
            CheckpointSignerError::File { .. } => Self::unavailable(error.to_string()),
            CheckpointSignerError::BadNote { .. }
            | CheckpointSignerError::RolledBack { .. }
            | CheckpointSignerError::Forked { .. } => Self::internal(error.to_string()),
        }
    }
}

impl From<SigningKeyError> for Problem {
    fn from(error: SigningKeyError) -> Self {
        match error {
            SigningKeyError::Log(error) => error.into(),
            SigningKeyError::Store(error) => error.into(),
            SigningKeyError::KeyFile(error) => Self::key_file_not_writable(error.to_string()),
            SigningKeyError::Missing { key, .. } => Self::signing_key_missing(&[key]),
        }
    }
}

impl From<RotationError> for Problem {
    fn from(error: RotationError) -> Self {
        match error {
            RotationError::App(error) => error.into(),
            RotationError::Signer(error) => error.into(),
        }
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Refused(refusal) => (*refusal).into(),
            AppError::NotFound { what, id } => Self::not_found(&what, &id),
            AppError::VersionMismatch { current } => Self::version_mismatch(current),
            AppError::KeyReused => Self::idempotency_key_reused(),
            AppError::Contention => Self::contention(),
            AppError::Store(error) => error.into(),
            AppError::Projection(error) => error.into(),
            AppError::Unreadable(what) => Self::internal(what),
            AppError::ErasureRecord(what) => Self::erasure_record_unavailable(what),
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
                    Label::new("不是本接口返回的游标。", "Not a cursor returned by this operation.");
                Self::invalid_value("cursor", message)
            }
            // A rebuild, or another process, took the read model over meanwhile: nothing is broken.
            ProjectionError::Fenced => Self::contention(),
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
            ImportError::NotWorkbook(why) => Self::malformed_workbook(&why),
            ImportError::NoSheet { sheet, found } => {
                let found = found.join(", ");
                let message = Label::new(
                    format!("工作簿没有工作表“{sheet}”；现有：{found}。"),
                    format!("The workbook has no sheet {sheet}; it has: {found}."),
                );
                Self::invalid_value("sheet", message)
            }
            ImportError::Empty => Self::malformed_csv(1, "there are no rows"),
            ImportError::BadParameter { parameter, message } => Self::invalid_value(parameter, message),
            ImportError::BadRows { rows, problems, total } => Self::bad_rows(rows, &problems, total),
            ImportError::Io(error) if error.kind() == ErrorKind::FileTooLarge => {
                Self::body_too_large(STREAM_LIMIT)
            }
            ImportError::Io(error) => unread(&error),
            ImportError::App(error) => error.into(),
        }
    }
}

impl Problem {
    fn too_many_statuses(line: u64, most: usize) -> Self {
        let message = Label::new(
            format!("第 {line} 行出现了第 {} 个不同的状态；一个销售流程最多 {most} 个状态。", most + 1),
            format!(
                "Line {line} contains distinct status number {}; a pipeline has at most {most} stages.",
                most + 1
            ),
        );
        let fix = Label::new(
            "请检查参数 status 指定的是否为状态列。",
            "Check that the parameter `status` names the column with the status.",
        );
        Self::of_field(ProblemCode::TooManyStatuses, "status", message, fix)
            .with("line", line)
            .with("limit", most)
    }

    fn malformed_csv(line: u64, why: &str) -> Self {
        let message = Label::new(
            format!("第 {line} 行不是有效的 CSV（{why}）。"),
            format!("Line {line} is not valid CSV: {why}."),
        );
        let fix = Label::new(
            "请检查文件，或用 encoding 指定编码，例如 gb18030。",
            "Check the file, or name its encoding with encoding, such as gb18030.",
        );
        Self::of_field(ProblemCode::MalformedBody, &format!("line {line}"), message, fix).with("line", line)
    }

    fn malformed_workbook(why: &Label) -> Self {
        let message = Label::new(
            format!("工作簿无法读取：{}。", why.zh),
            format!("The workbook cannot be read: {}.", why.en),
        );
        let fix = Label::new("请另存为 .xlsx 或 CSV。", "Save it as .xlsx or as CSV.");
        Self::of_field(ProblemCode::MalformedBody, "", message, fix)
    }

    fn bad_rows(rows: Vec<BadRow>, problems: &[Problems], total: u64) -> Self {
        let first = rows.first().map_or(0, |row| row.line);
        let detail = Label::new(
            format!("共有 {total} 行无效，第一处在第 {first} 行；没有导入任何内容。"),
            format!("{total} rows are invalid, the first on line {first}. Nothing was imported."),
        );
        Self::new(ProblemCode::BadRows, detail)
            .with("bad_rows", total)
            .with("problems", json!(problems))
            .with_violations(rows.into_iter().map(bad_row))
    }
}

fn bad_row(row: BadRow) -> Violation {
    let how_to_fix = Label::new(
        format!("{}也可以用 skip_bad=true 跳过。", row.how_to_fix.zh),
        format!("{} Or skip the row with skip_bad=true.", row.how_to_fix.en),
    );
    Violation { code: row.code.into(), field: row.field, message: row.message, how_to_fix, data: Map::new() }
        .with("line", row.line)
        .with("row", row.row)
        .with("sheet", row.sheet)
        .with("column", row.column)
        .with("value", row.value)
}
