//! A pipeline in words: its stages, its moves, its deadlines, and the versions it has had.

use maud::{Markup, html};
use serde_json::Value;

use super::super::super::address::{encoded, with_query};
use super::super::super::form::VERSION;
use super::super::super::gateway::ApiError;
use super::super::super::i18n::read;
use super::super::table::{cell, number, table, words as column};
use super::super::{items, text};
use super::commands::{ID, REASON};
use super::words::InWords;
use super::{Settings, difference};

/// The version that the one shown is compared with.
const AGAINST: &str = "against";

/// Shows the pipelines, and the one that is asked for.
pub(super) async fn content(settings: &Settings<'_>) -> Result<Markup, ApiError> {
    let all = settings.list("/v1/pipelines").await?;
    let named = settings.query.get("pipeline");
    let first = items(&all).first().map(|one| text(&one["key"]).to_owned());
    let Some(key) = named.map(str::to_owned).or(first) else {
        return Ok(html! {
            p.empty { (settings.locale.text("还没有销售流程。从模板新建一个。", "There is no pipeline yet. Create one from a template.")) }
            (create(settings).await?)
        });
    };
    let path = format!("/v1/pipelines/{}", encoded(&key));
    let version = settings.query.get("version");
    let pipeline = settings.layout.read(&with_query(&path, [("version", version)])).await?;
    let versions = settings.layout.read(&format!("{path}/versions?limit=100")).await?;
    let words = InWords { locale: settings.locale, pipeline: &pipeline };
    let may_publish = settings.layout.has_role(&["manager", "admin"]);
    let against = differences(settings, &path, &pipeline).await?;
    Ok(html! {
        (choice(settings, &all, &key))
        (heading(&words, may_publish))
        @if let Some(against) = against { (against) }
        (stages(&words))
        (moves(&words))
        (history(settings, &key, &pipeline, &versions))
        @if may_publish { (create(settings).await?) }
    })
}

/// What the version shown has otherwise than another one, where one is named to compare it with.
async fn differences(settings: &Settings<'_>, path: &str, shown: &Value) -> Result<Option<Markup>, ApiError> {
    let Some(other) = settings.query.get(AGAINST) else { return Ok(None) };
    let locale = settings.locale;
    let before = settings.layout.read(&with_query(path, [("version", Some(other))])).await?;
    let changes = difference::between(locale, &before, shown);
    Ok(Some(html! {
        section.figure {
            h2 { (locale.text("与版本的差别：", "Differences from version ")) (before["version"]) }
            (difference::shown(locale, &changes))
        }
    }))
}

fn choice(settings: &Settings<'_>, all: &Value, key: &str) -> Markup {
    html! {
        @if items(all).len() > 1 {
            nav.choices aria-label=(settings.locale.text("销售流程", "Pipelines")) {
                @for one in items(all) {
                    a href=(with_query("/console/settings/pipelines", [("pipeline", one["key"].as_str())]))
                        aria-current=[(one["key"] == key).then_some("true")] { (text(&one["key"])) }
                }
            }
        }
    }
}

fn heading(words: &InWords<'_>, may_publish: bool) -> Markup {
    let (locale, pipeline) = (words.locale, words.pipeline);
    html! {
        h2 {
            (locale.label(&pipeline["name"])) " "
            small { (text(&pipeline["key"])) " · " (locale.text("版本", "version")) " " (pipeline["version"]) }
        }
        p.hint {
            (locale.text("从这里开始：", "Customers begin in ")) (words.stage(&pipeline["entry_stage"]))
            " · "
            a href=(with_query("/console/settings/rules", [("pipeline", pipeline["key"].as_str())])) {
                (locale.text("公海与规则", "Pools and rules"))
            }
        }
        @if may_publish {
            p {
                a.button href=(with_query("/console/settings/pipelines/versions", [("pipeline", pipeline["key"].as_str())])) {
                    (locale.text("修改并发布新版本", "Change it and publish a version"))
                }
            }
        }
    }
}

fn stages(words: &InWords<'_>) -> Markup {
    let (locale, pipeline) = (words.locale, words.pipeline);
    let columns = [
        column(locale.text("状态", "Stage")),
        column(locale.text("类型", "Type")),
        column(locale.text("含义", "What it means")),
        column(locale.text("下一步", "What to do next")),
        number(locale.text("时限", "Deadline")),
        number(locale.text("停滞", "Stagnant after")),
        number(locale.text("成交概率", "Probability")),
    ];
    let rows: Vec<Vec<Markup>> = pipeline["stages"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|stage| {
            let next = &stage["next_action"];
            let probability = text(&stage["probability"]).parse::<f64>();
            vec![
                html! { (locale.label(&stage["name"])) br; span.hint { (text(&stage["id"])) } },
                cell(locale.stage_type(text(&stage["type"]))),
                html! {
                    span.prose {
                        (locale.label(&stage["definition"]))
                        @if stage["entry_criterion"].is_object() {
                            br; span.hint {
                                (locale.text("进入条件：", "Enters when: ")) (locale.label(&stage["entry_criterion"]["action"]))
                                (locale.text("；", "; ")) (locale.label(&stage["entry_criterion"]["result"]))
                            }
                        }
                    }
                },
                html! { span.prose { (locale.label(&next["what"])) @if next["role"].is_string() { " · " (locale.role(text(&next["role"]))) } } },
                cell(words.lasting(&next["deadline_seconds"])),
                cell(words.lasting(&stage["stagnant_after_seconds"])),
                cell(probability.map_or_else(|_| String::new(), |share| locale.share(share))),
            ]
        })
        .collect();
    let title = locale.text("状态", "Stages");
    html! { section.figure { h2 { (title) } (table(title, &columns, &rows)) } }
}

/// From each stage the stages that one may move to.
fn moves(words: &InWords<'_>) -> Markup {
    let (locale, pipeline) = (words.locale, words.pipeline);
    let moves = pipeline["transitions"].as_array().map(Vec::as_slice).unwrap_or_default();
    // In the order of the stages.
    let to = |from: &Value| -> Vec<String> {
        let way = |to: &Value| moves.iter().find(|one| one["from"] == *from && one["to"] == *to);
        let those = pipeline["stages"].as_array().into_iter().flatten().filter_map(|stage| way(&stage["id"]));
        those
            .map(|one| {
                let needs = if one["approval"].is_null() {
                    ""
                } else {
                    locale.text("（需审批）", " (by approval)")
                };
                format!("{}{needs}", words.stage(&one["to"]))
            })
            .collect()
    };
    let columns = [column(locale.text("从", "From")), column(locale.text("可以变更到", "May move to"))];
    let rows: Vec<Vec<Markup>> = pipeline["stages"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|stage| {
            let ways = to(&stage["id"]).join(locale.text("、", ", "));
            let ways = if ways.is_empty() { "—".to_owned() } else { ways };
            vec![cell(locale.label(&stage["name"])), html! { span.prose { (ways) } }]
        })
        .collect();
    let title = locale.text("允许的变更", "Permitted moves");
    html! {
        section.figure {
            h2 { (title) }
            @if moves.is_empty() { p.hint { (locale.text("可以从任何状态变更到任何状态。", "Any stage may be moved to from any other.")) } }
            @else { (table(title, &columns, &rows)) }
        }
    }
}

fn history(settings: &Settings<'_>, key: &str, shown: &Value, versions: &Value) -> Markup {
    let locale = settings.locale;
    let columns = [
        column(locale.text("版本", "Version")),
        column(locale.text("生效", "In force from")),
        column(locale.text("发布", "Published")),
        column(locale.text("发布人", "Published by")),
        column(locale.text("范围", "For whom")),
        column(locale.text("操作", "Actions")),
    ];
    let rows: Vec<Vec<Markup>> = items(versions)
        .iter()
        .rev()
        .map(|one| {
            let number = one["version"].to_string();
            let base = one["base"].as_u64().map(|base| base.to_string());
            let to = |against: Option<&str>| {
                let asked = [("pipeline", Some(key)), ("version", Some(number.as_str())), (AGAINST, against)];
                with_query("/console/settings/pipelines", asked)
            };
            let is_withdrawn = one["withdrawn_at"].is_string();
            let is_ahead = !is_withdrawn && read(&one["effective_from"]).is_some_and(|from| from > settings.layout.now());
            let team = one["team"]["id"].as_str().or(one["team"].as_str());
            vec![
                html! {
                    @if one["version"] == shown["version"] { strong { (number) } }
                    @else if is_withdrawn { s { (number) } }
                    @else { a href=(to(None)) { (number) } }
                    @if one["in_force"] == true { " " span.flag { (locale.text("生效中", "in force")) } }
                    @if is_ahead { " " span.flag { (locale.text("尚未生效", "not yet in force")) } }
                    @if is_withdrawn { " " span.flag { (locale.text("已撤回", "withdrawn")) } }
                },
                cell(locale.moment(&one["effective_from"])),
                cell(locale.moment(&one["published_at"])),
                cell(text(&one["published_by"])),
                cell(team.unwrap_or_else(|| locale.text("所有人", "everybody"))),
                html! {
                    @if let Some(base) = base.as_deref().filter(|_| !is_withdrawn) {
                        a href=(to(Some(base))) { (locale.text("与前一版本的差别", "differences from")) " " (base) }
                    }
                    @if is_ahead && settings.layout.has_role(&["manager", "admin"]) { (withdraw(settings, key, &number)) }
                },
            ]
        })
        .collect();
    let title = locale.text("版本", "Versions");
    html! { section.figure { h2 { (title) } (table(title, &columns, &rows)) } }
}

/// Takes a version back that is not in force yet.
fn withdraw(settings: &Settings<'_>, key: &str, version: &str) -> Markup {
    let locale = settings.locale;
    let fields = html! {
        input type="hidden" name=(ID) value=(key);
        input type="hidden" name=(VERSION) value=(version);
        label { (locale.text("原因", "Reason")) input name=(REASON) value=(settings.typed("withdraw", REASON)); }
    };
    html! {
        details.act {
            summary { (locale.text("撤回", "Withdraw")) }
            (settings.form("pipelines", "withdraw", locale.text("撤回这个版本", "Withdraw this version"), &fields))
        }
    }
}

/// The form of a new pipeline from a template.
async fn create(settings: &Settings<'_>) -> Result<Markup, ApiError> {
    let locale = settings.locale;
    let templates = settings.layout.get("/v1/templates?limit=500").await?;
    let chosen = settings.typed("create", "template");
    let fields = html! {
        (settings.field("create", "key", locale.text("标识", "Key"), true))
        label { (locale.text("模板", "Template"))
            select name="template" required {
                @for template in items(&templates) {
                    @let key = text(&template["key"]);
                    option value=(key) selected[key == chosen] { (locale.label(&template["definition"]["name"])) " · " (key) }
                }
            }
        }
    };
    Ok(html! {
        h2 { (locale.text("新建销售流程", "New pipeline")) }
        (settings.form("pipelines", "create", locale.text("新建", "Create"), &fields))
    })
}
