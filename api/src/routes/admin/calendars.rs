//! Working calendars: set and list.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::Names;
use crate::auth::Authority;
use crate::domain::Label;
use crate::domain::calendar::{Calendar, Hours, WallTime, Weekday};
use crate::domain::company::CompanyCommand;
use crate::http::answer::{Accepted, List};
use crate::http::{Command, ConsistencyParams, Page, Query, zone};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// A working calendar.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({
    "key": "office", "name": {"zh": "办公时间", "en": "Office hours"}, "timezone": "Asia/Shanghai",
    "weekly": {"mon": [{"from": "09:00", "to": "12:00"}, {"from": "13:30", "to": "18:00"}]},
    "days": {"2026-10-01": [], "2026-10-10": [{"from": "09:00", "to": "18:00"}]}
}))]
pub(super) struct CalendarBody {
    /// The key.
    key: String,
    /// The name.
    name: Names,
    /// The IANA time zone of the working hours.
    timezone: String,
    /// The working hours of each weekday, `mon` to `sun`; weekdays that are not listed are free.
    weekly: BTreeMap<String, Vec<Span>>,
    /// Exceptions: a holiday has no hours, a make-up workday has its own.
    #[serde(default)]
    days: BTreeMap<NaiveDate, Vec<Span>>,
    /// The last day whose holidays are known: working hours beyond it are not computed. Without it, weeks go on as they are.
    known_until: Option<NaiveDate>,
}

/// A period of working time within a day; the end is exclusive.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub(super) struct Span {
    /// Start: `HH:MM`.
    #[schema(example = "09:00")]
    from: String,
    /// End: `24:00` at the latest.
    #[schema(example = "18:00")]
    to: String,
}

/// A working calendar.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct CalendarAnswer {
    /// The key.
    key: String,
    /// The version, from 1.
    version: u32,
    /// The name.
    name: Names,
    /// The IANA time zone of the working hours.
    timezone: String,
    /// The working hours of each weekday.
    weekly: BTreeMap<String, Vec<Span>>,
    /// Exceptions by date.
    days: BTreeMap<NaiveDate, Vec<Span>>,
    /// The last day whose holidays are known; null where weeks go on as they are.
    known_until: Option<NaiveDate>,
}

impl CalendarBody {
    fn calendar(self) -> Result<Calendar, Problem> {
        let timezone = zone("timezone", &self.timezone)?;
        let weekly = self.weekly.into_iter().map(|(name, spans)| {
            let field = format!("weekly.{name}");
            Ok((weekday(&name, &field)?, hours(&field, spans)?))
        });
        let days =
            self.days.into_iter().map(|(date, spans)| Ok((date, hours(&format!("days.{date}"), spans)?)));
        Ok(Calendar {
            key: self.key,
            name: self.name.into(),
            timezone,
            weekly: weekly.collect::<Result<_, Problem>>()?,
            days: days.collect::<Result<_, Problem>>()?,
            known_until: self.known_until,
        })
    }
}

fn weekday(name: &str, field: &str) -> Result<Weekday, Problem> {
    serde_json::from_value(Value::String(name.to_owned())).map_err(|_| {
        let message = Label::new(
            "应为 mon、tue、wed、thu、fri、sat 或 sun。",
            "Must be mon, tue, wed, thu, fri, sat or sun.",
        );
        Problem::invalid_value(field, message)
    })
}

fn hours(field: &str, spans: Vec<Span>) -> Result<Vec<Hours>, Problem> {
    let time = |n: usize, end: &str, text: String| {
        WallTime::try_from(text).map_err(|_| {
            let message =
                Label::new("应为 HH:MM，从 00:00 到 24:00。", "Must be HH:MM, from 00:00 to 24:00.");
            Problem::invalid_value(&format!("{field}[{n}].{end}"), message)
        })
    };
    let read = |(n, span): (usize, Span)| {
        Ok(Hours { from: time(n, "from", span.from)?, to: time(n, "to", span.to)? })
    };
    spans.into_iter().enumerate().map(read).collect()
}

impl CalendarAnswer {
    fn key(&self) -> String {
        self.key.clone()
    }

    fn of((version, calendar): &(u32, Calendar)) -> Self {
        let spans = |hours: &Vec<Hours>| {
            let span = |hours: &Hours| Span { from: hours.from.to_string(), to: hours.to.to_string() };
            hours.iter().map(span).collect::<Vec<Span>>()
        };
        let weekly = calendar.weekly.iter().map(|(day, hours)| (day.as_str().to_owned(), spans(hours)));
        Self {
            key: calendar.key.clone(),
            version: *version,
            name: Names::from(&calendar.name),
            timezone: calendar.timezone.name().to_owned(),
            weekly: weekly.collect(),
            days: calendar.days.iter().map(|(date, hours)| (*date, spans(hours))).collect(),
            known_until: calendar.known_until,
        }
    }
}

/// Create or replace a working calendar
///
/// Replacing a calendar creates its next version. Figures as of an earlier instant use the version known at that time.
#[utoipa::path(
    post, path = "/v1/admin/calendars", tag = "admin", request_body = CalendarBody,
    responses(
        (status = 200, description = "Saved.", body = Accepted),
        (status = 422, description = "The time zone, a day or a time span is not valid.", body = ProblemDocument),
    )
)]
pub(super) async fn set(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Command { body, meta }: Command<CalendarBody>,
) -> Result<Accepted, Problem> {
    let calendar = body.calendar()?;
    let mut resource = Map::new();
    resource.insert("key".to_owned(), Value::String(calendar.key.clone()));
    Ok(state.app.configure(&caller, &meta, &CompanyCommand::SetCalendar(calendar), resource).await?.into())
}

/// List working calendars
#[utoipa::path(
    get, path = "/v1/admin/calendars", tag = "admin",
    params(Page, ConsistencyParams),
    responses((status = 200, description = "Every calendar as it is now, by key.", body = List<CalendarAnswer>))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(page, consistency, ..): Query<Page, ConsistencyParams>,
) -> Result<Json<List<CalendarAnswer>>, Problem> {
    consistency.defined(&state, &caller).await?;
    let company = state.app.companies.now(caller.tenant).await?;
    Ok(Json(List::paged(
        company.calendars.values().map(CalendarAnswer::of).collect(),
        &page,
        CalendarAnswer::key,
    )?))
}
