//! What the calendar and alerts of shares set off: once for a period or an alert, for a pipeline as a whole.

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use chrono_tz::Tz;

use super::deadline::Rules;
use crate::Label;
use crate::pipeline::Pipeline;
use crate::pipeline::automation::{ActionKind, Automation, NotificationChannel, Period, Trigger};
use crate::pipeline::event::{Alerted, Message, Scheduled, ShareAlert};
use crate::pool::{local_date, start_of_day};

/// The days of the longest period.
const LONGEST_PERIOD: usize = 31;

/// What the calendar has set off in the present periods: each with the instant at which its period began. Only
/// reminders are carried out so; what is done to customers one by one has a customer's own triggers.
pub fn scheduled(rules: Rules<'_>, now: DateTime<Utc>) -> Vec<(Scheduled, DateTime<Utc>)> {
    let zone = rules.pipeline.default_pool().map_or(Tz::UTC, |pool| pool.timezone);
    let each = rules.pipeline.automations.iter().filter_map(|automation| {
        let Trigger::Schedule { every, .. } = &automation.trigger else { return None };
        let period = begins(*every, local_date(zone, now));
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

/// When the calendar sets something off next in a pipeline, after an instant; never where no rule of it waits for that.
pub fn next_period(pipeline: &Pipeline, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let zone = pipeline.default_pool().map_or(Tz::UTC, |pool| pool.timezone);
    let today = local_date(zone, now);
    let each = pipeline.automations.iter().filter_map(|automation| {
        let Trigger::Schedule { every, .. } = &automation.trigger else { return None };
        let later = today.iter_days().skip(1);
        later.take(LONGEST_PERIOD).find(|day| begins(*every, *day) != begins(*every, today))
    });
    each.min().map(|day| start_of_day(zone, day))
}

/// What an alert of the share of a stage sets off: each rule that it concerns. Whether it has done so is told by [`is_told`].
pub fn alerted(rules: Rules<'_>, alert: &ShareAlert) -> Vec<Alerted> {
    let each = rules.pipeline.automations.iter().filter_map(|automation| {
        let Trigger::ShareAlert { stages, direction } = &automation.trigger else { return None };
        let concerns = (stages.is_empty() || stages.contains(&alert.stage))
            && direction.is_none_or(|direction| direction == alert.direction);
        let reminders = messages(automation).filter(|_| concerns)?;
        let name = rules.pipeline.stage(&alert.stage).map(|stage| stage.name.clone());
        let name = name.unwrap_or_else(|| Label::same(&alert.stage));
        let told = |message: Message| Message { text: with_shares(&message.text, &name, alert), ..message };
        Some(Alerted {
            pipeline: rules.pipeline.key.clone(),
            pipeline_version: rules.pipeline.version,
            rule: automation.id.clone(),
            alert: alert.clone(),
            reminders: reminders.into_iter().map(told).collect(),
        })
    });
    each.collect()
}

/// Whether what was told before is the same alert: the share went the same way, and was still out of line when that was noticed.
pub fn is_told(before: &ShareAlert, alert: &ShareAlert) -> bool {
    before.direction == alert.direction && before.noticed_on >= alert.day
}

fn with_shares(text: &Label, stage: &Label, alert: &ShareAlert) -> Label {
    let (share, baseline) = (alert.share * 100.0, alert.baseline * 100.0);
    Label::new(
        format!("{}（“{}”占比{share:.1}%，此前28天平均{baseline:.1}%）", text.zh, stage.zh),
        format!("{} ({:?}: {share:.1}%, after {baseline:.1}% in the 28 days before)", text.en, stage.en),
    )
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
    use crate::pipeline::automation::ShareDirection;
    use crate::pipeline::templates;

    #[test]
    fn an_alert_concerns_the_rules_of_its_stage_and_direction_and_is_one_until_it_has_ended() {
        let mut pipeline =
            templates().iter().find(|known| known.key == "bajun-5").unwrap().install("bajun-5");
        let rule = |id: &str, trigger: serde_json::Value| {
            let text = serde_json::json!({"zh": "请查看", "en": "Look"});
            let action = serde_json::json!({"kind": "remind", "role": "manager", "text": text});
            serde_json::from_value(
                serde_json::json!({"id": id, "name": text, "trigger": trigger, "actions": [action]}),
            )
            .unwrap()
        };
        pipeline.automations = vec![
            rule("any", serde_json::json!({"kind": "share_alert"})),
            rule("up", serde_json::json!({"kind": "share_alert", "stages": ["churned"], "direction": "up"})),
            rule(
                "down",
                serde_json::json!({"kind": "share_alert", "stages": ["churned"], "direction": "down"}),
            ),
            rule("other", serde_json::json!({"kind": "share_alert", "stages": ["won"]})),
        ];
        let day = |day: u32| NaiveDate::from_ymd_opt(2026, 3, day).unwrap();
        let noticed = |first: u32, noticed_on: u32, direction| ShareAlert {
            stage: "churned".to_owned(),
            day: day(first),
            noticed_on: day(noticed_on),
            direction,
            share: 0.25,
            baseline: 0.1,
        };
        let rules = Rules { pipeline: &pipeline, versions: None, team: None, at: DateTime::UNIX_EPOCH };
        let alert = noticed(3, 3, ShareDirection::Up);
        let told = alerted(rules, &alert);
        assert_eq!(told.iter().map(|one| one.rule.as_str()).collect::<Vec<_>>(), ["any", "up"]);
        let text = &told[0].reminders[0].text;
        assert_eq!(text.zh, "请查看（“流失客户”占比25.0%，此前28天平均10.0%）");
        assert_eq!(text.en, "Look (\"Churned\": 25.0%, after 10.0% in the 28 days before)");
        assert!(is_told(&alert, &noticed(3, 5, ShareDirection::Up)), "it goes on");
        assert!(is_told(&alert, &noticed(2, 5, ShareDirection::Up)), "it began earlier, as is known now");
        assert!(!is_told(&alert, &noticed(4, 5, ShareDirection::Up)), "it had ended");
        assert!(!is_told(&alert, &noticed(3, 5, ShareDirection::Down)));
    }

    #[test]
    fn the_next_period_is_the_first_that_any_rule_waits_for_in_the_pools_zone() {
        let mut pipeline =
            templates().iter().find(|known| known.key == "bajun-5").unwrap().install("bajun-5");
        // In Shanghai, where it is eight hours later.
        let friday = "2026-02-27T17:30:00Z".parse().unwrap();
        let rule = |every: &str| {
            let text = serde_json::json!({"zh": "请查看", "en": "Look"});
            let action = serde_json::json!({"kind": "remind", "role": "manager", "text": text});
            let trigger = serde_json::json!({"kind": "schedule", "every": every});
            serde_json::from_value::<Automation>(
                serde_json::json!({"id": every, "name": text, "trigger": trigger, "actions": [action]}),
            )
            .unwrap()
        };
        for (rules, next) in [
            (vec![], None),
            (vec!["month", "week"], Some("2026-02-28T16:00:00Z")),
            (vec!["week", "day"], Some("2026-02-28T16:00:00Z")),
            (vec!["week"], Some("2026-03-01T16:00:00Z")),
        ] {
            pipeline.automations = rules.iter().map(|every| rule(every)).collect();
            let next: Option<DateTime<Utc>> = next.map(|text| text.parse().unwrap());
            assert_eq!(next_period(&pipeline, friday), next, "{rules:?}");
        }
        // Half an hour before midnight in Casablanca, which has no summer time since 2026, and after it in Winnipeg, which has
        // nothing else: by the rules of the year before it is the other day.
        pipeline.automations = vec![rule("day")];
        for (zone, now, next) in [
            (Tz::Africa__Casablanca, "2026-11-15T23:30:00Z", "2026-11-16T00:00:00Z"),
            (Tz::America__Winnipeg, "2026-11-16T05:30:00Z", "2026-11-17T05:00:00Z"),
        ] {
            pipeline.pools.iter_mut().for_each(|pool| pool.timezone = zone);
            let instant = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
            assert_eq!(next_period(&pipeline, instant(now)), Some(instant(next)), "{zone}");
        }
    }

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
