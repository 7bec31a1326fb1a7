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

/// When a deal was expected to close at an instant, and how far that had slipped by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CloseThen {
    /// The day.
    pub(crate) on: NaiveDate,
    /// The day that was expected first.
    pub(crate) original: NaiveDate,
    /// How often it had been put off.
    pub(crate) pushes: u32,
}

impl CloseThen {
    /// By how many days it had been put off since the first: negative where it was earlier.
    pub(crate) fn pushed_days(&self) -> i64 {
        (self.on - self.original).num_days()
    }
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

    /// As it is kept of the past; none where it was withdrawn.
    pub(super) fn kept(&self) -> Option<CloseThen> {
        let Self { said, .. } = self;
        Some(CloseThen { on: said.on()?, original: said.original, pushes: said.pushes })
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
