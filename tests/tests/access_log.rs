//! Who read whose data, as the auditor finds it, proves it, and carries it away.

#![cfg(test)]

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ct_merkle::{InclusionProof, RootHash};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use waymark_tests::{Client, Installation, Team};

async fn reads(auditor: &Client, filter: &str) -> Vec<Value> {
    auditor.get(&format!("/v1/audit/access?limit=500&{filter}")).await.expect(200).items()
}

fn routes(reads: &[Value]) -> Vec<&str> {
    reads.iter().map(|read| read["route"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_that_names_a_customer_is_recorded_with_who_read_it_and_nothing_else_is() {
    let team = Team::on("landian-6").await;
    let (li, wang, auditor) = (team.rep("li"), team.manager("wang"), team.auditor("qian"));
    let id = li.register(team.customer_of("li", "Harbour Foods")).await;
    let other = li.register(team.customer_of("li", "Hill Foods")).await;
    let head = li.head().await;
    let now = format!("min_position={head}&wait_ms=20000");
    let paths = [
        format!("/v1/customers/{id}?{now}"),
        format!("/v1/customers/{id}/timeline?{now}"),
        format!("/v1/customers?q=harbour&{now}"),
        format!("/v1/boards/landian-6?{now}"),
    ];
    for path in &paths {
        let _ = wang.get(path).await.expect(200);
    }
    // Neither what was refused nor what names nobody.
    let _ = wang.get("/v1/customers/nobody").await.expect(400);
    let _ = wang.get("/v1/pipelines").await.expect(200);
    let _ = wang.get(&format!("/v1/dwell/landian-6?{now}")).await.expect(200);

    let found = reads(&auditor, "actor=manager:wang&kind=customers").await;
    let expected =
        ["/v1/boards/{pipeline}", "/v1/customers", "/v1/customers/{id}/timeline", "/v1/customers/{id}"];
    assert_eq!(routes(&found), expected, "the newest first: {found:?}");
    let [board, list, _, one] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(one["customers"], json!([id]));
    assert_eq!(one["path"], format!("/v1/customers/{id}"));
    assert_eq!(list["customers"], json!([id]), "the one that was found by q");
    assert_eq!(list["parameters"]["q"], Value::Null, "what was looked for may be a name");
    assert!(list["parameters"].as_object().unwrap().contains_key("q"));
    let mut both = [id.clone(), other.clone()];
    both.sort_unstable();
    assert_eq!(board["customers"], json!(both));
    assert!(one["key_id"].as_str().unwrap().starts_with("key:"), "{one}");
    assert_eq!(one["request_id"].as_str().unwrap().len(), 32);
    assert!(!serde_json::to_string(&found).unwrap().contains("Harbour"), "ids alone");

    assert_eq!(routes(&reads(&auditor, &format!("customer={other}")).await), ["/v1/boards/{pipeline}"]);
    assert_eq!(reads(&auditor, "actor=rep:li&kind=customers").await, Vec::<Value>::new());
    let from = one["at"].as_str().unwrap();
    let later = reads(&auditor, &format!("kind=customers&from={from}")).await;
    assert_eq!(later.len(), 4, "from its instant on");
    assert_eq!(reads(&auditor, &format!("kind=customers&to={from}")).await, Vec::<Value>::new());
    // Events and changes of a customer are read of that customer, too.
    for path in [format!("/v1/events?customer={other}"), format!("/v1/audit/changes?customer={other}")] {
        let _ = auditor.get(&path).await.expect(200);
    }
    let of_other = reads(&auditor, &format!("customer={other}&actor=auditor:qian")).await;
    assert_eq!(routes(&of_other), ["/v1/audit/changes", "/v1/events"]);
    // Auditors are recorded like everybody.
    let audits = reads(&auditor, "kind=audit").await;
    assert!(routes(&audits).iter().all(|route| route.starts_with("/v1/audit/")), "{audits:?}");
    assert_eq!(audits[0]["actor"], "auditor:qian");
    assert!(audits.len() >= 5);
    // The log itself has no entry of it.
    let events = li.events_after(0).await;
    assert!(events.iter().all(|event| event["type"] != "access.read"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_among_many_is_found_and_pages_end() {
    let team = Team::on("landian-6").await;
    let (admin, auditor) = (team.admin(), team.auditor("qian"));
    let mut last = String::new();
    for number in 0..40 {
        last = admin.register(team.customer(&format!("Pier {number}"))).await;
    }
    let head = admin.head().await;
    for _ in 0..7 {
        let _ = admin
            .get(&format!("/v1/customers?limit=100&min_position={head}&wait_ms=20000"))
            .await
            .expect(200);
    }
    let found = reads(&auditor, &format!("customer={last}")).await;
    assert_eq!(found.len(), 7);
    assert_eq!(found[0]["customers"].as_array().map(Vec::len), Some(40));
    let (mut cursor, mut seen) = (String::new(), Vec::new());
    loop {
        let path = format!("/v1/audit/access?limit=3&customer={last}{cursor}");
        let page = auditor.get(&path).await.expect(200);
        seen.extend(page.items());
        match page.at("/next_cursor").as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, found);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_auditors_read_it_and_bad_questions_are_refused_by_name() {
    let team = Team::on("landian-6").await;
    let auditor = team.auditor("qian");
    for path in ["", "/checkpoint", "/bundle", "/keys", "/proofs/inclusion?index=0"] {
        let path = format!("/v1/audit/access{path}");
        for reader in [team.rep("li"), team.manager("wang"), team.analyst("zhou")] {
            let _ = reader.get(&path).await.expect(403);
        }
    }
    for (filter, field) in [
        ("customer=nobody", "customer"),
        ("kind=nothing", "kind"),
        ("from=yesterday", "from"),
        ("from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z", "to"),
        ("wait=1", "wait"),
    ] {
        let refused = auditor.get(&format!("/v1/audit/access?{filter}")).await;
        assert!(refused.status == 400 || refused.status == 422, "{filter}: {}", refused.text);
        assert_eq!(refused.text_at("/violations/0/field"), field, "{filter}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_read_is_proved_by_a_tree_of_its_own_and_outlives_a_restart() {
    let installation = Installation::new();
    let server = installation.serve();
    assert_eq!(server.admin().create_pipeline("landian-6").await.status, 201);
    let auditor = server.with_key(&installation.key("auditor:qian", &["auditor"]));
    let id = server.admin().register(json!({"pipeline": "landian-6", "name": "Harbour Foods"})).await;
    let _ = server.admin().customer(&id).await;
    let found = reads(&auditor, &format!("customer={id}")).await;
    let event = found[0]["id"].as_str().unwrap();
    let unencoded = |text: &Value| BASE64_STANDARD.decode(text.as_str().unwrap()).unwrap();

    let proof =
        auditor.get(&format!("/v1/audit/access/proofs/inclusion?event_id={event}")).await.expect(200).body;
    let (index, size) = (proof["index"].as_u64().unwrap(), proof["size"].as_u64().unwrap());
    let bundle = auditor.call(Method::GET, &format!("/v1/audit/access/tile/entries/000.p/{size}"));
    let bundle = bundle.stream().await.unwrap().bytes().await.unwrap();
    let mut entries = Vec::new();
    let mut rest: &[u8] = &bundle;
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let (entry, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
        entries.push(entry.to_vec());
        rest = after;
    }
    let root: [u8; 32] = unencoded(&proof["root"]).try_into().unwrap();
    let hashes: Vec<u8> = proof["hashes"].as_array().unwrap().iter().flat_map(unencoded).collect();
    let theirs = InclusionProof::from_bytes(hashes);
    RootHash::<Sha256>::new(root.into(), size)
        .verify_inclusion(&entries[index as usize], index, &theirs)
        .unwrap();
    let name = auditor.get("/v1/audit/access/keys").await.expect(200).text_at("/items/0/name");
    let note = auditor.get("/v1/audit/access/checkpoint").await.expect(200).text;
    assert!(note.starts_with(&format!("{name}\n")), "{note}");
    assert!(!auditor.get("/v1/audit/checkpoint").await.expect(200).text.starts_with(&name), "another log");

    assert_eq!(server.stop(), 0);
    let server = installation.serve();
    let auditor = server.with_key(&installation.key("auditor:qian", &["auditor"]));
    assert_eq!(reads(&auditor, &format!("customer={id}")).await, found);
    assert_eq!(server.stop(), 0);
    let report = installation.run(&["verify", "--json"]).succeeded();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert!(report["access_log"].as_u64() > Some(size), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_somebody_takes_out_of_the_log_is_missed() {
    let installation = Installation::on_sqlite();
    let server = installation.serve();
    assert_eq!(server.admin().create_pipeline("landian-6").await.status, 201);
    let id = server.admin().register(json!({"pipeline": "landian-6", "name": "Harbour Foods"})).await;
    for _ in 0..3 {
        let _ = server.admin().customer(&id).await;
    }
    assert_eq!(server.stop(), 0);
    assert_eq!(installation.verify().0, 0);
    let changed = "CAST(replace(CAST(entry AS TEXT), 'admin:', 'rep:') AS BLOB)";
    let of_access = "type = 'access.read' AND position = 2";
    for (statement, code) in [
        (format!("UPDATE event SET entry = {changed} WHERE {of_access}"), 1),
        (format!("DELETE FROM event WHERE {of_access}"), 1),
    ] {
        let copy = Installation::on_sqlite();
        for file in std::fs::read_dir(installation.directory()).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), copy.directory().join(file.file_name())).unwrap();
        }
        let mut database = SqliteConnection::connect(&copy.database()).await.unwrap();
        sqlx::query("PRAGMA foreign_keys = OFF").execute(&mut database).await.unwrap();
        let done = sqlx::query(AssertSqlSafe(statement.clone())).execute(&mut database).await.unwrap();
        assert_eq!(done.rows_affected(), 1, "{statement}");
        database.close().await.unwrap();
        let (found, report) = copy.verify();
        assert_eq!(found, code, "{report}");
        assert!(report.contains("in the access log"), "{report}");
        assert!(report.contains("first bad position is 2"), "{report}");
    }
}
