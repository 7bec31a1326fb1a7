//! Consumers: programs that follow the log under a name, and how far they have come.

use maud::{Markup, html};
use serde_json::Value;

use super::super::super::gateway::ApiError;
use super::super::table::{count, lasting, number, table, words};
use super::super::{items, text};
use super::Settings;
use super::commands::ID;

/// Shows the consumers, and the form that makes one.
pub(super) async fn content(settings: &Settings<'_>) -> Result<Markup, ApiError> {
    let locale = settings.locale;
    let list = settings.layout.get("/v1/consumers?limit=500").await?;
    let columns = [
        words(locale.text("名称", "Name")),
        words(locale.text("事件", "Events")),
        number(locale.text("位置", "Position")),
        number(locale.text("落后事件", "Events behind")),
        number(locale.text("落后时间", "Behind for")),
        words(locale.text("最近确认", "Acknowledged last")),
        words(locale.text("创建", "Created")),
        words(locale.text("操作", "Actions")),
    ];
    let rows: Vec<Vec<Markup>> = items(&list).iter().map(|one| row(settings, one)).collect();
    let title = locale.text("事件消费者", "Consumers");
    Ok(html! {
        section.figure {
            h2 { (title) }
            p.hint {
                (locale.text(
                    "按自己的进度读取事件的程序：位置是已确认到的事件，其后的事件在确认之前会再次给出。",
                    "Programs that read events at their own pace: the position is the last event acknowledged, and what follows comes again until it is.",
                ))
            }
            @if rows.is_empty() {
                p.empty {
                    (locale.text(
                        "还没有消费者。在下面创建，再由程序读取 GET /v1/consumers/名称/events。",
                        "There are no consumers. Create one below, and let the program read GET /v1/consumers/NAME/events.",
                    ))
                }
            } @else { (table(title, &columns, &rows)) }
        }
        (form(settings))
    })
}

fn row(settings: &Settings<'_>, one: &Value) -> Vec<Markup> {
    let (locale, name) = (settings.locale, text(&one["name"]));
    let types: Vec<&str> = one["types"].as_array().into_iter().flatten().map(text).collect();
    let is_behind = one["lag_seconds"].as_u64().is_some_and(|seconds| seconds > LATE);
    let maker = text(&one["created_by"]);
    vec![
        html! { (name) },
        html! { span.prose { @if types.is_empty() { (locale.text("全部", "all")) } @else { (types.join(", ")) } } },
        count(locale, &one["position"]),
        count(locale, &one["lag_events"]),
        html! { span.late[is_behind] { (lasting(locale, &one["lag_seconds"])) } },
        html! {
            @if one["acknowledged_at"].is_string() { (locale.moment(&one["acknowledged_at"])) }
            @else { (locale.text("尚未确认", "not yet")) }
        },
        html! { (locale.moment(&one["created_at"])) br; span.hint { (maker) } },
        html! { @if settings.sets_up() || settings.layout.is(maker) { (acts(settings, name)) } },
    ]
}

/// From this many seconds on a consumer is said to be behind.
const LATE: u64 = 3_600;

fn acts(settings: &Settings<'_>, name: &str) -> Markup {
    let locale = settings.locale;
    html! {
        details.act {
            summary { (locale.text("重置…", "Begin again…")) }
            (settings.form("consumers", "reset", locale.text("重置", "Begin again"), &html! {
                input type="hidden" name=(ID) value=(name);
                (start(settings, "reset"))
            }))
        }
        (settings.button("consumers", "remove", &[(ID, name)], locale.text("删除", "Delete")))
    }
}

/// Where a consumer begins: one of the two.
fn start(settings: &Settings<'_>, act: &str) -> Markup {
    let locale = settings.locale;
    html! {
        label { (locale.text("在此位置之后", "After this position"))
            input type="number" min="0" name="start.position:number" value=(settings.typed(act, "start.position:number")); }
        label { (locale.text("或从此时间起", "or from this time on"))
            input type="datetime-local" name="start.instant:instant" value=(settings.typed(act, "start.instant:instant")); }
    }
}

fn form(settings: &Settings<'_>) -> Markup {
    let locale = settings.locale;
    let fields = html! {
        (settings.field("create", "name", locale.text("名称", "Name"), true))
        label { (locale.text("事件类型，留空为全部", "Event types; all when empty"))
            input name="types:list" value=(settings.typed("create", "types:list")) placeholder="customer.moved"; }
        (start(settings, "create"))
    };
    html! {
        h3 { (locale.text("新建消费者", "New consumer")) }
        (settings.form("consumers", "create", locale.text("新建", "Create"), &fields))
    }
}
