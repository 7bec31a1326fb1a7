//! When a deal is expected to close, as answers tell it.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waymark_domain::customer;
use waymark_domain::customer::event::Profile;

/// When a deal is expected to close.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExpectedClose {
    /// The day.
    #[schema(example = "2026-12-31")]
    pub on: NaiveDate,
    /// The day that was expected first.
    #[schema(example = "2026-11-30")]
    pub original: NaiveDate,
    /// How often it was put off to a later day. A wrong day that was corrected counts as if it had never been said.
    pub pushes: u32,
    /// By how many days it has been put off since the first: negative where it is earlier now.
    #[schema(example = 31)]
    pub pushed_days: i64,
    /// The reason given last; null where none was given.
    #[schema(example = "budget")]
    pub last_reason: Option<String>,
}

/// What is kept of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KnownClose {
    #[serde(flatten)]
    said: customer::ExpectedClose,
    last_reason: Option<String>,
}

impl KnownClose {
    /// What is expected once a profile says a day.
    pub(super) fn said(held: Option<Self>, on: NaiveDate, profile: &Profile) -> Self {
        let before = held.as_ref().map(|held| &held.said);
        Self {
            said: customer::ExpectedClose::said(before, on, profile.expected_close_corrected),
            last_reason: profile
                .expected_close_reason
                .clone()
                .or_else(|| held.and_then(|held| held.last_reason)),
        }
    }

    /// The day; none where it was withdrawn.
    pub(super) fn on(&self) -> Option<NaiveDate> {
        self.said.on()
    }

    /// Nobody expects it any more.
    pub(super) fn withdraw(&mut self) {
        self.said.withdraw();
    }

    /// As answers tell it; none where it was withdrawn.
    pub(super) fn told(self) -> Option<ExpectedClose> {
        let Self { said, last_reason } = self;
        Some(ExpectedClose {
            on: said.on()?,
            original: said.original,
            pushes: said.pushes,
            pushed_days: said.pushed_days(),
            last_reason,
        })
    }
}
