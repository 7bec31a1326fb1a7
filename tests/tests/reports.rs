//! Reports about how well the record is kept, about people and about pilots, each with expectations that were worked out
//! by hand or from the log itself.

#![cfg(test)]

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use waymark_tests::{Answer, Client, Team, now, papers};

const PIPELINE: &str = "landian-6";

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// A read once everything acknowledged before is in the read models. `path` carries a query already.
async fn read(client: &Client, path: &str) -> Answer {
    let head = client.head().await;
    client.get(&format!("{path}&min_position={head}&wait_ms=20000")).await.expect(200)
}

/// A customer that was registered so long ago.
async fn registered(client: &Client, mut customer: Value, ago: Duration) -> String {
    customer["effective_at"] = json!(instant(now() - ago));
    client.register(customer).await
}

/// A move that happened so long ago; answers its event.
async fn moved(client: &Client, customer: &str, to: &str, ago: Duration) -> String {
    let body = json!({
        "to": to, "note": "so it was", "next_step": "call", "reason": "entered late",
        "effective_at": instant(now() - ago), "documents": papers(to),
    });
    client.command(customer, "transitions", body).await.expect(200).text_at("/events/0/id")
}

/// The line of a list whose field has this value.
#[track_caller]
fn line<'a>(list: &'a Value, field: &str, value: &str) -> &'a Value {
    let found = list.as_array().into_iter().flatten().find(|line| line[field] == value);
    found.unwrap_or_else(|| panic!("no {field} {value} in {list}"))
}

/// The delays that the log itself gives for events of a type, in seconds, in order.
async fn delays(client: &Client, types: &[&str]) -> Vec<f64> {
    let events = client.events_after(0).await;
    let wanted = events.iter().filter(|event| types.iter().any(|wanted| event["type"] == *wanted));
    let at = |event: &Value, field: &str| {
        let text = event[field].as_str().unwrap_or_else(|| panic!("no {field} in {event}"));
        text.parse::<DateTime<Utc>>().expect("an instant").timestamp_micros()
    };
    let mut delays: Vec<f64> =
        wanted.map(|event| (at(event, "recordedat") - at(event, "time")) as f64 / 1e6).collect();
    delays.sort_by(f64::total_cmp);
    delays
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_recorded_late_are_measured_and_listed_and_corrections_stand_apart() {
    let team = Team::on(PIPELINE).await;
    let (wang, li) = (team.manager("wang"), team.rep("li"));
    let late = registered(&wang, team.customer("Harbour Foods"), Duration::days(10)).await;
    moved(&wang, &late, "need_confirmed", Duration::hours(25)).await;
    let slip = moved(&wang, &late, "quoted", Duration::hours(1)).await;
    let prompt = li.register(team.customer_of("li", "Hill Farm")).await;
    let _ = li
        .command(&prompt, "transitions", json!({"to": "need_confirmed", "note": "on", "next_step": "on"}))
        .await
        .expect(200);
    let before = wang.head().await;
    let correction =
        json!({"corrects": slip, "kind": "target", "to": "first_contact", "reason": "wrong button"});
    let _ = wang.command(&late, "corrections", correction).await.expect(200);

    let report = read(&wang, "/v1/latency/landian-6?limit=1").await;
    assert_eq!(report.number_at("/changes/count"), 5);
    assert_eq!(report.number_at("/changes/late"), 2);
    let recorded = delays(&wang, &["customer.registered", "customer.moved"]).await;
    assert_eq!(recorded.len(), 5);
    assert_eq!(report.at("/changes/p50_seconds"), &json!(recorded[2]));
    assert_eq!(report.at("/changes/max_seconds"), &json!(recorded[4]));
    // Wilson's interval of two in five.
    let share = report.at("/changes/late_share");
    assert_eq!((&share["share"], &share["small"]), (&json!(0.4), &json!(true)));
    let low = share["low"].as_f64().unwrap_or_default();
    assert!((low - 0.117_620_6).abs() < 1e-6, "{share}");

    assert_eq!(report.number_at("/corrections/count"), 1);
    assert_eq!(line(report.at("/by_rep"), "actor", "manager:wang")["late"], 2);
    let li_line = line(report.at("/by_rep"), "actor", "rep:li");
    assert_eq!((&li_line["count"], &li_line["late"]), (&json!(2), &json!(0)));
    assert_eq!(
        line(report.at("/by_stage"), "stage", "first_contact")["count"],
        3,
        "two entries and the corrected"
    );
    assert_eq!(line(report.at("/by_stage"), "stage", "quoted")["count"], 0);

    // The latest first, a page at a time.
    let first = &report.items()[0];
    assert_eq!((&first["customer_id"], &first["customer_name"]), (&json!(late), &json!("Harbour Foods")));
    assert_eq!((&first["stage"], &first["actor"]), (&json!("first_contact"), &json!("manager:wang")));
    let cursor = report.text_at("/next_cursor");
    let rest = read(&wang, &format!("/v1/latency/landian-6?cursor={cursor}")).await;
    assert_eq!((rest.items().len(), rest.items()[0]["stage"].clone()), (1, json!("need_confirmed")));
    assert_eq!(rest.at("/next_cursor"), &Value::Null);
    let event = rest.items()[0]["event_id"].clone();
    let events = wang.events_after(0).await;
    assert!(events.iter().any(|one| one["id"] == event && one["type"] == "customer.moved"), "{event}");

    // What was known before the correction has none, and what was asked then is answered alike permanently.
    let then = read(&wang, &format!("/v1/latency/landian-6?known_position={before}")).await;
    assert_eq!(then.number_at("/corrections/count"), 0);
    assert_eq!(line(then.at("/by_stage"), "stage", "quoted")["count"], 1);
    // A day and an hour is in time where two days are permitted.
    let patient = read(&wang, "/v1/latency/landian-6?sla_seconds=172800").await;
    assert_eq!(patient.number_at("/changes/late"), 1);
    let his = read(&wang, "/v1/latency/landian-6?owner=rep:li").await;
    assert_eq!(his.number_at("/changes/count"), 2);
    let unnamed = read(&team.analyst("sun"), "/v1/latency/landian-6?limit=1").await;
    assert_eq!(unnamed.at("/items/0/customer_name"), &Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn late_records_shift_what_a_forecast_was_made_of_and_imports_are_nobodys_delay() {
    let team = Team::on(PIPELINE).await;
    let wang = team.manager("wang");
    let customer = registered(&wang, team.customer("Harbour Foods"), Duration::days(9)).await;
    moved(&wang, &customer, "need_confirmed", Duration::days(8)).await;
    // A week ago nobody had written any of it down.
    let week = instant(now() - Duration::days(7));
    let report = read(&wang, &format!("/v1/latency/landian-6?to={week}")).await;
    let forecast = report.at("/forecast");
    let stage = line(&forecast["stages"], "stage", "need_confirmed");
    assert_eq!((&stage["known_then"], &stage["known_now"]), (&json!(0), &json!(1)));
    assert_eq!((&forecast["misplaced"], &forecast["expected_wins_then"]), (&json!(1), &json!(0.0)));
    assert_eq!(forecast["expected_wins_now"], json!(0.25));
    // Today everything is known, and nothing is misplaced.
    let today = read(&wang, "/v1/latency/landian-6?limit=1").await;
    assert_eq!(today.at("/forecast/misplaced"), &json!(0));

    // A correction of today changes what is known of yesterday, not what was known then.
    let head = wang.head().await;
    let slip = moved(&wang, &customer, "quoted", Duration::hours(2)).await;
    let between = now();
    let void = json!({"corrects": slip, "kind": "void", "reason": "another customer was meant"});
    let _ = wang.command(&customer, "corrections", void).await.expect(200);
    let report = read(&wang, &format!("/v1/latency/landian-6?to={}", instant(between))).await;
    let stages = report.at("/forecast/stages");
    assert_eq!(line(stages, "stage", "quoted")["known_now"], 0);
    let then = report.number_at("/forecast/known_then_position");
    assert!(then >= head, "{then} {head}");
    assert_eq!(line(stages, "stage", "quoted")["known_then"], json!(u64::from(then > head)));

    let csv = "case_id,status,timestamp\nA,New,2024-01-01T00:00:00Z\nA,Won,2024-01-02T00:00:00Z\n";
    let path = "/v1/imports?pipeline=past&case=case_id&status=status&time=timestamp";
    let imported = team.admin().call(Method::POST, path).bytes("text/csv", csv).send().await;
    assert_eq!(imported.status, 200, "{}", imported.text);
    let past = read(&wang, "/v1/latency/past?limit=1").await;
    assert_eq!((past.number_at("/changes/count"), past.number_at("/left_out/imports")), (0, 2));
    assert_eq!(past.at("/changes/p50_seconds"), &Value::Null);
}

/// The items of one of a report's lists, by their customers.
fn listed(report: &Answer, list: &str) -> Vec<String> {
    let items = report.at(&format!("/{list}/items")).as_array().cloned().unwrap_or_default();
    items.iter().filter_map(|item| item["customer_id"].as_str().map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_passed_over_corrected_or_left_unsaid_counts_with_who_did_it() {
    let team = Team::on("helloword-13").await;
    let (wang, li) = (team.manager("wang"), team.rep("li"));
    let kept = li.register(team.customer_of("li", "Hill Farm")).await;
    let moves = [
        json!({"to": "contacted", "note": "spoke to the buyer", "next_step": "call"}),
        json!({"to": "need_confirmed"}),
        json!({"to": "proposal", "note": "sent", "next_step": "call", "documents": papers("proposal")}),
    ];
    let mut slip = String::new();
    for body in moves {
        slip = li.command(&kept, "transitions", body).await.expect(200).text_at("/events/0/id");
    }
    let void = json!({"corrects": slip, "kind": "void", "reason": "another customer was meant"});
    let _ = wang.command(&kept, "corrections", void).await.expect(200);
    let forced = wang.register(team.customer("Harbour Foods")).await;
    let jump = json!({"to": "won", "reason": "signed at the fair"});
    let jump = wang.command(&forced, "overrides", jump).await.expect(200).text_at("/events/0/id");

    let report = read(&wang, "/v1/quality/helloword-13?limit=50").await;
    // Two registrations, two moves that stand, and the override.
    let changes = report.at("/changes");
    assert_eq!(
        (&changes["manual"], &changes["automatic"], &changes["imported"]),
        (&json!(5), &json!(0), &json!(0))
    );
    assert_eq!(changes["manual_per_automatic"], Value::Null);
    // The voided move counts as a change that was wrong: one in six.
    assert_eq!(
        (report.number_at("/corrections/changes"), report.number_at("/corrections/corrections")),
        (6, 1)
    );
    let of_li = line(report.at("/corrections/by_rep"), "actor", "rep:li");
    assert_eq!(
        (&of_li["changes"], &of_li["per_100"]),
        (&json!(4), &json!(25.0)),
        "the error is who recorded it"
    );
    assert_eq!(line(report.at("/corrections/by_rep"), "actor", "manager:wang")["corrections"], 0);
    let of_stage = line(report.at("/corrections/by_stage"), "stage", "proposal");
    assert_eq!((&of_stage["changes"], &of_stage["corrections"]), (&json!(1), &json!(1)));
    let notes = line(report.at("/notes/by_rep"), "actor", "rep:li");
    assert_eq!(
        (&notes["moves"], &notes["without_note"], &notes["share"]["share"]),
        (&json!(2), &json!(1), &json!(0.5))
    );
    assert_eq!(report.number_at("/notes/moves"), 3);

    let over = report.at("/overrides");
    assert_eq!((&over["total"], &over["items"][0]["customer_id"]), (&json!(1), &json!(forced)));
    let item = &over["items"][0];
    assert_eq!(
        (&item["from"], &item["to"], &item["voided"]),
        (&json!("new_lead"), &json!("won"), &json!(false))
    );
    assert_eq!(
        (&item["passed_over"], &item["event_id"]),
        (&json!(["evidence-required", "transition-not-allowed"]), &json!(jump))
    );
    assert_eq!(item["customer_name"], "Harbour Foods");

    // Four stages were entered, the entry stage twice: 2/5 and three times 1/5 are 1.92 bits of the 3.70 of thirteen.
    let usage = report.at("/usage");
    let bits = usage["entropy_bits"].as_f64().unwrap_or_default();
    assert!((bits - 1.921_928_094_9).abs() < 1e-9, "{bits}");
    let evenness = usage["evenness"].as_f64().unwrap_or_default();
    assert!((evenness - 1.921_928_094_9 / 13f64.log2()).abs() < 1e-9, "{evenness}");
    let unused = usage["never_used"].as_array().cloned().unwrap_or_default();
    assert!(unused.contains(&json!("lost")) && unused.contains(&json!("proposal")), "{usage}");
    assert_eq!(unused.len(), 9);
    // The one deal went straight from the entry to its end.
    assert_eq!((&usage["closed"], &usage["closed_through_intermediate"]), (&json!(1), &json!(0)));

    let before = wang.head().await;
    let void = json!({"corrects": jump, "kind": "void", "reason": "it was not signed"});
    let _ = wang.command(&forced, "corrections", void).await.expect(200);
    let after = read(&wang, "/v1/quality/helloword-13?limit=50").await;
    assert_eq!(after.at("/overrides/items/0/voided"), &json!(true), "it stays listed permanently");
    assert_eq!(
        (after.number_at("/corrections/changes"), after.number_at("/corrections/corrections")),
        (6, 2)
    );
    let then = read(&wang, &format!("/v1/quality/helloword-13?known_position={before}")).await;
    assert_eq!(then.at("/overrides/items/0/voided"), &json!(false));
    assert_eq!(then.number_at("/corrections/corrections"), 1);
    let unnamed = read(&team.analyst("sun"), "/v1/quality/helloword-13?limit=50").await;
    assert_eq!(unnamed.at("/overrides/items/0/customer_name"), &Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn open_customers_who_leak_stand_still_or_should_be_lost_are_found() {
    let team = Team::on("helloword-13").await;
    let wang = team.manager("wang");
    let mut customers = Vec::new();
    for (name, days) in [("Given up", 70), ("Stands", 40), ("Leaks", 10), ("Planned", 10), ("New", 0)] {
        customers.push(registered(&wang, team.customer(name), Duration::days(days)).await);
    }
    let before = wang.head().await;
    let _ = wang.command(&customers[1], "notes", json!({"text": "rang"})).await.expect(200);
    let plan = json!({"at": instant(now() + Duration::days(3)), "text": "bring samples"});
    let visit = json!({"channel": "visit", "summary": "met the buyer", "next_plan": plan});
    let _ = wang.command(&customers[3], "follow-ups", visit).await.expect(200);

    let report = read(&wang, "/v1/quality/helloword-13?limit=50").await;
    let leak = report.at("/leak");
    assert_eq!(
        (&leak["open"], &leak["leaking"], &leak["rate"]["share"]),
        (&json!(5), &json!(2), &json!(0.4))
    );
    assert_eq!((&leak["stagnant"], &leak["should_be_lost"]), (&json!(2), &json!(1)));
    // Nothing of one, half of two, all of two.
    assert_eq!(report.at("/funnel_health"), &json!(60.0));
    assert_eq!(listed(&report, "leaking"), [customers[0].clone(), customers[2].clone()]);
    assert_eq!(listed(&report, "stagnant"), customers[..2]);
    let suggested = |list: &str, n: usize| report.at(&format!("/{list}/items/{n}/suggestion")).clone();
    assert_eq!(suggested("stagnant", 0), "should_be_lost");
    assert_eq!(suggested("stagnant", 1), "re_evaluate");
    assert_eq!(suggested("leaking", 1), "contact");

    // A page at a time, of one list.
    let first = read(&wang, "/v1/quality/helloword-13?list=leaking&limit=1").await;
    let cursor = first.text_at("/leaking/next_cursor");
    assert!(listed(&first, "stagnant").is_empty() && *first.at("/stagnant/total") == json!(2));
    let next = read(&wang, &format!("/v1/quality/helloword-13?list=leaking&limit=1&cursor={cursor}")).await;
    assert_eq!(listed(&next, "leaking"), customers[2..3]);
    assert_eq!(next.at("/leaking/next_cursor"), &Value::Null);

    let patient = read(&wang, "/v1/quality/helloword-13?silent_days=30").await;
    assert_eq!(patient.number_at("/leak/leaking"), 1);
    // Five days ago the note and the visit had not happened, nobody was silent for a week but the two old ones.
    let then = instant(now() - Duration::days(5));
    let then = read(&wang, &format!("/v1/quality/helloword-13?effective_at={then}")).await;
    assert_eq!((then.number_at("/leak/open"), then.number_at("/leak/leaking")), (4, 2));
    // Before the note was written, nobody knew of anything done about the second.
    let known = read(&wang, &format!("/v1/quality/helloword-13?known_position={before}")).await;
    assert_eq!((known.number_at("/leak/open"), known.number_at("/leak/leaking")), (5, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn journeys_that_contradict_each_other_or_themselves_are_found() {
    let team = Team::on("helloword-13").await;
    let wang = team.manager("wang");
    let other = json!({"key": "other", "template": "helloword-13"});
    assert_eq!(team.admin().post("/v1/pipelines", other).await.status, 201);
    let at_stage = |name: &str, stage: &str| {
        let mut body = team.customer(name);
        body["stage"] = json!(stage);
        body
    };
    let both = wang.register(at_stage("Both", "won")).await;
    let lost = json!({"pipeline": "other", "to": "lost", "reason": "price", "note": "too dear", "next_step": "none"});
    let _ = wang.command(&both, "transitions", lost).await.expect(200);
    let served = wang.register(at_stage("Served", "delivered")).await;
    let open = wang.register(at_stage("Open", "won")).await;
    let gone = wang.register(at_stage("Gone", "won")).await;
    for (customer, to) in [(&open, "contacted"), (&gone, "lost")] {
        let force = json!({"to": to, "reason": "as it turned out"});
        let _ = wang.command(customer, "overrides", force).await.expect(200);
    }
    let mut ended = at_stage("Ended", "won");
    ended["contract"] = json!({"ends_on": "2020-01-01"});
    let ended = wang.register(ended).await;
    let _sound = wang.register(at_stage("Sound", "won")).await;

    let report = read(&wang, "/v1/quality/helloword-13?limit=50").await;
    let kinds: Vec<(Value, Value)> = report
        .at("/conflicts/items")
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| (item["kind"].clone(), item["customer_id"].clone()))
        .collect();
    let expected = [
        ("won_and_lost", &both),
        ("lost_after_won", &gone),
        ("open_after_won", &open),
        ("served_without_deal", &served),
        ("contract_ended", &ended),
    ];
    assert_eq!(kinds, expected.map(|(kind, customer)| (json!(kind), json!(customer))));
    let sides = report.at("/conflicts/items/0/journeys");
    assert_eq!((&sides[0]["pipeline"], &sides[0]["stage"]), (&json!("helloword-13"), &json!("won")));
    assert_eq!((&sides[1]["pipeline"], &sides[1]["stage"]), (&json!("other"), &json!("lost")));
    assert_eq!(report.at("/conflicts/items/4/contract_end"), "2020-01-01");
    let elsewhere = read(&wang, "/v1/quality/other?limit=50").await;
    assert_eq!(listed(&elsewhere, "conflicts"), [both]);
}

/// A file of journeys, a number of each outcome: entered on a day, won four days later or not.
fn journeys(prefix: &str, day: &str, won_on: &str, won: usize, all: usize) -> String {
    let mut rows = String::new();
    for number in 0..all {
        rows.push_str(&format!("{prefix}{number},New,{day}T00:00:00Z\n"));
        if number < won {
            rows.push_str(&format!("{prefix}{number},Won,{won_on}T00:00:00Z\n"));
        }
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_from_which_far_fewer_go_on_than_used_to_is_abnormally_low() {
    let team = Team::on(PIPELINE).await;
    let wang = team.manager("wang");
    let csv = format!(
        "case_id,status,timestamp\n{}{}",
        journeys("old", "2024-01-01", "2024-01-05", 24, 30),
        journeys("late", "2024-06-01", "2024-06-05", 2, 30),
    );
    let path = "/v1/imports?pipeline=past&case=case_id&status=status&time=timestamp&final=Won";
    let imported = team.admin().call(Method::POST, path).bytes("text/csv", csv).send().await;
    assert_eq!(imported.status, 200, "{}", imported.text);

    let path = "/v1/quality/past?from=2024-05-01T00:00:00Z&to=2024-07-01T00:00:00Z";
    let report = read(&wang, path).await;
    let stage = line(report.at("/conversion/stages"), "stage", "New");
    assert_eq!((&stage["entered"], &stage["converted"]), (&json!(30), &json!(2)));
    assert_eq!((&stage["history_entered"], &stage["history_converted"]), (&json!(30), &json!(24)));
    // z = (2/30 - 24/30) / sqrt(26/60 * 34/60 * 2/30) = -5.7316.
    let p = stage["p_value"].as_f64().unwrap_or(1.0);
    assert!((p / 4.975_816e-9 - 1.0).abs() < 1e-4, "{p}");
    assert_eq!((&stage["q_value"], &stage["abnormally_low"]), (&stage["p_value"], &json!(true)));
    // What may still go on is not counted against the stage.
    let early = read(&wang, &format!("{path}&effective_at=2024-06-10T00:00:00Z")).await;
    let stage = line(early.at("/conversion/stages"), "stage", "New");
    assert_eq!((&stage["entered"], &stage["abnormally_low"]), (&json!(0), &json!(false)));
    // Of the window, thirty entries and two deals.
    assert_eq!((report.number_at("/changes/imported"), report.number_at("/changes/manual")), (32, 0));
    assert_eq!((report.number_at("/usage/closed"), report.at("/usage/stages/0/entries")), (2, &json!(30)));
}

/// A move that happened so long ago, whatever stands against it.
async fn placed(client: &Client, customer: &str, to: &str, ago: Duration) {
    let mut body = json!({
        "to": to, "reason": "price", "note": "so it was", "next_step": "call",
        "effective_at": instant(now() - ago),
    });
    if client.command(customer, "transitions", body.clone()).await.status == 200 {
        return;
    }
    for field in ["note", "next_step"] {
        body.as_object_mut().and_then(|body| body.remove(field));
    }
    let _ = client.command(customer, "overrides", body).await.expect(200);
}

/// Customers of the template with five stages, and how many days ago they came where.
async fn five_stages(wang: &Client, team: &Team) -> u64 {
    let paths: [(&str, &[(&str, i64)]); 5] = [
        ("Straight", &[("intent", 35), ("talking", 31), ("won", 25)]),
        ("Skips", &[("talking", 38), ("lost", 20)]),
        ("Stays", &[("intent", 39)]),
        ("Drops", &[("lost", 36)]),
        ("Slow", &[("intent", 2)]),
    ];
    let mut before = 0;
    for (name, path) in paths {
        let customer = registered(wang, team.customer(name), Duration::days(40)).await;
        before = wang.head().await;
        for (stage, days) in path {
            placed(wang, &customer, stage, Duration::days(*days)).await;
        }
    }
    let young = registered(wang, team.customer("Young"), Duration::days(5)).await;
    placed(wang, &young, "intent", Duration::days(1)).await;
    before
}

/// `stage: count, next, won` of a funnel, in order.
fn steps(funnel: &Answer) -> Vec<(String, u64, Option<u64>, Option<u64>)> {
    let count = |value: &Value| value["count"].as_u64();
    let line = |stage: &Value| {
        let name = stage["stage"].as_str().unwrap_or_default().to_owned();
        (name, count(stage).unwrap_or_default(), count(&stage["next"]), count(&stage["won"]))
    };
    funnel.at("/stages").as_array().into_iter().flatten().map(line).collect()
}

fn expected(
    steps: [(&str, u64, Option<u64>, Option<u64>); 5],
) -> Vec<(String, u64, Option<u64>, Option<u64>)> {
    steps.map(|(stage, count, next, won)| (stage.to_owned(), count, next, won)).to_vec()
}

fn near(value: &Value, expected: f64) -> bool {
    value.as_f64().is_some_and(|value| (value - expected).abs() < 1e-9)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_funnel_counts_by_the_definition_that_it_names() {
    let team = Team::on("funnel-5").await;
    let wang = team.manager("wang");
    let before_slow_moved = five_stages(&wang, &team).await;
    let funnel = async |query: &str| read(&wang, &format!("/v1/funnels/funnel-5?{query}")).await;

    // A mature cohort: what came within thirty days, of those that have had as long. Who skips a stage has passed it.
    let cohort = funnel("horizon_days=30").await;
    assert_eq!((cohort.at("/definition"), cohort.at("/reach")), (&json!("cohort"), &json!("at_or_beyond")));
    assert_eq!((cohort.at("/mature"), cohort.number_at("/horizon_seconds")), (&json!(true), 2_592_000));
    let mature = [
        ("lead", 5, Some(3), Some(1)),
        ("intent", 3, Some(2), Some(1)),
        ("talking", 2, Some(1), Some(1)),
        ("won", 0, None, None),
        ("lost", 1, None, None),
    ];
    assert_eq!(steps(&cohort), expected(mature));
    let next = cohort.at("/stages/0/next");
    assert_eq!(
        (&next["to"], &next["lost"], &next["share"]["small"]),
        (&json!("intent"), &json!(1), &json!(true))
    );
    // Wilson's interval of three in five.
    assert!(near(&next["share"]["share"], 0.6) && near(&next["estimate"], 0.6), "{next}");
    assert!((next["share"]["low"].as_f64().unwrap_or_default() - 0.230_724).abs() < 1e-6, "{next}");
    assert_eq!(cohort.at("/stages/0/won/to"), &Value::Null);

    // Unless a definition is given, all that came, and how far they have come: it shows the first day what happened on it.
    let usual = funnel("").await;
    let so_far = [
        ("lead", 6, Some(5), Some(1)),
        ("intent", 5, Some(2), Some(1)),
        ("talking", 2, Some(1), Some(1)),
        ("won", 1, None, None),
        ("lost", 2, None, None),
    ];
    assert_eq!((usual.at("/definition"), steps(&usual)), (&json!("entered"), expected(so_far)));
    assert_eq!((usual.at("/mature"), usual.at("/stages/0/next/estimate")), (&Value::Null, &Value::Null));
    assert_eq!(usual.number_at("/stages/0/next/lost"), 1);
    assert_eq!(usual.at("/totals"), &json!({"count": 6, "won": 1, "lost": 2, "closed": 0, "open": 3}));

    // Of those that came of late, not all have had the time: of five two went on, three of five will by what is known.
    let immature = funnel("horizon_days=30&to=2999-01-01T00:00:00Z").await;
    assert_eq!((immature.at("/mature"), immature.number_at("/stages/0/next/count")), (&json!(false), 4));
    let next = immature.at("/stages/1/next");
    assert!(near(&next["ratio"], 0.4) && near(&next["estimate"], 0.6), "{next}");

    let any = funnel("definition=cohort&reach=any").await;
    assert_eq!((any.number_at("/stages/0/next/count"), any.number_at("/stages/1/count")), (2, 2));
    let strict = funnel("reach=strict&horizon_days=3650&to=2999-01-01T00:00:00Z").await;
    assert_eq!((strict.number_at("/stages/0/next/count"), strict.number_at("/stages/1/next/count")), (4, 1));

    let stock = funnel("definition=stock").await;
    let counts = |funnel: &Answer| steps(funnel).iter().map(|step| step.1).collect::<Vec<_>>();
    assert_eq!(counts(&stock), [0, 3, 0, 1, 2]);
    assert!(near(&stock.at("/stages/1/share")["share"], 0.5) && stock.at("/stages/1/next").is_null());
    assert_eq!(
        (stock.at("/reach"), stock.at("/mature"), stock.at("/closed")),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    let board = read(&wang, "/v1/boards/funnel-5?limit=1").await;
    let stands = board.at("/stages").as_array().into_iter().flatten().map(|stage| stage["count"].as_u64());
    assert_eq!(counts(&stock), stands.map(Option::unwrap_or_default).collect::<Vec<_>>(), "as on the board");

    let since = format!("from={}", instant(now() - Duration::days(10)));
    assert_eq!(counts(&funnel(&format!("definition=active&{since}")).await), [2, 3, 0, 1, 2]);
    assert_eq!(counts(&funnel(&format!("definition=entered&{since}")).await), [1, 2, 0, 0, 0]);
    let young = funnel(&format!("definition=cohort&{since}")).await;
    assert_eq!((young.at("/mature"), steps(&young)[0].1, steps(&young)[0].2), (&json!(false), 1, Some(1)));
    let period = funnel(&format!("definition=period&{since}")).await;
    let ratio = period.at("/stages/0/next");
    assert_eq!((&ratio["ratio"], &ratio["share"], &ratio["lost"]), (&json!(2.0), &Value::Null, &Value::Null));

    let closed = funnel("definition=snapshot").await;
    assert_eq!((closed.number_at("/closed/won"), closed.number_at("/closed/lost")), (1, 2));
    assert!(near(closed.at("/closed/win_rate/share"), 1.0 / 3.0) && closed.at("/stages") == &json!([]));

    // What was known before the fifth moved, and one of them, the caller and whenever.
    let then = funnel(&format!("definition=stock&known_position={before_slow_moved}")).await;
    assert_eq!(counts(&then), [1, 1, 0, 1, 2]);
    let _ = team.rep("idle");
    let nobodys = funnel("definition=stock&owner=rep:idle").await;
    assert_eq!(counts(&nobodys), [0; 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_any_move_is_permitted_a_funnel_has_no_next_stage_but_a_deal() {
    let team = Team::on(PIPELINE).await;
    let csv = format!("case_id,status,timestamp\n{}", journeys("old", "2024-01-01", "2024-01-05", 24, 30));
    let path = "/v1/imports?pipeline=past&case=case_id&status=status&time=timestamp&final=Won";
    let imported = team.admin().call(Method::POST, path).bytes("text/csv", csv).send().await;
    assert_eq!(imported.status, 200, "{}", imported.text);
    let funnel = read(&team.manager("wang"), "/v1/funnels/past?horizon_days=30").await;
    let stage = line(funnel.at("/stages"), "stage", "New");
    assert_eq!(
        (&stage["count"], &stage["next"], &stage["won"]["count"]),
        (&json!(30), &Value::Null, &json!(24))
    );
    assert!(near(&stage["won"]["ratio"], 0.8) && stage["won"]["share"]["small"] == json!(false), "{stage}");
    let soon = read(&team.manager("wang"), "/v1/funnels/past?horizon_days=3").await;
    assert_eq!(line(soon.at("/stages"), "stage", "New")["won"]["count"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_reps_deals_conversations_and_claims_are_counted_by_who_owned_the_customer() {
    let team = Team::on("helloword-13").await;
    let (wang, li, chen) = (team.manager("wang"), team.rep("li"), team.rep("chen"));
    let mut worth = team.customer_of("li", "Worth");
    worth["amount"] = json!({"amount": "100.00", "currency": "CNY"});
    let deal = registered(&wang, worth, Duration::days(20)).await;
    for (stage, days) in [("contacted", 19), ("need_confirmed", 18), ("proposal", 17), ("negotiating", 16)] {
        moved(&wang, &deal, stage, Duration::days(days)).await;
    }
    let give = json!({"to": {"kind": "rep", "id": "chen"}, "reason": "handover"});
    let _ = wang.command(&deal, "owner-changes", give).await.expect(200);
    for stage in ["awaiting_decision", "won"] {
        let body = json!({"to": stage, "note": "on", "next_step": "on", "documents": papers(stage)});
        let _ = chen.command(&deal, "transitions", body).await.expect(200);
    }
    let lost = registered(&wang, team.customer_of("li", "Lost"), Duration::days(5)).await;
    for summary in ["12345", "一二三"] {
        let plan = json!({"at": instant(now() + Duration::days(1)), "text": "call"});
        let talk = json!({"channel": "phone", "summary": summary, "next_plan": plan});
        let _ = li.command(&lost, "follow-ups", talk).await.expect(200);
    }
    let waits = li.register(team.customer_of("li", "Waits")).await;
    let plan = json!({"at": instant(now() + Duration::days(1)), "text": "call"});
    let talk = json!({"channel": "phone", "summary": "1234567", "next_plan": plan});
    let _ = chen.command(&deal, "follow-ups", talk.clone()).await.expect(200);
    let _ = li.command(&waits, "follow-ups", talk).await.expect(200);
    let gone = json!({"to": "lost", "reason": "price", "note": "too dear", "next_step": "none"});
    let _ = li.command(&lost, "transitions", gone).await.expect(200);
    let pooled = team.admin().register(team.customer("Pooled")).await;
    let _ = li.command(&pooled, "claims", json!({})).await.expect(200);
    let _ = li.command(&pooled, "releases", json!({"reason": "no time"})).await.expect(200);
    let _ = chen.command(&pooled, "claims", json!({})).await.expect(200);
    let before = wang.head().await;
    let on = json!({"to": "contacted", "note": "spoke", "next_step": "call"});
    let _ = chen.command(&pooled, "transitions", on).await.expect(200);

    let report = read(&wang, "/v1/reps?limit=50").await;
    let rep = |report: &Answer, name: &str| line(report.at("/items"), "rep", name).clone();
    let (of_li, of_chen) = (rep(&report, "li"), rep(&report, "chen"));
    assert_eq!((&of_chen["won"], &of_chen["lost"]), (&json!(1), &json!(0)));
    assert_eq!(of_chen["won_amounts"], json!([{"amount": "100.00", "currency": "CNY"}]));
    assert_eq!((&of_li["won"], &of_li["lost"], &of_li["won_amounts"]), (&json!(0), &json!(1), &json!([])));
    assert_eq!((&of_li["conversion"]["share"], &of_li["conversion"]["small"]), (&json!(0.0), &json!(true)));
    assert_eq!((&of_li["new_customers"], &of_chen["new_customers"]), (&json!(3), &json!(0)));
    assert_eq!((&of_li["follow_ups"], &of_li["average_follow_up_chars"]), (&json!(3), &json!(5.0)));
    assert_eq!((&of_li["claims"], &of_li["releases"], &of_li["revived"]), (&json!(1), &json!(1), &json!(0)));
    assert_eq!(
        (&of_chen["claims"], &of_chen["revived"], &of_chen["revived_won"]),
        (&json!(1), &json!(1), &json!(0))
    );
    // The deal stood in negotiating for sixteen days, longer than anything else of hers.
    assert_eq!(of_li["slowest_stage"]["stage"], "negotiating");
    assert_eq!((&of_li["open_customers"], &of_li["overdue"]), (&json!(1), &json!(0)));

    let entry = read(&wang, "/v1/reps?attribution=owner_at_entry").await;
    let of_li = rep(&entry, "li");
    assert_eq!((&of_li["won"], &of_li["conversion"]["share"]), (&json!(1), &json!(0.5)));
    let shared = read(&wang, "/v1/reps?attribution=time_share").await;
    let won = |name: &str| rep(&shared, name)["won"].as_f64().unwrap_or_default();
    assert!(won("li") > 0.99 && won("chen") > 0.0 && (won("li") + won("chen") - 1.0).abs() < 1e-9);
    // In two days the plan for the one who waits is overdue, in ten days nobody has done anything about it for too long.
    let later = instant(now() + Duration::days(10));
    let later = read(&wang, &format!("/v1/reps?effective_at={later}")).await;
    let of_li = rep(&later, "li");
    assert_eq!((&of_li["overdue"], &of_li["sat_on"]), (&json!(1), &json!(1)));

    let then = read(&wang, &format!("/v1/reps?known_position={before}")).await;
    assert_eq!(rep(&then, "chen")["revived"], 0, "claimed, and not yet moved on");
    let from = instant(now() - Duration::days(3));
    let compared = read(&wang, &format!("/v1/reps?compare=previous&from={from}&pipeline=helloword-13")).await;
    let of_li = rep(&compared, "li");
    assert_eq!((&of_li["new_customers"], &of_li["previous"]["new_customers"]), (&json!(1), &json!(1)));
    assert_eq!((&of_li["lost"], &of_li["previous"]["lost"]), (&json!(1), &json!(0)));
    let north = json!({
        "key": "north", "name": {"zh": "北区", "en": "North"}, "supervisors": [], "members": ["li", "zhao"]
    });
    let _ = wang.post("/v1/admin/teams", north).await.expect(200);
    let team_alone = read(&wang, "/v1/reps?team=north&limit=1").await;
    assert_eq!((team_alone.items().len(), team_alone.at("/next_cursor")), (1, &json!("li")));
    let rest = read(&wang, "/v1/reps?team=north&limit=1&cursor=li").await;
    assert_eq!((rest.at("/items/0/rep"), rest.at("/items/0/won")), (&json!("zhao"), &json!(0)));

    // What was written is forgotten with the customer, and so is how long it was.
    let erase = json!({"ground": "request"});
    let _ = team.admin().command(&lost, "erasure", erase).await.expect(200);
    let erased = read(&wang, "/v1/reps?limit=50").await;
    let of_li = rep(&erased, "li");
    assert_eq!((&of_li["follow_ups"], &of_li["average_follow_up_chars"]), (&json!(3), &json!(7.0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pilot_is_set_beside_everybody_else_with_intervals() {
    let team = Team::on("helloword-13").await;
    let admin = team.admin();
    let north = json!({
        "key": "north", "name": {"zh": "北区", "en": "North"}, "supervisors": [], "members": ["li"]
    });
    let _ = admin.post("/v1/admin/teams", north).await.expect(200);
    let (li, chen) = (team.rep("li"), team.rep("chen"));
    let tended = registered(&admin, team.customer_of("li", "Tended"), Duration::days(10)).await;
    let _leaks = registered(&admin, team.customer_of("chen", "Leaks"), Duration::days(10)).await;
    let mut definition = admin.get("/v1/pipelines/helloword-13").await.expect(200).body;
    if let Some(fields) = definition.as_object_mut() {
        fields.remove("key");
        fields.remove("version");
    }
    let until = instant(now() + Duration::days(14));
    let body = json!({"definition": definition, "team": {"id": "north", "until": until}});
    let published = admin.post("/v1/pipelines/helloword-13/versions", body).await.expect(201);
    assert_eq!((published.number_at("/version"), published.at("/pilot")), (2, &json!("helloword-13@2")));
    let plan = json!({"at": instant(now() + Duration::days(1)), "text": "call"});
    let talk = json!({"channel": "phone", "summary": "spoke", "next_plan": plan});
    let _ = li.command(&tended, "follow-ups", talk).await.expect(200);
    let won = li.register(team.customer_of("li", "Won")).await;
    let before = admin.head().await;
    let force = json!({"to": "won", "reason": "signed at once"});
    let _ = admin.command(&won, "overrides", force).await.expect(200);
    let lost = chen.register(team.customer_of("chen", "Lost")).await;
    let gone = json!({"to": "lost", "reason": "price", "note": "too dear", "next_step": "none"});
    let _ = chen.command(&lost, "transitions", gone).await.expect(200);

    let listed = admin.get("/v1/pipelines").await.expect(200);
    assert_eq!(listed.at("/items/0/pilots/0/id"), "helloword-13@2");
    assert_eq!(listed.at("/items/0/pilots/0/team"), "north");
    let report = read(&admin, "/v1/pilots/helloword-13@2?silent_days=7").await;
    assert_eq!((report.at("/team"), report.at("/members")), (&json!("north"), &json!(["li"])));
    let side = |side: &str| report.at(&format!("/{side}")).clone();
    let (pilot, rest) = (side("pilot"), side("rest"));
    assert_eq!((&pilot["open"], &pilot["leaking"]), (&json!(1), &json!(0)));
    assert_eq!((&rest["open"], &rest["leaking"]), (&json!(1), &json!(1)));
    assert_eq!((&pilot["won"], &pilot["lost"]), (&json!(1), &json!(0)));
    assert_eq!((&rest["won"], &rest["lost"]), (&json!(0), &json!(1)));
    assert_eq!((&pilot["cycle_time"]["subjects"], &pilot["cycle_time"]["events"]), (&json!(2), &json!(1)));
    assert_eq!((&rest["cycle_time"]["subjects"], &rest["cycle_time"]["events"]), (&json!(2), &json!(1)));
    // Of each side one cycle ended, and one is under way: what becomes of it is not known yet.
    let open = json!({"mature": false, "cycles": 2, "undecided": 1, "matures_at": null});
    assert_eq!((&pilot["maturity"], &rest["maturity"]), (&open, &open));
    let apart = report.at("/leak_rate");
    assert_eq!(apart["difference"], json!(-1.0));
    // Newcombe's interval of 0/1 less 1/1: Wilson gives (0, 0.793451) and (0.206549, 1).
    let high = apart["high"].as_f64().unwrap_or_default();
    assert!((high - (-1.0 + (2.0 * 0.793_450_6_f64.powi(2)).sqrt())).abs() < 1e-5, "{apart}");
    let then = read(&admin, &format!("/v1/pilots/helloword-13@2?known_position={before}")).await;
    assert_eq!((then.at("/pilot/won"), then.at("/rest/lost")), (&json!(0), &json!(0)));
    let all_open = json!({"mature": false, "cycles": 2, "undecided": 2, "matures_at": null});
    let one_open = json!({"mature": false, "cycles": 1, "undecided": 1, "matures_at": null});
    assert_eq!((then.at("/pilot/maturity"), then.at("/rest/maturity")), (&all_open, &one_open));
    for wrong in ["helloword-13@1", "helloword-13@9", "helloword-13", "nothing@2", "helloword-13@02"] {
        let _ = admin.get(&format!("/v1/pilots/{wrong}")).await.expect(404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_answered_for_any_instant_and_any_window() {
    let team = Team::on(PIPELINE).await;
    let wang = team.manager("wang");
    let customer = registered(&wang, team.customer_of("li", "Harbour Foods"), Duration::days(9)).await;
    moved(&wang, &customer, "need_confirmed", Duration::days(8)).await;
    let ends = ["1970-01-01T00:00:00Z", "2024-02-29T12:00:00Z", "9999-12-31T23:59:59Z"];
    for path in ["latency/landian-6?limit=5", "quality/landian-6?silent_days=3650", "reps?compare=previous"] {
        for from in ends {
            for effective in ends {
                let path = format!("/v1/{path}&from={from}&effective_at={effective}");
                assert_eq!(wang.get(&path).await.status, 200, "{path}");
            }
        }
        let nothing_known = format!("/v1/{path}&from={}&known_position=0", ends[1]);
        assert_eq!(wang.get(&nothing_known).await.status, 200, "{nothing_known}");
    }
}
