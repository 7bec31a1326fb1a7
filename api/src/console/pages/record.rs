//! A customer as the pages about it have it: what the API says, and the forms that send commands.

use maud::{Markup, html};
use serde_json::Value;

use super::super::address::{encoded, with_query};
use super::super::form::{Fields, ONCE, VERSION, fields};
use super::super::gateway::ApiError;
use super::super::i18n::Locale;
use super::super::layout::Layout;
use super::super::session::PageQuery;
use super::customers::primary;
use super::{items, text};

/// The most pages that the API is asked for.
const MOST_PAGES: usize = 40;

/// A command that was refused, to be mended and sent again.
pub(super) struct Refused {
    pub(super) act: String,
    pub(super) fields: Fields,
    pub(super) error: ApiError,
}

/// Everything that the page is made of.
pub(super) struct PageData {
    pub(super) customer: Value,
    pub(super) moves: Value,
    /// Everything that happened, the oldest first.
    pub(super) timeline: Vec<Value>,
    pub(super) stays: Value,
    pub(super) pipeline: Value,
    pub(super) once: String,
    /// Whether it is the customer as it stood at another time than now.
    pub(super) is_past: bool,
}

impl PageData {
    pub(super) async fn load(layout: &Layout, id: &str, query: &PageQuery) -> Result<Self, ApiError> {
        let id = encoded(id);
        let instant = |name: &str| query.get(name).map(|field| layout.locale.instant(field));
        let (effective_at, known_at) = (instant("effective_at"), instant("known_at"));
        let is_past = effective_at.is_some() || known_at.is_some();
        let instants = [("effective_at", effective_at.as_deref()), ("known_at", known_at.as_deref())];
        let customer = layout.read(&with_query(&format!("/v1/customers/{id}"), instants)).await?;
        let view = query.get("view").unwrap_or("both");
        let asked = instants.into_iter().chain([("view", Some(view))]);
        let timeline = all(layout, &with_query(&format!("/v1/customers/{id}/timeline"), asked)).await?;
        let stays = layout.read(&with_query(&format!("/v1/customers/{id}/stays"), instants)).await?;
        let moves = match is_past {
            true => Value::Null,
            false => layout.get(&format!("/v1/customers/{id}/allowed-transitions")).await?,
        };
        let journey = primary(&customer);
        let key = encoded(text(&journey["pipeline"]));
        let version = journey["pipeline_version"].to_string();
        let definition = with_query(&format!("/v1/pipelines/{key}"), [("version", Some(version.as_str()))]);
        let pipeline = layout.read(&definition).await?;
        Ok(Self { customer, moves, timeline, stays, pipeline, once: layout.once(), is_past })
    }

    /// Why the present cycle ended: the reason of the move by which the customer came to where it stands. Releases,
    /// handovers and corrections have reasons of their own, which say nothing of the deal.
    pub(super) fn ended_because(&self) -> Option<&str> {
        let journey = primary(&self.customer);
        let stands = |stay: &&Value| stay["journey"] == journey["pipeline"] && stay["open"] == true;
        let stay = items(&self.stays).iter().rev().find(stands)?;
        let entered =
            |item: &&Value| item["id"] == stay["entered_event"] && item["stage_to"] == stay["stage"];
        self.timeline.iter().find(entered)?["data"]["reason"].as_str()
    }

    pub(super) fn stage(&self, id: &str) -> &Value {
        let mut stages = self.pipeline["stages"].as_array().into_iter().flatten();
        stages.find(|stage| stage["id"] == id).unwrap_or(&Value::Null)
    }

    /// Whether it is the customer as it is now, and somebody's to work with.
    pub(super) fn is_workable(&self) -> bool {
        let Self { customer, is_past, .. } = self;
        !is_past && customer["erased"] != true && customer["withdrawn"] != true
    }

    /// What a sub-status is called; what the definition does not know is called by its id.
    pub(super) fn sub_status<'a>(&'a self, locale: Locale, journey: &Value, id: &'a str) -> &'a str {
        let mut all = self.stage(text(&journey["stage"]))["sub_statuses"].as_array().into_iter().flatten();
        let name = all.find(|sub| sub["id"] == id).map_or("", |sub| locale.label(&sub["name"]));
        if name.is_empty() { id } else { name }
    }

    /// What a stage is called; what the definition does not know is called by its id.
    pub(super) fn name<'a>(&'a self, locale: Locale, id: &'a Value) -> &'a str {
        let name = locale.label(&self.stage(text(id))["name"]);
        if name.is_empty() { text(id) } else { name }
    }
}

/// Every entry of a timeline, the oldest first, as the API hands them out.
async fn all(layout: &Layout, path: &str) -> Result<Vec<Value>, ApiError> {
    let (mut entries, mut cursor) = (Vec::new(), None::<String>);
    for _ in 0..MOST_PAGES {
        let joint = if path.contains('?') { '&' } else { '?' };
        let page = with_query("", [("limit", Some("500")), ("cursor", cursor.as_deref())]);
        let answer = layout.read(&format!("{path}{joint}{}", page.trim_start_matches('?'))).await?;
        entries.extend_from_slice(items(&answer));
        cursor = answer["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    Ok(entries)
}

/// A reason by its code, or the text that was given.
pub(super) fn reason<'a>(locale: Locale, data: &'a PageData, code: &'a str) -> &'a str {
    let mut reasons = data.pipeline["reasons"].as_array().into_iter().flatten();
    reasons.find(|reason| reason["code"] == code).map_or(code, |reason| locale.label(&reason["name"]))
}

/// A form that is folded up until it is wanted, or has to be mended.
pub(super) fn form(
    locale: Locale,
    data: &PageData,
    refused: Option<&Refused>,
    act: &str,
    to: &str,
    name: &str,
    schema: &Value,
) -> Markup {
    let nothing = Fields::new();
    let again = refused.filter(|refused| {
        refused.act == act && (to.is_empty() || refused.fields.get("to").is_some_and(|sent| sent == to))
    });
    let filled = again.map_or(&nothing, |refused| &refused.fields);
    let path = format!("/console/customers/{}/{act}", text(&data.customer["id"]));
    html! {
        details.act open[again.is_some()] {
            summary { (name) }
            form.fields method="post" action=(path) {
                input type="hidden" name=(VERSION) value=(data.customer["version"]);
                input type="hidden" name=(ONCE) value={ (data.once) ":" (act) ":" (to) };
                (fields(locale, schema, filled))
                button { (locale.text("保存", "Save")) }
            }
        }
    }
}
