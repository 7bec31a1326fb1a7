//! What would have been otherwise under another version, a draft, or other numbers of the pools. Nothing is written.

mod answer;

use axum::http::{HeaderValue, Method, header};
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::super::super::address::{encoded, with_query};
use super::super::super::form::{Fields, json_of};
use super::super::super::gateway::ApiError;
use super::super::super::i18n::Locale;
use super::super::super::layout::{Layout, Part};
use super::super::super::session::PageQuery;
use super::super::{items, text};
use super::period::PARAMETERS;
use super::{Content, FilterBar, INSTANTS, PageRequest, WHAT_IF, Windows, page};

/// Who may ask: those who weigh how the sales are worked.
pub(super) const ROLES: &[&str] = &["manager", "admin", "analyst"];
/// Rows of each list that a page shows.
const SHOWN: &str = "25";
/// Parameters of the page: a version that there is, a definition of one's own, and how the answer is wanted.
const VERSION: &str = "version";
const DRAFT: &str = "draft";
const FORMAT: &str = "as";

/// Shows the form, and the answer where something is supposed.
pub(super) async fn content(asked: &PageRequest<'_>) -> Result<Content, ApiError> {
    let base = base(asked).await?;
    let question = question(asked, &base)?;
    // Who may not ask is told so by the API.
    let may = asked.layout.has_role(ROLES);
    let found = if question.is_some() || !may {
        let question = question.unwrap_or_else(|| json!({"pipeline": asked.pipeline}));
        Some(ask(asked, &question, SHOWN).await?)
    } else {
        None
    };
    let body = html! {
        (form(asked, &base).await?)
        @match &found {
            Some(found) => { (answer::shown(asked, found, &base)) }
            None => {
                p.empty {
                    (asked.locale.text(
                        "选择一个版本、修改公海的数字，或粘贴一份定义草稿，即可重放这段时间的历史。",
                        "Choose a version, change a number of a pool, or paste a draft of a definition to replay the history of this period.",
                    ))
                }
            }
        }
    };
    Ok(Content { echoed: found.unwrap_or_default(), choices: html! {}, body })
}

/// The form alone, for what was refused to be mended.
pub(super) async fn again(asked: &PageRequest<'_>) -> Markup {
    form(asked, &asked.names.0).await.unwrap_or_else(|_| html! {})
}

/// Asks what is typed into a form, which may be too long for an address.
pub(super) async fn send(layout: &Layout, pipeline: &str, query: PageQuery, fields: Fields) -> Response {
    let PageQuery(mut query) = query;
    query.extend(fields);
    show(layout, pipeline, &PageQuery(query)).await
}

/// Shows the page, or hands the answer out as a file.
pub(super) async fn show(layout: &Layout, pipeline: &str, query: &PageQuery) -> Response {
    if query.get(FORMAT) != Some("json") {
        return page(layout, pipeline, WHAT_IF, query, None).await;
    }
    match file(layout, pipeline, query).await {
        Ok(Some(found)) => {
            let kind = HeaderValue::from_static("application/json");
            let name = HeaderValue::from_static("attachment; filename=\"what-if.json\"");
            ([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)], found.to_string())
                .into_response()
        }
        Ok(None) => page(layout, pipeline, WHAT_IF, query, None).await,
        Err(error) => layout.failed(Part::Figures, &error),
    }
}

async fn file(layout: &Layout, pipeline: &str, query: &PageQuery) -> Result<Option<Value>, ApiError> {
    let asked = PageRequest::of(layout, pipeline, WHAT_IF, query).await?;
    let base = base(&asked).await?;
    match question(&asked, &base)? {
        Some(question) => ask(&asked, &question, "5000").await.map(Some),
        None => Ok(None),
    }
}

async fn ask(asked: &PageRequest<'_>, question: &Value, limit: &str) -> Result<Value, ApiError> {
    let path = asked.path("/v1/what-if", Windows::None, &[("limit", limit)]);
    asked.layout.command(Method::POST, &path, None, question).await
}

/// The definition that is asked about: the version that is chosen, or the one in force.
async fn base(asked: &PageRequest<'_>) -> Result<Value, ApiError> {
    match asked.query.get(VERSION) {
        None => Ok(asked.names.0.clone()),
        Some(version) => {
            let path = format!("/v1/pipelines/{}", encoded(asked.pipeline));
            asked.layout.read(&with_query(&path, [(VERSION, Some(version))])).await
        }
    }
}

/// What is supposed; none where nothing is.
fn question(asked: &PageRequest<'_>, base: &Value) -> Result<Option<Value>, ApiError> {
    let mut question = json!({"pipeline": asked.pipeline});
    for (name, instant) in asked.instants(&PARAMETERS[..2], &PARAMETERS[..2]) {
        question[name] = json!(instant);
    }
    let pools = supposed_pools(base, asked.query);
    let draft = asked.query.get(DRAFT);
    if draft.is_none() && pools.is_none() && asked.query.get(VERSION).is_none() {
        return Ok(None);
    }
    if let Some(pools) = pools {
        question["pools"] = pools;
    }
    if let Some(draft) = draft {
        question["definition"] = draft_of(asked.locale, draft)?;
    } else if asked.query.get(VERSION).is_some() {
        question["definition"] = base.clone();
    }
    Ok(Some(question))
}

/// The definition that a draft is.
fn draft_of(locale: Locale, draft: &str) -> Result<Value, ApiError> {
    json_of(locale, locale.text("草稿不是有效的 JSON", "The draft is no valid JSON"), draft)
}

/// A number of a pool that is supposed to be another one: its parameter, what it is, and what it is now.
struct PoolNumber {
    parameter: String,
    /// Where it stands in the definition of the pools.
    pointer: String,
    /// How many seconds one is.
    unit: u64,
    now: u64,
    rule: Value,
}

const DAY: u64 = 86_400;
const HOUR: u64 = 3_600;

/// The clocks of a pool that take a customer back.
fn numbers(place: usize, pool: &Value) -> Vec<PoolNumber> {
    let key = text(&pool["key"]);
    let reclaim = pool["rules"]["reclaim"].as_array().into_iter().flatten().enumerate();
    let clocks = reclaim.filter_map(|(at, rule)| {
        Some(PoolNumber {
            parameter: format!("days:{key}:{}", text(&rule["id"])),
            pointer: format!("/{place}/rules/reclaim/{at}/seconds"),
            unit: DAY,
            now: rule["seconds"].as_u64()?,
            rule: rule["name"].clone(),
        })
    });
    let first = pool["rules"]["first_contact"]["within_seconds"].as_u64().map(|now| PoolNumber {
        parameter: format!("hours:{key}"),
        pointer: format!("/{place}/rules/first_contact/within_seconds"),
        unit: HOUR,
        now,
        rule: Value::Null,
    });
    clocks.chain(first).collect()
}

fn pools(definition: &Value) -> &[Value] {
    definition["pools"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The pools with the numbers that are supposed; none where none is. What is no number is for the API to refuse by name.
fn supposed_pools(definition: &Value, query: &PageQuery) -> Option<Value> {
    let mut supposed = definition["pools"].clone();
    let mut is_other = false;
    for number in pools(definition).iter().enumerate().flat_map(|(place, pool)| numbers(place, pool)) {
        let Some(given) = query.get(&number.parameter) else { continue };
        let seconds = given.parse::<f64>().ok().filter(|given| given.is_finite() && *given >= 0.0);
        if let Some(place) = supposed.pointer_mut(&number.pointer) {
            *place = seconds
                .map_or_else(|| json!(given), |given| json!((given * number.unit as f64).round() as u64));
            is_other = true;
        }
    }
    is_other.then_some(supposed)
}

/// A length of time in a unit, without needless decimals.
fn in_units(seconds: u64, unit: u64) -> String {
    let number = seconds as f64 / unit as f64;
    if number.fract() == 0.0 { format!("{number:.0}") } else { format!("{number:.2}") }
}

/// What is asked for beside what is typed into a form: it stays as it is.
fn kept(asked: &PageRequest<'_>) -> Vec<(&'static str, String)> {
    let shared = FilterBar::WHO.iter().chain(&PARAMETERS[..2]).chain(&INSTANTS);
    shared.filter_map(|name| Some((*name, asked.query.get(name)?.to_owned()))).collect()
}

async fn form(asked: &PageRequest<'_>, base: &Value) -> Result<Markup, ApiError> {
    let locale = asked.locale;
    let versions = format!("/v1/pipelines/{}/versions?limit=500", encoded(asked.pipeline));
    let versions = asked.layout.read(&versions).await?;
    let here = asked.link(WHAT_IF, &[]);
    let kept = kept(asked);
    let typed = |name: &str| asked.query.get(name).unwrap_or_default();
    let file =
        html! { button.quiet name=(FORMAT) value="json" { (locale.text("下载 JSON", "Download JSON")) } };
    Ok(html! {
        section.figure {
            h2 { (locale.text("假设", "What if")) }
            p.hint {
                (locale.text(
                    "假设另一版本、另一组公海数字或一份草稿在这段时间生效，历史会有何不同；不会写入任何内容。未选时段时为最近 30 天。",
                    "What history would have been if another version, other numbers of the pools or a draft had been in force; nothing is written. The last 30 days unless a period is chosen.",
                ))
            }
            form.fields {
                @for (name, value) in &kept { input type="hidden" name=(name) value=(value); }
                label { (locale.text("版本", "Version"))
                    select name=(VERSION) {
                        option value="" { (locale.text("现行版本", "the one in force")) }
                        @for version in items(&versions).iter().rev() {
                            @let number = version["version"].to_string();
                            option value=(number) selected[typed(VERSION) == number] {
                                (number) " · " (version["team"]["id"].as_str().map_or_else(|| locale.day(&version["effective_from"]), str::to_owned))
                            }
                        }
                    }
                }
                @for (place, pool) in pools(base).iter().enumerate() {
                    @for number in numbers(place, pool) {
                        label {
                            (locale.label(&pool["name"])) " · "
                            @if number.rule.is_null() { (locale.text("首次联系时限（小时）", "first contact within hours")) }
                            @else { (locale.label(&number.rule)) (locale.text("（天）", ", in days")) }
                            input type="number" min="0" step="any" name=(number.parameter) value=(typed(&number.parameter))
                                placeholder=(in_units(number.now, number.unit));
                        }
                    }
                }
                span.acts {
                    button { (locale.text("重放", "Replay")) }
                    (file)
                }
            }
            details.act open[!typed(DRAFT).is_empty()] {
                summary { (locale.text("用草稿重放", "Replay a draft")) }
                form.fields method="post" action=(here) {
                    label.wide { (locale.text("完整的流程定义（JSON）", "The complete definition of the pipeline, in JSON"))
                        textarea name=(DRAFT) rows="10" spellcheck="false" required { (typed(DRAFT)) } }
                    span.acts {
                        button { (locale.text("重放", "Replay")) }
                        (file)
                    }
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(pairs: &[(&str, &str)]) -> PageQuery {
        PageQuery(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn a_number_that_is_given_stands_in_the_pools_in_seconds_and_the_others_stay() {
        let definition = json!({"pools": [{
            "key": "sea", "claims_per_day": 3,
            "rules": {
                "reclaim": [{"id": "idle", "seconds": 432_000}, {"id": "visit", "seconds": 604_800}],
                "first_contact": {"within_seconds": 172_800},
            },
        }]});
        assert_eq!(supposed_pools(&definition, &query(&[("version", "2")])), None);
        let pools =
            supposed_pools(&definition, &query(&[("days:sea:visit", "2.5"), ("hours:sea", "12")])).unwrap();
        let rules = &pools[0]["rules"];
        assert_eq!(rules["reclaim"][0]["seconds"], 432_000);
        assert_eq!(rules["reclaim"][1]["seconds"], 216_000);
        assert_eq!(rules["first_contact"]["within_seconds"], 43_200);
        let wrong = supposed_pools(&definition, &query(&[("hours:sea", "soon")])).unwrap();
        assert_eq!(wrong[0]["rules"]["first_contact"]["within_seconds"], "soon");
    }

    #[test]
    fn a_length_of_time_is_told_in_its_unit() {
        assert_eq!((in_units(432_000, DAY), in_units(5_400, HOUR)), ("5".to_owned(), "1.50".to_owned()));
    }
}
