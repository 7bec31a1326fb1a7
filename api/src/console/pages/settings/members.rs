//! Members: the roles of people, and how they sign in.

use maud::{Markup, html};

use super::super::super::gateway::ApiError;
use super::super::table::{cell, table, words};
use super::super::{items, text};
use super::commands::{ID, REASON};
use super::{Settings, roles_of};

/// Shows the members, and the forms for their roles and links.
pub(super) async fn content(settings: &Settings<'_>) -> Result<Markup, ApiError> {
    let locale = settings.locale;
    let list = settings.layout.get("/v1/admin/members?limit=500").await?;
    let title = locale.text("成员", "Members");
    let columns = [
        words(locale.text("成员", "Member")),
        words(locale.text("角色", "Roles")),
        words(locale.text("上次变更", "Last changed")),
        words(locale.text("操作", "Actions")),
    ];
    let rows: Vec<Vec<Markup>> = items(&list)
        .iter()
        .map(|member| {
            let actor = text(&member["actor"]);
            vec![
                cell(actor),
                html! { span.prose { (roles_of(locale, member)) } },
                cell(locale.moment(&member["changed_at"])),
                html! {
                    div.acts {
                        (settings.button("members", "link", &[("actor", actor)], locale.text("登录链接", "Sign-in link")))
                        (remove(settings, actor))
                    }
                },
            ]
        })
        .collect();
    Ok(html! {
        section.figure {
            h2 { (title) }
            @if rows.is_empty() {
                p.empty {
                    (locale.text(
                        "还没有成员：现在凭密钥使用系统。在下面登记成员并给出登录链接。",
                        "There are no members: keys alone open the system. Add members below, and hand out links to sign in.",
                    ))
                }
            } @else { (table(title, &columns, &rows)) }
        }
        (forms(settings))
    })
}

/// A removal asks for its reason.
fn remove(settings: &Settings<'_>, actor: &str) -> Markup {
    let locale = settings.locale;
    html! {
        details.act {
            summary { (locale.text("移除", "Remove")) }
            (settings.form("members", "remove", locale.text("确认移除", "Remove this member"), &html! {
                input type="hidden" name=(ID) value=(actor);
                label { (locale.text("原因", "Reason")) input name=(REASON); }
            }))
        }
    }
}

fn forms(settings: &Settings<'_>) -> Markup {
    let locale = settings.locale;
    let member = html! {
        label { (locale.text("成员", "Member")) input name="actor" value=(settings.typed("set", "actor")) placeholder="rep:li" required; }
        (settings.roles("set"))
    };
    let link = html! {
        label { (locale.text("成员", "Member")) input name="actor" value=(settings.typed("link", "actor")) placeholder="rep:li" required; }
        (settings.roles("link"))
        p.hint.wide { (locale.text("已登记的成员无需选角色。链接一天内有效，只能用一次。", "A member needs no roles here. The link works once, for a day.")) }
    };
    html! {
        h2 { (locale.text("登记成员或更改角色", "Add a member or change roles")) }
        (settings.form("members", "set", locale.text("保存", "Save"), &member))
        h2 { (locale.text("登录链接", "Sign-in link")) }
        (settings.form("members", "link", locale.text("新建链接", "Create a link"), &link))
    }
}
