//! A person asks to be forgotten: nothing readable is left, and not a byte of the log has changed.

#![cfg(test)]

use serde_json::json;
use sqlx::{Connection, PgConnection, SqliteConnection};
use waymark_tests::{Installation, Team};

const NAME: &str = "Zhang Weiming of Pier Nine";
const PHONE: &str = "+8613800138000";
const NOTE: &str = "prefers to be rung after the ferry has left";

#[tokio::test(flavor = "multi_thread")]
async fn after_an_erasure_nothing_about_the_person_can_be_read_anywhere() {
    let team = Team::on("landian-6").await;
    let admin = team.admin();
    let customer = admin
        .register(json!({
            "pipeline": "landian-6",
            "name": NAME,
            "contacts": [{"kind": "phone", "value": PHONE}],
        }))
        .await;
    assert_eq!(admin.command(&customer, "notes", json!({"text": NOTE})).await.status, 200);
    let shown = admin.customer(&customer).await;
    assert_eq!(shown.at("/name"), NAME);
    assert_eq!(shown.at("/contacts/0/value"), PHONE);

    let erased = admin.command(&customer, "erasure", json!({"ground": "request"})).await;
    assert_eq!(erased.status, 200, "{}", erased.text);

    let head = admin.head().await;
    let pages = [
        format!("/v1/customers/{customer}?min_position={head}"),
        format!("/v1/customers/{customer}/timeline?view=both&min_position={head}"),
        format!("/v1/customers/{customer}/stays?min_position={head}"),
        format!("/v1/customers?q=Weiming&min_position={head}"),
        format!("/v1/boards/landian-6?min_position={head}"),
        format!("/v1/worklists/today?min_position={head}"),
        "/v1/events?after=0&limit=500".to_owned(),
    ];
    for page in pages {
        let answer = admin.get(&page).await.expect(200);
        for secret in [NAME, PHONE, NOTE, "Weiming"] {
            assert!(!answer.text.contains(secret), "{page} still shows {secret}: {}", answer.text);
        }
    }
    // Every read model has come past the erasure: the server runs on, and no file of its database holds anything.
    assert_no_file_holds_a_secret(&team.installation);
    let Team { installation, server, .. } = team;
    assert_eq!(server.stop(), 0);
    assert_no_file_holds_a_secret(&installation);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_customer_who_comes_back_is_a_new_one() {
    let team = Team::on("landian-6").await;
    let admin = team.admin();
    let person = json!({
        "pipeline": "landian-6", "name": NAME, "external_id": "X-1", "contacts": [{"kind": "phone", "value": PHONE}],
    });
    let mut known = vec![admin.register(person.clone()).await];
    for back in ["/v1/leads", "/v1/customers", "/v1/leads"] {
        let last = known.last().cloned().unwrap_or_default();
        let _ = admin.post("/v1/leads", person.clone()).await.expect(200);
        let _ = admin.post("/v1/customers", person.clone()).await.refused(409, "customer-exists");
        let _ = admin.command(&last, "erasure", json!({"ground": "request"})).await.expect(200);
        assert!(admin.customer(&last).await.at("/external_id").is_null(), "the id is gone with the person");
        let answer = admin.post(back, person.clone()).await.expect(201);
        let id =
            if back == "/v1/leads" { answer.text_at("/items/0/customer_id") } else { answer.text_at("/id") };
        assert!(!known.contains(&id));
        let head = admin.head().await;
        let path = format!("/v1/customers?external_id=X-1&min_position={head}&wait_ms=20000");
        let found = admin.get(&path).await.expect(200).items();
        assert_eq!(found.iter().map(|one| one["id"].clone()).collect::<Vec<_>>(), [json!(id)]);
        known.push(id);
    }
    let (code, said) = team.installation.verify();
    assert_eq!(code, 0, "{said}");
}

/// Looks through every file of the database, write-ahead logs included.
fn assert_no_file_holds_a_secret(installation: &Installation) {
    for file in std::fs::read_dir(installation.directory()).expect("the directory is there") {
        let path = file.expect("it can be listed").path();
        let bytes = std::fs::read(&path).expect("it can be read");
        for secret in [NAME, PHONE, NOTE] {
            assert!(!contains(&bytes, secret.as_bytes()), "{} holds {secret}", path.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_changes_no_stored_byte_of_the_log_and_it_still_verifies() {
    let team = Team::on("landian-6").await;
    let admin = team.admin();
    let customer = admin.register(team.customer(NAME)).await;
    assert_eq!(admin.command(&customer, "notes", json!({"text": NOTE})).await.status, 200);
    let before = entries(&team.installation).await;

    assert_eq!(admin.command(&customer, "erasure", json!({"ground": "request"})).await.status, 200);

    let after = entries(&team.installation).await;
    assert_eq!(after[..before.len()], before);
    assert_eq!(after.len(), before.len() + 1, "the erasure is itself an event");
    let Team { installation, server, .. } = team;
    assert_eq!(server.stop(), 0);
    let (code, report) = installation.verify();
    assert_eq!(code, 0, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_customer_keeps_its_place_in_the_figures_and_takes_no_commands() {
    let team = Team::on("landian-6").await;
    let admin = team.admin();
    let customer = admin.register(team.customer(NAME)).await;
    assert_eq!(admin.command(&customer, "erasure", json!({"ground": "request"})).await.status, 200);

    let note = admin.command(&customer, "notes", json!({"text": "still there?"})).await;
    assert_eq!(note.refused(409, "customer-erased").body["code"], "customer-erased");
    let head = admin.head().await;
    let dwell = admin.get(&format!("/v1/dwell/landian-6?min_position={head}")).await.expect(200);
    let stages = dwell.at("/stages").as_array().cloned().unwrap_or_default();
    let visits: u64 = stages.iter().filter_map(|stage| stage["visits"].as_u64()).sum();
    assert_eq!(visits, 1, "{}", dwell.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_reps_nor_analysts_nor_auditors_may_erase() {
    let team = Team::on("landian-6").await;
    let customer = team.admin().register(team.customer(NAME)).await;
    for person in [team.rep("li"), team.analyst("sun"), team.auditor("qian")] {
        let answer = person.command(&customer, "erasure", json!({"ground": "request"})).await;
        assert_eq!(answer.status, 403, "{}", answer.text);
    }
    assert_eq!(team.admin().customer(&customer).await.at("/name"), NAME);
}

/// The entries as they stand in the database.
async fn entries(installation: &Installation) -> Vec<Vec<u8>> {
    const ENTRIES: &str = "SELECT entry FROM event WHERE type <> 'access.read' ORDER BY tenant_id, position";
    let url = installation.database();
    if installation.postgres().is_some() {
        let mut database = PgConnection::connect(&url).await.expect("the database opens");
        return sqlx::query_scalar(ENTRIES).fetch_all(&mut database).await.expect("the log can be read");
    }
    let mut database = SqliteConnection::connect(&url).await.expect("the database opens");
    sqlx::query_scalar(ENTRIES).fetch_all(&mut database).await.expect("the log can be read")
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
