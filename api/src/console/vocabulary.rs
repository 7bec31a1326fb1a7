//! What events and their fields are called, in the reader's language.

use serde_json::Value;

use super::i18n::{Locale, read};
use crate::domain::ProfileField;

impl Locale {
    /// What happened, in a word or two.
    pub(super) fn event(self, event_type: &str) -> &str {
        let known = EVENTS.iter().find(|(known, ..)| *known == event_type);
        known.map_or(event_type, |(_, zh, en)| self.text(zh, en))
    }

    /// What a field is called: by the last part of its path. One that somebody declared is called as they called it.
    pub(super) fn caption(self, name: &str) -> String {
        let last = name.rsplit('.').next().unwrap_or(name);
        if let Some(field) = ProfileField::parse(last) {
            return self.name_of(field).to_owned();
        }
        let known = CAPTIONS.iter().find(|(known, ..)| *known == last);
        known.map_or_else(|| last.replace('_', " "), |(_, zh, en)| self.text(zh, en).to_owned())
    }

    /// What a text of the profile is called.
    pub(super) fn name_of(self, field: ProfileField) -> &'static str {
        let (zh, en) = field.names();
        self.text(zh, en)
    }

    /// What a field holds: instants in the reader's zone, texts in the reader's language, and of what has parts each with its
    /// caption.
    pub(super) fn value(self, value: &Value) -> String {
        match value {
            Value::Null => "—".to_owned(),
            Value::Bool(is) => (if *is { self.text("是", "yes") } else { self.text("否", "no") }).to_owned(),
            Value::Number(number) => number.to_string(),
            Value::String(text) if read(value).is_some() && text.contains('T') => self.moment(value),
            Value::String(text) => text.clone(),
            Value::Array(values) => {
                let each = values.iter().map(|value| self.value(value));
                each.collect::<Vec<_>>().join(self.text("、", ", "))
            }
            Value::Object(parts) => {
                let is_label = !parts.is_empty() && parts.keys().all(|name| name == "zh" || name == "en");
                if is_label {
                    return self.label(value).to_owned();
                }
                if parts.contains_key("amount") && parts.contains_key("currency") && parts.len() == 2 {
                    return self.money(value);
                }
                let each = parts.iter().map(|(name, value)| {
                    format!("{}{}{}", self.caption(name), self.text("：", ": "), self.value(value))
                });
                each.collect::<Vec<_>>().join(self.text("；", "; "))
            }
        }
    }
}

/// What can happen.
const EVENTS: &[(&str, &str, &str)] = &[
    ("audit.reviewed", "审阅变更", "Changes reviewed"),
    ("calendar.set", "设置日历", "Calendar set"),
    ("consumer.created", "创建事件消费者", "Consumer created"),
    ("consumer.deleted", "删除事件消费者", "Consumer deleted"),
    ("consumer.reset", "重置事件消费者", "Consumer reset"),
    ("customer.absorbed", "合并了另一客户", "Merged another customer in"),
    ("customer.automation_ran", "规则已执行", "Automation ran"),
    ("customer.automation_skipped", "规则已跳过", "Automation skipped"),
    ("customer.claimed", "领取", "Claimed"),
    ("customer.details_changed", "修改资料", "Details changed"),
    ("customer.distinction_withdrawn", "撤回非重复确认", "Not-a-duplicate mark withdrawn"),
    ("customer.distinguished", "确认不是重复客户", "Marked as not a duplicate"),
    ("customer.document_added", "上传凭证", "Document added"),
    ("customer.erased", "个人资料已删除", "Personal data erased"),
    ("customer.first_contact_missed", "首次联系超时", "First contact missed"),
    ("customer.followed_up", "跟进", "Follow-up"),
    ("customer.lead_touched", "再次来访", "Repeat inquiry"),
    ("customer.key_rotated", "更换加密密钥", "Encryption key changed"),
    ("customer.legal_hold_placed", "依法保留", "Legal hold placed"),
    ("customer.legal_hold_released", "解除依法保留", "Legal hold released"),
    ("customer.merged_into", "已并入另一客户", "Merged into another customer"),
    ("customer.move_inserted", "更正：补录", "Correction: added"),
    ("customer.move_target_corrected", "更正：状态", "Correction: stage"),
    ("customer.move_time_corrected", "更正：时间", "Correction: time"),
    ("customer.move_voided", "更正：撤销", "Correction: voided"),
    ("customer.moved", "状态变更", "Stage changed"),
    ("customer.next_contact_set", "安排下次联系", "Next contact set"),
    ("customer.noted", "备注", "Note"),
    ("customer.owner_changed", "变更归属", "Owner changed"),
    ("customer.points_recorded", "记录积分", "Points recorded"),
    ("customer.process_started", "启动后续流程", "Process started"),
    ("customer.proposal_settled", "建议已处理", "Proposal decided"),
    ("customer.proposed", "智能体建议", "Agent's proposal"),
    ("customer.reactivated", "重新激活", "Reactivated"),
    ("customer.reclaim_skipped", "未收回", "Not reclaimed"),
    ("customer.registered", "登记", "Registered"),
    ("customer.released", "退回公海", "Released"),
    ("customer.reminded", "提醒", "Reminder"),
    ("customer.risk_flagged", "风险标记", "Risk flag"),
    ("customer.scored", "评分", "Score"),
    ("customer.signalled", "行为信号", "Signal"),
    ("customer.stage_migrated", "版本迁移", "Migrated to a new version"),
    ("customer.sub_status_set", "变更子状态", "Sub-status set"),
    ("customer.task_cancelled", "任务取消", "Task cancelled"),
    ("customer.task_completed", "任务完成", "Task completed"),
    ("customer.task_created", "新任务", "Task created"),
    ("customer.transaction_recorded", "记录交易", "Transaction recorded"),
    ("customer.transaction_voided", "撤销交易", "Transaction voided"),
    ("customer.transition_approved", "审批通过", "Transition approved"),
    ("customer.transition_expired", "审批过期", "Approval request expired"),
    ("customer.transition_rejected", "审批驳回", "Transition rejected"),
    ("customer.transition_requested", "申请变更", "Approval requested"),
    ("customer.transition_withdrawn", "撤回申请", "Approval request withdrawn"),
    ("customer.unmerged", "撤销合并", "Merge undone"),
    ("customer.viewed", "查看", "Viewed"),
    ("customer.withdrawn", "撤回导入的客户", "Imported customer withdrawn"),
    ("deputy.appointed", "指定代理人", "Deputy appointed"),
    ("deputy.dismissed", "取消代理人", "Deputy dismissed"),
    ("export.started", "导出文件", "File exported"),
    ("field.declared", "定义自定义字段", "Custom field declared"),
    ("field.withdrawn", "停用自定义字段", "Custom field withdrawn"),
    ("import.undone", "撤销导入", "Import undone"),
    ("inbox.read", "消息已读", "Inbox read"),
    ("intake.set", "设置线索分配", "Lead intake set"),
    ("key.adopted", "收录已有密钥", "Existing key recorded"),
    ("key.created", "创建密钥", "Key created"),
    ("key.revoked", "吊销密钥", "Key revoked"),
    ("log.segments_archived", "归档冷数据段", "Old log segments archived"),
    ("member.removed", "移除成员", "Member removed"),
    ("member.endpoints_erased", "来源信息已删除", "Origin data erased"),
    ("member.roles_set", "设置成员角色", "Member's roles set"),
    ("pipeline.alerted", "占比告警", "Alert of a share"),
    ("pipeline.published", "发布流程", "Pipeline published"),
    ("pipeline.scheduled", "流程版本排期", "Pipeline version scheduled"),
    ("pipeline.standard_path_set", "设置标准路径", "Standard path set"),
    ("pipeline.version_withdrawn", "撤回流程版本", "Pipeline version withdrawn"),
    ("projection.event_skipped", "读模型跳过事件", "Event skipped by a read model"),
    ("rates.set", "设置汇率", "Exchange rates set"),
    ("receiver.adopted", "收录已有接收端", "Existing receiver recorded"),
    ("receiver.created", "创建接收端", "Receiver created"),
    ("receiver.deleted", "删除接收端", "Receiver deleted"),
    ("receiver.disabled", "停用接收端", "Receiver disabled"),
    ("receiver.enabled", "启用接收端", "Receiver enabled"),
    ("receiver.key_rotated", "更换接收端密钥", "Receiver's secret rotated"),
    ("rights.adopted", "收录已有权限", "Existing rights recorded"),
    ("root_key.rotated", "更换根密钥", "Root key rotated"),
    ("session.ended", "退出登录", "Session ended"),
    ("session.opened", "登录", "Session opened"),
    ("sign_in_link.created", "创建登录链接", "Sign-in link created"),
    ("signing_key.rotated", "更换日志签名密钥", "Signing key of the log rotated"),
    ("team.dissolved", "解散团队", "Team dissolved"),
    ("team.set", "设置团队", "Team set"),
];

/// The fields of commands and events.
const CAPTIONS: &[(&str, &str, &str)] = &[
    ("absorbed", "并入的客户", "Absorbed customer"),
    ("action", "动作", "Action"),
    ("actions", "动作", "Actions"),
    ("actor", "操作人", "Actor"),
    ("adds_fields", "新增字段", "Added fields"),
    ("agent", "智能体", "Agent"),
    ("alert", "告警", "Alert"),
    ("also_voids", "一并撤销", "Also voids"),
    ("amount", "金额", "Amount"),
    ("any_of", "任一", "Any of"),
    ("approval", "审批", "Approval"),
    ("assignment", "分配", "Assignment"),
    ("at", "时间", "Time"),
    ("at_risk", "有风险", "At risk"),
    ("automations", "规则", "Automations"),
    ("base", "基准币种", "Base currency"),
    ("because", "依据", "Because"),
    ("body", "内容", "Content of the command"),
    ("by", "操作人", "By"),
    ("calendar", "日历", "Calendar"),
    ("carried_over", "带入的资料", "Carried over"),
    ("cause", "起因", "Cause"),
    ("chain", "审批链", "Approval chain"),
    ("channel", "方式", "Channel"),
    ("channels", "消息渠道", "Channels"),
    ("claim_history", "领取与失去记录", "Claims and losses"),
    ("claimed_at", "领取时间", "Claimed at"),
    ("cleared", "清空的字段", "Cleared fields"),
    ("clock", "时钟", "Clock"),
    ("code", "代码", "Code"),
    ("command", "命令", "Command"),
    ("consumer", "消费者", "Consumer"),
    ("contacts", "联系方式", "Contacts"),
    ("content", "看过的内容", "Content"),
    ("contract", "合同", "Contract"),
    ("contract_end", "合同到期", "End of the contract"),
    ("corrects", "更正的记录", "Corrected event"),
    ("created_at", "创建时间", "Created at"),
    ("credential", "凭据", "Credential"),
    ("currency", "币种", "Currency"),
    ("customer", "客户", "Customer"),
    ("cycle", "轮次", "Cycle"),
    ("data", "数据", "Data"),
    ("date", "日期", "Date"),
    ("days", "天数", "Days"),
    ("deadline", "期限", "Deadline"),
    ("definition", "定义", "Definition"),
    ("delivered_on", "交付日期", "Delivered on"),
    ("deputy", "代理人", "Deputy"),
    ("details", "资料", "Details"),
    ("digest", "摘要", "Digest"),
    ("direction", "方向", "Direction"),
    ("disabled_because", "停用原因", "Disabled because"),
    ("document", "文件", "Document"),
    ("documents", "文件", "Documents"),
    ("due_at", "截止时间", "Due at"),
    ("effective", "生效时间", "Effective"),
    ("effective_at", "发生时间", "Effective time"),
    ("effective_from", "生效自", "Effective from"),
    ("email", "邮箱", "E-mail"),
    ("ends_on", "结束日期", "Ends on"),
    ("event", "事件", "Event"),
    ("events", "事件", "Events"),
    ("evidence", "凭证", "Evidence"),
    ("exempt", "豁免", "Exempt"),
    ("expected_close", "预计成交", "Expected close"),
    ("expected_close_on", "预计成交日期", "Expected close on"),
    ("expected_close_reason", "预计成交调整原因", "Reason of the expected close"),
    ("expires_at", "过期时间", "Expires at"),
    ("explanation", "说明", "Explanation"),
    ("external_id", "外部编号", "External ID"),
    ("field", "字段", "Field"),
    ("field_names", "字段名称", "Field names"),
    ("fields", "自定义字段", "Custom fields"),
    ("filters", "筛选条件", "Filters"),
    ("first_position", "起始序号", "First position"),
    ("format", "格式", "Format"),
    ("from", "自", "From"),
    ("from_version", "原版本", "From version"),
    ("goal_reached", "目标达成", "Goal reached"),
    ("grace_until", "宽限至", "Grace until"),
    ("ground", "依据", "Ground"),
    ("hold", "依法保留", "Legal hold"),
    ("host", "地址", "Host"),
    ("id", "编号", "ID"),
    ("import", "导入", "Import"),
    ("intake", "线索分配", "Lead intake"),
    ("into", "并入", "Into"),
    ("issued_by", "签发方", "Issued by"),
    ("journey", "流程", "Journey"),
    ("kept", "保留", "Kept"),
    ("key", "键", "Key"),
    ("key_id", "密钥编号", "Key ID"),
    ("keys", "密钥", "Keys"),
    ("kind", "类型", "Kind"),
    ("known_until", "已知至", "Known until"),
    ("link", "登录链接", "Sign-in link"),
    ("map", "状态对应", "Stage map"),
    ("meets", "满足的条件", "Conditions met"),
    ("member", "成员", "Member"),
    ("members", "成员", "Members"),
    ("merged_into", "并入的客户", "Merged into"),
    ("method", "方法", "Method"),
    ("model", "模型", "Model"),
    ("moved_at", "变更时间", "Moved at"),
    ("name", "名称", "Name"),
    ("next_action", "下一步动作", "Next action"),
    ("next_contact", "下次联系", "Next contact"),
    ("next_plan", "下次计划", "Next plan"),
    ("next_step", "下一步计划", "Next step"),
    ("note", "备注", "Note"),
    ("occasion", "时机", "Occasion"),
    ("offers", "报价", "Offers"),
    ("on_conflict", "冲突时", "On conflict"),
    ("other", "另一客户", "Other customer"),
    ("outcome", "结果", "Outcome"),
    ("overrides", "越过的条件", "Overridden conditions"),
    ("older_than_seconds", "最短存放时间（秒）", "Minimum age (seconds)"),
    ("owner", "负责人", "Owner"),
    ("period", "周期", "Period"),
    ("phases", "阶段", "Phases"),
    ("phone", "电话", "Phone"),
    ("pipeline", "流程", "Pipeline"),
    ("pipeline_version", "流程版本", "Pipeline version"),
    ("points", "积分", "Points"),
    ("points_kept", "保留的积分", "Points kept"),
    ("pool", "公海", "Pool"),
    ("pools", "公海", "Pools"),
    ("position", "位置", "Position"),
    ("postponed_until", "延期至", "Postponed until"),
    ("process", "后续流程", "Process"),
    ("profile", "画像", "Profile"),
    ("projection", "读模型", "Read model"),
    ("prompt", "收到的请求", "Prompt"),
    ("quota_date", "名额日期", "Quota date"),
    ("rates", "汇率", "Rates"),
    ("reason", "原因", "Reason"),
    ("reason_text", "原因说明", "Reason in words"),
    ("reasons", "原因", "Reasons"),
    ("receiver", "接收端", "Receiver"),
    ("receivers", "接收端", "Receivers"),
    ("recognised_by", "识别依据", "Recognized by"),
    ("recorded_late", "补录", "Recorded late"),
    ("reference", "编号或链接", "Reference"),
    ("referred", "推荐的客户", "Referred"),
    ("regions", "地区", "Regions"),
    ("reminders", "提醒", "Reminders"),
    ("rep", "销售", "Rep"),
    ("replaced_valid_until", "旧密钥有效至", "Former key valid until"),
    ("replaces", "替换的密钥", "Replaces"),
    ("request", "申请", "Request"),
    ("reverted", "恢复的资料", "Reverted"),
    ("revoked_at", "吊销时间", "Revoked at"),
    ("role", "角色", "Role"),
    ("roles", "角色", "Roles"),
    ("root", "根哈希", "Root hash"),
    ("rows", "行数", "Rows"),
    ("rule", "规则", "Rule"),
    ("rules", "规则", "Rules"),
    ("satisfaction", "满意度", "Satisfaction"),
    ("scopes", "权限范围", "Scopes"),
    ("score", "评分", "Score"),
    ("segments", "数据段文件", "Segment files"),
    ("seen", "已审阅", "Seen"),
    ("session", "会话", "Session"),
    ("sha256", "SHA-256", "SHA-256"),
    ("shares", "占比", "Shares"),
    ("source", "来源", "Source"),
    ("staff", "销售", "Reps"),
    ("stage", "状态", "Stage"),
    ("stage_policy", "状态取舍", "Stage policy"),
    ("stages", "状态", "Stages"),
    ("starts_on", "开始日期", "Starts on"),
    ("strikes", "次数", "Strikes"),
    ("sub_status", "子状态", "Sub-status"),
    ("summary", "沟通内容", "Summary"),
    ("supervisors", "主管", "Supervisors"),
    ("survivor", "保留的客户", "Survivor"),
    ("tag", "标签", "Tag"),
    ("tags", "标签", "Tags"),
    ("task", "任务", "Task"),
    ("team", "团队", "Team"),
    ("text", "内容", "Text"),
    ("tier", "等级", "Tier"),
    ("timezone", "时区", "Time zone"),
    ("title", "标题", "Title"),
    ("to", "目标状态", "To"),
    ("touch", "来访", "Touch"),
    ("transaction", "交易", "Transaction"),
    ("transactions", "交易", "Transactions"),
    ("transitions", "状态变更", "Transitions"),
    ("type", "类型", "Type"),
    ("types", "类型", "Types"),
    ("unit", "单位", "Unit"),
    ("until", "至", "Until"),
    ("up_to", "截至", "Up to"),
    ("valid_from", "有效自", "Valid from"),
    ("value", "值", "Value"),
    ("version", "版本", "Version"),
    ("wechat", "微信", "WeChat"),
    ("weekly", "每周工作时间", "Weekly hours"),
    ("weights", "权重", "Weights"),
    ("withdrawn", "撤回的客户", "Withdrawn"),
    ("won_amount", "成交金额", "Won amount"),
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use chrono_tz::Tz;
    use serde_json::json;

    use super::*;
    use crate::domain::{Language, catalogue};

    const ZH: Locale = Locale { language: Language::Zh, zone: Tz::Asia__Shanghai };
    const EN: Locale = Locale { language: Language::En, zone: Tz::Asia__Shanghai };

    #[test]
    fn every_event_type_has_a_name() {
        let nameless: Vec<&str> =
            catalogue::event_types().map(|event| event.name).filter(|name| ZH.event(name) == *name).collect();
        assert!(nameless.is_empty(), "without a name: {nameless:?}");
    }

    #[test]
    fn every_field_of_an_event_has_a_caption() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../domain/golden");
        let mut without = Vec::new();
        for event in catalogue::event_types() {
            let file = golden.join(format!("{}.v{}.json", event.name, event.version));
            let data: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
            let examples = data.as_array().cloned().unwrap_or_else(|| vec![data]);
            let names = examples.iter().filter_map(Value::as_object).flat_map(|example| example.keys());
            without.extend(names.filter(|name| CAPTIONS.iter().all(|(known, ..)| known != name)).cloned());
        }
        without.sort_unstable();
        without.dedup();
        assert!(without.is_empty(), "without a caption: {without:?}");
    }

    #[test]
    fn a_value_is_shown_as_its_reader_says_it() {
        let changed = json!({
            "owner": {"kind": "rep", "id": "li"},
            "tags": ["a", "b"],
            "amount": {"amount": "1200.50", "currency": "CNY"},
            "title": {"zh": "回访", "en": "Call"},
            "due_at": "2026-03-02T01:00:00Z",
            "at_risk": true,
            "tier": null,
        });
        let shown = |locale: Locale, name: &str| locale.value(&changed[name]);
        let names = ["owner", "tags", "amount", "title", "due_at", "at_risk", "tier"];
        assert_eq!(
            names.map(|name| shown(ZH, name)),
            ["编号：li；类型：rep", "a、b", "CNY 1,200.50", "回访", "2026-03-02 09:00", "是", "—"]
        );
        assert_eq!(
            names.map(|name| shown(EN, name)),
            ["ID: li; Kind: rep", "a, b", "CNY 1,200.50", "Call", "2026-03-02 09:00", "yes", "—"]
        );
    }
}
