//! Given a recorded history, when another definition had been in force, then these moves, deadlines and returns differ.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::customer::command::{
    AddDocument, Amendment, ChangeDetails, Command, Correct, FollowUp, NewContact, NewProfile, Override,
    Plan, Register, SuppliedEvidence, Transition,
};
use crate::customer::contact::ContactKind;
use crate::customer::event::{CustomerEvent, OnConflict, Recorded};
use crate::customer::{Customer, decide};
use crate::pipeline::version::{Publication, StageMapping, Versions};
use crate::pipeline::{EvidenceKind, Pipeline, demanded_evidence, templates};
use crate::{Actor, Context, Owner, Role};

const KEY: &str = "helloword-13";

fn day(day: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000 + day)
}

fn template() -> Pipeline {
    templates().iter().find(|known| known.key == KEY).unwrap().install(KEY)
}

/// The definition with a part of its JSON changed.
fn altered(change: impl FnOnce(&mut Value)) -> Pipeline {
    let mut definition = serde_json::to_value(template()).unwrap();
    change(&mut definition);
    template().suppose(2, &definition).unwrap()
}

/// A history under construction, each step on the day after the one before unless it says otherwise.
#[derive(Clone)]
struct Story {
    pipelines: BTreeMap<String, Arc<Pipeline>>,
    events: Vec<Recorded<CustomerEvent>>,
}

impl Story {
    fn of_li() -> Self {
        let register = Register {
            customer: Uuid::from_u128(7),
            pipeline: KEY.to_owned(),
            owner: Some(Owner::Rep("li".to_owned())),
            ..Register::default()
        };
        let pipelines = BTreeMap::from([(KEY.to_owned(), Arc::new(template()))]);
        Self { pipelines, events: Vec::new() }.then(0, &Command::Register(register))
    }

    fn then(mut self, on: i64, command: &Command) -> Self {
        let actor = Actor::new("manager:wang", [Role::Manager]);
        let customer = Customer::fold(&self.events);
        let context = Context::new(day(on), &actor, &self.pipelines);
        for new in decide(customer.as_ref(), command, &context).unwrap() {
            let position = self.events.len() as u64 + 1;
            self.events.push(Recorded {
                position,
                id: Uuid::from_u128(u128::from(position)),
                effective_at: new.effective_at,
                recorded_at: day(on),
                actor: actor.name.clone(),
                origin: None,
                event: new.event,
            });
        }
        self
    }

    /// A move with the documents that its stage demands.
    fn moved(self, on: i64, to: &str) -> Self {
        let pipeline = template();
        let asked = pipeline.stage(to).into_iter().flat_map(|stage| stage.evidence(None));
        let document = |group: Vec<&EvidenceKind>| AddDocument {
            id: Uuid::from_u128(1_000 + self.events.len() as u128),
            kind: group[0].kind.clone(),
            name: None,
            reference: "dms-1".to_owned(),
            sha256: "ab".repeat(32),
        };
        let documents = demanded_evidence(asked).into_iter().map(document).collect();
        let transition = Transition { to: to.to_owned(), documents, ..Transition::default() };
        self.then(on, &Command::Transition(transition))
    }

    fn noted_move(self, on: i64, to: &str) -> Self {
        let note = Some("they asked".to_owned());
        self.then(on, &Command::Transition(Transition { to: to.to_owned(), note, ..Transition::default() }))
    }

    fn followed_up(self, on: i64) -> Self {
        let next_plan = Some(Plan { at: day(on + 2), text: "call".to_owned() });
        let (channel, summary) = ("phone".to_owned(), "spoke".to_owned());
        let follow_up = FollowUp { channel, summary, goal_reached: None, next_plan, content: None };
        self.then(on, &Command::FollowUp(follow_up))
    }

    fn under(&self, pipeline: Pipeline) -> Replayed {
        self.mapped(pipeline, Vec::new())
    }

    fn mapped(&self, pipeline: Pipeline, map: Vec<StageMapping>) -> Replayed {
        self.within(pipeline, map, Span { from: day(-1), to: day(60) })
    }

    fn within(&self, pipeline: Pipeline, map: Vec<StageMapping>, span: Span) -> Replayed {
        replay(&self.events, &Hypothesis::of(published(), pipeline, map, span))
    }
}

fn published() -> Arc<Versions> {
    let mut versions = Versions::default();
    versions.add(Publication {
        pipeline: Arc::new(template()),
        base: None,
        map: Vec::new(),
        team: None,
        in_force_from: day(-10),
        event: Uuid::nil(),
        published_at: day(-10),
        published_by: "admin:root".to_owned(),
    });
    Arc::new(versions)
}

fn stage<'a>(definition: &'a mut Value, id: &str) -> &'a mut Value {
    let stages = definition["stages"].as_array_mut().unwrap();
    stages.iter_mut().find(|stage| stage["id"] == id).unwrap()
}

fn without_move(from: &str, to: &str) -> Pipeline {
    altered(|definition| {
        let moves = definition["transitions"].as_array_mut().unwrap();
        moves.retain(|rule| !(rule["from"] == from && rule["to"] == to));
    })
}

fn refused(replayed: &Replayed) -> Vec<(u64, &str, Option<u64>)> {
    let line = |one: &'_ RefusedMove| (one.position, one.follows);
    let code = |one: &'_ RefusedMove| one.violations[0].code.to_string();
    let all = replayed.refused.iter().map(|one| (line(one), code(one)));
    all.map(|((position, follows), code)| (position, &*Box::leak(code.into_boxed_str()), follows)).collect()
}

#[test]
fn a_move_that_is_not_permitted_is_refused_and_so_are_those_that_need_it() {
    let story = Story::of_li().moved(1, "contacted").moved(2, "need_confirmed").moved(3, "proposal");
    let replayed = story.under(without_move("contacted", "need_confirmed"));
    assert_eq!(
        refused(&replayed),
        [(3, "transition-not-allowed", None), (4, "transition-not-allowed", Some(3))]
    );
    assert_eq!((replayed.judged, replayed.refused[0].from.as_deref()), (4, Some("contacted")));
    let moves = replayed.moves.unwrap();
    assert_eq!(
        moves.iter().map(|(made, _)| made.stage.as_str()).collect::<Vec<_>>(),
        ["new_lead", "contacted"]
    );
}

#[test]
fn what_was_written_down_counts_and_what_was_not_is_missed() {
    let noted = altered(|definition| stage(definition, "contacted")["entry_form"] = json!({"note": true}));
    assert_eq!(
        refused(&Story::of_li().moved(1, "contacted").under(noted.clone())),
        [(2, "note-required", None)]
    );
    assert_eq!(refused(&Story::of_li().noted_move(1, "contacted").under(noted)), []);
}

#[test]
fn a_document_that_was_sent_along_counts_as_evidence() {
    let asked = altered(|definition| {
        let name = json!({"zh": "名片", "en": "Business card"});
        stage(definition, "contacted")["entry_form"] =
            json!({"evidence": [{"kind": "card", "name": name, "required": true, "on_record": true}]});
    });
    let document = AddDocument {
        id: Uuid::from_u128(9),
        kind: "card".to_owned(),
        name: None,
        reference: "cards/1".to_owned(),
        sha256: "ab".repeat(32),
    };
    let documents = vec![document];
    let with = Transition { to: "contacted".to_owned(), documents, ..Transition::default() };
    let with = Story::of_li().then(1, &Command::Transition(with));
    assert_eq!(refused(&with.under(asked.clone())), []);
    assert_eq!(refused(&Story::of_li().moved(1, "contacted").under(asked)), [(2, "evidence-required", None)]);
}

#[test]
fn what_was_said_of_the_customer_with_the_move_counts_as_known() {
    let asked = |field: &str| {
        altered(|definition| {
            stage(definition, "contacted")["entry_form"] = json!({"fields": [field]});
        })
    };
    let contact = |kind, value: &str| NewContact { kind, value: value.to_owned() };
    let credit_code = Some("91330100799655058B".to_owned());
    let details = ChangeDetails {
        name: Some("Harbour Foods".to_owned()),
        contacts: Some(vec![
            contact(ContactKind::Phone, "13900000001"),
            contact(ContactKind::Email, "li@example.com"),
            contact(ContactKind::Wechat, "li-wx"),
        ]),
        tier: Some("A".to_owned()),
        profile: NewProfile { credit_code, satisfaction: Some(9), ..NewProfile::default() },
        ..ChangeDetails::default()
    };
    let details = Box::new(details);
    let said = Transition { to: "contacted".to_owned(), details, ..Transition::default() };
    let with = Story::of_li().then(1, &Command::Transition(said));
    for field in ["name", "contacts", "tier", "credit_code", "satisfaction"] {
        assert_eq!(refused(&with.under(asked(field))), [], "{field}");
        let without = Story::of_li().moved(1, "contacted");
        assert_eq!(refused(&without.under(asked(field))), [(2, "field-required", None)], "{field}");
    }
}

#[test]
fn follow_ups_are_counted_as_they_stood_at_the_move() {
    let two = altered(|definition| {
        stage(definition, "need_confirmed")["entry_form"] = json!({"min_follow_ups": 1});
    });
    let story = Story::of_li().moved(1, "contacted");
    let late = story.clone().moved(2, "need_confirmed").followed_up(3);
    assert_eq!(refused(&late.under(two.clone())), [(3, "follow-ups-required", None)]);
    assert_eq!(refused(&story.followed_up(2).moved(3, "need_confirmed").under(two)), []);
}

#[test]
fn a_move_that_needs_an_approval_nobody_gave_is_refused() {
    let approved = altered(|definition| {
        let moves = definition["transitions"].as_array_mut().unwrap();
        let rule =
            moves.iter_mut().find(|rule| rule["from"] == "new_lead" && rule["to"] == "contacted").unwrap();
        rule["approval"] = json!({"roles": ["manager"], "expires_seconds": 86400});
    });
    assert_eq!(
        refused(&Story::of_li().moved(1, "contacted").under(approved)),
        [(2, "approval-required", None)]
    );
}

#[test]
fn an_override_stays_an_override_and_what_was_unmet_before_is_not_held_against_the_change() {
    let jump = Override { to: "proposal".to_owned(), reason: "so it was".to_owned(), ..Override::default() };
    let story = Story::of_li().then(1, &Command::Override(jump));
    assert_eq!(refused(&story.under(without_move("new_lead", "contacted"))), []);
    // A repeat from a file: not permitted then, nor now.
    let mut story = Story::of_li().moved(1, "contacted");
    let repeat =
        Recorded { position: 3, id: Uuid::from_u128(3), effective_at: day(2), ..story.events[1].clone() };
    story.events.push(repeat);
    assert_eq!(refused(&story.under(without_move("contacted", "need_confirmed"))), []);
}

#[test]
fn moves_before_the_span_and_voided_ones_are_not_judged() {
    let change = || without_move("new_lead", "contacted");
    let story = Story::of_li().moved(1, "contacted");
    let later = Span { from: day(2), to: day(60) };
    assert_eq!(story.within(change(), Vec::new(), later).judged, 0);
    let void = Correct {
        corrects: Some(Uuid::from_u128(2)),
        change: Amendment::Void,
        reason: "wrong button".to_owned(),
        on_conflict: OnConflict::Reject,
        shown: SuppliedEvidence::default(),
    };
    let voided = story.then(2, &Command::Correct(void));
    let replayed = voided.under(change());
    assert_eq!((refused(&replayed), replayed.judged), (vec![], 2));
}

#[test]
fn a_renamed_stage_is_found_by_the_map_and_a_missing_one_is_unknown() {
    let renamed = || {
        altered(|definition| {
            let text = serde_json::to_string(definition).unwrap().replace("\"contacted\"", "\"reached\"");
            *definition = serde_json::from_str(&text).unwrap();
        })
    };
    let story = Story::of_li().moved(1, "contacted").moved(2, "need_confirmed");
    let map = json!([{"from": "contacted", "kind": "rename", "to": "reached"}]);
    let replayed = story.mapped(renamed(), StageMapping::parse_all(&map).unwrap());
    assert_eq!(refused(&replayed), []);
    let moves = replayed.moves.unwrap();
    assert_eq!(moves[1].0.stage, "reached");
    // Somebody who stands there when the version takes force is brought along.
    let brought =
        story.within(renamed(), StageMapping::parse_all(&map).unwrap(), Span { from: day(2), to: day(60) });
    assert_eq!((refused(&brought), brought.judged), (vec![], 1));
    let lost = story.under(renamed());
    assert_eq!(refused(&lost)[0], (2, "unknown-stage", None));
}

#[test]
fn a_shorter_limit_of_a_stage_is_missed_where_the_longer_one_was_met() {
    let story = Story::of_li().moved(2, "contacted").moved(3, "need_confirmed");
    let shorter = altered(|definition| {
        stage(definition, "contacted")["next_action"]["deadline_seconds"] = json!(3600);
    });
    let replayed = story.under(shorter);
    let [change] = &replayed.deadlines[..] else { panic!("{:?}", replayed.deadlines) };
    let of = |deadline: &Option<Deadline>| deadline.as_ref().map(|one| (one.due_at, one.met));
    assert_eq!((change.kind.clone(), change.cause), (DeadlineKind::NextAction, Uuid::from_u128(2)));
    assert_eq!(of(&change.deadline.before), Some((day(4), true)));
    assert_eq!(of(&change.deadline.after), Some((day(2) + TimeDelta::hours(1), false)));
    assert_eq!(replayed.passed.after - replayed.passed.before, 1);
}

#[test]
fn a_rule_that_is_supposed_would_have_come_to_act() {
    let silent = json!({
        "id": "silent", "name": {"zh": "三天无动作", "en": "Three days of silence"},
        "trigger": {"kind": "stage_idle", "stages": ["contacted"], "reset_by": ["update"]},
        "delay": {"seconds": 259_200, "clock": "calendar", "boundary": ">="},
        "actions": [{"kind": "create_task", "text": {"zh": "联系", "en": "Call"}, "task": "call", "role": "rep"}]
    });
    let with = altered(|definition| definition["automations"].as_array_mut().unwrap().push(silent));
    let quiet = Story::of_li().moved(1, "contacted").moved(5, "need_confirmed").under(with.clone());
    let [change] = &quiet.deadlines[..] else { panic!("{:?}", quiet.deadlines) };
    assert_eq!(change.kind, DeadlineKind::Rule("silent".to_owned()));
    assert_eq!(change.deadline.before, None);
    assert_eq!(change.deadline.after.as_ref().map(|one| one.due_at), Some(day(4)));
    let busy = Story::of_li().moved(1, "contacted").followed_up(3).moved(5, "need_confirmed");
    assert_eq!(busy.under(with).deadlines, []);
}

#[test]
fn a_pool_with_other_numbers_takes_customers_back_at_other_times() {
    let clocks = |seconds: u64| {
        altered(|definition| definition["pools"][0]["rules"]["reclaim"][0]["seconds"] = json!(seconds))
    };
    let story = Story::of_li().moved(1, "contacted").moved(4, "need_confirmed").moved(10, "proposal");
    // Five days without an update: after the move of day 4.
    let [change] = &story.under(clocks(2 * 86_400)).reclaims[..] else { panic!("one return differs") };
    let at = |returned: &Option<PoolReturn>| returned.as_ref().map(|one| (one.at, one.rule.clone()));
    assert_eq!(at(&change.returned.before), Some((day(7), "no_visit".to_owned())));
    assert_eq!(at(&change.returned.after), Some((day(3), "no_update".to_owned())));
    assert_eq!(story.under(clocks(5 * 86_400)).reclaims, []);
}

#[test]
fn a_customer_that_was_due_before_goes_back_when_the_numbers_take_force() {
    let two_days =
        altered(|definition| definition["pools"][0]["rules"]["reclaim"][0]["seconds"] = json!(172_800));
    let story = Story::of_li().moved(1, "contacted");
    let replayed = story.within(two_days, Vec::new(), Span { from: day(4), to: day(60) });
    let [change] = &replayed.reclaims[..] else { panic!("one return differs") };
    assert_eq!(change.returned.after.as_ref().map(|one| one.at), Some(day(4)));
    assert_eq!(change.returned.before.as_ref().map(|one| one.at), Some(day(6)));
}

/// A random walk: how many days each step comes after the one before, and which of the permitted moves it is.
fn walk() -> impl Strategy<Value = Vec<(i64, usize, bool)>> {
    prop::collection::vec((0..9_i64, 0..20_usize, any::<bool>()), 0..12)
}

fn walked(steps: &[(i64, usize, bool)]) -> Story {
    let (mut story, mut on) = (Story::of_li(), 0);
    for (days, choice, speaks) in steps {
        on += days;
        if *speaks {
            story = story.followed_up(on);
            continue;
        }
        let customer = Customer::fold(&story.events).unwrap();
        let pipeline = template();
        let open = |to: &&str| pipeline.stage(to).is_some_and(|stage| stage.kind.is_open());
        let from = &customer.current().unwrap().stage;
        let permitted: Vec<&str> = pipeline.allowed_from(from).into_iter().filter(open).collect();
        if let Some(to) = permitted.get(choice % permitted.len().max(1)) {
            story = story.moved(on, to);
        }
    }
    story
}

proptest! {
    #[test]
    fn a_definition_that_says_the_same_changes_nothing_of_any_history(steps in walk(), from in -1..40_i64) {
        let story = walked(&steps);
        let replayed = story.within(altered(|_| {}), Vec::new(), Span { from: day(from), to: day(90) });
        prop_assert_eq!(replayed.refused, []);
        prop_assert_eq!(replayed.deadlines, []);
        prop_assert_eq!(replayed.reclaims, []);
        prop_assert_eq!(replayed.passed.before, replayed.passed.after);
        prop_assert_eq!(replayed.returned.before, replayed.returned.after);
        prop_assert!(replayed.moves.is_none());
    }

    /// What is left of a history is what could have been recorded under the supposed definition.
    #[test]
    fn what_is_left_is_permitted(steps in walk()) {
        let supposed = without_move("contacted", "need_confirmed");
        let story = walked(&steps);
        if let Some(moves) = story.under(supposed.clone()).moves {
            for pair in moves.windows(2) {
                let (from, to) = (&pair[0].0.stage, &pair[1].0.stage);
                prop_assert!(supposed.allows(from, to), "{from} to {to}");
            }
        }
    }
}
