//! Given a history, what is due when: every number at its boundary.

mod facts;
mod in_force;
mod pauses;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{Due, Rules, agenda, next_contact};
use crate::customer::event::{
    AutomationRan, Claimed, CustomerEvent, DetailsChanged, DocumentAdded, FollowedUp, Money,
    MoveTargetCorrected, MoveTimeCorrected, MoveVoided, Moved, NextPlan, Noted, Occasion, OnConflict,
    OwnerChanged, Profile, Recorded, Registered, Released, Signalled, TaskCompleted, TransactionKind,
    TransactionRecorded, TransactionVoided,
};
use crate::customer::{Command, Customer, NewEvent, command, decide};
use crate::pipeline::automation::{Action, ActionKind, Automation, Boundary, Delay, DelayClock, Trigger};
use crate::pipeline::{Pipeline, templates};
use crate::refusal::Code;
use crate::{Actor, Context, Owner, Personal};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// 2026-03-02 at 09:00 in Shanghai, plus a number of seconds.
fn t(seconds: i64) -> DateTime<Utc> {
    at("2026-03-02T01:00:00Z") + TimeDelta::seconds(seconds)
}

const DAY: i64 = 86_400;

/// A history under construction.
#[derive(Clone)]
struct Story {
    pipeline: Pipeline,
    events: Vec<Recorded<CustomerEvent>>,
}

impl Story {
    fn of(template: &str, stage: &str) -> Self {
        let found = templates().iter().find(|known| known.key == template).unwrap();
        let pipeline = found.install(template);
        let registered = Registered {
            customer: Uuid::from_u128(7),
            pipeline: template.to_owned(),
            pipeline_version: 1,
            stage: stage.to_owned(),
            sub_status: None,
            name: None,
            external_id: None,
            source: None,
            channel: None,
            contacts: Vec::new(),
            tags: Vec::new(),
            tier: None,
            amount: None,
            fields: None,
            owner: Owner::Rep("li".to_owned()),
            note: None,
            profile: None,
            field_names: Vec::new(),
            evidence: Vec::new(),
        };
        let story = Self { pipeline, events: Vec::new() };
        story.then(0, CustomerEvent::Registered(registered))
    }

    fn then(self, seconds: i64, event: CustomerEvent) -> Self {
        self.learned(seconds, seconds, "rep:li", event)
    }

    fn learned(mut self, happened: i64, recorded: i64, actor: &str, event: CustomerEvent) -> Self {
        let position = self.events.len() as u64 + 1;
        let origin = match actor {
            "import" => Some("import".to_owned()),
            actor if actor.starts_with("system:") => Some("rule".to_owned()),
            _ => None,
        };
        self.events.push(Recorded {
            position,
            id: Uuid::from_u128(position.into()),
            effective_at: t(happened),
            recorded_at: t(recorded),
            actor: actor.to_owned(),
            origin,
            event,
        });
        self
    }

    fn move_event(
        &self,
        from: &str,
        to: &str,
        sub_status: Option<&str>,
        reason: Option<&str>,
    ) -> CustomerEvent {
        CustomerEvent::Moved(Moved {
            journey: self.pipeline.key.clone(),
            pipeline_version: 1,
            cycle: 1,
            from: Some(from.to_owned()),
            to: to.to_owned(),
            sub_status: sub_status.map(str::to_owned),
            direction: None,
            reason: reason.map(str::to_owned),
            reason_text: None,
            note: None,
            next_step: None,
            evidence: Vec::new(),
            approval: None,
            overrides: Vec::new(),
            text: None,
        })
    }

    fn moved(self, seconds: i64, from: &str, to: &str) -> Self {
        let event = self.move_event(from, to, None, None);
        self.then(seconds, event)
    }

    fn follow_up(self, seconds: i64) -> Self {
        self.then(seconds, follow_up("phone"))
    }

    fn customer(&self) -> Customer {
        Customer::fold(&self.events).unwrap()
    }

    /// When a rule is due; none where it is not.
    fn due(&self, rule: &str) -> Option<DateTime<Utc>> {
        let rules = |_: &str| Some(Rules { pipeline: &self.pipeline, versions: None, team: None, at: t(0) });
        agenda(&self.customer(), rules).into_iter().find(|one| one.rule == rule).map(|one| one.due_at)
    }

    fn cause(&self, rule: &str) -> Uuid {
        let rules = |_: &str| Some(Rules { pipeline: &self.pipeline, versions: None, team: None, at: t(0) });
        agenda(&self.customer(), rules).into_iter().find(|one| one.rule == rule).expect(rule).cause
    }

    /// What comes of a rule that is asked to act at an instant.
    fn act(&self, rule: &str, cause: Uuid, now: DateTime<Utc>) -> Result<Vec<NewEvent>, Code> {
        let actor = Actor::new(format!("system:{rule}"), []);
        let pipelines =
            BTreeMap::from([(self.pipeline.key.clone(), std::sync::Arc::new(self.pipeline.clone()))]);
        let context = Context::new(now, &actor, &pipelines);
        let command = Command::Act(command::Act { rule: rule.to_owned(), cause });
        decide(Some(&self.customer()), &command, &context)
            .map_err(|refusal| Code::parse(&refusal.code).expect("a known code"))
    }

    /// The story with what a rule did.
    fn acted(mut self, rule: &str, now: DateTime<Utc>) -> Self {
        let cause = self.cause(rule);
        for new in self.act(rule, cause, now).unwrap() {
            let position = self.events.len() as u64 + 1;
            self.events.push(Recorded {
                position,
                id: Uuid::from_u128(position.into()),
                effective_at: new.effective_at,
                recorded_at: now,
                actor: format!("system:{rule}"),
                origin: Some("rule".to_owned()),
                event: new.event,
            });
        }
        self
    }

    fn types(&self, rule: &str, now: DateTime<Utc>) -> Vec<&'static str> {
        let events = self.act(rule, self.cause(rule), now).unwrap();
        events.iter().map(|new| new.event.event_type().trim_start_matches("customer.")).collect()
    }
}

fn follow_up(channel: &str) -> CustomerEvent {
    CustomerEvent::FollowedUp(FollowedUp {
        channel: channel.to_owned(),
        summary: Personal::Sealed,
        goal_reached: None,
        content: None,
        next_plan: NextPlan { at: t(400 * DAY), text: Personal::Sealed },
    })
}

fn signal(kind: &str) -> CustomerEvent {
    CustomerEvent::Signalled(Signalled { kind: kind.to_owned(), data: None, meets: Vec::new() })
}

fn note() -> CustomerEvent {
    CustomerEvent::Noted(Noted { text: Personal::Sealed })
}

fn details(profile: Profile) -> CustomerEvent {
    CustomerEvent::DetailsChanged(DetailsChanged { profile: Some(profile), ..DetailsChanged::default() })
}

const TICK: TimeDelta = TimeDelta::microseconds(1);

/// A rule does nothing one unit before its instant, and acts at it and after it, as of it.
#[track_caller]
fn strikes_at(story: &Story, rule: &str, instant: DateTime<Utc>) {
    assert_eq!(story.due(rule), Some(instant), "{rule}");
    let cause = story.cause(rule);
    assert_eq!(story.act(rule, cause, instant - TICK), Err(Code::NotDue), "{rule} before");
    for now in [instant, instant + TimeDelta::days(40)] {
        let events = story.act(rule, cause, now).unwrap_or_else(|code| panic!("{rule}: {code:?}"));
        assert!(!events.is_empty(), "{rule} does nothing");
        assert!(events.iter().all(|new| new.effective_at == instant), "{rule}: {events:?}");
    }
}

#[test]
fn quoted_and_silent_for_three_days_is_moved_back_at_the_instant() {
    let story = Story::of("landian-6", "first_contact").moved(100, "first_contact", "quoted");
    strikes_at(&story, "quoted_without_update", t(100 + 3 * DAY));
    let done = ["automation_ran", "moved", "reminded"];
    assert_eq!(story.types("quoted_without_update", t(5 * DAY)), done);
}

#[test]
fn any_change_by_a_person_restarts_the_wait_and_a_rules_does_not() {
    let story = Story::of("landian-6", "first_contact").moved(100, "first_contact", "quoted");
    let noted = story.clone().then(2 * DAY, note());
    assert_eq!(noted.due("quoted_without_update"), Some(t(5 * DAY)));
    let tags = DetailsChanged { tags: Some(vec!["x".to_owned()]), ..DetailsChanged::default() };
    let tagged = story.clone().then(2 * DAY, CustomerEvent::DetailsChanged(tags));
    assert_eq!(tagged.due("quoted_without_update"), Some(t(100 + 3 * DAY)));
    let by_rule = story.learned(2 * DAY, 2 * DAY, "system:x", details(Profile::default()));
    assert_eq!(by_rule.due("quoted_without_update"), Some(t(100 + 3 * DAY)));
}

#[test]
fn what_was_recorded_between_the_deadline_and_its_processing_calls_the_rule_off() {
    let story = Story::of("landian-6", "first_contact").moved(0, "first_contact", "quoted");
    let cause = story.cause("quoted_without_update");
    let answered = story.then(4 * DAY, note());
    assert_eq!(answered.act("quoted_without_update", cause, t(4 * DAY + 60)), Err(Code::NotDue));
    assert_eq!(answered.due("quoted_without_update"), Some(t(7 * DAY)));
}

#[test]
fn more_than_seven_days_strikes_one_microsecond_after_seven_days() {
    let story = Story::of("landian-6", "first_contact");
    strikes_at(&story, "silent_without_intent", t(7 * DAY) + TICK);
    let done = story.types("silent_without_intent", t(8 * DAY));
    assert_eq!(done, ["automation_ran", "moved", "owner_changed"]);
}

#[test]
fn a_customer_with_clear_intent_is_not_paused() {
    let tags = DetailsChanged { tags: Some(vec!["clear_intent".to_owned()]), ..DetailsChanged::default() };
    let story = Story::of("landian-6", "first_contact").then(60, CustomerEvent::DetailsChanged(tags));
    assert_eq!(story.due("silent_without_intent"), None);
    // Nobody is `interested` without a record of the customer's own words.
    let first = Story::of("landian-6", "first_contact");
    let interested = first.move_event("first_contact", "need_confirmed", Some("interested"), None);
    assert_eq!(first.clone().then(60, interested).due("silent_without_intent"), None);
    let confirmed = first.moved(60, "first_contact", "need_confirmed");
    assert_eq!(confirmed.due("silent_without_intent"), Some(t(60 + 7 * DAY) + TICK));
}

#[test]
fn comparing_prices_is_reminded_of_after_three_days_and_only_then() {
    let story = Story::of("landian-6", "first_contact");
    let comparing = story.move_event("first_contact", "quoted", Some("comparing_prices"), None);
    let comparing = story.clone().then(0, comparing);
    strikes_at(&comparing, "comparing_prices_reminder", t(3 * DAY));
    assert_eq!(story.moved(0, "first_contact", "quoted").due("comparing_prices_reminder"), None);
}

#[test]
fn a_deciding_customer_goes_to_the_supervisor_after_three_days() {
    let story = Story::of("landian-6", "first_contact").moved(0, "first_contact", "deciding");
    strikes_at(&story, "deciding_without_update", t(3 * DAY));
    let events =
        story.act("deciding_without_update", story.cause("deciding_without_update"), t(9 * DAY)).unwrap();
    let told = events.iter().find_map(|new| match &new.event {
        CustomerEvent::Reminded(reminded) => Some(reminded.role.as_str()),
        _ => None,
    });
    assert_eq!(told, Some("supervisor"));
}

#[test]
fn day_two_after_the_quote_has_a_message_unless_somebody_called() {
    let story = Story::of("landian-6", "first_contact").moved(0, "first_contact", "quoted");
    strikes_at(&story, "wecom_on_day_two", t(2 * DAY));
    strikes_at(&story, "call_back_about_quote", t(0));
    assert_eq!(story.clone().follow_up(DAY).due("wecom_on_day_two"), None);
    assert_eq!(story.moved(DAY, "quoted", "deciding").due("wecom_on_day_two"), None);
}

#[test]
fn dormant_comes_after_more_than_thirty_days_or_three_months_by_template() {
    let bajun = Story::of("bajun-5", "intent");
    strikes_at(&bajun, "dormant_after_30_days", t(30 * DAY) + TICK);
    let shop = Story::of("ecommerce-6", "registered");
    strikes_at(&shop, "three_months_without_order", t(90 * DAY) + TICK);
    let activity = Story::of("activity-5", "potential");
    strikes_at(&activity, "falls_asleep", t(90 * DAY) + TICK);
}

#[test]
fn more_than_fifteen_days_without_login_is_low_activity() {
    let story = Story::of("ecommerce-6", "registered").then(DAY, signal("logged_in"));
    strikes_at(&story, "low_activity", t(16 * DAY) + TICK);
    let acted = story.acted("low_activity", t(20 * DAY));
    let customer = acted.customer();
    assert_eq!(customer.current().unwrap().sub_status.as_deref(), Some("low_activity"));
    assert_eq!(customer.current().unwrap().visit, 1, "it is no move");
    // The login of before does not end it, the next one does, and then the fifteen days begin again.
    assert_eq!(acted.due("active_again"), None);
    let back = acted.then(21 * DAY, signal("logged_in"));
    strikes_at(&back, "active_again", t(21 * DAY));
    let back = back.acted("active_again", t(21 * DAY + 5));
    assert_eq!(back.customer().current().unwrap().sub_status.as_deref(), Some("engaged"));
    assert_eq!(back.due("low_activity"), Some(t(36 * DAY) + TICK));
}

#[test]
fn a_payment_wins_the_customer_at_once_and_only_once() {
    let story = Story::of("bajun-5", "intent").then(DAY, signal("paid"));
    strikes_at(&story, "paid_is_won", t(DAY));
    let won = story.acted("paid_is_won", t(DAY + 5));
    assert_eq!(won.customer().current().unwrap().stage, "won");
    assert_eq!(won.due("paid_is_won"), None);
}

#[test]
fn a_signal_that_brought_the_customer_to_a_stage_sets_nothing_off_there() {
    let story = Story::of("ecommerce-6", "cart").then(DAY, signal("paid")).acted("pays_first", t(DAY + 1));
    assert_eq!(story.customer().current().unwrap().stage, "first_order");
    assert_eq!(story.due("pays_again"), None);
    let again = story.then(2 * DAY, signal("paid"));
    assert_eq!(again.due("pays_again"), Some(t(2 * DAY)));
}

#[test]
fn mail_unread_for_seven_days_is_told_unless_it_was_opened() {
    let story = Story::of("bajun-5", "intent").then(DAY, signal("mail_sent"));
    strikes_at(&story, "mail_unread", t(8 * DAY));
    assert_eq!(story.then(3 * DAY, signal("mail_opened")).due("mail_unread"), None);
}

#[test]
fn the_satisfaction_visit_comes_seven_days_after_delivery_not_after_the_deal() {
    let won = Story::of("helloword-13", "negotiating").moved(DAY, "negotiating", "won");
    assert_eq!(won.due("satisfaction_visit"), None);
    let delivered = won.moved(20 * DAY, "won", "delivered");
    strikes_at(&delivered, "satisfaction_visit", t(27 * DAY));
}

#[test]
fn a_date_of_delivery_is_followed_by_the_satisfaction_visit_without_a_stage_of_it() {
    let on = |day: &str| details(Profile { delivered_on: day.parse().ok(), ..Profile::default() });
    let told = Story::of("helloword-13", "won").then(60, on("2026-03-05"));
    // Seven days after the first instant of that day in Shanghai.
    strikes_at(&told, "satisfaction_visit_by_date", at("2026-03-11T16:00:00Z"));
    let put_off = told.then(120, on("2026-03-06"));
    strikes_at(&put_off, "satisfaction_visit_by_date", at("2026-03-12T16:00:00Z"));
    // Who goes on to service is visited as well, and who was delivered in a stage of its own is visited for that one.
    let served = put_off.clone().moved(180, "won", "in_service");
    strikes_at(&served, "satisfaction_visit_by_date", at("2026-03-12T16:00:00Z"));
    let delivered = put_off.moved(180, "won", "delivered").moved(DAY, "delivered", "in_service");
    assert_eq!(delivered.due("satisfaction_visit_by_date"), None);
    strikes_at(&delivered, "satisfaction_visit", t(180 + 7 * DAY));
}

#[test]
fn a_lead_claimed_out_of_the_lead_pool_goes_back_to_it() {
    let (rep, pool) = ("li".to_owned(), "lead_pool".to_owned());
    let released = Released { rep: rep.clone(), pool: pool.clone(), reason: Personal::Sealed };
    let claimed = Claimed { rep, pool, quota_date: t(DAY).date_naive() };
    let story = Story::of("helloword-13", "new_lead").then(60, CustomerEvent::Released(released));
    let story = story.then(DAY, CustomerEvent::Claimed(claimed));
    strikes_at(&story, "reclaim:no_update", t(6 * DAY));
    let events = story.act("reclaim:no_update", story.cause("reclaim:no_update"), t(6 * DAY)).unwrap();
    let went = events.iter().find_map(|new| match &new.event {
        CustomerEvent::OwnerChanged(changed) => Some(changed.to.clone()),
        _ => None,
    });
    assert_eq!(went, Some(Owner::Pool("lead_pool".to_owned())));
}

#[test]
fn negotiating_sets_a_task_and_the_next_contact_in_three_days() {
    let story = Story::of("helloword-13", "new_lead").moved(60, "new_lead", "negotiating");
    strikes_at(&story, "recontact_in_three_days", t(60));
    let acted = story.acted("recontact_in_three_days", t(61));
    let customer = acted.customer();
    assert_eq!(customer.next_plan.as_ref().unwrap().at, t(60 + 3 * DAY));
    let task = customer.automation.tasks.values().next().unwrap();
    assert_eq!((task.created.task.as_str(), task.created.due_at), ("contact_again", t(60 + 3 * DAY)));
    assert_eq!(acted.due("recontact_in_three_days"), None, "one task for one entry");
}

#[test]
fn a_postponed_customer_wakes_at_the_first_instant_of_its_day_in_the_pools_zone() {
    let date = chrono::NaiveDate::from_ymd_opt(2026, 4, 1).unwrap();
    let profile = Profile { postponed_until: Some(date), ..Profile::default() };
    let story =
        Story::of("helloword-13", "new_lead").moved(60, "new_lead", "postponed").then(60, details(profile));
    strikes_at(&story, "wake_up_postponed", at("2026-03-31T16:00:00Z"));
    assert_eq!(story.moved(5 * DAY, "postponed", "contacted").due("wake_up_postponed"), None);
}

#[test]
fn renewal_begins_thirty_days_before_the_contract_ends() {
    let ends_on = chrono::NaiveDate::from_ymd_opt(2026, 6, 30);
    let contract = crate::customer::event::Contract { starts_on: None, ends_on };
    let profile = Profile { contract: Some(contract), ..Profile::default() };
    let story = Story::of("education", "won").then(60, details(profile));
    strikes_at(&story, "expires_in_30_days", at("2026-05-30T16:00:00Z"));
    assert_eq!(story.due("expired"), None, "its condition is the sub-status that the first rule sets");
    let expiring = story.acted("expires_in_30_days", at("2026-06-01T00:00:00Z"));
    strikes_at(&expiring, "expired", at("2026-06-29T16:00:00Z"));
    let renewed = expiring.then(91 * DAY, signal("renewed")).acted("renewed", t(92 * DAY));
    assert_eq!(renewed.due("expired"), None);
}

#[test]
fn a_lost_customer_is_split_by_its_reason() {
    for (reason, rule, sub_status) in [
        ("price", "left_for_price", "left_for_price"),
        ("service", "left_for_service", "left_for_service"),
        ("no_need", "left_otherwise", "left_otherwise"),
    ] {
        let story = Story::of("education", "intent");
        let lost = story.move_event("intent", "churned", None, Some(reason));
        let story = story.then(60, lost);
        strikes_at(&story, rule, t(60));
        let acted = story.acted(rule, t(61));
        assert_eq!(acted.customer().current().unwrap().sub_status.as_deref(), Some(sub_status));
    }
}

#[test]
fn a_deal_goes_on_to_signing_payment_and_delivery_as_tasks() {
    let story =
        Story::of("lifecycle-5", "following").moved(60, "following", "won").acted("after_the_deal", t(61));
    let customer = story.customer();
    let processes: Vec<_> =
        customer.automation.tasks.values().filter_map(|task| task.created.process.as_deref()).collect();
    assert_eq!(processes.len(), 3);
    assert!(["signing", "collection", "delivery"].iter().all(|process| processes.contains(process)));
}

#[test]
fn talking_creates_the_return_visit_and_sets_the_next_contact() {
    let story = Story::of("funnel-5", "intent").moved(60, "intent", "talking");
    strikes_at(&story, "return_visit", t(60));
    let customer = story.acted("return_visit", t(61)).customer();
    assert_eq!(customer.next_plan.as_ref().unwrap().at, t(60 + 3 * DAY));
    assert!(customer.automation.tasks.values().any(|task| task.created.task == "return_visit"));
}

#[test]
fn a_won_customer_of_the_funnel_goes_on_to_signing_and_collection() {
    let story = Story::of("funnel-5", "talking").moved(60, "talking", "won");
    strikes_at(&story, "signing_and_collection", t(60));
    let done = story.types("signing_and_collection", t(60));
    assert_eq!(
        done,
        ["automation_ran", "process_started", "task_created", "process_started", "task_created"]
    );
}

#[test]
fn four_days_without_update_are_told_to_the_supervisor_while_the_customer_is_still_the_reps() {
    let story = Story::of("funnel-5", "talking");
    strikes_at(&story, "long_without_update", t(4 * DAY));
    assert_eq!(story.due("reclaim:no_update"), Some(t(5 * DAY)), "a day before the pool takes it back");
    let events = story.act("long_without_update", story.cause("long_without_update"), t(5 * DAY)).unwrap();
    assert!(
        events
            .iter()
            .any(|new| matches!(&new.event, CustomerEvent::Reminded(told) if told.role == "supervisor"))
    );
    assert_eq!(story.then(3 * DAY, note()).due("long_without_update"), Some(t(7 * DAY)));
}

#[test]
fn a_contract_that_ends_later_is_a_renewal_and_one_that_ends_earlier_or_for_the_first_time_is_none() {
    let ends = |date: &str| {
        let contract =
            crate::customer::event::Contract { starts_on: None, ends_on: Some(date.parse().unwrap()) };
        details(Profile { contract: Some(contract), ..Profile::default() })
    };
    let story = Story::of("education", "won").then(60, ends("2026-06-30"));
    assert_eq!(story.due("renewed"), None, "the first contract");
    assert_eq!(story.clone().then(120, ends("2026-05-31")).due("renewed"), None, "it ends earlier");
    assert_eq!(story.clone().then(120, ends("2026-06-30")).due("renewed"), None, "the same again");
    let day_later = story.then(120, ends("2026-07-01"));
    strikes_at(&day_later, "renewed", t(120));
    let renewed = day_later.acted("renewed", t(121));
    assert_eq!(renewed.customer().current().unwrap().sub_status.as_deref(), Some("renewed"));
    strikes_at(&renewed, "expires_in_30_days", at("2026-05-31T16:00:00Z"));
}

#[test]
fn a_satisfaction_of_eight_and_two_payments_make_a_loyal_customer_in_whichever_order() {
    let satisfied = |score: u8| details(Profile { satisfaction: Some(score), ..Profile::default() });
    let twice = || Story::of("lifecycle-5", "won").then(10, paid(1, "CNY")).then(20, paid(1, "CNY"));
    assert_eq!(twice().then(60, satisfied(7)).due("becomes_loyal_by_score"), None);
    strikes_at(&twice().then(60, satisfied(8)), "becomes_loyal_by_score", t(60));
    let once = Story::of("lifecycle-5", "won").then(10, paid(1, "CNY")).then(60, satisfied(8));
    assert_eq!((once.due("becomes_loyal_by_score"), once.due("becomes_loyal_by_payment")), (None, None));
    strikes_at(&once.then(90, paid(1, "CNY")), "becomes_loyal_by_payment", t(90));
    let loyal = twice().then(60, satisfied(9)).acted("becomes_loyal_by_score", t(61));
    assert_eq!(loyal.customer().current().unwrap().stage, "loyal");
}

#[test]
fn words_of_intent_on_record_spare_the_customer_from_the_pause() {
    let added = |kind: &str| {
        CustomerEvent::DocumentAdded(DocumentAdded {
            document: Uuid::from_u128(99),
            kind: kind.to_owned(),
            name: None,
            reference: Personal::Clear("mail of 3 March".to_owned()),
            sha256: "0f".repeat(32),
        })
    };
    let story = || Story::of("landian-6", "need_confirmed");
    strikes_at(&story(), "silent_without_intent", t(7 * DAY) + TICK);
    strikes_at(&story().then(60, added("plan")), "silent_without_intent", t(7 * DAY) + TICK);
    assert_eq!(story().then(60, added("intent_stated")).due("silent_without_intent"), None);
}

#[test]
fn the_questionnaire_is_a_task_thirty_days_after_the_deal() {
    let story = Story::of("lifecycle-5", "following").moved(60, "following", "won");
    strikes_at(&story, "questionnaire", t(60 + 30 * DAY));
    assert_eq!(story.types("questionnaire", t(60 + 30 * DAY)), ["automation_ran", "task_created"]);
}

#[test]
fn satisfaction_and_repeated_purchase_make_a_loyal_customer() {
    let level = |meets: &[&str]| {
        let meets = meets.iter().map(|id| (*id).to_owned()).collect();
        CustomerEvent::Signalled(Signalled { kind: "satisfaction".to_owned(), data: None, meets })
    };
    let tags = DetailsChanged { tags: Some(vec!["repeat_purchase".to_owned()]), ..DetailsChanged::default() };
    let story = Story::of("lifecycle-5", "won").then(10, CustomerEvent::DetailsChanged(tags));
    strikes_at(&story.clone().then(60, level(&["becomes_loyal"])), "becomes_loyal", t(60));
    assert_eq!(story.then(60, level(&[])).due("becomes_loyal"), None, "satisfaction was not high");
}

#[test]
fn business_hours_skip_nights_holidays_and_years_that_are_not_announced() {
    let waits = |hours: u64| {
        let mut story = Story::of("helloword-13", "new_lead");
        story.pipeline.calendars = vec![crate::calendar::china::office_hours()];
        let trigger = Trigger::StageEntered { stages: vec!["contacted".to_owned()], also_in: Vec::new() };
        let delay = Delay {
            seconds: hours * 3_600,
            clock: DelayClock::Business,
            boundary: Boundary::Reached,
            calendar: None,
        };
        let text = crate::Label::same("x");
        let kind = ActionKind::SetTag { tag: "x".to_owned(), present: true };
        story.pipeline.automations = vec![Automation {
            id: "in_time".to_owned(),
            name: text.clone(),
            trigger,
            delay: Some(delay),
            condition: None,
            cancelled_by: Vec::new(),
            actions: vec![Action { text, kind }],
        }];
        // Monday, 2026-03-02 at 10:00 in Shanghai.
        story.moved(3_600, "new_lead", "contacted").due("in_time")
    };
    assert_eq!(waits(8), Some(at("2026-03-02T10:00:00Z")), "until the end of the day");
    assert_eq!(waits(9), Some(at("2026-03-03T02:00:00Z")), "an hour of the next one");
    // Five Saturdays and Sundays, the Tomb-Sweeping holiday and the first of May on the way.
    assert_eq!(waits(414), Some(at("2026-05-09T02:00:00Z")), "a Saturday that works");
    assert_eq!(waits(3_000), None, "2027 is not announced");
}

fn paid(amount: i64, currency: &str) -> CustomerEvent {
    let amount = Money { amount: amount.into(), currency: currency.to_owned() };
    let kind = TransactionKind::Payment;
    CustomerEvent::TransactionRecorded(TransactionRecorded { kind, reference: None, amount, note: None })
}

#[test]
fn first_and_repeated_purchases_are_distinguished_by_what_was_paid() {
    let story = Story::of("bajun-5", "intent").then(60, paid(10, "CNY"));
    strikes_at(&story, "paid_is_won", t(60));
    assert_eq!(story.due("paid_again_is_won"), None);
    let again = story.then(120, paid(10, "CNY"));
    assert_eq!(again.due("paid_is_won"), None, "it is no first payment any more");
    strikes_at(&again, "paid_again_is_won", t(120));
    let won = Story::of("bajun-5", "won").then(60, paid(10, "CNY"));
    strikes_at(&won, "first_payment", t(60));
    assert_eq!(won.due("repeated_payment"), None);
    strikes_at(&won.then(120, paid(10, "USD")), "repeated_payment", t(120));
}

#[test]
fn a_year_of_payments_makes_a_vip_at_the_sum_and_not_below_it_nor_by_another_currency() {
    let story = |second: CustomerEvent, later: i64| {
        Story::of("bajun-5", "won").then(60, paid(60_000, "CNY")).then(later, second)
    };
    strikes_at(&story(paid(40_000, "CNY"), 120), "yearly_sum_is_vip", t(120));
    assert_eq!(story(paid(39_999, "CNY"), 120).due("yearly_sum_is_vip"), None);
    assert_eq!(story(paid(40_000, "USD"), 120).due("yearly_sum_is_vip"), None);
    let year = 60 + 365 * DAY;
    strikes_at(&story(paid(40_000, "CNY"), year - 1), "yearly_sum_is_vip", t(year - 1));
    assert_eq!(
        story(paid(40_000, "CNY"), year).due("yearly_sum_is_vip"),
        None,
        "the first one is a year old"
    );
}

#[test]
fn a_voided_payment_sets_nothing_off() {
    let story = Story::of("bajun-5", "intent").then(60, paid(10, "CNY"));
    let transaction = story.events.last().unwrap().id;
    let voided = TransactionVoided { transaction, reason: Personal::Clear("wrong customer".to_owned()) };
    let story = story.then(120, CustomerEvent::TransactionVoided(voided));
    assert_eq!(story.due("paid_is_won"), None);
}

#[test]
fn satisfaction_and_two_payments_make_a_loyal_customer() {
    let satisfied = || {
        let meets = vec!["becomes_loyal_by_purchases".to_owned()];
        CustomerEvent::Signalled(Signalled { kind: "satisfaction".to_owned(), data: None, meets })
    };
    let once = Story::of("lifecycle-5", "won").then(10, paid(1, "CNY"));
    assert_eq!(once.clone().then(60, satisfied()).due("becomes_loyal_by_purchases"), None);
    strikes_at(&once.then(20, paid(1, "CNY")).then(60, satisfied()), "becomes_loyal_by_purchases", t(60));
}

#[test]
fn high_value_customers_begin_their_own_process_and_others_do_not() {
    let tier = |tier: &str| {
        CustomerEvent::DetailsChanged(DetailsChanged {
            tier: Some(tier.to_owned()),
            ..DetailsChanged::default()
        })
    };
    let high = Story::of("bajun-5", "intent").then(10, tier("VIP")).moved(60, "intent", "won");
    strikes_at(&high, "dedicated_service", t(60));
    let low = Story::of("bajun-5", "intent").then(10, tier("C")).moved(60, "intent", "won");
    assert_eq!(low.due("dedicated_service"), None);
    // Raised later: from then on.
    assert_eq!(low.then(5 * DAY, tier("A")).due("dedicated_service"), Some(t(5 * DAY)));
}

#[test]
fn what_only_tells_of_an_entry_is_no_deadline() {
    let story = Story::of("landian-6", "first_contact").moved(1, "first_contact", "quoted");
    assert_eq!(story.due("tell_the_team"), None);
    let told = story.pipeline.automations.iter().flat_map(|automation| automation.reminders_of("quoted"));
    assert_eq!(told.map(|(_, role, _)| role).collect::<Vec<_>>(), ["team"]);
}

#[test]
fn an_import_sets_nothing_off_at_entry_and_begins_waits_when_it_was_read_in() {
    let story = Story::of("landian-6", "first_contact");
    let event = story.move_event("first_contact", "quoted", None, None);
    let story = story.learned(DAY, 50 * DAY, "import", event);
    assert_eq!(story.due("call_back_about_quote"), None);
    assert_eq!(story.due("quoted_without_update"), Some(t(53 * DAY)));
}

fn void(event: u128) -> CustomerEvent {
    CustomerEvent::MoveVoided(MoveVoided {
        journey: "landian-6".into(),
        corrects: Uuid::from_u128(event),
        reason: Personal::Sealed,
        on_conflict: OnConflict::Reject,
        also_voids: Vec::new(),
    })
}

#[test]
fn voiding_a_move_cancels_its_tasks_and_its_timers() {
    let story = Story::of("landian-6", "first_contact")
        .moved(60, "first_contact", "quoted")
        .acted("call_back_about_quote", t(61));
    let task = *story.customer().automation.tasks.keys().next().unwrap();
    let voided = story.then(DAY, void(2));
    assert_eq!(voided.due("quoted_without_update"), None);
    let rule = format!("cancel:{task}");
    let events = voided.act(&rule, voided.cause(&rule), t(DAY + 1)).unwrap();
    assert!(
        events
            .iter()
            .any(|new| matches!(&new.event, CustomerEvent::TaskCancelled(gone) if gone.task == task))
    );
}

#[test]
fn a_corrected_target_cancels_the_old_stages_tasks_and_creates_the_right_ones() {
    let story = Story::of("landian-6", "first_contact")
        .moved(60, "first_contact", "quoted")
        .acted("call_back_about_quote", t(61));
    let task = *story.customer().automation.tasks.keys().next().unwrap();
    let corrected = story.then(
        DAY,
        CustomerEvent::MoveTargetCorrected(MoveTargetCorrected {
            journey: "landian-6".into(),
            corrects: Uuid::from_u128(2),
            pipeline_version: None,
            to: "need_confirmed".into(),
            sub_status: None,
            reason: Personal::Sealed,
            on_conflict: OnConflict::Reject,
            also_voids: Vec::new(),
            evidence: Vec::new(),
        }),
    );
    assert!(corrected.due(&format!("cancel:{task}")).is_some());
    assert_eq!(corrected.due("submit_proposal"), Some(t(60)), "due in the past, and created nonetheless");
}

#[test]
fn a_corrected_time_moves_the_deadline_and_is_no_activity() {
    let story = Story::of("landian-6", "first_contact").moved(2 * DAY, "first_contact", "quoted");
    let corrected = story.then(
        3 * DAY,
        CustomerEvent::MoveTimeCorrected(MoveTimeCorrected {
            journey: "landian-6".into(),
            corrects: Uuid::from_u128(2),
            moved_at: t(DAY),
            reason: Personal::Sealed,
            on_conflict: OnConflict::Reject,
            also_voids: Vec::new(),
        }),
    );
    assert_eq!(corrected.due("quoted_without_update"), Some(t(4 * DAY)));
}

#[test]
fn a_move_that_is_put_later_lets_nobody_keep_the_customer_longer() {
    let story = Story::of("landian-6", "first_contact").moved(2 * DAY, "first_contact", "need_confirmed");
    let taken_back = |story: &Story| story.due("reclaim:no_update");
    let put_at = |moved_at| {
        let corrected = MoveTimeCorrected {
            journey: "landian-6".into(),
            corrects: Uuid::from_u128(2),
            moved_at,
            reason: Personal::Sealed,
            on_conflict: OnConflict::Reject,
            also_voids: Vec::new(),
        };
        story.clone().then(4 * DAY, CustomerEvent::MoveTimeCorrected(corrected))
    };
    assert_eq!(taken_back(&story), Some(t(7 * DAY)));
    assert_eq!(taken_back(&put_at(t(4 * DAY))), Some(t(7 * DAY)), "a correction resets no clock");
    assert_eq!(taken_back(&put_at(t(DAY))), Some(t(6 * DAY)), "it was longer ago than was said");
}

#[test]
fn the_corrected_time_of_a_move_moves_the_open_tasks_that_it_set_off() {
    let due = |story: &Story| {
        let tasks = story.customer().automation.tasks;
        let named = tasks.values().find(|task| task.created.cause == Uuid::from_u128(2));
        named.map(|task| task.due_at - t(0)).expect("a task of the quote")
    };
    let story = Story::of("landian-6", "first_contact").moved(0, "first_contact", "quoted");
    let story = story.acted("call_back_about_quote", t(60));
    let first = due(&story);
    let corrected = |story: &Story, corrects: Uuid, moved_at| {
        story.clone().then(
            3 * DAY,
            CustomerEvent::MoveTimeCorrected(MoveTimeCorrected {
                journey: "landian-6".into(),
                corrects,
                moved_at,
                reason: Personal::Sealed,
                on_conflict: OnConflict::Reject,
                also_voids: Vec::new(),
            }),
        )
    };
    let later = corrected(&story, Uuid::from_u128(2), t(DAY));
    assert_eq!(due(&later), first + TimeDelta::days(1));
    let again = corrected(&later, later.events.last().unwrap().id, t(2 * DAY));
    assert_eq!(due(&again), first + TimeDelta::days(2));
    let [task] = story.customer().automation.tasks.keys().copied().collect::<Vec<_>>()[..] else {
        panic!("one task")
    };
    let done = TaskCompleted { task, note: None };
    let done = story.then(2 * DAY, CustomerEvent::TaskCompleted(done));
    assert_eq!(due(&corrected(&done, Uuid::from_u128(2), t(DAY))), first, "what is done stays as it was");
}

#[test]
fn nothing_is_due_for_a_merged_or_erased_customer() {
    let erased = CustomerEvent::Erased(crate::customer::event::Erased { ground: "request".into() });
    let merged = CustomerEvent::MergedInto(crate::customer::event::MergedInto {
        survivor: Uuid::from_u128(8),
        stage_policy: crate::customer::event::StagePolicy::Survivor,
    });
    for end in [erased, merged] {
        let story = Story::of("landian-6", "first_contact").then(60, end);
        let rules = |_: &str| Some(Rules { pipeline: &story.pipeline, versions: None, team: None, at: t(0) });
        assert_eq!(agenda(&story.customer(), rules).len(), 0);
    }
}

#[test]
fn a_move_that_is_refused_is_recorded_as_skipped_and_not_tried_again() {
    let mut story = Story::of("bajun-5", "intent").then(DAY, signal("paid"));
    let won = story.pipeline.stages.iter_mut().find(|stage| stage.id == "won").unwrap();
    won.entry_form.fields = vec!["contract".to_owned()];
    let skipped = story.acted("paid_is_won", t(DAY));
    let last = &skipped.events.last().unwrap().event;
    assert!(
        matches!(last, CustomerEvent::AutomationSkipped(skip) if skip.reasons == ["field-required"]),
        "{last:?}"
    );
    assert_eq!(skipped.due("paid_is_won"), None);
}

#[test]
fn a_rule_does_not_act_twice_in_one_chain_and_no_chain_is_longer_than_eight() {
    let story = Story::of("landian-6", "first_contact");
    let ran = |chain: Vec<String>| {
        CustomerEvent::AutomationRan(AutomationRan {
            rule: "quoted_without_update".into(),
            journey: "landian-6".into(),
            pipeline_version: 1,
            cause: Uuid::from_u128(1),
            due_at: t(60),
            chain,
        })
    };
    let actor = "system:quoted_without_update";
    let reason = |chain: Vec<String>, rule: &str| {
        let event = story.move_event("first_contact", "quoted", None, None);
        let story = story.clone().learned(60, 60, actor, ran(chain)).learned(60, 60, actor, event);
        let events = story.act(rule, story.cause(rule), t(9 * DAY)).unwrap();
        match &events[0].event {
            CustomerEvent::AutomationSkipped(skipped) => skipped.reasons.clone(),
            _ => Vec::new(),
        }
    };
    assert_eq!(reason(Vec::new(), "quoted_without_update"), ["automation-loop"]);
    assert!(reason(Vec::new(), "call_back_about_quote").is_empty());
    let chain = |length: usize| (0..length).map(|n| format!("r{n}")).collect::<Vec<_>>();
    assert!(reason(chain(6), "call_back_about_quote").is_empty(), "the eighth");
    assert_eq!(reason(chain(7), "call_back_about_quote"), ["automation-depth"], "the ninth");
}

#[test]
fn five_days_without_update_and_seven_without_visit_are_two_clocks() {
    let story = Story::of("bajun-5", "intent");
    strikes_at(&story, "reclaim:no_update", t(5 * DAY));
    strikes_at(&story, "reclaim:no_visit", t(7 * DAY));
    let noted = story.then(4 * DAY, note());
    strikes_at(&noted, "reclaim:no_update", t(9 * DAY));
    strikes_at(&noted, "reclaim:no_visit", t(7 * DAY));
    let called = noted.follow_up(6 * DAY);
    strikes_at(&called, "reclaim:no_visit", t(13 * DAY));
    let taken = called.acted("reclaim:no_update", t(30 * DAY));
    assert_eq!(taken.customer().owner, Owner::Pool("customer_pool".into()));
    assert_eq!(taken.due("reclaim:no_visit"), None);
}

#[test]
fn a_pool_may_say_more_than_and_local_days() {
    let mut story = Story::of("bajun-5", "intent");
    let rules = story.pipeline.pools[0].rules.as_mut().unwrap();
    rules.reclaim[1].boundary = Boundary::Exceeded;
    strikes_at(&story, "reclaim:no_visit", t(7 * DAY) + TICK);
    let rules = story.pipeline.pools[0].rules.as_mut().unwrap();
    rules.reclaim[0].unit = crate::pool::rules::ReclaimUnit::LocalDay;
    // 2026-03-07 at nine in Shanghai reaches into that day, which ends at 16:00 UTC.
    strikes_at(&story, "reclaim:no_update", at("2026-03-07T16:00:00Z"));
}

#[test]
fn the_owner_is_warned_two_days_and_one_day_before() {
    let story = Story::of("bajun-5", "intent");
    strikes_at(&story, "warn:no_update:172800", t(3 * DAY));
    strikes_at(&story, "warn:no_update:86400", t(4 * DAY));
}

#[test]
fn won_lost_and_paused_customers_are_not_taken_back() {
    for (template, stage) in [("bajun-5", "won"), ("helloword-13", "postponed"), ("bajun-5", "churned")] {
        assert_eq!(Story::of(template, stage).due("reclaim:no_update"), None, "{stage}");
    }
}

#[test]
fn a_new_owner_has_the_whole_time_and_a_grace_for_visits() {
    let change = CustomerEvent::OwnerChanged(OwnerChanged {
        from: Owner::Rep("li".into()),
        to: Owner::Rep("zhao".into()),
        reason: Personal::Sealed,
        occasion: None,
        grace_until: None,
        text: None,
    });
    let story = Story::of("bajun-5", "intent").then(4 * DAY, change);
    strikes_at(&story, "reclaim:no_update", t(9 * DAY));
    strikes_at(&story, "reclaim:no_visit", t(13 * DAY));
}

#[test]
fn a_reclaim_that_somebody_forestalled_is_recorded() {
    let story = Story::of("bajun-5", "intent").then(6 * DAY, note());
    let rules = |_: &str| Some(Rules { pipeline: &story.pipeline, versions: None, team: None, at: t(0) });
    let overtaken =
        agenda(&story.customer(), rules).into_iter().find(|one| matches!(one.due, Due::Overtaken(..)));
    let overtaken = overtaken.expect("it was due a day before");
    let events = story.act(&overtaken.rule, overtaken.cause, t(6 * DAY + 1)).unwrap();
    assert!(
        matches!(&events[0].event, CustomerEvent::ReclaimSkipped(skipped) if skipped.deadline == t(5 * DAY))
    );
}

fn claimed() -> CustomerEvent {
    let quota_date = t(0).date_naive();
    CustomerEvent::Claimed(Claimed { rep: "li".into(), pool: "customer_pool".into(), quota_date })
}

/// In the pool, and claimed by li at 100.
fn claim() -> Story {
    let mut story = Story::of("bajun-5", "intent");
    if let CustomerEvent::Registered(registered) = &mut story.events[0].event {
        registered.owner = Owner::Pool("customer_pool".into());
    }
    story.then(100, claimed())
}

#[test]
fn the_first_contact_is_missed_48_hours_and_the_grace_after_the_claim() {
    let hours = |hours: i64| 100 + hours * 3_600;
    strikes_at(&claim(), "first_contact", t(hours(50)) + TICK);
    // At the last instant, and recorded at the last instant.
    let in_time = claim().learned(hours(48), hours(50), "rep:li", follow_up("phone"));
    assert_eq!(in_time.due("first_contact"), None);
    let too_late = claim().learned(hours(48) + 1, hours(49), "rep:li", follow_up("phone"));
    assert!(too_late.due("first_contact").is_some());
    let recorded_late = claim().learned(hours(48), hours(50) + 1, "rep:li", follow_up("phone"));
    let cause = recorded_late.cause("first_contact");
    let events = recorded_late.act("first_contact", cause, t(hours(60))).unwrap();
    let late = events.iter().find_map(|new| match &new.event {
        CustomerEvent::FirstContactMissed(missed) => missed.recorded_late,
        _ => None,
    });
    assert_eq!(late, Some(Uuid::from_u128(3)), "shown as recorded late");
    // Content sent out, or somebody else's call, is no contact.
    let content = claim().learned(hours(1), hours(1), "rep:li", follow_up("content"));
    assert!(content.due("first_contact").is_some());
    let other = claim().learned(hours(1), hours(1), "rep:zhao", follow_up("phone"));
    assert!(other.due("first_contact").is_some());
}

#[test]
fn a_loss_ends_what_was_agreed_before_and_a_pause_puts_it_off_to_its_day() {
    let story = Story::of("helloword-13", "contacted").then(60, agreed(DAY));
    let next = |story: &Story| next_contact(&story.customer(), &story.pipeline);
    assert_eq!((story.due("visit"), next(&story)), (Some(t(DAY)), Some(t(DAY))));
    let lost = story.clone().moved(120, "contacted", "lost");
    assert_eq!((lost.due("visit"), next(&lost)), (None, None));
    let back = lost.clone().moved(150, "lost", "contacted");
    assert_eq!((back.due("visit"), next(&back)), (None, None), "what a loss ended does not come back");
    assert_eq!(next(&lost.then(180, agreed(3 * DAY))), Some(t(3 * DAY)), "agreed since");
    let contacted = || Story::of("helloword-13", "contacted");
    assert_eq!(next(&contacted().then(60, agreed(DAY)).moved(60, "contacted", "lost")), None);
    let said_after = contacted().moved(60, "contacted", "lost").then(60, agreed(DAY));
    assert_eq!(next(&said_after), Some(t(DAY)), "of one instant, what was recorded later");
    let until = "2026-12-01".parse().unwrap();
    let details = DetailsChanged {
        profile: Some(Profile { postponed_until: Some(until), ..Profile::default() }),
        ..DetailsChanged::default()
    };
    let paused = story.moved(120, "contacted", "postponed");
    assert_eq!(next(&paused), Some(t(DAY)), "nobody said until when");
    let paused = paused.then(120, CustomerEvent::DetailsChanged(details));
    assert_eq!((paused.due("visit"), next(&paused)), (None, Some(at("2026-11-30T16:00:00Z"))));
}

#[test]
fn a_rep_who_is_assigned_a_lead_makes_the_first_contact_in_time_and_one_who_is_handed_it_need_not() {
    let given = |occasion| {
        let mut story = claim();
        story.events.pop();
        story.then(
            100,
            CustomerEvent::OwnerChanged(OwnerChanged {
                from: Owner::Pool("customer_pool".into()),
                to: Owner::Rep("li".into()),
                reason: Personal::Sealed,
                occasion,
                grace_until: None,
                text: None,
            }),
        )
    };
    let assigned = given(Some(Occasion::Auto));
    strikes_at(&assigned, "first_contact", t(100 + 50 * 3_600) + TICK);
    let spoken = assigned.clone().learned(3_600, 3_600, "rep:li", follow_up("phone"));
    assert_eq!(spoken.due("first_contact"), None);
    let events = assigned.act("first_contact", assigned.cause("first_contact"), t(60 * 3_600)).unwrap();
    assert!(matches!(&events[1].event, CustomerEvent::FirstContactMissed(missed) if missed.rep == "li"));
    assert!(assigned.customer().automation.claims.is_empty(), "it was no claim of the rep's");
    assert_eq!(given(None).due("first_contact"), None);
}

#[test]
fn every_automation_of_every_template_has_a_trigger_that_can_be_told() {
    for template in templates() {
        for automation in &template.pipeline.automations {
            if let Trigger::FieldDate { field, .. } = &automation.trigger {
                let dates = ["contract_end", "delivered_on", "postponed_until"];
                assert!(dates.contains(&field.as_str()), "{} {field}", template.key);
            }
        }
    }
}

#[test]
fn a_task_is_created_once_on_any_number_of_replays() {
    let story = Story::of("landian-6", "first_contact");
    let cause = story.cause("send_material");
    let acted = story.acted("send_material", t(1));
    for _ in 0..3 {
        assert_eq!(acted.act("send_material", cause, t(9)), Err(Code::NotDue));
    }
    let created = acted.events.iter().filter(|known| matches!(known.event, CustomerEvent::TaskCreated(_)));
    assert_eq!(created.count(), 1);
}

/// A conversation after which the next contact is agreed.
fn agreed(seconds: i64) -> CustomerEvent {
    match follow_up("phone") {
        CustomerEvent::FollowedUp(said) => CustomerEvent::FollowedUp(FollowedUp {
            next_plan: NextPlan { at: t(seconds), text: said.next_plan.text.clone() },
            ..said
        }),
        other => other,
    }
}

#[test]
fn an_agreed_contact_is_reminded_of_once_at_its_instant_and_moves_with_the_appointment() {
    let story = Story::of("landian-6", "first_contact").then(60, agreed(DAY));
    assert_eq!(story.due("visit"), Some(t(DAY)));
    let moved = story.clone().then(120, agreed(2 * DAY));
    assert_eq!(moved.due("visit"), Some(t(2 * DAY)), "moved with the appointment");
    let mut early = story.clone();
    early.pipeline.visits =
        Some(crate::pipeline::VisitReminder { remind_before_seconds: 3_600, channels: Vec::new() });
    assert_eq!(early.due("visit"), Some(t(DAY - 3_600)));
    early.pipeline.visits = None;
    assert_eq!(early.due("visit"), None);
    let late = Story::of("landian-6", "first_contact").learned(60, 2 * DAY, "rep:li", agreed(DAY));
    assert_eq!(late.due("visit"), None, "what was agreed for a past instant is nobody's appointment");
    let ran = AutomationRan {
        rule: "visit".to_owned(),
        journey: "landian-6".to_owned(),
        pipeline_version: 1,
        cause: Uuid::from_u128(2),
        due_at: t(DAY),
        chain: Vec::new(),
    };
    let reminded = story.learned(DAY, DAY, "system:rule:visit", CustomerEvent::AutomationRan(ran));
    assert_eq!(reminded.due("visit"), None, "once");
}
