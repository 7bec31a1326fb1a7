//! Working calendars: the hours by which deadlines in working time are counted.

use maud::{Markup, html};
use serde_json::Value;

use super::super::super::gateway::ApiError;
use super::super::table::{cell, number, table, words};
use super::super::{items, text};
use super::Settings;

/// The days of the week, as the API names them.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Shows the calendars, and the form of another one.
pub(super) async fn content(settings: &Settings<'_>) -> Result<Markup, ApiError> {
    let locale = settings.locale;
    let list = settings.list("/v1/admin/calendars").await?;
    let title = locale.text("工作日历", "Calendars");
    let columns = [
        words(locale.text("日历", "Calendar")),
        words(locale.text("时区", "Time zone")),
        words(locale.text("每周工作时间", "Hours of the week")),
        number(locale.text("例外日", "Exceptions")),
        words(locale.text("节假日已知至", "Holidays known until")),
        number(locale.text("版本", "Version")),
    ];
    let rows: Vec<Vec<Markup>> = items(&list)
        .iter()
        .map(|calendar| {
            vec![
                html! { (locale.label(&calendar["name"])) br; span.hint { (text(&calendar["key"])) } },
                cell(text(&calendar["timezone"])),
                html! { @for (day, hours) in weekly(settings, calendar) { span.prose { (day) " " (hours) } br; } },
                cell(calendar["days"].as_object().map_or(0, serde_json::Map::len).to_string()),
                cell(text(&calendar["known_until"])),
                cell(calendar["version"].to_string()),
            ]
        })
        .collect();
    Ok(html! {
        section.figure {
            h2 { (title) }
            @if rows.is_empty() {
                p.empty {
                    (locale.text("还没有工作日历，时限按自然时间计算。", "There is no calendar: deadlines count elapsed time.")) " "
                    @if settings.sets_up() { (locale.text("可以在下面新建。", "Set one up below.")) }
                    @else { (locale.text("请管理员新建。", "Ask an administrator to set one up.")) }
                }
            } @else { (table(title, &columns, &rows)) }
        }
        @if settings.sets_up() { (form(settings)) }
    })
}

/// Days with the same hours, one after the other, as a span of days.
fn weekly(settings: &Settings<'_>, calendar: &Value) -> Vec<(String, String)> {
    let hours = |day: &str| -> String {
        let spans = calendar["weekly"][day].as_array().into_iter().flatten();
        spans
            .map(|span| format!("{}–{}", text(&span["from"]), text(&span["to"])))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let name = |place: usize| settings.locale.weekday(place);
    let mut told: Vec<(usize, usize, String)> = Vec::new();
    for (place, day) in DAYS.iter().enumerate() {
        let hours = hours(day);
        match told.last_mut() {
            Some((_, last, known)) if *known == hours => *last = place,
            _ => told.push((place, place, hours)),
        }
    }
    let named = |(first, last, hours): (usize, usize, String)| {
        let days =
            if first == last { name(first).to_owned() } else { format!("{}–{}", name(first), name(last)) };
        (days, hours)
    };
    told.into_iter().filter(|(.., hours)| !hours.is_empty()).map(named).collect()
}

fn form(settings: &Settings<'_>) -> Markup {
    let locale = settings.locale;
    let typed = |field: &str, usual: &str| {
        let typed = settings.typed("set", field);
        if typed.is_empty() { usual.to_owned() } else { typed.to_owned() }
    };
    let is_first = settings.refused.is_none();
    let fields = html! {
        label { (locale.text("标识", "Key")) input name="key" value=(settings.typed("set", "key")) placeholder="office" required; }
        (settings.field("set", "name.zh", locale.text("中文名称", "Name in Chinese"), true))
        (settings.field("set", "name.en", locale.text("英文名称", "Name in English"), true))
        label { (locale.text("时区", "Time zone")) input name="timezone" value=(typed("timezone", locale.zone.name())) required; }
        label { (locale.text("上班", "Opens")) input type="time" name="opens" value=(typed("opens", "09:00")) required; }
        label { (locale.text("下班", "Closes")) input type="time" name="closes" value=(typed("closes", "18:00")) required; }
        fieldset.boxes {
            legend { (locale.text("工作日", "Days of work")) }
            @for (place, day) in DAYS.iter().enumerate() {
                @let name = format!("on+{day}");
                @let ticked = if is_first { place < 5 } else { !settings.typed("set", &name).is_empty() };
                label.box { input type="checkbox" name=(name) checked[ticked]; " " (locale.weekday(place)) }
            }
        }
        label.wide { (locale.text("节假日（日期，逗号分隔）", "Holidays (dates, separated by commas)"))
            input name="holidays:list" value=(settings.typed("set", "holidays:list")) placeholder="2027-01-01, 2027-02-06"; }
    };
    html! {
        h2 { (locale.text("新建或替换日历", "Create or replace a calendar")) }
        (settings.form("calendars", "set", locale.text("保存", "Save"), &fields))
    }
}
