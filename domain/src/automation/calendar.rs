//! What the calendar sets off: once for a period, for a pipeline as a whole.

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use chrono_tz::Tz;

use super::deadline::Rules;
use crate::pipeline::automation::{ActionKind, Automation, NotificationChannel, Period, Trigger};
use crate::pipeline::event::{Message, Scheduled};
use crate::pool::start_of_day;

/// What the calendar has set off in the present periods: each with the instant at which its period began. Only
/// reminders are carried out so; what is done to customers one by one has a customer's own triggers.
pub fn scheduled(rules: Rules<'_>, now: DateTime<Utc>) -> Vec<(Scheduled, DateTime<Utc>)> {
    let zone = rules.pipeline.default_pool().map_or(Tz::UTC, |pool| pool.timezone);
    let each = rules.pipeline.automations.iter().filter_map(|automation| {
        let Trigger::Schedule { every, .. } = &automation.trigger else { return None };
        let period = begins(*every, now.with_timezone(&zone).date_naive());
        let begins_at = start_of_day(zone, period);
        let set = |known: &Automation| known.id == automation.id && known.trigger == automation.trigger;
        let since = rules.since(|pipeline| pipeline.automations.iter().any(set));
        // A rule that was published within a period begins with the next one.
        let reminders = messages(automation).filter(|_| since <= begins_at)?;
        let event = Scheduled {
            pipeline: rules.pipeline.key.clone(),
            pipeline_version: rules.pipeline.version,
            rule: automation.id.clone(),
            period,
            reminders,
        };
        Some((event, begins_at))
    });
    each.collect()
}

/// The messages of a rule that only reminds.
fn messages(automation: &Automation) -> Option<Vec<Message>> {
    let each = automation.actions.iter().map(|action| match &action.kind {
        ActionKind::Remind { role, channels } => Some(Message {
            text: action.text.clone(),
            role: role.clone(),
            channels: if channels.is_empty() {
                vec![NotificationChannel::Workbench]
            } else {
                channels.clone()
            },
        }),
        _ => None,
    });
    each.collect()
}

/// The first day of the period that a day lies in.
fn begins(every: Period, day: NaiveDate) -> NaiveDate {
    match every {
        Period::Day => day,
        Period::Week => day - Days::new(day.weekday().num_days_from_monday().into()),
        Period::Month => day.with_day(1).unwrap_or(day),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::templates;

    #[test]
    fn a_period_begins_with_its_first_local_day() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        for (every, at, first) in [
            (Period::Day, "2026-03-31", "2026-03-31"),
            (Period::Week, "2026-03-02", "2026-03-02"),
            (Period::Week, "2026-03-08", "2026-03-02"),
            (Period::Month, "2026-03-31", "2026-03-01"),
            (Period::Month, "2026-04-01", "2026-04-01"),
        ] {
            assert_eq!(begins(every, day(at)), day(first), "{every:?} {at}");
        }
    }

    #[test]
    fn a_month_begins_at_the_midnight_of_the_pools_zone() {
        let found = templates().iter().find(|known| known.key == "helloword-13").unwrap();
        let rules = Rules { pipeline: &found.pipeline, versions: None, team: None, at: DateTime::UNIX_EPOCH };
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let month = |now: &str| {
            let all = scheduled(rules, at(now));
            all.into_iter()
                .find(|(event, _)| event.rule == "monthly_stagnant_review")
                .unwrap()
                .0
                .period
                .to_string()
        };
        // April begins in Shanghai at 16:00 UTC.
        assert_eq!(month("2026-03-31T15:59:59Z"), "2026-03-01");
        assert_eq!(month("2026-03-31T16:00:00Z"), "2026-04-01");
    }
}
