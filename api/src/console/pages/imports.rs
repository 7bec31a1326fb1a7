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
use super::table::{cell, table, words};
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

/// The most bad rows that a page lists.
const MOST_SHOWN: usize = 100;

/// What came of what was asked for.
struct Outcome<'a> {
    fields: &'a Fields,
    answer: Result<Value, ApiError>,
    act: Act,
}

/// What was asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    Look,
    Import,
    Undo,
}

/// Asks for a file.
pub(in super::super) async fn show(layout: Layout) -> Response {
    page(layout, None)
}

/// Looks at a file, previews it, or imports it.
pub(in super::super) async fn send(State(console): State<Console>, request: Request) -> Response {
    let (session, mut upload) = match read(request).await {
        Ok(read) => read,
        Err(response) => return response,
    };
    // What is looked at first is a file of which no column is named.
    if told(&upload.fields, "act") == Some("look") || told(&upload.fields, "case").is_none() {
        return look(&console, session, &mut upload).await;
    }
    let is_preview = upload.fields.get("act").is_none_or(|act| act != "import");
    let has_times = ["time", "entered"].iter().any(|name| told(&upload.fields, name).is_some());
    // Without times it is a list of customers.
    let path = if has_times { "/v1/imports" } else { "/v1/customers/import" };
    // An empty list says that names tell nothing.
    let said_only = told(&upload.fields, "endings").map(|_| "");
    let named = COLUMNS.iter().map(|(name, ..)| (*name, told(&upload.fields, name)));
    let asked = named.chain([
        ("pipeline", told(&upload.fields, "pipeline")),
        ("preview", is_preview.then_some("true")),
        ("update", told(&upload.fields, "update")),
        ("skip_bad", told(&upload.fields, "skip_bad")),
        ("sheet", told(&upload.fields, "sheet")),
        ("entered", told(&upload.fields, "entered")),
        ("won", told(&upload.fields, "won").or(said_only)),
        ("lost", told(&upload.fields, "lost").or(said_only)),
        ("zone", Some(session.zone.name())),
    ]);
    let answer = console.api.upload(&session, &with_query(path, asked), upload.file).await;
    let layout = match Layout::of(&console, session, HERE.to_owned()).await {
        Ok(layout) => layout,
        Err(response) => return response,
    };
    page(layout, Some(&Outcome { fields: &upload.fields, answer, act: Act::Import }))
}

/// Shows what a file seems to be, with its columns put where they probably belong.
async fn look(console: &Console, session: ConsoleSession, upload: &mut Upload) -> Response {
    let asked = [("sheet", told(&upload.fields, "sheet"))];
    let file = std::mem::take(&mut upload.file);
    let answer = console.api.upload(&session, &with_query("/v1/imports/columns", asked), file).await;
    if let Ok(seen) = &answer {
        // Amounts without a sign in a Chinese column are in yuan, which is seen here and can be changed; of others nothing is known.
        let is_chinese =
            text(&seen["suggested"]["amount"]).contains(|sign: char| ('一'..='鿿').contains(&sign));
        let usual = is_chinese.then(|| ("currency".to_owned(), Value::from("CNY")));
        let suggested = seen["suggested"].as_object().cloned().unwrap_or_default();
        for (name, column) in suggested.into_iter().chain(usual) {
            if told(&upload.fields, &name).is_none() {
                upload.fields.insert(name, text(&column).to_owned());
            }
        }
    }
    match Layout::of(console, session, HERE.to_owned()).await {
        Ok(layout) => page(layout, Some(&Outcome { fields: &upload.fields, answer, act: Act::Look })),
        Err(response) => response,
    }
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
        Ok(layout) => page(layout, Some(&Outcome { fields: &fields, answer, act: Act::Undo })),
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
    let filled =
        outcome.filter(|outcome| outcome.act != Act::Undo).map_or(&nothing, |outcome| outcome.fields);
    let title = locale.text("导入", "Import");
    let body = html! {
        h1 { (title) }
        p.hint {
            (locale.text(
                "CSV、TSV、Excel 或其 gzip 压缩文件。选好文件后先识别各列，再预览；预览不写入任何内容。没有时间列的文件按客户名单导入。表头上方的标题行会自动跳过。",
                "CSV, TSV, Excel, or one of them in gzip. Choose the file, have its columns recognized, then preview: nothing is written. Without a column of times the file is a list of customers. Titles above the header are passed over.",
            ))
        }
        form.fields.sheet #importing method="post" action=(HERE) enctype="multipart/form-data" {
            input type="hidden" name=(ONCE) value=(layout.once());
            label.wide { (locale.text("文件", "File")) input type="file" name="file" required; }
            label { (locale.text("销售流程", "Pipeline"))
                input name="pipeline" list="pipelines" required
                    placeholder=(locale.text("已有的标识，或一个新的", "One that is there, or a new key")) value=(filled.get("pipeline").map_or("", String::as_str)); }
            datalist id="pipelines" { @for key in layout.pipelines() { option value=(key) {} } }
            datalist id="columns" { @for column in columns(outcome) { option value=(column) {} } }
            @for (name, zh, en) in COLUMNS {
                label { (locale.text(zh, en))
                    input name=(name) list="columns"
                        value=(filled.get(name).map_or("", String::as_str)); }
            }
            label { (locale.text("已导入过的客户", "Customers that were imported before"))
                select name="update" {
                    option value="" { (locale.text("保持不变", "Leave as they are")) }
                    option value="true" selected[told(filled, "update").is_some()] { (locale.text("补充新的记录", "Add what is new")) }
                }
            }
            label { (locale.text("有错误的行", "Rows with mistakes"))
                select name="skip_bad" {
                    option value="" { (locale.text("有错误就不导入", "Refuse the file")) }
                    option value="true" selected[told(filled, "skip_bad").is_some()] { (locale.text("跳过有错误的行", "Leave them out")) }
                }
            }
            details.optional open[["sheet", "entered", "won", "lost", "endings"].iter().any(|name| told(filled, name).is_some())] {
                summary { (locale.text("工作表与成交、流失状态", "Sheet, and which stages are won and lost")) }
                div.fields {
                    @for (name, zh, en) in [
                        ("sheet", "工作表", "Sheet"),
                        ("entered", "每个状态一列时间的文件：列:状态，用逗号分隔", "A column of times for each stage: COLUMN:STAGE, between commas"),
                        ("won", "表示成交的状态，用逗号分隔", "Stages that mean won, between commas"),
                        ("lost", "表示流失的状态，用逗号分隔", "Stages that mean lost, between commas"),
                    ] {
                        label { (locale.text(zh, en)) input name=(name) value=(told(filled, name).unwrap_or_default()); }
                    }
                    label { (locale.text("没有写明的状态", "Stages that are not named"))
                        select name="endings" {
                            option value="" { (locale.text("按常用名称判断成交与流失", "Won and lost by their usual names")) }
                            option value="said" selected[told(filled, "endings").is_some()] { (locale.text("都算进行中", "All open")) }
                        }
                    }
                }
            }
            p.wide.acts {
                button.quiet name="act" value="look" formnovalidate { (locale.text("识别各列", "Recognize the columns")) }
                button name="act" value="preview" { (locale.text("预览", "Preview")) }
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
        Ok(answer) => match outcome.act {
            Act::Look => seen(layout, answer),
            Act::Import => report(layout, &answer["report"]),
            Act::Undo => undone(layout, answer),
        },
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
            (endings(layout, report))
            @if is_preview { (detected(layout, &report["detected"], &report["zone"])) }
            @if !items_of(report, "problems").is_empty() { (problems(layout, report)) }
            @if !items_of(report, "samples").is_empty() { (samples(layout, items_of(report, "samples"))) }
            @if !is_preview && report["cases"].as_u64().unwrap_or_default() + report["taken"].as_u64().unwrap_or_default() > 0 {
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

/// Which statuses of a new pipeline end, and how that was told.
fn endings(layout: &Layout, report: &Value) -> Markup {
    let locale = layout.locale;
    let ended = items_of(report, "endings");
    let of = |kind: &str| {
        let ended =
            ended.iter().filter(|ending| ending["type"] == kind).map(|ending| text(&ending["status"]));
        ended.collect::<Vec<_>>().join(locale.text("、", ", "))
    };
    let kinds =
        [("won", "成交：", "Won: "), ("lost", "流失：", "Lost: "), ("closed", "已结束：", "Closed: ")];
    html! {
        @for (kind, zh, en) in kinds {
            @let named = of(kind);
            @if !named.is_empty() { p { (locale.text(zh, en)) strong { (named) } } }
        }
        @if report["how_endings_were_told"].is_object() {
            p.hint {
                (locale.text(
                    "其中有按常用名称判断的。与实际不符时，请在“工作表与成交、流失状态”中写明，或将没有写明的状态都算进行中。",
                    "Some were told by their usual names. Where that is wrong, name the stages in Sheet, and which stages are won and lost, or take all that are not named as open.",
                ))
            }
        }
    }
}

/// What a file turned out to be.
fn detected(layout: &Layout, detected: &Value, zone: &Value) -> Markup {
    let locale = layout.locale;
    let named = |list: &'static str| {
        let names = detected[list].as_array().into_iter().flatten().map(text);
        names.filter(|name| !name.is_empty()).collect::<Vec<_>>()
    };
    let (columns, others) = (named("columns"), named("other_sheets"));
    html! {
        p.hint {
            @if let Some(sheet) = detected["sheet"].as_str() { (locale.text("工作表：", "Sheet: ")) (sheet) " · " }
            @if !others.is_empty() { (locale.text("没有读取的工作表：", "Sheets that are not read: ")) (others.join(locale.text("、", ", "))) " · " }
            @if let Some(encoding) = detected["encoding"].as_str() { (locale.text("编码：", "Encoding: ")) (encoding) " · " }
            @if let Some(separator) = detected["separator"].as_str() {
                (locale.text("分隔符：", "Separator: "))
                @if separator == "\t" { (locale.text("制表符", "tab")) } @else { (separator) } " · "
            }
            (locale.text("表头所在行：", "Header in row ")) (detected["header_row"]) " · "
            @if let Some(zone) = zone.as_str() { (locale.text("时区：", "Time zone: ")) (zone) " · " }
            (locale.text("列：", "Columns: ")) (columns.join(locale.text("、", ", ")))
        }
    }
}

/// What a file that is not yet imported seems to be.
fn seen(layout: &Layout, seen: &Value) -> Markup {
    let locale = layout.locale;
    let heads: Vec<&str> = seen["detected"]["columns"].as_array().into_iter().flatten().map(text).collect();
    let columns: Vec<_> = heads.iter().map(|name| words(name)).collect();
    let rows = seen["rows"].as_array().into_iter().flatten();
    let rows: Vec<Vec<Markup>> =
        rows.map(|row| (0..heads.len()).map(|at| cell(text(&row[at]))).collect()).collect();
    html! {
        section {
            h2 { (locale.text("已识别各列，请核对后预览", "The columns were recognized: check them, then preview")) }
            (detected(layout, &seen["detected"], &Value::Null))
            p.hint {
                (locale.text(
                    "新建销售流程时，成交、流失等常用名称会自动识别，预览中会列出；其他名称请在上面“工作表与成交、流失状态”中写明，否则都算进行中。",
                    "In a new pipeline stages with usual names, such as won and lost, are recognized, and the preview lists them. Name others above, in Sheet, and which stages are won and lost: without it they are open.",
                ))
            }
            (table(locale.text("前几行", "The first rows"), &columns, &rows))
        }
    }
}

/// The columns that a file has, as far as an answer told them.
fn columns<'a>(outcome: Option<&'a Outcome<'_>>) -> impl Iterator<Item = &'a str> {
    let answer = outcome.and_then(|outcome| outcome.answer.as_ref().ok());
    let told =
        answer.map(|answer| [&answer["detected"]["columns"], &answer["report"]["detected"]["columns"]]);
    told.into_iter().flatten().filter_map(Value::as_array).flatten().map(text)
}

/// What is wrong: first how often, then where.
fn problems(layout: &Layout, report: &Value) -> Markup {
    let locale = layout.locale;
    let heads = [
        words(locale.text("行", "Row")),
        words(locale.text("列", "Column")),
        words(locale.text("内容", "It says")),
        words(locale.text("问题与改法", "What is wrong, and the mend")),
    ];
    let said = |one: &Value| html! { span.prose { (locale.label(&one["message"])) " " em { (locale.label(&one["how_to_fix"])) } } };
    let rows: Vec<Vec<Markup>> = items_of(report, "bad_rows")
        .iter()
        .take(MOST_SHOWN)
        .map(|row| {
            vec![
                cell(row["row"].to_string()),
                cell(text(&row["column"])),
                cell(text(&row["value"])),
                said(row),
            ]
        })
        .collect();
    html! {
        section.problem role="alert" {
            h2 { (report["skipped"]) " " (locale.text("行有误", "bad rows")) }
            ul {
                @for problem in items_of(report, "problems") {
                    li { (problem["count"]) " × " (locale.label(&problem["message"])) " " em { (locale.label(&problem["how_to_fix"])) } }
                }
            }
        }
        (table(locale.text("有误的行", "Bad rows"), &heads, &rows))
        @if items_of(report, "bad_rows").len() > MOST_SHOWN { p.hint { (locale.text("只列出前 100 行。", "The first 100 are listed.")) } }
    }
}

/// The first rows, as they would be.
fn samples(layout: &Layout, rows: &[Value]) -> Markup {
    let locale = layout.locale;
    let word = |row: &Value| match text(&row["outcome"]) {
        "creates" => locale.text("新建客户", "creates the customer").to_owned(),
        "moves" => locale.text("变更状态", "moves the customer").to_owned(),
        "known" => locale.text("已存在", "known before").to_owned(),
        "changes" => locale.text("补充资料", "adds to what is known").to_owned(),
        "refused" => locale.text("有误", "refused").to_owned(),
        other => other.replace('_', " "),
    };
    html! {
        div.scroll { table {
            thead { tr {
                th { (locale.text("行", "Row")) } th { (locale.text("客户", "Customer")) }
                th { (locale.text("名称", "Name")) } th { (locale.text("状态", "Stage")) } th { (locale.text("时间", "Time")) }
                th { (locale.text("负责人", "Owner")) } th.number { (locale.text("金额", "Amount")) } th { (locale.text("结果", "Outcome")) }
            } }
            tbody { @for row in rows { tr {
                td { (row["row"]) } td { (text(&row["case"])) } td { (text(&row["name"])) } td { (text(&row["stage"])) }
                td { (locale.moment(&row["effective_at"])) } td { (text(&row["owner"])) }
                td.number { @if row["amount"].is_object() { (locale.money(&row["amount"])) } } td { (word(row)) }
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
