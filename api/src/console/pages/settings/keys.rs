//! API keys: created with a secret that is shown once, and revoked.

use maud::{Markup, html};
use serde_json::Value;

use super::super::super::gateway::ApiError;
use super::super::table::{cell, table, words};
use super::super::{items, text};
use super::commands::{ID, REASON};
use super::{Settings, roles_of};

/// Shows the keys, the newest first, and the form of another one.
pub(super) async fn content(settings: &Settings<'_>) -> Result<Markup, ApiError> {
    let locale = settings.locale;
    let list = settings.layout.get("/v1/admin/keys?limit=500").await?;
    let title = locale.text("API 密钥", "API keys");
    let columns = [
        words(locale.text("使用者", "Whose")),
        words(locale.text("角色", "Roles")),
        words(locale.text("范围", "Scopes")),
        words(locale.text("创建", "Created")),
        words(locale.text("状态", "State")),
    ];
    let rows: Vec<Vec<Markup>> = items(&list).iter().rev().map(|key| row(settings, key)).collect();
    let fields = html! {
        label { (locale.text("使用者", "Whose")) input name="actor" value=(settings.typed("create", "actor")) placeholder="rep:li" required; }
        (settings.roles("create"))
        fieldset.boxes {
            legend { (locale.text("范围", "Scopes")) }
            label.box {
                input type="checkbox" name="scopes+act-as" checked[!settings.typed("create", "scopes+act-as").is_empty()]; " "
                (locale.text("代表他人操作（前端服务）", "Act for others (a front end)"))
            }
            label.box {
                input type="checkbox" name="scopes+propose" checked[!settings.typed("create", "scopes+propose").is_empty()]; " "
                (locale.text("只读取和提出建议（智能体）", "Read and propose only (an agent)"))
            }
        }
    };
    Ok(html! {
        section.figure { h2 { (title) } (table(title, &columns, &rows)) }
        h2 { (locale.text("新建密钥", "New key")) }
        (settings.form("keys", "create", locale.text("新建", "Create"), &fields))
    })
}

fn row(settings: &Settings<'_>, key: &Value) -> Vec<Markup> {
    let locale = settings.locale;
    let scopes: Vec<&str> = key["scopes"].as_array().into_iter().flatten().map(text).collect();
    vec![
        html! { (text(&key["actor"])) br; span.hint { (text(&key["id"])) } },
        html! { span.prose { (roles_of(locale, key)) } },
        cell(scopes.join(", ")),
        cell(locale.moment(&key["created_at"])),
        html! {
            @if key["revoked_at"].is_string() {
                span.hint { (locale.text("已吊销", "revoked")) " " (locale.moment(&key["revoked_at"])) }
            } @else {
                details.act {
                    summary { (locale.text("吊销", "Revoke")) }
                    (settings.form("keys", "revoke", locale.text("确认吊销", "Revoke this key"), &html! {
                        input type="hidden" name=(ID) value=(text(&key["id"]));
                        label { (locale.text("原因", "Reason")) input name=(REASON); }
                    }))
                }
            }
        },
    ]
}
