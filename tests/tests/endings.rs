//! What the final statuses of a file of past changes mean, and what is loaded as the past: neither makes wins of losses, nor
//! anybody late.

#![cfg(test)]

use reqwest::Method;
use serde_json::{Value, json};
use waymark_tests::{Answer, Client, Installation, Team};

const FILE: &str = "deal,stage,at\n\
    D-1,Interest,2026-01-05T09:00:00Z\nD-1,Closed Won,2026-01-20T09:00:00Z\n\
    D-2,Interest,2026-01-06T09:00:00Z\nD-2,Closed Lost,2026-02-01T09:00:00Z\n\
    D-3,Interest,2026-01-07T09:00:00Z\nD-3,Filed,2026-02-02T09:00:00Z\n";

/// The file with customers of its own.
fn file(prefix: &str) -> String {
    FILE.replace("D-", prefix)
}

async fn import(admin: &Client, prefix: &str, query: &str) -> Answer {
    let path = format!("/v1/imports?case=deal&status=stage&time=at&{query}");
    admin.call(Method::POST, &path).bytes("text/csv", file(prefix)).send().await
}

async fn closed(admin: &Client, pipeline: &str) -> Value {
    let head = admin.head().await;
    let query = format!("definition=snapshot&min_position={head}&wait_ms=20000");
    admin.get(&format!("/v1/funnels/{pipeline}?{query}")).await.expect(200).body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_final_status_is_never_taken_for_won_unsaid() {
    let team = Team::on("landian-6").await;
    let admin = team.admin();
    let guessed =
        import(&admin, "G-", "pipeline=guessed&final=Closed%20Won,Closed%20Lost,Filed").await.expect(200);
    assert_eq!(
        guessed.at("/report/endings"),
        &json!([
            {"status": "Closed Won", "type": "won", "guessed": true},
            {"status": "Closed Lost", "type": "lost", "guessed": true},
            {"status": "Filed", "type": "closed", "guessed": true},
        ])
    );
    let funnel = closed(&admin, "guessed").await;
    assert_eq!((&funnel["closed"]["won"], &funnel["closed"]["lost"]), (&json!(1), &json!(1)));
    assert_eq!(funnel["closed"]["win_rate"]["share"], json!(0.5));
    let totals = json!({"count": 3, "won": 1, "lost": 1, "closed": 1, "open": 0});
    assert_eq!(funnel["totals"], totals);

    // What nobody's name tells has no win rate at all.
    let filed = import(&admin, "F-", "pipeline=filed&final=Filed").await.expect(200);
    assert_eq!(filed.at("/report/endings/0/type"), &json!("closed"));
    assert_eq!(closed(&admin, "filed").await["closed"], json!({"won": 0, "lost": 0, "win_rate": null}));

    // What is said counts, whatever the name.
    let said =
        import(&admin, "S-", "pipeline=said&won=Closed%20Lost&lost=Closed%20Won,Filed").await.expect(200);
    assert_eq!(
        said.at("/report/endings/0"),
        &json!({"status": "Closed Won", "type": "lost", "guessed": false})
    );
    assert_eq!(closed(&admin, "said").await["closed"]["lost"], json!(2));

    let both = import(&admin, "B-", "pipeline=both&won=Filed&lost=Filed").await.refused(422, "invalid-value");
    assert_eq!(both.at("/violations/0/field"), &json!("lost"));
    let unknown = import(&admin, "B-", "pipeline=both&lost=Gone").await.refused(422, "invalid-value");
    assert_eq!(unknown.at("/violations/0/field"), &json!("lost"));
    // A pipeline that is there keeps its types, and what is said otherwise is refused instead of passed over.
    let other = import(&admin, "G-", "pipeline=guessed&won=Filed").await.refused(422, "invalid-value");
    assert_eq!(other.at("/violations/0/field"), &json!("won"));
    let again =
        import(&admin, "G-", "pipeline=guessed&won=Closed%20Won&lost=Closed%20Lost").await.expect(200);
    assert_eq!(again.at("/report/cases_already_imported"), &json!(3));
}

#[test]
fn the_command_line_says_what_it_took_a_final_status_for() {
    let installation = Installation::new();
    let run = |prefix: &str, more: &[&str]| {
        let path = installation.directory().join(format!("{prefix}.csv"));
        std::fs::write(&path, file(prefix)).expect("a file");
        let path = path.display().to_string();
        let columns = ["--case", "deal", "--status", "stage", "--time", "at", "--csv", &path, "--json"];
        installation.run(&[&["import"], &columns[..], more].concat())
    };
    let ran = run("G-", &["--pipeline", "guessed", "--final", "Closed Won", "Closed Lost", "Filed"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    for said in [
        "\"Closed Won\" was taken for won by its name",
        "\"Closed Lost\" was taken for lost by its name",
        "\"Filed\" is neither won nor lost by its name",
    ] {
        assert!(ran.said().contains(said), "{said}: {}", ran.said());
    }
    let ran = run("S-", &["--pipeline", "said", "--won", "Closed Won", "--lost", "Closed Lost", "Filed"]);
    assert!(ran.code == 0 && !ran.said().contains("by its name"), "{}", ran.said());
}

#[tokio::test(flavor = "multi_thread")]
async fn history_loaded_line_by_line_makes_nobody_late() {
    let team = Team::on("landian-6").await;
    let (admin, li) = (team.admin(), team.rep("li"));
    let mut body = team.customer("Harbour Foods");
    body["effective_at"] = json!("2024-03-01T00:00:00Z");
    let line = |body: &Value| json!({"command": "register", "body": body}).to_string();
    let bulk = async |client: &Client, query: &str, line: String| {
        client
            .call(Method::POST, &format!("/v1/bulk{query}"))
            .bytes("application/x-ndjson", line)
            .send()
            .await
    };
    let loaded = bulk(&admin, "?origin=import", line(&body)).await.expect(200);
    let reply: Value = serde_json::from_str(loaded.text.trim()).expect("one line");
    assert_eq!(reply["status"], json!(201), "{reply}");
    let id = reply["result"]["id"].as_str().unwrap_or_else(|| panic!("{reply}")).to_owned();
    let moved = json!({
        "command": "transition", "customer_id": id,
        "body": {"to": "need_confirmed", "note": "so it was", "next_step": "call", "effective_at": "2024-03-05T00:00:00Z"},
    });
    let moved = bulk(&admin, "?origin=import&atomic=true", moved.to_string()).await.expect(200);
    assert!(moved.text.contains("\"status\":200"), "{}", moved.text);
    body["name"] = json!("Hill Farm");
    let by_itself = admin.post("/v1/customers?origin=import", body.clone()).await;
    assert_eq!(by_itself.status, 201, "{}", by_itself.text);

    let latency = async || {
        let head = admin.head().await;
        let path = format!("/v1/latency/landian-6?min_position={head}&wait_ms=20000");
        let report = admin.get(&path).await.expect(200).body;
        [
            report["changes"]["count"].clone(),
            report["changes"]["late"].clone(),
            report["left_out"]["imports"].clone(),
        ]
    };
    assert_eq!(latency().await, [json!(0), json!(0), json!(3)]);
    // Without it the same is years late, and roles that may not import may not say it.
    body["name"] = json!("Lake Farm");
    assert_eq!(admin.post("/v1/customers", body.clone()).await.status, 201);
    assert_eq!(latency().await, [json!(1), json!(1), json!(3)]);
    let _ = li.post("/v1/customers?origin=import", body.clone()).await.refused(403, "missing-role");
    let _ = bulk(&li, "?origin=import", line(&body)).await.refused(403, "missing-role");
    let _ = admin.post("/v1/customers?origin=rule", body).await.refused(422, "invalid-value");
    assert_eq!(latency().await, [json!(1), json!(1), json!(3)]);
}
