//! The service cannot do it now, or failed.

use axum::http::header::{self, HeaderName};

use super::{Problem, ProblemCode};
use crate::domain::Label;
use crate::eventstore::Position;
use crate::eventstore::segments::SegmentFault;

/// When reports are worth asking for again: some of those that wait are answered by then.
const REPORTS_RETRY_SECONDS: u32 = 2;

/// How many unreadable segments a problem names.
const SEGMENTS_NAMED: usize = 20;

/// It can be tried again.
impl Problem {
    /// Every connection that the service can hold is in use.
    #[must_use]
    pub fn too_many_connections() -> Self {
        let detail =
            Label::new("所有连接均已占用，请稍后重试。", "All connections are in use; try again shortly.");
        Self::new(ProblemCode::TooManyConnections, detail).retry_after(1)
    }

    /// The read model has not reached the position that the client waits for.
    #[must_use]
    pub fn projection_behind(reached: Position) -> Self {
        let detail = Label::new(
            format!("读模型目前到达序号 {reached}，请稍后重试。"),
            format!("The read model has reached position {reached}; try again shortly."),
        );
        Self::new(ProblemCode::ProjectionBehind, detail)
            .with("position", reached)
            .with_header(HeaderName::from_static("waymark-position"), reached.to_string())
            .retry_after(1)
    }

    /// The read model is being rebuilt and answers nothing until it is complete.
    #[must_use]
    pub fn projection_unavailable(name: &str, reached: Position) -> Self {
        let detail = Label::new(
            format!("读模型 {name} 正在根据事件日志重建，目前到达序号 {reached}，请稍后重试。"),
            format!(
                "The read model {name} is being rebuilt from the event log and has reached position {reached}; try again \
                 shortly."
            ),
        );
        Self::new(ProblemCode::ProjectionUnavailable, detail)
            .with("projection", name)
            .with("position", reached)
            .retry_after(2)
    }

    /// Read models answer nothing, so that requests are better sent to another node.
    #[must_use]
    pub fn projections_unavailable(names: &[&str]) -> Self {
        let detail = Label::new(
            format!("以下读模型正在根据事件日志重建：{}。", names.join("、")),
            format!("These read models are being rebuilt from the event log: {}.", names.join(", ")),
        );
        Self::new(ProblemCode::ProjectionUnavailable, detail)
            .with("projections", names.join(", "))
            .retry_after(2)
    }

    /// The read model is being rebuilt already.
    #[must_use]
    pub fn rebuild_running() -> Self {
        let detail = Label::new(
            "同一读模型同时只能有一个重建任务，请等待其完成。",
            "Only one rebuild of a read model can run at a time; wait until it has finished.",
        );
        Self::new(ProblemCode::RebuildRunning, detail)
    }

    /// The log takes no entries. The cause is in the server log.
    #[must_use]
    pub fn log_not_writable() -> Self {
        let detail = Label::new(
            "事件日志目前无法写入新事件，请由运维人员检查磁盘或数据库。",
            "The event log cannot record new events at the moment; an operator should check the disk or the database.",
        );
        Self::new(ProblemCode::LogNotWritable, detail).retry_after(5)
    }

    /// Checkpoints are signed with keys that are not in the key file of this node.
    #[must_use]
    pub fn signing_key_missing(keys: &[String]) -> Self {
        let ids = keys.join(", ");
        let detail = Label::new(
            format!(
                "签名密钥已更换，本节点的密钥文件中没有密钥 {ids}：请运维人员从更换密钥的节点复制密钥文件，无需重启。"
            ),
            format!(
                "The signing key was changed, and the key file of this node does not have the key {ids}. An operator should copy the \
                 key file from the node where it was changed; no restart is needed."
            ),
        );
        Self::new(ProblemCode::SigningKeyMissing, detail).with("keys", keys).retry_after(60)
    }

    /// Segments of the log cannot be read. The files are named in the server log and by `waymark doctor`.
    #[must_use]
    pub fn segment_unreadable(faults: &[SegmentFault]) -> Self {
        let positions: Vec<Position> =
            faults.iter().map(|fault| fault.position).take(SEGMENTS_NAMED).collect();
        let first = positions.first().copied().unwrap_or_default();
        let detail = Label::new(
            format!(
                "从序号 {first} 起的旧事件已归档到文件，而该文件缺失或已被改动。请运维人员按 waymark doctor 的提示从备份恢复该文件，无需重启。"
            ),
            format!(
                "Old events from position {first} on were archived into a file that is missing or was changed. An operator should \
                 restore the file that `waymark doctor` names from a backup; no restart is needed."
            ),
        );
        Self::new(ProblemCode::SegmentUnreadable, detail).with("positions", positions).retry_after(60)
    }

    /// The record of erasures outside the database cannot be read or written. The cause is in the server log.
    #[must_use]
    pub fn erasure_record_unavailable(cause: String) -> Self {
        let detail = Label::new(
            "数据库之外的删除记录无法读取或写入，因此不能删除个人资料。请运维人员按 waymark doctor 的提示修复该文件，无需重启。",
            "The record of erasures outside the database cannot be read or written, so that nobody can be erased. An operator should \
             restore the file that `waymark doctor` names; no restart is needed.",
        );
        Self::new(ProblemCode::ErasureRecordUnavailable, detail).retry_after(60).because(cause)
    }

    /// A new key could not be written into the key file. The cause is in the server log.
    pub(super) fn key_file_not_writable(cause: String) -> Self {
        let detail = Label::new(
            "密钥文件无法读取或替换，未作任何更改。请运维人员使服务进程可以写入密钥文件所在的目录，或在命令行执行 waymark rotate-signing-key。",
            "The key file cannot be read or replaced; nothing was changed. An operator should let the service write to its folder, or \
             run `waymark rotate-signing-key`.",
        );
        Self::new(ProblemCode::KeyFileNotWritable, detail).because(cause)
    }

    /// The service is stopping and accepts no new requests.
    #[must_use]
    pub fn stopping() -> Self {
        let detail = Label::new(
            "请稍后重试，或改用其他节点。",
            "Try again shortly, or send the request to another node.",
        );
        Self::new(ProblemCode::Stopping, detail).retry_after(1)
    }

    /// Others changed the same things at every attempt.
    pub(super) fn contention() -> Self {
        let detail = Label::new("没有写入任何内容，请稍后重试。", "Nothing was written; try again shortly.");
        Self::new(ProblemCode::Contention, detail).retry_after(1)
    }

    /// More writes wait than the log takes.
    pub(super) fn overloaded(retry_after_seconds: u32) -> Self {
        let detail = Label::new(
            "等待写入的请求过多，请稍后重试。",
            "Too many write requests are waiting; try again later.",
        );
        Self::new(ProblemCode::Overloaded, detail).retry_after(retry_after_seconds)
    }

    /// More reports or exports wait than this process will get to in a short while.
    #[must_use]
    pub fn too_many_reports() -> Self {
        let detail = Label::new(
            "正在处理的报表和导出过多，请稍后重试。",
            "Too many reports and exports are being processed; try again later.",
        );
        Self::new(ProblemCode::Overloaded, detail).retry_after(REPORTS_RETRY_SECONDS)
    }

    /// The database does not answer.
    pub(crate) fn unavailable(cause: String) -> Self {
        let detail = Label::new(
            "事件日志暂时无法读写，请稍后重试。",
            "The event log cannot be read or written at the moment; try again later.",
        );
        Self::new(ProblemCode::Unavailable, detail).retry_after(5).because(cause)
    }

    fn retry_after(self, seconds: u32) -> Self {
        self.with_header(header::RETRY_AFTER, seconds.to_string())
    }
}

/// It failed.
impl Problem {
    /// A fault of the service. The cause is logged; the client gets the trace id under which it is found.
    #[must_use]
    pub fn internal(cause: impl Into<String>) -> Self {
        let detail = Label::new(
            "服务器出错，无法确定请求是否已生效；请使用相同的 Idempotency-Key 重试。",
            "The server failed, and the request may or may not have taken effect. Retry it with the same Idempotency-Key.",
        );
        Self::new(ProblemCode::InternalError, detail).because(cause)
    }
}
