//! Teams: who is in them, who leads them, and which regions they see.

use maud::{Markup, html};
use serde_json::Value;

use super::super::super::address::with_query;
use super::super::super::gateway::ApiError;
use super::super::table::{cell, table, words};
use super::super::{items, text};
use super::Settings;
use super::commands::ID;
use crate::domain::people::FUNCTIONS;

/// Shows the teams, and the form of another one.
pub(super) async fn content(settings: &Settings<'_>) -> Result<Markup, ApiError> {
    let locale = settings.locale;
    let list = settings.list("/v1/admin/teams").await?;
    let may_change = settings.layout.has_role(&["manager", "admin"]);
    let joined = |list: &Value| {
        let each = list.as_array().into_iter().flatten().filter_map(Value::as_str);
        each.collect::<Vec<_>>().join(locale.text("、", ", "))
    };
    let title = locale.text("团队", "Teams");
    let columns = [
        words(locale.text("团队", "Team")),
        words(locale.text("主管", "Supervisors")),
        words(locale.text("成员", "Members")),
        words(locale.text("区域", "Regions")),
        words(locale.text("其他岗位", "Other roles")),
        words(locale.text("操作", "Actions")),
    ];
    let rows: Vec<Vec<Markup>> = items(&list)
        .iter()
        .map(|team| {
            let key = text(&team["key"]);
            vec![
                html! {
                    a href=(with_query("/console/customers", [("team", Some(key))])) { (locale.label(&team["name"])) }
                    br; span.hint { (key) }
                },
                html! { span.prose { (joined(&team["supervisors"])) } },
                html! { span.prose { (joined(&team["members"])) } },
                cell(joined(&team["regions"])),
                html! {
                    @for (role, people) in team["functions"].as_object().into_iter().flatten() {
                        span.prose { (locale.role(role)) (locale.text("：", ": ")) (joined(people)) } br;
                    }
                },
                html! { @if may_change { (settings.button("teams", "remove", &[(ID, key)], locale.text("删除", "Delete"))) } },
            ]
        })
        .collect();
    Ok(html! {
        section.figure {
            h2 { (title) }
            @if rows.is_empty() { p.empty { (locale.text("还没有团队。", "There are no teams yet.")) } }
            @else { (table(title, &columns, &rows)) }
        }
        @if may_change { (form(settings)) }
    })
}

fn form(settings: &Settings<'_>) -> Markup {
    let locale = settings.locale;
    let fields = html! {
        (settings.field("set", "key", locale.text("标识", "Key"), true))
        (settings.field("set", "name.zh", locale.text("中文名称", "Name in Chinese"), true))
        (settings.field("set", "name.en", locale.text("英文名称", "Name in English"), true))
        (settings.field("set", "supervisors:list", locale.text("主管，用逗号分隔", "Supervisors, separated by commas"), false))
        (settings.field("set", "members:list", locale.text("销售，用逗号分隔", "Reps, separated by commas"), false))
        (settings.field("set", "regions:list", locale.text("区域，留空为不限", "Regions; all when empty"), false))
        @for role in FUNCTIONS {
            (settings.field("set", &format!("functions.{role}:list"), locale.role(role), false))
        }
    };
    html! {
        h2 { (locale.text("新建或替换团队", "Create or replace a team")) }
        (settings.form("teams", "set", locale.text("保存", "Save"), &fields))
    }
}
