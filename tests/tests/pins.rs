//! An answer about a moment and a state of knowledge stays what it is, whatever is recorded afterwards: to the byte, of every report.

#![cfg(test)]

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde_json::{Value, json};
use waymark_tests::{Answer, Client, Team, now};

const PIPELINE: &str = "helloword-13";

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn ago(hours: i64) -> String {
    instant(now() - Duration::hours(hours))
}

/// A customer that came hours ago.
async fn came(client: &Client, name: &str, owner: &str, hours: i64) -> String {
    let body = json!({
        "pipeline": PIPELINE, "name": name, "owner": owner, "source": "fair", "channel": "stand", "tier": "gold",
        "amount": {"amount": "1000.00", "currency": "CNY"}, "expected_close_on": "2027-01-31",
        "effective_at": ago(hours),
    });
    client.register(body).await
}

async fn went(client: &Client, customer: &str, to: &str, hours: i64) -> String {
    let body = json!({
        "to": to, "reason": "price", "note": "so it was", "next_step": "none",
        "effective_at": ago(hours),
    });
    client.command(customer, "transitions", body).await.expect(200).text_at("/events/0/id")
}

/// A move that the pipeline does not permit.
async fn forced(client: &Client, customer: &str, to: &str, hours: i64) {
    let body = json!({"to": to, "reason": "so it was", "effective_at": ago(hours)});
    let _ = client.command(customer, "overrides", body).await.expect(200);
}

/// The definition in force, with other stages that count as stagnant, another chance to win, and other names.
async fn changed_definition(client: &Client) -> Value {
    let mut definition = client.get(&format!("/v1/pipelines/{PIPELINE}")).await.expect(200).body;
    let fields = definition.as_object_mut().expect("a definition");
    for field in ["key", "version"] {
        fields.remove(field);
    }
    for stage in fields["stages"].as_array_mut().into_iter().flatten() {
        stage["stagnant_after_seconds"] = json!(3_600);
    }
    definition
}

/// A history with something of everything that reports look at.
async fn begun(team: &Team, admin: &Client, wang: &Client) -> [String; 4] {
    for (key, member) in [("north", "li"), ("south", "chen")] {
        let body =
            json!({"key": key, "name": {"zh": key, "en": key}, "supervisors": [], "members": [member]});
        let _ = admin.post("/v1/admin/teams", body).await.expect(200);
    }
    let until = instant(now() + Duration::days(14));
    let body =
        json!({"definition": changed_definition(admin).await, "team": {"id": "north", "until": until}});
    let _ = admin.post(&format!("/v1/pipelines/{PIPELINE}/versions"), body).await.expect(201);
    let rates = json!({"date": "2020-01-01", "base": "CNY", "rates": {"USD": "7.1"}});
    let _ = admin.post("/v1/admin/rates", rates).await.expect(200);
    let harbour = came(wang, "Harbour", "rep:li", 80).await;
    let hill = came(wang, "Hill", "rep:chen", 75).await;
    let lake = came(wang, "Lake", "rep:li", 70).await;
    let pier = came(wang, "Pier", "rep:chen", 9).await;
    forced(wang, &harbour, "proposal", 60).await;
    let _ = went(wang, &hill, "lost", 50).await;
    forced(wang, &lake, "won", 40).await;
    let talk = json!({"channel": "phone", "summary": "spoke", "next_plan": {"at": ago(-30), "text": "call"}});
    let _ = team.rep("li").command(&harbour, "follow-ups", talk).await.expect(200);
    let order = json!({"kind": "order", "reference": "O-1", "amount": {"amount": "90.00", "currency": "CNY"}, "effective_at": ago(30)});
    let bought = wang.command(&lake, "transactions", order).await;
    assert!(bought.status < 300, "{}", bought.text);
    [harbour, hill, lake, pier]
}

/// All that could make another answer of one who does not heed what was asked: corrections, another name, other people, another
/// definition, another pipeline.
async fn went_on(admin: &Client, wang: &Client, [harbour, hill, lake, pier]: &[String; 4]) {
    let slip = went(wang, harbour, "lost", 20).await;
    let target = json!({"corrects": slip, "kind": "target", "to": "contacted", "reason": "wrong button"});
    let _ = wang.command(harbour, "corrections", target).await.expect(200);
    let named =
        json!({"name": "Hill & Sons", "tier": "silver", "amount": {"amount": "7.00", "currency": "CNY"}});
    let _ = wang.command(hill, "details", named).await.expect(200);
    let renamed = json!({"name": "Lake & Daughters", "expected_close_on": "2027-03-31"});
    let _ = wang.command(lake, "details", renamed).await.expect(200);
    let to = json!({"to": {"kind": "rep", "id": "li"}, "reason": "region"});
    let _ = wang.command(pier, "owner-changes", to).await.expect(200);
    let late = came(wang, "Meadow", "rep:li", 65).await;
    let _ = went(wang, &late, "lost", 45).await;
    let _ = wang.command(harbour, "merges", json!({"absorbed": late})).await.expect(200);
    let body =
        json!({"key": "north", "name": {"zh": "北", "en": "North"}, "supervisors": [], "members": ["chen"]});
    let _ = admin.post("/v1/admin/teams", body).await.expect(200);
    let rates = json!({"date": "2020-01-01", "base": "CNY", "rates": {"USD": "6.5"}});
    let _ = admin.post("/v1/admin/rates", rates).await.expect(200);
    let body = json!({"definition": changed_definition(admin).await});
    let _ = admin.post(&format!("/v1/pipelines/{PIPELINE}/versions"), body).await.expect(201);
    let standard = json!({"stages": ["new_lead", "contacted"]});
    let _ = admin.post(&format!("/v1/paths/{PIPELINE}/standard"), standard).await;
    let _ = admin.create_pipeline("funnel-5").await.expect(201);
    let other = json!({"pipeline": "funnel-5", "name": "Orchard", "owner": "rep:li", "source": "fair"});
    let _ = wang.register(other).await;
}

/// A read of the document that reports of analytics are described in.
struct Report {
    path: String,
    takes: Vec<String>,
}

/// Every report that can be read.
async fn reports(client: &Client) -> Vec<Report> {
    let document = client.get("/openapi.json").await.expect(200).body;
    let paths = document["paths"].as_object().expect("paths").iter();
    let reads = paths.filter_map(|(path, item)| Some((path, item.get("get")?)));
    let of_analytics =
        reads.filter(|(_, read)| read["tags"].as_array().into_iter().flatten().any(|tag| tag == "analytics"));
    let takes = |read: &Value| {
        let names = read["parameters"].as_array().into_iter().flatten();
        names
            .filter(|parameter| parameter["in"] == "query")
            .filter_map(|parameter| parameter["name"].as_str().map(str::to_owned))
            .collect()
    };
    of_analytics.map(|(path, read)| Report { path: path.clone(), takes: takes(read) }).collect()
}

/// The questions about a report, each pinned; of the customers behind a change, those of `behind`.
fn questions(report: &Report, [at, known]: [&str; 2], behind: &str) -> Vec<String> {
    let path = report.path.replace("{pipeline}", PIPELINE).replace("{id}", &format!("{PIPELINE}@2"));
    let takes = |name: &str| report.takes.iter().any(|taken| taken == name);
    let pin = if takes("effective_at") {
        format!("effective_at={at}&{known}")
    } else if takes("to_effective_at") {
        format!("to_effective_at={at}&from_effective_at={}&to_{known}&from_{known}", ago_of(at, 55))
    } else if report.path.ends_with("/changes/{pipeline}/customers") {
        format!("cursor={behind}")
    } else {
        panic!("{} cannot be asked for as it was known", report.path);
    };
    let mut all = vec![format!("{path}?{pin}")];
    if takes("group_by") && !["alerts", "back-test", "pilots"].iter().any(|one| path.contains(one)) {
        let pipeline = if takes("pipeline") { format!("&pipeline={PIPELINE}") } else { String::new() };
        all.push(format!("{path}?{pin}{pipeline}&group_by=team,tier"));
        all.push(format!("{path}?{pin}{pipeline}&group_by=sub_status"));
    }
    if takes("compare_from") {
        let pipeline = if takes("pipeline") { format!("&pipeline={PIPELINE}") } else { String::new() };
        let beside = format!("from={}&compare_from={}", ago_of(at, 45), ago_of(at, 90));
        all.push(format!("{path}?{pin}{pipeline}&{beside}&group_by=owner"));
    }
    if takes("by") && path.ends_with("heatmap") {
        all.extend(["neglect", "effect"].map(|by| format!("{path}?{pin}&by={by}")));
    }
    if takes("limit") && !path.ends_with("/customers") {
        all.push(format!("{path}?{pin}&limit=1"));
    }
    all
}

/// What stored history would have been under other definitions, rules and pools, by what was known: as bytes.
async fn supposed(manager: &Client, analyst: &Client, pin: &str, stricter: &Value) -> Vec<String> {
    let pools = &stricter["pools"];
    let mut answers = Vec::new();
    for body in [
        json!({"pipeline": PIPELINE, "definition": stricter}),
        json!({"pipeline": PIPELINE, "pools": pools}),
        json!({"pipeline": PIPELINE, "automations": []}),
    ] {
        for client in [manager, analyst] {
            let answer = client.post(&format!("/v1/what-if?{pin}"), body.clone()).await.expect(200);
            answers.push(answer.text.clone());
        }
    }
    answers
}

/// Hours before an instant.
fn ago_of(at: &str, hours: i64) -> String {
    let at: DateTime<Utc> = at.parse().expect("an instant");
    instant(at - Duration::hours(hours))
}

/// An answer: its bytes, and the position that it reflects.
async fn told(client: &Client, path: &str) -> (String, String) {
    let answer: Answer = client.get(path).await.expect(200);
    let position = answer.header("waymark-position").to_owned();
    (answer.text.clone(), position)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_report_of_a_moment_and_a_knowledge_is_the_same_bytes_whatever_is_recorded_since() {
    let team = Team::on(PIPELINE).await;
    let (admin, wang) = (team.admin(), team.manager("wang"));
    let customers = begun(&team, &admin, &wang).await;
    let head = wang.head().await;
    let (at, earlier) = (instant(now()), ago(48));
    let _ = wang.get(&format!("/v1/customers/{}?min_position={head}&wait_ms=20000", customers[0])).await;
    let position = format!("known_position={head}");
    let changes = wang
        .get(&format!(
            "/v1/changes/{PIPELINE}?to_effective_at={at}&to_{position}&from_effective_at={}&from_{position}&group_by=owner",
            ago(55)
        ))
        .await
        .expect(200);
    let bucket = |part: &str| {
        let buckets = changes.at(part).as_array().cloned().unwrap_or_default();
        let full = buckets.into_iter().find(|bucket| bucket["count"] != 0);
        full.and_then(|bucket| bucket["customers"].as_str().map(str::to_owned)).unwrap_or_default()
    };
    let (of_all, of_one) = (bucket("/happened"), bucket("/groups/0/happened"));
    assert!(!of_all.is_empty() && !of_one.is_empty() && of_all != of_one, "{}", changes.text);

    let known_at = format!("known_at={at}");
    let mut asked: Vec<String> = Vec::new();
    let reports = reports(&admin).await;
    for report in &reports {
        for (at, known) in [(&at, &position), (&earlier, &position), (&at, &known_at)] {
            asked.extend(questions(report, [at, known], &of_all));
        }
        if report.path.ends_with("/changes/{pipeline}/customers") {
            asked.extend(questions(report, [&at, &position], &of_one));
        }
    }
    asked.dedup();
    assert!(reports.len() >= 20, "{}", reports.len());
    let sun = team.analyst("sun");
    let mut before = Vec::new();
    for path in &asked {
        before.push((told(&wang, path).await, told(&sun, path).await));
    }
    let mut stricter = changed_definition(&admin).await;
    let to_lost = |way: &Value| way["from"] == "new_lead" && way["to"] == "lost";
    stricter["transitions"].as_array_mut().expect("transitions").retain(|way| !to_lost(way));
    stricter["pools"][0]["rules"]["reclaim"][0]["seconds"] = json!(86_400);
    let pin = format!("effective_at={at}&{position}");
    let replayed = supposed(&wang, &sun, &pin, &stricter).await;
    assert!(replayed[0].contains("transition-not-allowed"), "{}", replayed[0]);
    went_on(&admin, &wang, &customers).await;
    let now = wang.head().await;
    assert!(now > head + 10);
    for name in &customers[..1] {
        let _ = wang.get(&format!("/v1/customers/{name}?min_position={now}&wait_ms=20000")).await.expect(200);
    }
    let _ = wang.caught_up().await;
    for (path, (by_wang, by_sun)) in asked.iter().zip(before) {
        assert_eq!(told(&wang, path).await, by_wang, "{path}");
        assert_eq!(told(&sun, path).await, by_sun, "{path} for an analyst");
    }
    let again = supposed(&wang, &sun, &pin, &stricter).await;
    for (then, now) in replayed.into_iter().zip(again) {
        assert_eq!(now, then, "what would have been");
    }
    // What was asked for tells of them by the names that they had.
    let heatmap = format!("/v1/heatmap?effective_at={at}&{position}&by=neglect");
    let neglected = told(&wang, &heatmap).await.0;
    assert!(neglected.contains("Harbour") && !neglected.contains("Sons"), "{neglected}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_names_what_is_known_waits_until_it_is_known() {
    let team = Team::on(PIPELINE).await;
    let wang = team.manager("wang");
    for round in 1..=20 {
        let _ = came(&wang, &format!("Harbour {round}"), "rep:li", 5).await;
        let head = wang.head().await;
        let pin = format!("known_position={head}&wait_ms=20000");
        let heatmap = wang.get(&format!("/v1/heatmap?pipeline={PIPELINE}&{pin}")).await.expect(200);
        let hours = heatmap.at("/weekdays").as_array().into_iter().flatten();
        let records: u64 =
            hours.flat_map(|day| day.as_array().into_iter().flatten()).filter_map(Value::as_u64).sum();
        assert_eq!((records, heatmap.number_at("/position")), (round, head));
        let quality = wang.get(&format!("/v1/quality/{PIPELINE}?{pin}")).await.expect(200);
        assert_eq!(quality.at("/changes/manual"), &json!(round));
    }
}
