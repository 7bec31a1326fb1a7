//! Given that a rule changed, or that only a team tries another one: nothing is due before it is in force for the customer.

use std::sync::Arc;

use super::*;
use crate::pipeline::version::{Pilot, Publication, Versions};

const RULE: &str = "quoted_without_update";

fn days(days: u64) -> u64 {
    days * 86_400
}

/// A pipeline as it is, with other waits of the rule and of the first clock of the default pool.
fn with(story: &Story, version: u32, wait: u64, reclaim: u64) -> Pipeline {
    let mut pipeline = Pipeline { version, ..story.pipeline.clone() };
    let rule = pipeline.automations.iter_mut().find(|known| known.id == RULE).unwrap();
    rule.delay.as_mut().unwrap().seconds = wait;
    pipeline.pools[0].rules.as_mut().unwrap().reclaim[0].seconds = reclaim;
    pipeline
}

fn publication(pipeline: Pipeline, from: i64, team: Option<(&str, i64)>) -> Publication {
    let pilot =
        |(id, until): (&str, i64)| Pilot { id: id.to_owned(), until: Some(t(until)), ..Pilot::default() };
    Publication {
        base: (pipeline.version > 1).then_some(1),
        event: Uuid::from_u128(u128::from(pipeline.version) + 900),
        pipeline: Arc::new(pipeline),
        map: Vec::new(),
        team: team.map(pilot),
        in_force_from: t(from),
        published_at: t(from),
        published_by: "manager:wang".to_owned(),
    }
}

fn versions(all: impl IntoIterator<Item = Publication>) -> Versions {
    let mut versions = Versions::default();
    all.into_iter().for_each(|one| versions.add(one));
    versions
}

/// When a rule is due by what is in force for a team at an instant.
fn due(story: &Story, versions: &Versions, team: Option<&str>, at: i64, rule: &str) -> Option<DateTime<Utc>> {
    let in_force = versions.in_force(team, t(at)).unwrap();
    let rules = Rules { pipeline: &in_force.pipeline, versions: Some(versions), team, at: t(at) };
    let all = agenda(&story.customer(), |_| Some(rules));
    all.into_iter().find(|one| one.rule == rule).map(|one| one.due_at)
}

fn quoted() -> Story {
    Story::of("landian-6", "first_contact").moved(0, "first_contact", "quoted")
}

fn handed(story: Story, seconds: i64, from: &str, to: &str) -> Story {
    let owner = |rep: &str| Owner::Rep(rep.to_owned());
    story.then(
        seconds,
        CustomerEvent::OwnerChanged(OwnerChanged {
            from: owner(from),
            to: owner(to),
            reason: Personal::Sealed,
            occasion: Some(Occasion::Region),
            grace_until: None,
            text: None,
        }),
    )
}

#[test]
fn a_shorter_wait_is_over_when_it_took_force_at_the_earliest() {
    let story = quoted();
    let first = publication(with(&story, 1, days(5), days(7)), -10 * DAY, None);
    let second = |from| publication(with(&story, 2, days(3), days(7)), from, None);
    for (from, over) in [(4 * DAY, 4 * DAY), (2 * DAY, 3 * DAY), (3 * DAY, 3 * DAY)] {
        let known = versions([first.clone(), second(from)]);
        assert_eq!(due(&story, &known, None, 4 * DAY, RULE), Some(t(over)), "in force on {from}");
    }
    // What was recorded late happened under the rule of then, too.
    let late = Story::of("landian-6", "first_contact");
    let moved = late.move_event("first_contact", "quoted", None, None);
    let late = late.learned(0, 6 * DAY, "rep:li", moved);
    let known = versions([first, second(4 * DAY)]);
    assert_eq!(due(&late, &known, None, 6 * DAY, RULE), Some(t(4 * DAY)));
}

#[test]
fn other_words_and_other_rules_leave_a_wait_alone_and_switching_off_and_on_does_not_restart_it() {
    let story = quoted();
    let first = publication(with(&story, 1, days(3), days(7)), -10 * DAY, None);
    let mut reworded = with(&story, 2, days(3), days(9));
    let rule = reworded.automations.iter_mut().find(|known| known.id == RULE).unwrap();
    rule.name = crate::Label::new("新", "new");
    rule.actions[0].text = crate::Label::new("新", "new");
    let known = versions([first.clone(), publication(reworded, 4 * DAY, None)]);
    assert_eq!(due(&story, &known, None, 5 * DAY, RULE), Some(t(3 * DAY)));
    let mut without = with(&story, 2, days(3), days(7));
    without.automations.retain(|known| known.id != RULE);
    let on_again = |day: i64| {
        let third = publication(with(&story, 3, days(3), days(7)), day * DAY, None);
        versions([first.clone(), publication(without.clone(), DAY, None), third])
    };
    assert_eq!(due(&story, &on_again(2), None, 5 * DAY, RULE), Some(t(3 * DAY)));
    assert_eq!(
        due(&story, &on_again(4), None, 5 * DAY, RULE),
        Some(t(4 * DAY)),
        "it was off on the third day"
    );
}

#[test]
fn a_shorter_clock_of_a_pool_takes_nobody_back_before_it_took_force() {
    let story = Story::of("landian-6", "deciding");
    let clock = &story.pipeline.pools[0].rules.as_ref().unwrap().reclaim[0];
    let rule = format!("reclaim:{}", clock.id);
    let first = publication(with(&story, 1, days(3), days(5)), -10 * DAY, None);
    let second = publication(with(&story, 2, days(3), days(3)), 4 * DAY, None);
    let known = versions([first, second]);
    assert_eq!(due(&story, &known, None, 4 * DAY, &rule), Some(t(4 * DAY)));
    for before in &clock.warn_before_seconds {
        let warning = format!("warn:{}:{before}", clock.id);
        assert_eq!(
            due(&story, &known, None, 4 * DAY, &warning),
            None,
            "nobody was warned before it took force"
        );
    }
}

#[test]
fn a_pilots_customer_is_under_the_general_rule_from_the_end_of_the_pilot_or_from_leaving_its_team() {
    let story = quoted();
    let general = publication(with(&story, 1, days(3), days(7)), -10 * DAY, None);
    let pilot = publication(with(&story, 2, days(5), days(7)), -9 * DAY, Some(("east", 4 * DAY)));
    let known = versions([general, pilot]);
    assert_eq!(due(&story, &known, Some("east"), 2 * DAY, RULE), Some(t(5 * DAY)), "in the pilot");
    assert_eq!(due(&story, &known, Some("east"), 4 * DAY, RULE), Some(t(4 * DAY)), "after it");
    assert_eq!(due(&story, &known, None, 4 * DAY, RULE), Some(t(3 * DAY)), "of another team");
    let left = handed(story.clone(), 3 * DAY + 60, "li", "zhao");
    assert_eq!(due(&left, &known, None, 3 * DAY + 60, RULE), Some(t(3 * DAY + 60)), "handed to another team");
    let after = handed(story, 6 * DAY, "li", "zhao");
    assert_eq!(
        due(&after, &known, None, 6 * DAY, RULE),
        Some(t(3 * DAY)),
        "handed on when no pilot was left"
    );
}
