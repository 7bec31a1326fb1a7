//! What timelines say of moves and their corrections.

use std::cell::Cell;

use chrono::TimeDelta;
use proptest::prelude::*;

use super::journey::MOVES_COUNTED;
use super::*;
use crate::Personal;
use crate::customer::event::{
    MoveInserted, MoveTargetCorrected, MoveTimeCorrected, MoveVoided, Moved, OnConflict, Reactivated,
    StageMigrated,
};
use crate::pipeline::version::MappingKind;

const JOURNEY: &str = "j";

fn hour(hour: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::hours(hour)
}

fn id(n: u64) -> Uuid {
    Uuid::from_u128(n.into())
}

fn why() -> Personal<String> {
    Personal::Clear("why".to_owned())
}

/// The event of that position, which is also its id.
fn at(position: u64, effective_at: DateTime<Utc>, event: CustomerEvent) -> Recorded<CustomerEvent> {
    let actor = "rep:li".to_owned();
    Recorded {
        position,
        id: id(position),
        effective_at,
        recorded_at: hour(1_000),
        actor,
        origin: None,
        event,
    }
}

fn to(stage: &str) -> CustomerEvent {
    CustomerEvent::Moved(Moved {
        journey: JOURNEY.into(),
        pipeline_version: 1,
        cycle: 1,
        from: None,
        to: stage.into(),
        sub_status: None,
        direction: None,
        reason: None,
        reason_text: None,
        note: None,
        next_step: None,
        evidence: Vec::new(),
        approval: None,
        overrides: Vec::new(),
        text: None,
    })
}

fn void(corrects: u64) -> CustomerEvent {
    void_with(corrects, [])
}

fn void_with<const N: usize>(corrects: u64, also_voids: [u64; N]) -> CustomerEvent {
    CustomerEvent::MoveVoided(MoveVoided {
        journey: JOURNEY.into(),
        corrects: id(corrects),
        reason: why(),
        on_conflict: OnConflict::Truncate,
        also_voids: also_voids.map(id).to_vec(),
    })
}

fn target(corrects: u64, stage: &str) -> CustomerEvent {
    CustomerEvent::MoveTargetCorrected(MoveTargetCorrected {
        journey: JOURNEY.into(),
        corrects: id(corrects),
        pipeline_version: None,
        to: stage.into(),
        sub_status: None,
        reason: why(),
        on_conflict: OnConflict::Reject,
        also_voids: Vec::new(),
        evidence: Vec::new(),
    })
}

fn time(corrects: u64, moved_at: DateTime<Utc>) -> CustomerEvent {
    CustomerEvent::MoveTimeCorrected(MoveTimeCorrected {
        journey: JOURNEY.into(),
        corrects: id(corrects),
        moved_at,
        reason: why(),
        on_conflict: OnConflict::Reject,
        also_voids: Vec::new(),
    })
}

fn reactivated(to: &str) -> CustomerEvent {
    CustomerEvent::Reactivated(Reactivated {
        journey: JOURNEY.into(),
        pipeline_version: 1,
        cycle: 2,
        from: "L".into(),
        to: to.into(),
        reason: why(),
        evidence: Vec::new(),
    })
}

fn inserted(stage: &str) -> CustomerEvent {
    inserted_voiding(stage, [2])
}

fn inserted_voiding<const N: usize>(stage: &str, also_voids: [u64; N]) -> CustomerEvent {
    CustomerEvent::MoveInserted(MoveInserted {
        journey: JOURNEY.into(),
        pipeline_version: 1,
        corrects: None,
        cycle: 1,
        from: "A".into(),
        to: stage.into(),
        sub_status: None,
        reason: why(),
        on_conflict: OnConflict::Truncate,
        also_voids: also_voids.map(id).to_vec(),
        evidence: Vec::new(),
    })
}

fn fold(events: &[Recorded<CustomerEvent>]) -> Journeys {
    let mut journeys = Journeys::default();
    for event in events {
        journeys.apply(event);
    }
    journeys
}

/// The timeline in short: `A0 B2` is A from hour 0 and B from hour 2.
fn effective(journeys: &Journeys) -> String {
    let stays = journeys.stays(JOURNEY).iter();
    let short = stays.map(|stay| format!("{}{}", stay.stage, (stay.entered_at - hour(0)).num_hours()));
    short.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_stay_ends_where_the_next_begins() {
    let journeys = fold(&[at(1, hour(0), to("A")), at(2, hour(2), to("B")), at(3, hour(5), to("A"))]);
    let stays = journeys.stays(JOURNEY);
    assert_eq!(effective(&journeys), "A0 B2 A5");
    assert_eq!((stays[0].left_at, stays[0].left_to.as_deref()), (Some(hour(2)), Some("B")));
    assert_eq!((stays[2].visit, stays[2].left_at), (2, None));
}

#[test]
fn of_two_moves_at_one_instant_the_later_position_holds_and_the_earlier_lasted_no_time() {
    let journeys = fold(&[at(1, hour(0), to("A")), at(2, hour(1), to("B")), at(3, hour(1), to("A"))]);
    assert_eq!(effective(&journeys), "A0 B1 A1");
    assert_eq!(journeys.stays(JOURNEY)[1].left_at, Some(hour(1)));
    assert_eq!(journeys.stay_at(JOURNEY, hour(1)).map(|stay| stay.stage.as_str()), Some("A"));
}

/// Another definition, in which one stage has become another.
fn relabelled(version: u32, from: &str, to: &str) -> CustomerEvent {
    CustomerEvent::StageMigrated(StageMigrated {
        journey: JOURNEY.into(),
        from_version: 1,
        pipeline_version: version,
        from: from.into(),
        to: to.into(),
        sub_status: None,
        kind: MappingKind::Rename,
    })
}

#[test]
fn a_migration_relabels_the_last_stay_with_its_repeats_and_no_other() {
    let mut events = vec![at(1, hour(0), to("A")), at(2, hour(1), to("B")), at(3, hour(2), to("A"))];
    events.extend([at(4, hour(3), to("A")), at(5, hour(9), relabelled(2, "A", "X"))]);
    let journeys = fold(&events);
    assert_eq!(effective(&journeys), "A0 B1 X2");
    assert_eq!((journeys.repeats(JOURNEY).len(), journeys.stays(JOURNEY)[2].pipeline_version), (1, 2));
    assert_eq!(journeys.stays(JOURNEY)[2].entered_event, id(3), "the stay is the same");
    events.push(at(6, hour(10), relabelled(3, "X", "Y")));
    assert_eq!(effective(&fold(&events)), "A0 B1 Y2");
    events.push(at(7, hour(11), to("B")));
    assert_eq!(effective(&fold(&events)), "A0 B1 Y2 B11");
}

#[test]
fn two_stages_that_become_one_make_one_stay_that_continues() {
    let events = [at(1, hour(0), to("A")), at(2, hour(1), to("B")), at(3, hour(9), relabelled(2, "B", "A"))];
    let journeys = fold(&events);
    assert_eq!(effective(&journeys), "A0");
    assert_eq!(journeys.repeats(JOURNEY).len(), 1);
}

#[test]
fn what_is_recorded_after_a_migration_has_its_label_already() {
    let moved = [at(1, hour(0), to("A")), at(2, hour(2), to("B")), at(3, hour(9), relabelled(2, "B", "X"))];
    let with = |event| {
        let mut events = moved.to_vec();
        events.push(event);
        fold(&events)
    };
    // Entered late, before the migration took force: the stay that it splits keeps its new label.
    assert_eq!(effective(&with(at(4, hour(5), to("C")))), "A0 X2 C5");
    // Corrected later, to a stage that has the name of the old one.
    let corrected = with(at(4, hour(10), target(2, "B")));
    assert_eq!(effective(&corrected), "A0 B2");
    assert_eq!(corrected.stays(JOURNEY)[1].pipeline_version, 2);
    // Voided: the stay before it is the last one, with the label that it had.
    assert_eq!(effective(&with(at(4, hour(10), void(2)))), "A0");
}

#[test]
fn the_stay_at_an_instant_includes_the_move_of_that_instant() {
    let journeys = fold(&[at(1, hour(1), to("A")), at(2, hour(3), to("B"))]);
    let stage = |instant| journeys.stay_at(JOURNEY, instant).map(|stay| stay.stage.as_str());
    assert_eq!(stage(hour(1) - TimeDelta::microseconds(1)), None);
    assert_eq!(stage(hour(1)), Some("A"));
    assert_eq!(stage(hour(3) - TimeDelta::microseconds(1)), Some("A"));
    assert_eq!(stage(hour(3)), Some("B"));
}

#[test]
fn each_event_says_what_it_did() {
    let mut journeys = Journeys::default();
    let journey = || JOURNEY.to_owned();
    let appended = Change::Appended { journey: journey() };
    assert_eq!(journeys.apply(&at(1, hour(0), to("A"))), appended);
    assert_eq!(journeys.apply(&at(2, hour(1), to("A"))), Change::Repeated { journey: journey() });
    assert_eq!(journeys.apply(&at(3, hour(3), to("B"))), appended);
    assert_eq!(journeys.apply(&at(4, hour(2), to("C"))), Change::Rewritten { journey: journey() });
    assert_eq!(journeys.apply(&at(5, hour(9), void(4))), Change::Rewritten { journey: journey() });
    // Until somebody asks, nothing is known of the journey after a correction.
    assert_eq!(journeys.apply(&at(6, hour(9), to("C"))), Change::Rewritten { journey: journey() });
    assert_eq!(effective(&journeys), "A0 B3 C9");
    assert_eq!(journeys.apply(&at(7, hour(10), to("D"))), Change::Appended { journey: journey() });
    let noted = CustomerEvent::Noted(crate::customer::event::Noted { text: why() });
    assert_eq!(journeys.apply(&at(8, hour(11), noted)), Change::None);
}

#[test]
fn a_repeat_becomes_a_stay_when_a_step_comes_between() {
    let events = [at(1, hour(0), to("A")), at(2, hour(4), to("A")), at(3, hour(2), to("B"))];
    assert_eq!(fold(&events[..2]).repeats(JOURNEY).iter().map(|r| r.position).collect::<Vec<_>>(), [2]);
    let journeys = fold(&events);
    assert_eq!(effective(&journeys), "A0 B2 A4");
    assert!(journeys.repeats(JOURNEY).is_empty());
}

#[test]
fn the_last_correction_of_a_chain_holds() {
    let events = [
        at(1, hour(0), to("A")),
        at(2, hour(2), to("B")),
        at(3, hour(9), target(2, "C")),
        at(4, hour(9), target(3, "D")),
        at(5, hour(9), time(2, hour(1))),
    ];
    assert_eq!(effective(&fold(&events[..3])), "A0 C2");
    assert_eq!(effective(&fold(&events[..4])), "A0 D2");
    let journeys = fold(&events);
    assert_eq!(effective(&journeys), "A0 D1");
    assert_eq!([4, 5, 3].map(|n| journeys.resolve(id(n))), [Some(id(2)); 3]);
    assert_eq!(journeys.superseded_by(id(2)), Some(id(5)));
    assert_eq!(journeys.superseded_by(id(3)), Some(id(4)));
    assert_eq!(journeys.superseded_by(id(4)), None);
    assert_eq!(journeys.superseded_by(id(1)), None);
}

#[test]
fn a_voided_correction_leaves_the_move_as_it_was_before() {
    let mut events = vec![
        at(1, hour(0), to("A")),
        at(2, hour(2), to("B")),
        at(3, hour(9), target(2, "C")),
        at(4, hour(9), void(3)),
    ];
    assert_eq!(effective(&fold(&events)), "A0 B2");
    assert_eq!(fold(&events).superseded_by(id(3)), Some(id(4)));
    events.push(at(5, hour(9), void(4)));
    assert_eq!(effective(&fold(&events)), "A0 C2");
    assert_eq!(fold(&events).superseded_by(id(3)), None);
}

#[test]
fn a_voided_void_brings_the_move_back_and_so_does_another_target_for_it() {
    let events = [at(1, hour(0), to("A")), at(2, hour(2), to("B")), at(3, hour(9), void(2))];
    assert_eq!(effective(&fold(&events)), "A0");
    let with = |event| fold(&[events.as_slice(), &[at(4, hour(9), event)]].concat());
    assert_eq!(effective(&with(void(3))), "A0 B2");
    assert_eq!(effective(&with(target(3, "C"))), "A0 C2");
}

#[test]
fn a_correction_voids_what_it_names_besides_as_long_as_it_stands() {
    let mut events = vec![
        at(1, hour(0), to("A")),
        at(2, hour(2), to("B")),
        at(3, hour(4), to("C")),
        at(4, hour(9), void_with(2, [3])),
    ];
    assert_eq!(effective(&fold(&events)), "A0");
    assert_eq!(fold(&events).superseded_by(id(3)), Some(id(4)));
    events.push(at(5, hour(9), void(4)));
    assert_eq!(effective(&fold(&events)), "A0 B2 C4");
}

#[test]
fn an_insertion_that_voids_what_followed_gives_it_back_when_voided_itself() {
    let mut events = vec![at(1, hour(0), to("A")), at(2, hour(4), to("B")), at(3, hour(2), inserted("X"))];
    assert_eq!(effective(&fold(&events)), "A0 X2");
    events.push(at(4, hour(9), void(3)));
    assert_eq!(effective(&fold(&events)), "A0 B4");
}

#[test]
fn reactivation_begins_the_next_cycle_wherever_it_stands() {
    let mut events = vec![
        at(1, hour(0), to("A")),
        at(2, hour(1), to("L")),
        at(3, hour(2), reactivated("A")),
        at(4, hour(3), to("B")),
    ];
    let cycles = |events: &[_]| fold(events).stays(JOURNEY).iter().map(|stay| stay.cycle).collect::<Vec<_>>();
    assert_eq!(cycles(&events), [1, 1, 2, 2]);
    events.push(at(5, hour(9), void(3)));
    assert_eq!(cycles(&events), [1, 1, 1]);
}

/// Moves at distinct instants, in the order of recording, as (hour, stage).
fn moves() -> impl Strategy<Value = Vec<(i64, String)>> {
    let stage = prop::sample::select(vec!["A", "B", "C"]).prop_map(str::to_owned);
    prop::collection::btree_map(0..200_i64, stage, 1..20)
        .prop_map(|moves| moves.into_iter().collect::<Vec<_>>())
        .prop_shuffle()
}

fn recorded(moves: &[(i64, String)]) -> Vec<Recorded<CustomerEvent>> {
    (1..).zip(moves).map(|(position, (h, stage))| at(position, hour(*h), to(stage))).collect()
}

proptest! {
    #[test]
    fn the_order_of_recording_is_no_matter(moves in moves()) {
        let mut in_order = moves.clone();
        in_order.sort_unstable();
        prop_assert_eq!(effective(&fold(&recorded(&moves))), effective(&fold(&recorded(&in_order))));
    }

    #[test]
    fn the_stays_fill_the_time_from_the_first_entry_to_now(moves in moves()) {
        let journeys = fold(&recorded(&moves));
        let now = hour(500);
        let dwell = |stay: &Stay| stay.left_at.unwrap_or(now) - stay.entered_at;
        let total: TimeDelta = journeys.stays(JOURNEY).iter().map(dwell).sum();
        prop_assert_eq!(Some(now - total), journeys.began_at());
    }

    #[test]
    fn a_voided_move_leaves_the_timeline_as_if_it_had_never_been(moves in moves(), pick in any::<prop::sample::Index>()) {
        let picked = pick.index(moves.len());
        let mut events = recorded(&moves);
        let without: Vec<_> = events.iter().filter(|event| event.position != picked as u64 + 1).cloned().collect();
        events.push(at(100, hour(900), void(picked as u64 + 1)));
        let (voided, never) = (fold(&events), fold(&without));
        prop_assert_eq!(voided.stays(JOURNEY), never.stays(JOURNEY));
        prop_assert_eq!(voided.repeats(JOURNEY), never.repeats(JOURNEY));
    }

    #[test]
    fn what_was_known_before_corrections_stays_known(
        moves in moves(),
        corrections in prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8, 0..200_i64), 1..6),
    ) {
        let mut events = recorded(&moves);
        let before = events.len();
        for (pick, kind, h) in corrections {
            let record = events[pick.index(events.len())].position;
            let event = match kind {
                0 => void(record),
                1 => target(record, "Z"),
                _ => time(record, hour(h)),
            };
            events.push(at(events.len() as u64 + 1, hour(900), event));
        }
        // The fold up to a position is a function of what stood there then.
        let mut live = Journeys::default();
        let mut known = Vec::new();
        for event in &events {
            live.apply(event);
            known.push(live.stays(JOURNEY).to_vec());
        }
        for (n, stays) in known.iter().enumerate() {
            let replayed = fold(&events[..=n]);
            prop_assert_eq!(replayed.stays(JOURNEY), stays.as_slice());
        }
        // Voiding every correction, the last first, brings back what was known before them.
        for position in (before..events.len()).rev().map(|n| n as u64 + 1) {
            events.push(at(events.len() as u64 + 1, hour(901), void(position)));
        }
        let restored = fold(&events);
        prop_assert_eq!(restored.stays(JOURNEY), known[before - 1].as_slice());
    }
}

/// How many moves timelines were computed from while these events were folded and their stays asked for.
fn told_by(events: &[Recorded<CustomerEvent>]) -> usize {
    MOVES_COUNTED.with(|told| told.set(0));
    let journeys = fold(events);
    assert!(!journeys.stays(JOURNEY).is_empty());
    MOVES_COUNTED.with(Cell::get)
}

#[test]
fn a_long_history_is_folded_in_proportion_to_its_length() {
    let stage = |number: u64| if number.is_multiple_of(2) { "a" } else { "b" };
    let in_order =
        |count: u64| (1..=count).map(|n| at(n, hour(n.cast_signed()), to(stage(n)))).collect::<Vec<_>>();
    let corrected = |count: u64| {
        let corrections = (1..=count).map(|n| at(count + n, hour(0), target(n, stage(n + 1))));
        in_order(count).into_iter().chain(corrections).collect::<Vec<_>>()
    };
    let relabelled = |count: u64| {
        let labels = (1..=count).map(|n| at(count + n, hour(0), relabelled(2, "a", "b")));
        in_order(count).into_iter().chain(labels).collect::<Vec<_>>()
    };
    let late = |count: u64| {
        (1..=count).map(|n| at(n, hour((2 * count - n).cast_signed()), to(stage(n)))).collect::<Vec<_>>()
    };
    assert_eq!(told_by(&in_order(12_000)), 0, "moves in order are added one by one");
    for (name, events) in [("corrected", corrected(12_000)), ("relabelled", relabelled(12_000))] {
        assert!(told_by(&events) <= 24_000, "{name}: {}", told_by(&events));
    }
    // What comes before what is there is told when it is asked for, not when it comes.
    assert!(told_by(&late(2_000)) <= 4_000, "{}", told_by(&late(2_000)));
}

/// A history in which anything may be corrected, and any correction too: each record picks what it is about by chance.
fn corrected() -> impl Strategy<Value = Vec<Recorded<CustomerEvent>>> {
    let record = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..12_u8, 0..40_i64, 0..3_u8);
    prop::collection::vec(record, 1..40).prop_map(|records| {
        let mut events = vec![at(1, hour(10), to("A"))];
        for (one, other, kind, h, stage) in records {
            let position = events.len() as u64 + 1;
            let pick = |index: prop::sample::Index| events[index.index(events.len())].position;
            let stage = ["A", "B", "C"][usize::from(stage)];
            let event = match kind {
                0..=2 => at(position, hour(h), to(stage)),
                3 => at(position, hour(h), reactivated(stage)),
                4 => at(position, hour(h), inserted_voiding(stage, [pick(one)])),
                5 | 6 => at(position, hour(900), void(pick(one))),
                7 => at(position, hour(900), void_with(pick(one), [pick(other)])),
                8 | 9 => at(position, hour(900), target(pick(one), stage)),
                _ => at(position, hour(900), time(pick(one), hour(h))),
            };
            events.push(event);
        }
        events
    })
}

proptest! {
    /// What is kept up record by record is what everything told from the beginning comes to, and whatever changes is among
    /// what was touched.
    #[test]
    fn what_is_kept_up_is_what_all_records_come_to(events in corrected()) {
        let mut journeys = Journeys::default();
        let mut before = std::collections::BTreeMap::new();
        for n in 0..events.len() {
            let mut touched = Touched::default();
            journeys.apply_noting(&events[n], &mut touched);
            let now = oracle::accounts(&events[..=n]);
            let mut order: Vec<&(Move, u32, bool)> = now.values().filter_map(|account| account.made.as_ref()).collect();
            order.sort_by_key(|(made, ..)| (made.effective_at, made.position));
            let moves: Vec<Move> = order.iter().map(|(made, ..)| made.clone()).collect();
            prop_assert_eq!(&journeys.moves(JOURNEY), &moves);
            let mut former = None;
            for made in &moves {
                prop_assert_eq!(journeys.standing(JOURNEY, made.event), Some((made.clone(), former)));
                former = Some(made.event);
            }
            for (record, account) in &now {
                prop_assert_eq!(journeys.voided_by(*record), account.voided_by);
                prop_assert_eq!(journeys.superseded_by(*record), account.superseded_by, "{}", record);
                if account.made.is_none() {
                    prop_assert_eq!(journeys.standing(JOURNEY, *record), None);
                }
                let known = matches!(&touched, Touched::Some(records) if !records.contains(record));
                prop_assert!(!known || before.get(record) == Some(account), "{} was not touched", record);
            }
            let latest = journeys.latest(JOURNEY).map(|stay| (stay.last, stay.entry, stay.cycle, stay.last_moved));
            let entry = order.iter().rev().find(|(_, _, repeats)| !repeats);
            let recorded = moves.iter().filter(|made| made.kind != MoveKind::Inserted).map(|made| made.position);
            let expected = order.last().zip(entry).map(|(last, entry)| {
                (last.0.clone(), entry.0.clone(), last.1, recorded.max().unwrap_or(0))
            });
            prop_assert_eq!(latest, expected);
            before = now;
        }
    }
}

#[test]
fn a_correction_looks_at_no_more_of_a_long_history_than_of_a_short_one() {
    let stage = |number: u64| if number.is_multiple_of(2) { "a" } else { "b" };
    let looked_at = |count: u64, correct: &dyn Fn(u64) -> CustomerEvent| {
        let moves = (1..=count).map(|n| at(n, hour(n.cast_signed()), to(stage(n))));
        let corrections = (1..=count).map(|n| at(count + n, hour(9_999), correct(n)));
        let (mut journeys, mut all) = (Journeys::default(), 0);
        MOVES_COUNTED.with(|told| told.set(0));
        for event in moves.chain(corrections) {
            let mut touched = Touched::default();
            journeys.apply_noting(&event, &mut touched);
            let Touched::Some(records) = touched else { panic!("everything was touched") };
            let standing = records.iter().filter_map(|record| journeys.standing(JOURNEY, *record));
            all += standing.count() + records.len();
            assert!(journeys.latest(JOURNEY).is_some());
        }
        all + MOVES_COUNTED.with(Cell::get)
    };
    let retargeted = |n: u64| target(n, stage(n + 1));
    let retimed = |n: u64| time(n, hour(n.cast_signed()) + TimeDelta::minutes(7));
    let one_again_and_again = |n: u64| time(1, hour(0) + TimeDelta::minutes(n.cast_signed()));
    let one_to_and_fro = |n: u64| target(1, stage(n));
    let all: [(&str, &dyn Fn(u64) -> CustomerEvent); 4] = [
        ("another stage for each", &retargeted),
        ("another instant for each", &retimed),
        ("another instant for one", &one_again_and_again),
        ("another stage for one", &one_to_and_fro),
    ];
    for (name, correct) in all {
        let (some, many) = (looked_at(200, correct), looked_at(3_200, correct));
        assert!(many <= 17 * some, "{name}: {some} of 200, {many} of 3,200");
    }
}
