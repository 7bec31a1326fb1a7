//! Webhooks and chat robots, with what was sent to them.

use maud::{Markup, html};
use serde_json::Value;

use super::super::super::address::{encoded, with_query};
use super::super::super::gateway::ApiError;
use super::super::table::{cell, count, number, table, words};
use super::super::{items, text};
use super::Settings;
use super::commands::ID;

const HERE: &str = "/console/settings/receivers";

/// Shows the receivers, or the deliveries of one.
pub(super) async fn content(settings: &Settings<'_>) -> Result<Markup, ApiError> {
    if let Some(id) = settings.query.get("webhook") {
        return deliveries(settings, id, &format!("/v1/webhooks/{}", encoded(id)), "replay").await;
    }
    if let Some(id) = settings.query.get("robot") {
        return deliveries(settings, id, &format!("/v1/admin/robots/{}", encoded(id)), "robot-replay").await;
    }
    let webhooks = settings.layout.get("/v1/webhooks?limit=500").await?;
    let robots = settings.layout.get("/v1/admin/robots?limit=500").await?;
    Ok(html! {
        (webhooks_of(settings, &webhooks))
        (webhook_form(settings))
        (robots_of(settings, &robots))
        (robot_form(settings))
    })
}

fn webhooks_of(settings: &Settings<'_>, list: &Value) -> Markup {
    let locale = settings.locale;
    let columns = [
        words("URL"),
        words(locale.text("事件", "Events")),
        words(locale.text("状态", "State")),
        words(locale.text("创建", "Created")),
        words(locale.text("操作", "Actions")),
    ];
    let rows: Vec<Vec<Markup>> = items(list)
        .iter()
        .map(|webhook| {
            let id = text(&webhook["id"]);
            let types: Vec<&str> = webhook["types"].as_array().into_iter().flatten().map(text).collect();
            let is_off = webhook["disabled_at"].is_string();
            vec![
                html! { span.prose { (text(&webhook["url"])) } @if let Some(said) = webhook["description"].as_str() { br; span.hint { (said) } } },
                html! { span.prose { @if types.is_empty() { (locale.text("全部", "all")) } @else { (types.join(", ")) } } },
                html! {
                    @if is_off { span.late { (locale.text("已停用", "disabled")) } " " (text(&webhook["disabled_because"])) }
                    @else { (locale.text("启用", "enabled")) }
                    @if webhook["both_keys_until"].is_string() {
                        br; span.hint { (locale.text("新旧密钥并用至", "both keys sign until")) " " (locale.moment(&webhook["both_keys_until"])) }
                    }
                },
                html! { (locale.moment(&webhook["created_at"])) br; span.hint { (text(&webhook["created_by"])) } },
                html! {
                    div.acts {
                        a href=(with_query(HERE, [("webhook", Some(id))])) { (locale.text("投递记录", "Deliveries")) }
                        (settings.button("receivers", "rotate", &[(ID, id)], locale.text("更换密钥", "Rotate the key")))
                        @if is_off { (settings.button("receivers", "enable", &[(ID, id)], locale.text("启用", "Enable"))) }
                        (settings.button("receivers", "remove", &[(ID, id)], locale.text("删除", "Delete")))
                    }
                },
            ]
        })
        .collect();
    let title = locale.text("推送（Webhook）", "Webhooks");
    html! {
        section.figure {
            h2 { (title) }
            @if rows.is_empty() {
                p.empty { (locale.text("还没有推送。在下面填写接收地址。", "There are no webhooks. Give the address of a receiver below.")) }
            } @else { (table(title, &columns, &rows)) }
        }
    }
}

fn webhook_form(settings: &Settings<'_>) -> Markup {
    let locale = settings.locale;
    let fields = html! {
        label { "URL" input type="url" name="url" value=(settings.typed("create", "url")) placeholder="https://" required; }
        label { (locale.text("事件类型，留空为全部", "Event types; all when empty"))
            input name="types:list" value=(settings.typed("create", "types:list")) placeholder="customer.moved"; }
        (settings.field("create", "description", locale.text("说明", "Description"), false))
        (personal(settings, "create"))
    };
    html! {
        h3 { (locale.text("新建推送", "New webhook")) }
        (settings.form("receivers", "create", locale.text("新建", "Create"), &fields))
    }
}

/// Whether personal texts leave the house.
fn personal(settings: &Settings<'_>, act: &str) -> Markup {
    let locale = settings.locale;
    let chosen = settings.typed(act, "include_personal:flag");
    html! {
        label { (locale.text("个人信息", "Personal data"))
            select name="include_personal:flag" {
                option value="" { (locale.text("不发送明文", "not in clear")) }
                option value="true" selected[chosen == "true"] { (locale.text("发送明文", "in clear")) }
            }
        }
    }
}

fn robots_of(settings: &Settings<'_>, list: &Value) -> Markup {
    let locale = settings.locale;
    let columns = [
        words(locale.text("平台", "Platform")),
        words(locale.text("对象", "For whom")),
        words(locale.text("说明", "Description")),
        words(locale.text("创建", "Created")),
        words(locale.text("操作", "Actions")),
    ];
    let rows: Vec<Vec<Markup>> = items(list)
        .iter()
        .map(|robot| {
            let id = text(&robot["id"]);
            let whose = robot["member"].as_str().or(robot["team"].as_str());
            vec![
                cell(platform(settings, text(&robot["kind"]))),
                cell(whose.unwrap_or_else(|| locale.text("默认", "default"))),
                cell(text(&robot["description"])),
                html! { (locale.moment(&robot["created_at"])) br; span.hint { (text(&robot["created_by"])) } },
                html! {
                    div.acts {
                        a href=(with_query(HERE, [("robot", Some(id))])) { (locale.text("投递记录", "Deliveries")) }
                        (settings.button("receivers", "robot-remove", &[(ID, id)], locale.text("删除", "Delete")))
                    }
                },
            ]
        })
        .collect();
    let title = locale.text("群机器人", "Chat robots");
    html! {
        section.figure {
            h2 { (title) }
            @if rows.is_empty() {
                p.empty { (locale.text("还没有机器人。在下面填写群机器人的密钥。", "There are no robots. Give the key of a group's robot below.")) }
            } @else { (table(title, &columns, &rows)) }
        }
    }
}

fn platform<'a>(settings: &Settings<'_>, kind: &'a str) -> &'a str {
    match kind {
        "wecom" => settings.locale.text("企业微信", "WeCom"),
        "dingtalk" => settings.locale.text("钉钉", "DingTalk"),
        "feishu" => settings.locale.text("飞书", "Feishu"),
        other => other,
    }
}

fn robot_form(settings: &Settings<'_>) -> Markup {
    let locale = settings.locale;
    let chosen = settings.typed("robot", "kind");
    // Secrets are not handed back, not even to who typed them.
    let secret = |name: &str, caption: &str| html! { label { (caption) input type="password" name=(name) autocomplete="off"; } };
    let fields = html! {
        label { (locale.text("平台", "Platform"))
            select name="kind" required {
                @for kind in ["wecom", "dingtalk", "feishu"] { option value=(kind) selected[kind == chosen] { (platform(settings, kind)) } }
            }
        }
        (secret("key", locale.text("企业微信：key", "WeCom: key")))
        (secret("token", locale.text("钉钉、飞书：token", "DingTalk, Feishu: token")))
        (secret("secret", locale.text("签名密钥", "Signing secret")))
        (settings.field("robot", "member", locale.text("只发给此人的提醒", "Reminders of this person only"), false))
        (settings.field("robot", "team", locale.text("只发给此团队的提醒", "Reminders of this team only"), false))
        (settings.field("robot", "description", locale.text("说明", "Description"), false))
        (personal(settings, "robot"))
    };
    html! {
        h3 { (locale.text("新建机器人", "New robot")) }
        (settings.form("receivers", "robot", locale.text("新建", "Create"), &fields))
    }
}

/// What was sent to a receiver, and what waits.
async fn deliveries(settings: &Settings<'_>, id: &str, path: &str, replay: &str) -> Result<Markup, ApiError> {
    let locale = settings.locale;
    let asked = [
        ("limit", Some("50")),
        ("cursor", settings.query.get("cursor")),
        ("state", settings.query.get("state")),
    ];
    let list = settings.layout.get(&with_query(&format!("{path}/deliveries"), asked)).await?;
    let columns = [
        words(locale.text("事件", "Event")),
        words(locale.text("状态", "State")),
        number(locale.text("次数", "Attempts")),
        words(locale.text("最近结果", "Last result")),
        words(locale.text("下次尝试", "Next attempt")),
        words(locale.text("更新", "Updated")),
    ];
    let rows: Vec<Vec<Markup>> = items(&list)
        .iter()
        .map(|one| {
            vec![
                html! { (text(&one["type"])) br; span.hint { "#" (one["position"]) } },
                cell(state(settings, text(&one["state"]))),
                count(locale, &one["attempts"]),
                html! { @if !one["last_status"].is_null() { (one["last_status"]) " " } span.prose { (text(&one["last_error"])) } },
                cell(locale.moment(&one["next_at"])),
                cell(locale.moment(&one["changed_at"])),
            ]
        })
        .collect();
    let of = if replay == "replay" { "webhook" } else { "robot" };
    let title = locale.text("投递记录", "Deliveries");
    Ok(html! {
        p { a href=(HERE) { "← " (locale.text("推送与机器人", "Webhooks and robots")) } }
        section.figure {
            h2 { (title) }
            @if rows.is_empty() {
                p.empty { (locale.text("还没有投递：之后记录的事件会出现在这里。", "Nothing was sent yet: events recorded from now on appear here.")) }
            } @else { (table(title, &columns, &rows)) }
            (settings.button("receivers", replay, &[(ID, id)], locale.text("重发全部失败的消息", "Send all dead letters again")))
        }
        @if let Some(cursor) = list["next_cursor"].as_str() {
            a.more href=(with_query(HERE, [(of, Some(id)), ("cursor", Some(cursor))])) { (locale.text("下一页", "Next page")) }
        }
    })
}

fn state<'a>(settings: &Settings<'_>, state: &'a str) -> &'a str {
    match state {
        "pending" => settings.locale.text("等待发送", "pending"),
        "delivered" => settings.locale.text("已送达", "delivered"),
        "failed" => settings.locale.text("失败，将重试", "failed, to be tried again"),
        "dead" => settings.locale.text("最终失败", "given up"),
        other => other,
    }
}
