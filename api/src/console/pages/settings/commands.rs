//! The commands of the settings, as the API takes them.

use axum::http::Method;
use serde_json::{Value, json};

use super::super::super::address::{encoded, with_query};
use super::super::super::form::{Fields, VERSION, body};
use super::super::super::i18n::Locale;

/// Fields that say what a command is about rather than what it says.
pub(super) const ID: &str = "id";
pub(super) const REASON: &str = "reason";

/// A command, and which part of the section is shown afterwards.
pub(super) struct SettingsCommand {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Value,
    pub(super) shown: Vec<(&'static str, String)>,
}

/// The command that a form of a section sends; none where there is no such form.
pub(super) fn of(locale: Locale, section: &str, act: &str, fields: &Fields) -> Option<SettingsCommand> {
    let id = fields.get(ID).map_or("", |id| id.trim());
    let named = encoded(id);
    let reason = fields.get(REASON).map(|reason| reason.trim()).filter(|reason| !reason.is_empty());
    let post = |path: String, body: Value| Some((Method::POST, path, body));
    let delete = |path: String| Some((Method::DELETE, with_query(&path, [(REASON, reason)]), json!({})));
    let remove = |path: String| Some((Method::DELETE, path, json!({})));
    let said = || said(locale, fields);
    let (method, path, body) = match (section, act) {
        ("pipelines", "create") => post("/v1/pipelines".to_owned(), said()),
        ("pipelines", "withdraw") => {
            let version = fields.get(VERSION).map_or("", |version| version.trim());
            delete(format!("/v1/pipelines/{named}/versions/{}", encoded(version)))
        }
        ("calendars", "set") => post("/v1/admin/calendars".to_owned(), calendar(said())),
        ("teams", "set") => post("/v1/admin/teams".to_owned(), said()),
        ("teams", "remove") => remove(format!("/v1/admin/teams/{named}")),
        ("members", "set") => post("/v1/admin/members".to_owned(), said()),
        ("members", "remove") => delete(format!("/v1/admin/members/{named}")),
        ("members", "link") => post("/v1/admin/sign-in-links".to_owned(), said()),
        ("keys", "create") => post("/v1/admin/keys".to_owned(), said()),
        ("keys", "revoke") => delete(format!("/v1/admin/keys/{named}")),
        ("receivers", "create") => post("/v1/webhooks".to_owned(), said()),
        ("receivers", "rotate" | "enable" | "replay") => {
            post(format!("/v1/webhooks/{named}/{act}"), json!({}))
        }
        ("receivers", "remove") => remove(format!("/v1/webhooks/{named}")),
        ("receivers", "robot") => post("/v1/admin/robots".to_owned(), said()),
        ("receivers", "robot-replay") => post(format!("/v1/admin/robots/{named}/replay"), json!({})),
        ("receivers", "robot-remove") => remove(format!("/v1/admin/robots/{named}")),
        ("consumers", "create") => post("/v1/consumers".to_owned(), said()),
        ("consumers", "reset") => post(format!("/v1/consumers/{named}/resets"), said()),
        ("consumers", "remove") => remove(format!("/v1/consumers/{named}")),
        ("read-models", "rebuild") => post(format!("/v1/projections/{named}/rebuild"), Value::Null),
        ("read-models", "retry") => post(format!("/v1/projections/{named}/retries"), json!({})),
        ("read-models", "skip") => {
            let mut skipped = said();
            skipped[REASON] = json!(reason.unwrap_or_default());
            post(format!("/v1/projections/{named}/skips"), skipped)
        }
        _ => None,
    }?;
    let shown = match act {
        "withdraw" => vec![("pipeline", id.to_owned())],
        "retry" | "skip" => vec![("parked", id.to_owned())],
        "replay" | "robot-replay" => vec![(if act == "replay" { "webhook" } else { "robot" }, id.to_owned())],
        _ => Vec::new(),
    };
    Some(SettingsCommand { method, path, body, shown })
}

/// What a form says, without what it is about.
fn said(locale: Locale, fields: &Fields) -> Value {
    let mut fields = fields.clone();
    fields.retain(|name, _| name != ID && name != REASON);
    body(locale, &fields)
}

/// A calendar with the same hours on each day that was ticked.
fn calendar(mut said: Value) -> Value {
    let Some(form) = said.as_object_mut() else { return said };
    let hours = [form.remove("opens"), form.remove("closes")].map(Option::unwrap_or_default);
    let days = form.remove("on").unwrap_or_default();
    let span = json!([{"from": hours[0], "to": hours[1]}]);
    let weekly = days.as_array().into_iter().flatten().filter_map(Value::as_str);
    let weekly: serde_json::Map<String, Value> = weekly.map(|day| (day.to_owned(), span.clone())).collect();
    form.insert("weekly".to_owned(), Value::Object(weekly));
    // Days without work are free the whole day.
    let free = form.remove("holidays").unwrap_or_default();
    let free = free.as_array().into_iter().flatten().filter_map(Value::as_str);
    let days: serde_json::Map<String, Value> = free.map(|day| (day.to_owned(), json!([]))).collect();
    form.insert("days".to_owned(), Value::Object(days));
    said
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::domain::Language;

    fn sent(section: &str, act: &str, fields: &[(&str, &str)]) -> (String, Value) {
        let locale = Locale { language: Language::Zh, zone: Tz::Asia__Shanghai };
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let command = of(locale, section, act, &fields).unwrap();
        (format!("{} {}", command.method, command.path), command.body)
    }

    #[test]
    fn what_a_command_is_about_is_in_its_path_and_what_it_says_in_its_body() {
        let key = [("actor", "rep:li"), ("roles+rep", "on"), ("once", "k")];
        let (call, body) = sent("keys", "create", &key);
        assert_eq!(
            (call.as_str(), body),
            ("POST /v1/admin/keys", json!({"actor": "rep:li", "roles": ["rep"]}))
        );
        let member = [("id", "rep:李 四"), ("reason", "left & gone"), ("once", "k")];
        let (call, body) = sent("members", "remove", &member);
        assert_eq!(call, "DELETE /v1/admin/members/rep%3A%E6%9D%8E%20%E5%9B%9B?reason=left%20%26%20gone");
        assert_eq!(body, json!({}));
        let version = [("id", "sales"), ("version", "4"), ("reason", "the wrong date"), ("once", "k")];
        let (call, _) = sent("pipelines", "withdraw", &version);
        assert_eq!(call, "DELETE /v1/pipelines/sales/versions/4?reason=the%20wrong%20date");
        let reset = [("id", "ware house"), ("start.position:number", "7"), ("start.instant:instant", "")];
        let (call, body) = sent("consumers", "reset", &reset);
        assert_eq!(call, "POST /v1/consumers/ware%20house/resets");
        assert_eq!(body, json!({"start": {"position": 7}}));
        let skip = [("id", "board"), ("position:number", "42"), ("reason", "broken")];
        let (call, body) = sent("read-models", "skip", &skip);
        assert_eq!(call, "POST /v1/projections/board/skips");
        assert_eq!(body, json!({"position": 42, "reason": "broken"}));
    }

    #[test]
    fn a_calendar_has_the_same_hours_on_each_day_of_work_and_none_on_holidays() {
        let form = [
            ("key", "office"),
            ("name.zh", "办公"),
            ("name.en", "Office"),
            ("timezone", "Asia/Shanghai"),
            ("opens", "09:00"),
            ("closes", "18:00"),
            ("on+mon", "on"),
            ("on+tue", "on"),
            ("holidays:list", "2026-10-01，2026-10-02"),
        ];
        let hours = json!([{"from": "09:00", "to": "18:00"}]);
        let expected = json!({
            "key": "office", "name": {"zh": "办公", "en": "Office"}, "timezone": "Asia/Shanghai",
            "weekly": {"mon": hours, "tue": hours}, "days": {"2026-10-01": [], "2026-10-02": []}
        });
        assert_eq!(sent("calendars", "set", &form).1, expected);
    }

    #[test]
    fn nothing_else_is_sent() {
        let locale = Locale { language: Language::En, zone: Tz::UTC };
        for (section, act) in [("keys", "erase"), ("nothing", "set"), ("pipelines", "remove")] {
            assert!(of(locale, section, act, &Fields::new()).is_none(), "{section} {act}");
        }
    }
}
