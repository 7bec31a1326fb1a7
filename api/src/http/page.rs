//! Pagination of lists.

use serde::Deserialize;
use utoipa::IntoParams;

use crate::domain::Label;
use crate::problem::Problem;

/// The most items of a page.
pub const MOST: u32 = 500;
const DEFAULT: u32 = 50;

/// Which page of a list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// The maximum number of items: 50 by default, 500 at most.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
}

impl Page {
    /// How many items at most.
    ///
    /// # Errors
    /// 422 when it is not between 1 and 500.
    pub fn limit(&self) -> Result<u32, Problem> {
        limit(self.limit)
    }

    /// Where the page begins, if not at the beginning.
    #[must_use]
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }
}

/// The limit that was asked for, or the usual one.
///
/// # Errors
/// 422 when it is not between 1 and 500.
pub fn limit(wanted: Option<u32>) -> Result<u32, Problem> {
    match wanted {
        None => Ok(DEFAULT),
        Some(limit) if (1..=MOST).contains(&limit) => Ok(limit),
        Some(_) => {
            let message =
                Label::new(format!("应在 1 至 {MOST} 之间。"), format!("Must be between 1 and {MOST}."));
            Err(Problem::invalid_value("limit", message))
        }
    }
}
