//! Who may call is what the log says. What is written into the tables beside it opens nothing, and is found.

#![cfg(test)]

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use waymark_tests::{Client, Installation};

/// Runs a statement as somebody with a database tool would. The tables of keys and members, and of receivers, stand in
/// schemas of their own on PostgreSQL.
async fn edit(installation: &Installation, statement: &str) {
    let changed = match installation.postgres() {
        Some(database) => database.execute(
            &statement
                .replace("[admin].", "admin.")
                .replace("[outbound].", "outbound.")
                .replace("x'", "'\\x"),
        ),
        None => {
            let statement = statement.replace("[admin].", "").replace("[outbound].", "");
            let url = format!("sqlite:{}", installation.file().display());
            let mut file = SqliteConnection::connect(&url).await.expect("the file");
            let done =
                sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut file).await.expect("the statement");
            file.close().await.expect("closed");
            done.rows_affected()
        }
    };
    assert!(changed > 0, "{statement}");
}

fn types(events: &[serde_json::Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["type"].as_str()).collect()
}

/// `waymark doctor` on the rights alone.
fn doctor(installation: &Installation) -> (bool, String) {
    let said = installation.run(&["doctor", "--json"]).stdout;
    let findings: Vec<serde_json::Value> =
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    let rights = findings.iter().find(|finding| finding["what"] == "rights").expect("a finding of rights");
    (rights["ok"] == true, rights["detail"].as_str().unwrap_or_default().to_owned())
}

async fn roles_of(client: &Client) -> serde_json::Value {
    client.get("/v1/me").await.expect(200).body["roles"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn administrative_acts_are_events_with_their_actors() {
    let installation = Installation::new();
    let server = installation.serve();
    let admin = server.admin();
    let delete = async |path: String| admin.call(reqwest::Method::DELETE, &path).send().await.status;
    let key = admin.post("/v1/admin/keys", json!({"actor": "rep:li", "roles": ["rep"]})).await.expect(201);
    assert_eq!(delete(format!("/v1/admin/keys/{}?reason=lost", key.text_at("/id"))).await, 204);
    let hook = json!({"url": "https://erp.example/hook/secret-part", "types": ["rates.set"]});
    let hook = admin.post("/v1/webhooks", hook).await.expect(201);
    let id = hook.text_at("/id");
    let _ = admin.post(&format!("/v1/webhooks/{id}/rotate"), json!({})).await.expect(200);
    assert_eq!(delete(format!("/v1/webhooks/{id}")).await, 204);
    let robot = json!({"kind": "wecom", "key": "robot-secret-1"});
    let robot = admin.post("/v1/admin/robots", robot).await.expect(201).text_at("/id");
    assert_eq!(delete(format!("/v1/admin/robots/{robot}")).await, 204);
    let member = json!({"actor": "rep:zhao", "roles": ["rep"]});
    let _ = admin.post("/v1/admin/members", member).await.expect(200);
    assert_eq!(delete("/v1/admin/members/rep:zhao".to_owned()).await, 200);
    let events = admin.events_after(0).await;
    assert_eq!(
        types(&events),
        [
            "key.created",
            "key.created",
            "key.revoked",
            "receiver.created",
            "receiver.key_rotated",
            "receiver.deleted",
            "receiver.created",
            "receiver.deleted",
            "member.roles_set",
            "member.removed",
        ]
    );
    assert!(events[0]["actor"].as_str().is_some_and(|actor| actor.starts_with("operator:")), "{}", events[0]);
    assert!(events[1..].iter().all(|event| event["actor"] == "admin:root"));
    let of_rights = |event: &serde_json::Value| event["subject"] != "company/settings";
    let rep = server.with_key(&installation.key("rep:chen", &["rep"]));
    assert!(!rep.events_after(0).await.iter().any(of_rights), "nobody else reads of keys and receivers");
    let whole = serde_json::Value::Array(events).to_string();
    let secrets = [key.text_at("/key"), hook.text_at("/secret")];
    // The end of each, long enough to stand nowhere else by chance: what comes before it names the key and is shown.
    let secrets = secrets.iter().map(|secret| &secret[secret.len() - 20..]);
    for secret in secrets.chain(["secret-part", "robot-secret-1"]) {
        assert!(!whole.contains(secret), "{secret}");
    }
    assert_eq!(server.stop(), 0);
    let (code, report) = installation.verify();
    assert_eq!(code, 0, "{report}");
    let (ok, detail) = doctor(&installation);
    assert!(ok, "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_raised_in_the_tables_opens_nothing_and_is_found() {
    let installation = Installation::new();
    let rep = installation.key("rep:li", &["rep"]);
    let server = installation.serve();
    let admin = server.admin();
    let revoked =
        admin.post("/v1/admin/keys", json!({"actor": "rep:zhao", "roles": ["rep"]})).await.expect(201);
    let path = format!("/v1/admin/keys/{}", revoked.text_at("/id"));
    assert_eq!(admin.call(reqwest::Method::DELETE, &path).send().await.status, 204);
    let _ = admin.post("/v1/admin/members", json!({"actor": "rep:li", "roles": ["rep"]})).await.expect(200);
    let hook = json!({"url": "https://erp.example/hook", "types": ["rates.set"]});
    let _ = admin.post("/v1/webhooks", hook).await.expect(201);
    assert_eq!(server.stop(), 0);
    let (ok, detail) = doctor(&installation);
    assert!(ok, "{detail}");
    // Each with how many rows are wrong then.
    let edits = [
        ("UPDATE [admin].api_key SET roles = 'admin' WHERE actor = 'rep:li'", 1),
        ("UPDATE [admin].api_key SET scopes = 'act-as' WHERE actor = 'rep:li'", 1),
        ("UPDATE [admin].api_key SET revoked_at = NULL WHERE actor = 'rep:zhao'", 2),
        ("UPDATE [admin].member SET roles = 'admin' WHERE actor = 'rep:li'", 3),
        (
            "INSERT INTO [admin].member SELECT tenant_id, 'rep:evil', 'admin', changed_at FROM [admin].member",
            4,
        ),
        ("UPDATE [outbound].endpoint SET url = 'https://evil.example/'", 5),
        ("DELETE FROM [admin].api_key WHERE actor = 'admin:root'", 6),
    ];
    for (statement, wrong) in edits {
        edit(&installation, statement).await;
        let (ok, detail) = doctor(&installation);
        assert!(!ok && detail.starts_with(&format!("{wrong} rows")), "{statement}: {detail}");
        let (code, report) = installation.verify();
        assert_eq!(code, 1, "{statement}: {report}");
    }
    let server = installation.serve();
    let li = server.with_key(&rep);
    assert_eq!(roles_of(&li).await, json!(["rep"]));
    let acting = li.call(reqwest::Method::GET, "/v1/me").header("Waymark-Actor", "rep:zhao").send().await;
    let _ = acting.refused(403, "missing-scope");
    let _ = server.with_key(&revoked.text_at("/key")).get("/v1/me").await.refused(401, "bad-credential");
    let members = server.admin().get("/v1/admin/members").await.expect(200).items();
    assert_eq!(members.len(), 1);
    assert_eq!(members[0]["roles"], json!(["rep"]));
    let hooks = server.admin().get("/v1/webhooks").await.expect(200).items();
    assert_eq!(hooks.len(), 0, "nothing is sent where no event says so");
}

/// Tables as a program left them that recorded no keys: the secret of the key is thirty-two times the byte 7.
#[tokio::test(flavor = "multi_thread")]
async fn keys_of_a_former_program_are_recorded_once_and_go_on_opening() {
    let installation = Installation::new();
    let _ = installation.run(&["migrate"]).succeeded();
    let quoted = |id: &str| match installation.postgres() {
        Some(_) => format!("'{id}'"),
        None => format!("x'{}'", id.replace('-', "")),
    };
    let tenant = quoted("01970000-0000-7000-8000-000000000001");
    let (key, gone) =
        (quoted("01970000-0000-7000-8000-0000000000a1"), quoted("01970000-0000-7000-8000-0000000000a2"));
    let system = quoted("00000000-0000-0000-0000-000000000000");
    let hash = "x'4bb06f8e4e3a7715d201d573d0aa423762e55dabd61a2c02278fa56cc6d294e0'";
    let rows = [
        format!(
            "INSERT INTO [admin].tenant_name VALUES ({system}, 'default', {tenant}, 1)
             ON CONFLICT (tenant_id, name) DO UPDATE SET tenant = excluded.tenant"
        ),
        format!(
            "INSERT INTO [admin].api_key VALUES ({tenant}, {key}, {hash}, 'admin:old', 'admin', '', 1700000000000000, NULL)"
        ),
        format!(
            "INSERT INTO [admin].api_key VALUES ({tenant}, {gone}, {hash}, 'rep:li', 'rep', 'act-as', 1700000000000000,
             1700000001000000)"
        ),
        format!("INSERT INTO [admin].member VALUES ({tenant}, 'rep:li', 'rep', 1700000000000000)"),
    ];
    for row in rows {
        edit(&installation, &row).await;
    }
    let secret = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
    let text = |id: &str| format!("wm_01970000000070008000000000000001_{id}_{secret}");
    for start in 0..2 {
        let server = waymark_tests::Server::launch(&installation, &["serve", "--listen", "127.0.0.1:0"], 1);
        assert!(!server.greeting().iter().any(|line| line.starts_with("wm_")), "somebody can call already");
        let old = server.with_key(&text("019700000000700080000000000000a1"));
        assert_eq!(roles_of(&old).await, json!(["admin"]), "start {start}");
        let _ = server
            .with_key(&text("019700000000700080000000000000a2"))
            .get("/v1/me")
            .await
            .refused(401, "bad-credential");
        let events = old.events_after(0).await;
        assert_eq!(types(&events), ["key.adopted", "key.adopted", "member.roles_set", "rights.adopted"]);
        assert!(events.iter().all(|event| event["actor"] == "system:upgrade"));
        assert_eq!(old.get("/v1/admin/members").await.expect(200).items().len(), 1);
        assert_eq!(server.stop(), 0);
        let (ok, detail) = doctor(&installation);
        assert!(ok, "{detail}");
        let (code, report) = installation.verify();
        assert_eq!(code, 0, "{report}");
    }
    // From here on a row is no key, however it comes there.
    let evil = quoted("01970000-0000-7000-8000-0000000000a3");
    let row = format!(
        "INSERT INTO [admin].api_key VALUES ({tenant}, {evil}, {hash}, 'admin:evil', 'admin', '', 1, NULL)"
    );
    edit(&installation, &row).await;
    let server = waymark_tests::Server::launch(&installation, &["serve", "--listen", "127.0.0.1:0"], 1);
    let evil = server.with_key(&text("019700000000700080000000000000a3"));
    let _ = evil.get("/v1/me").await.refused(401, "bad-credential");
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_that_a_crash_left_behind_are_brought_up_by_the_next_reader() {
    let installation = Installation::new();
    let rep = installation.key("rep:li", &["rep"]);
    // As a crash between the event and the copies leaves it.
    edit(&installation, "DELETE FROM [admin].api_key").await;
    edit(&installation, "DELETE FROM [admin].rights_reached").await;
    let (ok, detail) = doctor(&installation);
    assert!(ok, "{detail}");
    let server = installation.serve();
    assert_eq!(roles_of(&server.with_key(&rep)).await, json!(["rep"]));
    assert_eq!(server.stop(), 0);
    let count = "UPDATE [admin].rights_reached SET position = position WHERE position > 0
                 AND (SELECT count(*) FROM [admin].api_key) = 2";
    edit(&installation, count).await;
    let (ok, detail) = doctor(&installation);
    assert!(ok, "{detail}");
}
