//! The statements of this read model, one a file.

pub(crate) const KNOWN: &str = include_str!("known.sql");
pub(crate) const CLOSE: &str = include_str!("close.sql");
pub(crate) const ACTED: &str = include_str!("acted.sql");
pub(crate) const FORGET: &str = include_str!("forget.sql");
pub(crate) const CORRECTIONS: &str = include_str!("corrections.sql");
pub(crate) const REWRITTEN: &str = include_str!("rewritten.sql");
pub(crate) const MIGRATIONS: &str = include_str!("migrations.sql");
pub(crate) const OVERRIDES: &str = include_str!("overrides.sql");
pub(crate) const VOIDED: &str = include_str!("voided.sql");
pub(crate) const ACTIVITIES: &str = include_str!("activities.sql");
pub(crate) const REP_ACTIVITIES: &str = include_str!("rep_activities.sql");
pub(crate) const PLANS: &str = include_str!("plans.sql");
pub(crate) const FOLLOW_UPS: &str = include_str!("follow_ups.sql");
