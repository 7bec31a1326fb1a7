//! Importing a file: what it holds is looked at first, and what was imported can be undone.

use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Form, RequestExt as _};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::super::Console;
use super::super::address::{encoded, with_query};
use super::super::form::{Fields, ONCE};
use super::super::gateway::{ApiError, CommandHeaders};
use super::super::layout::{Layout, Part, problem};
use super::super::multipart::{self, Upload};
use super::super::repeats::LARGEST_UPLOAD;
use super::super::session::ConsoleSession;
use super::{items, text};

/// Where the page is.
const HERE: &str = "/console/imports";
/// The columns that can be named: the parameter of the API, and what it is.
const COLUMNS: [(&str, &str, &str); 12] = [
    ("case", "客户编号列", "Column with the customer's id"),
    ("status", "状态列", "Column with the stage"),
    ("time", "时间列", "Column with the time"),
    ("name", "名称列", "Column with the name"),
    ("owner", "负责人列", "Column with the owner"),
    ("actor", "操作人列", "Column with who did it"),
    ("phone", "电话列", "Column with the telephone"),
    ("email", "邮箱列", "Column with the e-mail"),
    ("amount", "金额列", "Column with the amount"),
    ("currency", "币种或币种列", "Currency, or the column with it"),
    ("source", "来源列", "Column with the source"),
    ("tag", "标签列", "Column with tags"),
];

/// What came of what was asked for.
struct Outcome<'a> {
    fields: &'a Fields,
    answer: Result<Value, ApiError>,
    is_undoing: bool,
}

/// Asks for a file.
pub(in super::super) async fn show(layout: Layout) -> Response {
    page(layout, None)
}

/// Looks at a file, or imports it.
pub(in super::super) async fn send(State(console): State<Console>, request: Request) -> Response {
    let (session, upload) = match read(request).await {
        Ok(read) => read,
        Err(response) => return response,
    };
    let is_preview = upload.fields.get("act").is_none_or(|act| act != "import");
    let has_times = told(&upload.fields, "time").is_some();
    // Without times it is a list of customers.
    let path = if has_times { "/v1/imports" } else { "/v1/customers/import" };
    let named = COLUMNS.iter().map(|(name, ..)| (*name, told(&upload.fields, name)));
    let asked = named.chain([
        ("pipeline", told(&upload.fields, "pipeline")),
        ("preview", is_preview.then_some("true")),
        ("update", told(&upload.fields, "update")),
        ("zone", Some(session.zone.name())),
    ]);
    let answer = console.api.upload(&session, &with_query(path, asked), upload.file).await;
    let layout = match Layout::of(&console, session, HERE.to_owned()).await {
        Ok(layout) => layout,
        Err(response) => return response,
    };
    page(layout, Some(&Outcome { fields: &upload.fields, answer, is_undoing: false }))
}

/// Undoes an import.
pub(in super::super) async fn undo(
    State(console): State<Console>,
    session: ConsoleSession,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Response {
    let headers = CommandHeaders { key: fields.get(ONCE).cloned(), version: None };
    let reason = told(&fields, "reason").map_or(Value::Null, Value::from);
    let path = format!("/v1/imports/{}/undo", encoded(&id));
    let answer = console.api.post(&session, &path, &headers, &json!({"reason": reason})).await;
    match Layout::of(&console, session, HERE.to_owned()).await {
        Ok(layout) => page(layout, Some(&Outcome { fields: &fields, answer, is_undoing: true })),
        Err(response) => response,
    }
}

/// Who sends, and what.
async fn read(mut request: Request) -> Result<(ConsoleSession, Upload), Response> {
    let session = request.extract_parts::<ConsoleSession>().await?;
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().to_owned();
    let body = to_bytes(request.into_body(), LARGEST_UPLOAD).await;
    let body = body.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE.into_response())?;
    let upload = multipart::parse(&kind, &body).ok_or_else(|| StatusCode::BAD_REQUEST.into_response())?;
    Ok((session, upload))
}

fn told<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
}

fn page(layout: Layout, outcome: Option<&Outcome<'_>>) -> Response {
    let layout = layout.with_script("imports.js");
    let locale = layout.locale;
    let nothing = Fields::new();
    let filled = outcome.filter(|outcome| !outcome.is_undoing).map_or(&nothing, |outcome| outcome.fields);
    let title = locale.text("导入", "Import");
    let body = html! {
        h1 { (title) }
        p.hint {
            (locale.text(
                "CSV、TSV、Excel 或其 gzip 压缩文件。先预览：不写入任何内容。不填时间列则按客户名单导入。",
                "CSV, TSV, Excel, or one of them in gzip. Preview first: nothing is written. Without a column of times the file is a list of customers.",
            ))
        }
        form.fields.sheet #importing method="post" action=(HERE) enctype="multipart/form-data" {
            input type="hidden" name=(ONCE) value=(layout.once());
            label.wide { (locale.text("文件", "File")) input type="file" name="file" required; }
            label { (locale.text("销售流程", "Pipeline"))
                input name="pipeline" list="pipelines" required value=(filled.get("pipeline").map_or("", String::as_str)); }
            datalist id="pipelines" { @for key in layout.pipelines() { option value=(key) {} } }
            datalist id="columns" {}
            @for (name, zh, en) in COLUMNS {
                label { (locale.text(zh, en))
                    input name=(name) list="columns" required[name == "case"]
                        value=(filled.get(name).map_or("", String::as_str)); }
            }
            label { (locale.text("已导入过的客户", "Customers that were imported before"))
                select name="update" {
                    option value="" { (locale.text("保持不变", "Leave as they are")) }
                    option value="true" selected[told(filled, "update").is_some()] { (locale.text("补充新的记录", "Add what is new")) }
                }
            }
            p.wide {
                button name="act" value="preview" { (locale.text("预览", "Preview")) } " "
                button name="act" value="import" { (locale.text("导入", "Import")) }
            }
        }
        div #outcome aria-live="polite" { @if let Some(outcome) = outcome { (reported(&layout, outcome)) } }
    };
    let status = match outcome.map(|outcome| &outcome.answer) {
        Some(Err(error)) => error.status,
        _ => StatusCode::OK,
    };
    let mut page = layout.page(Part::Imports, None, title, &body);
    *page.status_mut() = status;
    page
}

fn reported(layout: &Layout, outcome: &Outcome<'_>) -> Markup {
    match &outcome.answer {
        Err(error) => problem(layout.locale, error),
        Ok(answer) if outcome.is_undoing => undone(layout, answer),
        Ok(answer) => report(layout, &answer["report"]),
    }
}

fn report(layout: &Layout, report: &Value) -> Markup {
    let locale = layout.locale;
    let is_preview = report["preview"] == true;
    let sums = [
        ("rows", "行", "rows"),
        ("cases", "位客户", "customers"),
        ("taken", "行将被导入", "rows to import"),
        ("known", "行已存在", "rows known before"),
        ("skipped", "行有误", "bad rows"),
    ];
    html! {
        section data-preview=(is_preview) {
            h2 {
                @if is_preview { (locale.text("预览：尚未写入", "Preview: nothing was written")) }
                @else { (locale.text("已导入", "Imported")) }
            }
            ul.tiles { @for (name, zh, en) in sums {
                li.tile { strong { (report[name]) } span { (locale.text(zh, en)) } }
            } }
            @if report["pipeline_created"] == true {
                p { (locale.text("新建销售流程：", "A pipeline is created: ")) strong { (text(&report["pipeline"])) } }
            }
            @for problem in report["problems"].as_array().into_iter().flatten() { p.late { (plain(problem)) } }
            @for row in report["bad_rows"].as_array().into_iter().flatten() { p.late { (plain(row)) } }
            @if !items_of(report, "samples").is_empty() { (samples(layout, items_of(report, "samples"))) }
            @if !is_preview {
                form.fields method="post" action={ (HERE) "/" (text(&report["import"])) "/undo" } {
                    input type="hidden" name=(ONCE) value=(layout.once());
                    label { (locale.text("撤销的原因", "Reason to undo")) input name="reason"; }
                    button.quiet { (locale.text("撤销这次导入", "Undo this import")) }
                }
                p { a href={ "/console/boards/" (encoded(text(&report["pipeline"]))) } { (locale.text("打开看板", "Open the board")) } }
            }
        }
    }
}

/// The first rows, as they would be.
fn samples(layout: &Layout, rows: &[Value]) -> Markup {
    let locale = layout.locale;
    let word = |row: &Value| match text(&row["outcome"]) {
        "creates" => locale.text("新建客户", "creates the customer").to_owned(),
        "moves" => locale.text("变更状态", "moves the customer").to_owned(),
        "known" => locale.text("已存在", "known before").to_owned(),
        other => other.replace('_', " "),
    };
    html! {
        div.scroll { table {
            thead { tr {
                th { (locale.text("行", "Row")) } th { (locale.text("客户", "Customer")) }
                th { (locale.text("状态", "Stage")) } th { (locale.text("时间", "Time")) } th {}
            } }
            tbody { @for row in rows { tr {
                td { (row["row"]) } td { (text(&row["case"])) } td { (text(&row["stage"])) }
                td { (locale.moment(&row["effective_at"])) } td { (word(row)) }
            } } }
        } }
    }
}

fn undone(layout: &Layout, answer: &Value) -> Markup {
    let locale = layout.locale;
    let sums = [
        ("withdrawn", "位客户已撤回", "customers withdrawn"),
        ("reverted", "位客户恢复原状", "customers as before"),
        ("kept", "位客户保留", "customers kept"),
    ];
    html! {
        section {
            h2 { (locale.text("导入已撤销", "The import was undone")) }
            ul.tiles { @for (name, zh, en) in sums {
                li.tile { strong { (count(&answer[name])) } span { (locale.text(zh, en)) } }
            } }
            @for kept in items(answer) {
                p { a href={ "/console/customers/" (text(&kept["id"])) } { (text(&kept["id"])) } " " (plain(&kept["reason"])) }
            }
        }
    }
}

fn items_of<'a>(report: &'a Value, name: &str) -> &'a [Value] {
    report[name].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// How many, of a number or a list.
fn count(value: &Value) -> String {
    value.as_array().map_or_else(|| value.to_string(), |list| list.len().to_string())
}

/// A value as people read it: a text, or the texts of its parts.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(parts) => parts.values().map(plain).collect::<Vec<_>>().join(" · "),
        Value::Array(parts) => parts.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
