//! Nobody loses a customer because of time in which the clocks stood still.

use proptest::prelude::*;

use super::*;
use crate::pipeline::StageType;
use crate::pipeline::automation::Activity;
use crate::pool::rules::Reclaim;

const HOUR: i64 = 3_600;

/// A stage in which work goes on, and one in which it is put off.
const STAGES: [&str; 2] = ["need_confirmed", "postponed"];

fn story() -> Story {
    let mut story = Story::of("helloword-13", STAGES[0]);
    story.pipeline.automations.clear();
    story
}

/// A customer that is with a rep, and pool rules alone.
fn of_a_rep() -> Story {
    let mut story = Story::of("bajun-5", "intent");
    story.pipeline.automations.clear();
    story
}

fn clocks(story: &Story) -> Vec<Reclaim> {
    story.pipeline.default_pool().and_then(|pool| pool.rules.clone()).unwrap().reclaim
}

impl Story {
    /// Lets the rules of pools do what is due, as the ticker does: in order, and asking again after each.
    fn ticked(mut self, now: i64) -> Self {
        loop {
            let rules =
                |_: &str| Some(Rules { pipeline: &self.pipeline, versions: None, team: None, at: t(0) });
            let due = agenda(&self.customer(), rules);
            let due: Vec<String> =
                due.into_iter().filter(|one| one.due_at <= t(now)).map(|one| one.rule).collect();
            let acts = |rule: &&String| self.act(rule, self.cause(rule), t(now)).is_ok();
            let Some(rule) = due.iter().find(acts).cloned() else { return self };
            self = self.acted(&rule, t(now));
        }
    }

    fn is_with_a_rep(&self) -> bool {
        matches!(self.customer().owner, Owner::Rep(_))
    }

    /// When the customer was taken from its rep, by which clock and for what cause, as known then.
    fn reclaims(&self) -> Vec<(usize, String, Uuid, DateTime<Utc>)> {
        let ran = |(n, recorded): (usize, &Recorded<CustomerEvent>)| match &recorded.event {
            CustomerEvent::AutomationRan(ran) => {
                Some((n, ran.rule.strip_prefix("reclaim:")?.to_owned(), ran.cause, ran.due_at))
            }
            _ => None,
        };
        self.events.iter().enumerate().filter_map(ran).collect()
    }

    /// As of which instant a warning was given, if it was.
    fn warned_of(&self, rule: &str, cause: Uuid) -> Option<DateTime<Utc>> {
        self.events.iter().find_map(|recorded| match &recorded.event {
            CustomerEvent::AutomationRan(ran) if ran.rule == rule && ran.cause == cause => Some(ran.due_at),
            _ => None,
        })
    }

    /// The time in which work was put off, as known before the event of that number.
    fn pauses(&self, before: usize) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        let customer = Customer::fold(&self.events[..before]).unwrap();
        let paused =
            |stage: &str| self.pipeline.stage(stage).is_some_and(|stage| stage.kind == StageType::Paused);
        let stays = customer.journeys.stays(customer.primary()).iter();
        stays
            .filter(|stay| paused(&stay.stage))
            .map(|stay| (stay.entered_at, stay.left_at.unwrap_or(DateTime::<Utc>::MAX_UTC)))
            .collect()
    }
}

fn overlap(
    (from, until): (DateTime<Utc>, DateTime<Utc>),
    pauses: &[(DateTime<Utc>, DateTime<Utc>)],
) -> TimeDelta {
    let within =
        |(a, b): &(DateTime<Utc>, DateTime<Utc>)| (until.min(*b) - from.max(*a)).max(TimeDelta::zero());
    pauses.iter().map(within).sum()
}

fn check(story: &Story) -> Result<(), TestCaseError> {
    for (n, id, cause, due_at) in story.reclaims() {
        let clock = clocks(story).into_iter().find(|clock| clock.id == id).unwrap();
        let pauses = story.pauses(n);
        prop_assert!(pauses.iter().all(|(from, until)| due_at < *from || due_at >= *until), "within a pause");
        let base = story.events.iter().find(|event| event.id == cause).unwrap().effective_at;
        let run = due_at - base - overlap((base, due_at), &pauses);
        prop_assert!(run >= TimeDelta::seconds(clock.seconds as i64), "{id} ran for {run} only");
        for before in clock.warn_before_seconds.iter().filter(|before| **before < clock.seconds) {
            if let Some(of) = story.warned_of(&format!("warn:{id}:{before}"), cause) {
                let ran = of - base - overlap((base, of), &pauses);
                prop_assert!(
                    ran <= run - TimeDelta::seconds(*before as i64),
                    "{id}: warned after {ran} of {run}"
                );
                prop_assert!(
                    pauses.iter().all(|(from, until)| of < *from || of >= *until),
                    "warned in a pause"
                );
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    /// Whatever happens, and however long the service stands still in between.
    #[test]
    fn nobody_loses_a_customer_for_time_in_a_pause(
        steps in proptest::collection::vec((1..200_i64, 0..7_u8, 0..100_i64), 1..14),
    ) {
        let (mut story, mut now, mut stage) = (story(), 0, 0);
        for (hours, what, back) in steps {
            now += hours * HOUR;
            story = match what {
                0 | 1 => {
                    let from = STAGES[stage];
                    stage = 1 - stage;
                    story.moved(now, from, STAGES[stage])
                }
                2 => story.follow_up(now),
                3 => story.learned((now - back * HOUR).max(1), now, "rep:li", follow_up("phone")),
                4 => story.then(now, note()),
                _ => story.ticked(now),
            };
            if !story.is_with_a_rep() {
                break;
            }
        }
        // From now on the service runs as it should.
        for _ in 0..60 {
            now += 12 * HOUR;
            story = story.ticked(now);
        }
        prop_assert!(stage == 1 || !story.is_with_a_rep(), "once nothing is put off, nobody keeps it permanently");
        check(&story)?;
    }
}

/// What was put off for a month goes on where the clock stood, and is warned of before.
#[test]
fn the_clock_of_a_customer_that_was_put_off_goes_on_where_it_stood() {
    let visits = clocks(&story()).into_iter().find(|clock| clock.reset_by == [Activity::FollowUp]).unwrap();
    let (seconds, id) = (visits.seconds as i64, &visits.id);
    let paused = story().moved(DAY, STAGES[0], STAGES[1]);
    assert_eq!(paused.due(&format!("reclaim:{id}")), None, "spared");
    let back = paused.ticked(40 * DAY).moved(41 * DAY, STAGES[1], STAGES[0]);
    strikes_at(&back, &format!("reclaim:{id}"), t(40 * DAY + seconds));
    let warned: Vec<_> =
        visits.warn_before_seconds.iter().map(|before| format!("warn:{id}:{before}")).collect();
    for (rule, before) in warned.iter().zip(&visits.warn_before_seconds) {
        assert_eq!(back.due(rule), Some(t(40 * DAY + seconds - *before as i64)));
    }
}

/// A service that stood still for a week, or an activity dated back, puts nothing off: the clock strikes as of its instant.
#[test]
fn a_clock_strikes_as_of_its_instant_however_late_that_is_seen() {
    strikes_at(&of_a_rep(), "reclaim:no_update", t(5 * DAY));
    assert!(!of_a_rep().ticked(12 * DAY).is_with_a_rep());
    let dated_back = of_a_rep().learned(DAY, 9 * DAY, "rep:li", note());
    assert!(!dated_back.ticked(9 * DAY).is_with_a_rep());
}

/// What was forestalled once is due again, for the same cause.
#[test]
fn a_reclaim_that_was_forestalled_strikes_later_nonetheless() {
    let story = of_a_rep().then(6 * DAY, note()).ticked(6 * DAY);
    let skipped =
        |recorded: &Recorded<CustomerEvent>| matches!(recorded.event, CustomerEvent::ReclaimSkipped(_));
    assert_eq!(story.events.iter().filter(|recorded| skipped(recorded)).count(), 1);
    strikes_at(&story, "reclaim:no_update", t(11 * DAY));
}

/// The first contact after a claim need not happen while everything is put off.
#[test]
fn the_time_for_a_first_contact_stands_still_in_a_pause() {
    let mut story = story();
    if let CustomerEvent::Registered(registered) = &mut story.events[0].event {
        registered.owner = Owner::Pool("customer_pool".into());
    }
    let pool = &mut story.pipeline.pools.iter_mut().find(|pool| pool.default).unwrap().rules;
    pool.as_mut().unwrap().first_contact = Some(crate::pool::rules::FirstContact {
        within_seconds: 48 * 3_600,
        grace_seconds: 0,
        strikes: None,
        ban_seconds: None,
    });
    let story = story.then(0, claimed());
    strikes_at(&story, "first_contact", t(2 * DAY) + TICK);
    let paused = story.moved(DAY, STAGES[0], STAGES[1]);
    assert_eq!(paused.due("first_contact"), None);
    strikes_at(&paused.moved(31 * DAY, STAGES[1], STAGES[0]), "first_contact", t(32 * DAY) + TICK);
}
