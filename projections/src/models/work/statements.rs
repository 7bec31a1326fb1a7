//! The statements of this read model, one a file.

pub(crate) const DROP_DEADLINES: &str = include_str!("drop_deadlines.sql");
pub(crate) const DROP_STANDINGS: &str = include_str!("drop_standings.sql");
pub(crate) const IN_JOURNEY: &str = include_str!("in_journey.sql");
pub(crate) const DUE: &str = include_str!("due.sql");
pub(crate) const DUE_IN: &str = include_str!("due_in.sql");
pub(crate) const DUE_BY_RULE: &str = include_str!("due_by_rule.sql");
pub(crate) const NEXT_DUE: &str = include_str!("next_due.sql");
pub(crate) const RECLAIMS_AMONG: &str = include_str!("reclaims_among.sql");
pub(crate) const RECLAIMS_ALL: &str = include_str!("reclaims_all.sql");
pub(crate) const ARMED: &str = include_str!("armed.sql");
pub(crate) const RUNS: &str = include_str!("runs.sql");
pub(crate) const SKIPS: &str = include_str!("skips.sql");
pub(crate) const TASKS_PAGE: &str = include_str!("tasks.sql");
pub(crate) const REMINDERS_PAGE: &str = include_str!("reminders.sql");
pub(crate) const REMINDERS_AFTER: &str = include_str!("reminders_after.sql");
pub(crate) const CONTACTS: &str = include_str!("contacts.sql");
pub(crate) const CONTACTS_COUNTED: &str = include_str!("contacts_counted.sql");
pub(crate) const STANDINGS_ALL: &str = include_str!("standings_all.sql");
pub(crate) const STANDINGS_AMONG: &str = include_str!("standings_among.sql");
pub(crate) const STANDING: &str = include_str!("standing.sql");
pub(crate) const NEXT_CONTACTS: &str = include_str!("next_contacts.sql");
pub(crate) const NEXT_CONTACTS_ALL: &str = include_str!("next_contacts_all.sql");
pub(crate) const NAMES_AMONG: &str = include_str!("names_among.sql");
pub(crate) const MESSAGES_PAGE: &str = include_str!("messages.sql");
