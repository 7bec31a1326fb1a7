//! The working calendars that come with the product.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::calendar::{Calendar, china};
use crate::http::answer::List;
use crate::http::{Page, Query};
use crate::problem::Problem;

/// A year of a working calendar, and where it was announced.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct AnnouncedYear {
    /// The year.
    #[schema(example = 2026)]
    year: i32,
    /// The notice that announced its holidays.
    #[schema(example = "国办发明电〔2025〕7号")]
    notice: String,
}

/// A working calendar that comes with the product.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct CalendarTemplate {
    /// The calendar's key.
    #[schema(example = "china")]
    key: String,
    /// The years that it knows. Others are not guessed: `known_until` is the end of the last one.
    years: Vec<AnnouncedYear>,
    /// The calendar, as `POST /v1/admin/calendars` and `calendars` of a pipeline's definition take it.
    #[schema(value_type = Object)]
    calendar: Calendar,
}

/// List calendar templates
///
/// The working days of mainland China as the General Office of the State Council announced them, with the days at weekends that work
/// in the stead of holidays, and office hours from 09:00 to 18:00, which you may change.
#[utoipa::path(
    get, path = "/v1/calendar-templates", tag = "pipelines",
    params(Page),
    responses((status = 200, description = "Every calendar, by key.", body = List<CalendarTemplate>))
)]
pub(super) async fn list(Query(page, ..): Query<Page>) -> Result<Json<List<CalendarTemplate>>, Problem> {
    let announced = |year: &china::Year| AnnouncedYear { year: year.year, notice: year.notice.clone() };
    let calendar = china::office_hours();
    let years = china::years().iter().map(announced).collect();
    let items = vec![CalendarTemplate { key: calendar.key.clone(), years, calendar }];
    Ok(Json(List::paged(items, &page, |template: &CalendarTemplate| template.key.clone())?))
}
