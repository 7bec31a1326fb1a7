//! A definition in words: what starts a rule, what it does, and what a pool takes and gives.

use serde_json::Value;

use super::super::super::i18n::Locale;
use super::super::text;

/// A definition, with the names of its stages.
pub(super) struct InWords<'a> {
    pub(super) locale: Locale,
    pub(super) pipeline: &'a Value,
}

impl InWords<'_> {
    /// What a stage is called; one that the definition does not have is called by its id.
    pub(super) fn stage(&self, id: &Value) -> String {
        let mut all = self.pipeline["stages"].as_array().into_iter().flatten();
        let stage = all.find(|stage| stage["id"] == *id).unwrap_or(&Value::Null);
        let name = self.locale.label(&stage["name"]);
        if name.is_empty() { text(id).to_owned() } else { name.to_owned() }
    }

    fn stages(&self, ids: &Value) -> String {
        let each = ids.as_array().into_iter().flatten().map(|id| self.stage(id));
        each.collect::<Vec<_>>().join(self.locale.text("、", ", "))
    }

    /// A length of time.
    pub(super) fn lasting(&self, seconds: &Value) -> String {
        seconds.as_f64().map_or_else(String::new, |seconds| self.locale.lasting(seconds))
    }

    /// What starts a rule, after which time, and where.
    pub(super) fn trigger(&self, rule: &Value) -> String {
        let locale = self.locale;
        let trigger = &rule["trigger"];
        let what = match text(&trigger["kind"]) {
            "stage_entered" => locale.text("进入状态", "A stage is entered").to_owned(),
            "stage_idle" => locale.text("在状态中没有动静", "Nothing happens in a stage").to_owned(),
            "signal" => {
                format!("{} {}", locale.text("收到行为信号", "A signal arrives:"), text(&trigger["signal"]))
            }
            "share_alert" => locale.text("状态占比告警", "The share of a stage is out of line").to_owned(),
            "schedule" => {
                let every = match text(&trigger["every"]) {
                    "day" => locale.text("每天", "every day"),
                    "week" => locale.text("每周", "every week"),
                    "month" => locale.text("每月", "every month"),
                    other => other,
                };
                format!("{}{every}", locale.text("按时间表：", "On a schedule: "))
            }
            "field_date" => format!(
                "{} {}",
                locale.text("到字段中的日期", "On the date in the field"),
                locale.caption(text(&trigger["field"]))
            ),
            other => other.replace('_', " "),
        };
        let stages = self.stages(&trigger["stages"]);
        let delay = match &rule["delay"] {
            Value::Object(delay) => {
                delay.get("seconds").map_or_else(|| plain(&rule["delay"]), |seconds| self.lasting(seconds))
            }
            seconds => self.lasting(seconds),
        };
        let place =
            if stages.is_empty() { String::new() } else { format!("{}{stages}", locale.text("：", ": ")) };
        let after = if delay.is_empty() {
            String::new()
        } else {
            format!("{}{delay}", locale.text("，之后 ", ", after "))
        };
        format!("{what}{place}{after}")
    }

    /// What a rule does.
    pub(super) fn action(&self, action: &Value) -> String {
        let locale = self.locale;
        let said = locale.label(&action["text"]).to_owned();
        let role = locale.role(text(&action["role"]));
        let what = match text(&action["kind"]) {
            "remind" => format!("{} {role}", locale.text("提醒", "Remind")),
            "create_task" => {
                let due = self.lasting(&action["due_seconds"]);
                format!(
                    "{} {role}{}{due}",
                    locale.text("新建任务给", "A task for"),
                    locale.text("，限时 ", ", due in ")
                )
            }
            "move" => format!("{} {}", locale.text("变更到", "Move to"), self.stage(&action["to"])),
            "set_sub_status" => {
                format!("{} {}", locale.text("设子状态", "Set the sub-status"), text(&action["sub_status"]))
            }
            "start_process" => {
                format!("{} {}", locale.text("启动流程", "Start the process"), text(&action["process"]))
            }
            "set_next_contact" => {
                format!(
                    "{} {}",
                    locale.text("安排下次联系，在之后", "Plan the next contact in"),
                    self.lasting(&action["seconds"])
                )
            }
            "set_tag" => format!("{} {}", locale.text("打标签", "Tag"), text(&action["tag"])),
            "move_to_pool" => {
                format!("{} {}", locale.text("移入公海", "Give to the pool"), text(&action["pool"]))
            }
            other => other.replace('_', " "),
        };
        if said.is_empty() { what } else { format!("{what} · {said}") }
    }

    /// What a pool takes from owners, and what it permits those who take from it.
    pub(super) fn pool(&self, pool: &Value) -> Vec<String> {
        let locale = self.locale;
        let rules = &pool["rules"];
        let mut told = Vec::new();
        if let Some(claims) = pool["claims_per_day"].as_u64() {
            told.push(format!(
                "{} {claims}",
                locale.text("每人每天最多领取：", "Claims per person and day:")
            ));
        }
        for rule in rules["reclaim"].as_array().into_iter().flatten() {
            let (name, after) = (locale.label(&rule["name"]), self.lasting(&rule["seconds"]));
            told.push(format!("{}{name} ({after})", locale.text("收回：", "Taken from the owner: ")));
        }
        let durations = [
            (&rules["first_contact"]["within_seconds"], "领取后首次联系时限：", "First contact within "),
            (
                &rules["previous_owner_blocked_seconds"],
                "原负责人不能再领取：",
                "The former owner may not claim for ",
            ),
            (&rules["handover_grace_seconds"], "移交后的宽限：", "Grace after a handover: "),
        ];
        for (seconds, zh, en) in durations {
            let lasting = self.lasting(seconds);
            if !lasting.is_empty() {
                told.push(format!("{}{lasting}", locale.text(zh, en)));
            }
        }
        if let Some(views) = rules["views_per_day"].as_u64() {
            told.push(format!("{} {views}", locale.text("每人每天最多查看：", "Views per person and day:")));
        }
        told
    }
}

/// A value as people read it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.replace('_', " "),
        Value::Object(parts) => parts
            .iter()
            .map(|(name, value)| format!("{} {}", name.replace('_', " "), plain(value)))
            .collect::<Vec<_>>()
            .join(", "),
        Value::Array(parts) => parts.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;
    use serde_json::json;

    use super::*;
    use crate::domain::Language;

    #[test]
    fn a_rule_is_told_by_what_starts_it_and_what_it_does() {
        let pipeline = json!({"stages": [{"id": "quoted", "name": {"zh": "已报价", "en": "Quoted"}}]});
        let words = |language| InWords { locale: Locale { language, zone: Tz::UTC }, pipeline: &pipeline };
        let rule =
            json!({"trigger": {"kind": "stage_idle", "stages": ["quoted"]}, "delay": {"seconds": 259_200}});
        assert_eq!(words(Language::En).trigger(&rule), "Nothing happens in a stage: Quoted, after 3 d");
        assert_eq!(words(Language::Zh).trigger(&rule), "在状态中没有动静：已报价，之后 3天");
        let action = json!({"kind": "move", "to": "quoted", "text": {"zh": "说明", "en": "why"}});
        assert_eq!(words(Language::En).action(&action), "Move to Quoted · why");
        let pool = json!({"claims_per_day": 3, "rules": {"reclaim": [{"name": {"zh": "五天", "en": "Five days"}, "seconds": 432_000}]}});
        assert_eq!(
            words(Language::En).pool(&pool),
            ["Claims per person and day: 3", "Taken from the owner: Five days (5 d)"]
        );
    }
}
