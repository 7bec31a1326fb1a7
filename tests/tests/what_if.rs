//! What stored history would have been under another definition: over HTTP and on the command line.

#![cfg(test)]

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde_json::{Value, json};
use waymark_tests::{Answer, Client, Installation, Team, now, papers};

const PIPELINE: &str = "helloword-13";

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn ago(days: i64) -> String {
    instant(now() - Duration::days(days))
}

/// A customer of a rep that came days ago, and went a step further every two days, with a note.
async fn walked(client: &Client, name: &str, days: i64, steps: &[&str]) -> String {
    let body = json!({"pipeline": PIPELINE, "name": name, "owner": "rep:li", "effective_at": ago(days)});
    let customer = client.register(body).await;
    for (to, on) in steps.iter().zip((0..days).rev().step_by(2)) {
        let reason = if *to == "lost" { "price" } else { "told" };
        let step = json!({
            "to": to, "reason": reason, "note": "they asked", "effective_at": ago(on), "documents": papers(to),
        });
        let _ = client.command(&customer, "transitions", step).await.expect(200);
    }
    customer
}

/// The definition in force, with a change.
async fn definition(client: &Client, change: impl FnOnce(&mut Value)) -> Value {
    let answer = client.get(&format!("/v1/pipelines/{PIPELINE}")).await.expect(200);
    let mut definition = answer.at("").clone();
    change(&mut definition);
    definition
}

fn without_move(definition: &mut Value, from: &str, to: &str) {
    let moves = definition["transitions"].as_array_mut().unwrap();
    moves.retain(|rule| !(rule["from"] == from && rule["to"] == to));
}

/// The same moment for every question.
async fn pinned(client: &Client) -> String {
    let head = client.head().await;
    format!("known_position={head}&min_position={head}&wait_ms=20000&effective_at={}", instant(now()))
}

async fn asked(client: &Client, pin: &str, body: &Value) -> Answer {
    client.post(&format!("/v1/what-if?{pin}"), body.clone()).await
}

fn list(answer: &Answer, name: &str) -> Vec<Value> {
    answer.at(name).as_array().cloned().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stricter_definition_refuses_recorded_moves_and_writes_nothing() {
    let team = Team::on(PIPELINE).await;
    let (admin, analyst) = (team.admin(), team.analyst("qian"));
    let harbour =
        walked(&admin, "Harbour", 12, &["contacted", "need_confirmed", "proposal", "negotiating"]).await;
    let _ = walked(&admin, "Hill", 9, &["contacted", "lost"]).await;
    let meadow = walked(&admin, "Meadow", 12, &[]).await;
    let won = json!({"to": "won", "reason": "signed at once", "effective_at": ago(4)});
    let _ = admin.command(&meadow, "overrides", won).await.expect(200);
    let pin = pinned(&admin).await;
    let span = json!({"pipeline": PIPELINE, "from": ago(20), "to": instant(now())});
    let stricter =
        definition(&admin, |definition| without_move(definition, "contacted", "need_confirmed")).await;
    let mut body = span.clone();
    body["definition"] = stricter;

    let answer = asked(&analyst, &pin, &body).await.expect(200);
    let refused = list(&answer, "/refused_moves");
    let told: Vec<_> = refused
        .iter()
        .map(|one| {
            (
                one["customer_id"].clone(),
                one["from"].clone(),
                one["to"].clone(),
                one["violations"][0]["code"].clone(),
            )
        })
        .collect();
    let line =
        |from: &str, to: &str| (json!(harbour), json!(from), json!(to), json!("transition-not-allowed"));
    assert_eq!(
        told,
        [
            line("contacted", "need_confirmed"),
            line("need_confirmed", "proposal"),
            line("proposal", "negotiating")
        ]
    );
    assert_eq!(refused[0]["follows"], Value::Null);
    assert_eq!(refused[1]["follows"], refused[0]["position"]);
    assert_eq!(answer.at("/totals/customers"), &json!(3));
    assert_eq!(answer.at("/totals/affected_customers"), &json!(1));
    assert_eq!(answer.at("/totals/moves"), &json!(10));
    // Harbour stays where it was contacted, instead of going on for three steps.
    assert_eq!(answer.at("/dwell/difference/stages/0/stage"), "contacted");
    assert_eq!(answer.at("/dwell/difference/stages/0/completed"), -1);
    let counted = list(&answer, "/conversion/difference/stages");
    assert!(counted.iter().any(|stage| stage["stage"] == "proposal" && stage["count"] == -1), "{counted:?}");
    let further = list(&answer, "/forecast/difference/horizons");
    assert!(further.iter().any(|horizon| horizon["expected"].as_f64().unwrap() < 0.0), "{further:?}");

    // The same bytes again, nothing written, and each "before" is the report itself.
    let again = asked(&analyst, &pin, &body).await.expect(200);
    assert_eq!(again.text, answer.text);
    assert_eq!(admin.head().await.to_string(), pin.split(['=', '&']).nth(1).unwrap());
    let window = format!("{pin}&from={}&to={}", span["from"].as_str().unwrap(), span["to"].as_str().unwrap());
    let at = answer.text_at("/effective_at");
    for (part, path) in [("dwell", "dwell"), ("conversion", "funnels")] {
        let pin = window.rsplit_once("&effective_at=").unwrap().0;
        let rest = format!("from={}&to={}", span["from"].as_str().unwrap(), span["to"].as_str().unwrap());
        let report =
            analyst.get(&format!("/v1/{path}/{PIPELINE}?{pin}&effective_at={at}&{rest}")).await.expect(200);
        let mut before = answer.at(&format!("/{part}/before")).clone();
        let mut report = report.at("").clone();
        // The instant that a position is known at is the position's own.
        (before["known_at"], report["known_at"]) = (Value::Null, Value::Null);
        assert_eq!(before, report, "{part}");
    }
    // A filter leaves others out.
    let _ = team.rep("idle");
    let of_nobody = asked(&analyst, &format!("{pin}&owner=rep:idle"), &body).await.expect(200);
    assert_eq!(of_nobody.at("/totals/customers"), &json!(0));
    // Rows are cut off, and the rest is another page.
    let page = asked(&analyst, &format!("{pin}&limit=2"), &body).await.expect(200);
    assert_eq!((list(&page, "/refused_moves").len(), page.at("/truncated/refused_moves")), (2, &json!(true)));
    let rest = asked(&analyst, &format!("{pin}&limit=2&offset=2"), &body).await.expect(200);
    assert_eq!(list(&rest, "/refused_moves"), refused[2..]);
    assert_eq!(rest.at("/truncated/refused_moves"), &json!(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_that_says_the_same_differs_in_nothing() {
    let team = Team::on(PIPELINE).await;
    let admin = team.admin();
    let _ = walked(
        &admin,
        "Harbour",
        12,
        &["contacted", "need_confirmed", "proposal", "negotiating", "awaiting_decision", "won"],
    )
    .await;
    let _ = walked(&admin, "Hill", 9, &["contacted", "lost"]).await;
    let mut body = json!({"pipeline": PIPELINE, "from": ago(30), "to": instant(now())});
    body["definition"] = definition(&admin, |_| {}).await;
    let answer = asked(&admin, &pinned(&admin).await, &body).await.expect(200);
    for name in [
        "/refused_moves",
        "/deadlines",
        "/reclaims",
        "/dwell/difference/stages",
        "/conversion/difference/stages",
        "/forecast/difference/horizons",
    ] {
        assert_eq!(answer.at(name), &json!([]), "{name}");
    }
    for part in ["dwell", "conversion", "forecast"] {
        assert_eq!(answer.at(&format!("/{part}/before")), answer.at(&format!("/{part}/after")), "{part}");
    }
    let chinese =
        admin.call(reqwest::Method::POST, "/v1/what-if").header("accept-language", "zh").json(&body);
    let chinese = chinese.send().await.expect(200);
    assert_eq!(list(&chinese, "/limits").len(), list(&answer, "/limits").len());
    assert!(chinese.text_at("/limits/0").contains("按记录保留"));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_limits_rules_and_pools_have_other_deadlines_and_returns() {
    let team = Team::on(PIPELINE).await;
    let admin = team.admin();
    let customer = walked(&admin, "Harbour", 6, &["contacted", "need_confirmed", "proposal"]).await;
    let (pin, span) =
        (pinned(&admin).await, json!({"pipeline": PIPELINE, "from": ago(20), "to": instant(now())}));
    let known = definition(&admin, |_| {}).await;

    let mut pools = span.clone();
    pools["pools"] = known["pools"].clone();
    pools["pools"][0]["rules"]["reclaim"] = json!([{
        "id": "no_update", "name": {"zh": "1天未更新", "en": "A day without an update"},
        "reset_by": ["update"], "seconds": 86_400, "boundary": ">="
    }]);
    let answer = asked(&admin, &pin, &pools).await.expect(200);
    let [returned] = &list(&answer, "/reclaims")[..] else { panic!("{}", answer.text) };
    assert_eq!((&returned["customer_id"], &returned["rep"]), (&json!(customer), &json!("li")));
    assert_eq!(returned["before"], Value::Null);
    assert_eq!(returned["after"]["rule"], "no_update");

    let mut rules = span.clone();
    rules["automations"] = json!([{
        "id": "silent", "name": {"zh": "一天无动作", "en": "A day of silence"},
        "trigger": {"kind": "stage_idle", "stages": ["contacted"], "reset_by": ["update"]},
        "delay": {"seconds": 86_400, "clock": "calendar", "boundary": ">="},
        "actions": [{"kind": "create_task", "text": {"zh": "联系", "en": "Call"}, "task": "call", "role": "rep"}]
    }]);
    let answer = asked(&admin, &pin, &rules).await.expect(200);
    let told = list(&answer, "/deadlines");
    assert!(told.iter().any(|one| one["rule"] == "silent" && one["stage"] == "contacted"), "{told:?}");
    assert_eq!(answer.at("/refused_moves"), &json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_supposed_is_refused_by_name() {
    let team = Team::on(PIPELINE).await;
    let manager = team.manager("wang");
    let ask = async |body: Value| manager.post("/v1/what-if", body).await;
    let field = |answer: &Answer| answer.text_at("/violations/0/field");
    let nothing = ask(json!({"pipeline": PIPELINE})).await.refused(422, "invalid-value");
    assert_eq!(field(&nothing), "definition");
    let backwards = json!({"pipeline": PIPELINE, "automations": [], "from": ago(1), "to": ago(2)});
    assert_eq!(field(&ask(backwards).await.refused(422, "invalid-value")), "to");
    let rule = json!({"pipeline": PIPELINE, "automations": [{"id": "x"}]});
    assert_eq!(field(&ask(rule).await.refused(422, "missing-field")), "automations[0].name");
    let pools = ask(json!({"pipeline": PIPELINE, "pools": []})).await.refused(422, "no-default-pool");
    assert_eq!(field(&pools), "pools");
    let unknown = ask(json!({"pipeline": PIPELINE, "pool": []})).await.refused(422, "unknown-field");
    assert_eq!(field(&unknown), "pool");
    let lost = definition(&manager, |definition| definition["entry_stage"] = json!("nowhere")).await;
    let dangling = ask(json!({"pipeline": PIPELINE, "definition": lost})).await.expect(422);
    assert!(dangling.codes().contains(&"dangling-reference".to_owned()), "{}", dangling.text);
    let _ = ask(json!({"pipeline": "nothing", "automations": []})).await.expect(404);
    let limit = manager.post("/v1/what-if?limit=0", json!({"pipeline": PIPELINE, "automations": []})).await;
    assert_eq!(field(&limit.refused(422, "invalid-value")), "limit");
    let rep = team.rep("li").post("/v1/what-if", json!({"pipeline": PIPELINE, "automations": []})).await;
    let _ = rep.expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_answers_the_same() {
    let installation = Installation::new();
    let server = installation.serve();
    let admin = server.with_key(&installation.key("admin:root", &["admin"]));
    let _ = admin.create_pipeline(PIPELINE).await.expect(201);
    let _ = walked(&admin, "Harbour", 12, &["contacted", "need_confirmed"]).await;
    let mut body = json!({"pipeline": PIPELINE, "from": ago(30), "to": instant(now())});
    body["definition"] =
        definition(&admin, |definition| without_move(definition, "contacted", "need_confirmed")).await;
    let served = asked(&admin, &pinned(&admin).await, &body).await.expect(200);
    assert_eq!(server.stop(), 0);
    let file = installation.directory().join("supposed.json");
    std::fs::write(&file, body.to_string()).unwrap();
    let file = file.to_str().unwrap();
    let printed = installation.run(&["what-if", file, "--json"]).succeeded();
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(&printed["refused_moves"], served.at("/refused_moves"));
    let told = installation.run(&["what-if", file]).succeeded();
    assert!(told.contains("contacted → need_confirmed: transition-not-allowed"), "{told}");
    let target = installation.directory().join("answer.json");
    let _ = installation.run(&["what-if", file, "--output", target.to_str().unwrap()]).succeeded();
    let written: Value = serde_json::from_str(&std::fs::read_to_string(&target).unwrap()).unwrap();
    assert_eq!(written["refused_moves"], printed["refused_moves"]);
}
