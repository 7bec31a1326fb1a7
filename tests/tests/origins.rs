//! Where each command came from: the address and the program, sealed in the log and readable for auditors.

#![cfg(test)]

use std::fs;

use reqwest::Method;
use serde_json::{Value, json};
use waymark_tests::{Client, Installation, Server};

const PROXIES: [&str; 2] = ["--trusted-proxies", "127.0.0.0/8,::1"];

/// A rep whose requests come through a proxy, and an auditor.
struct Story {
    installation: Installation,
    server: Server,
    customer: String,
    auditor: Client,
}

impl Story {
    async fn new() -> Self {
        let installation = Installation::new();
        let server = installation.serve_with(&PROXIES);
        let admin = server.with_key(&installation.key("admin:root", &["admin"]));
        drop(admin.create_pipeline("landian-6").await.expect(201));
        let li = server.with_key(&installation.key("rep:li", &["rep"]));
        let owner = json!({"kind": "rep", "id": "li"});
        let body = json!({"pipeline": "landian-6", "name": "Harbour Foods", "owner": owner});
        let registered = li
            .call(Method::POST, "/v1/customers")
            .header("x-forwarded-for", "192.0.2.66, 198.51.100.7")
            .header("user-agent", "sales-app/2 (Android)")
            .json(&body);
        let customer = registered.send().await.expect(201).text_at("/id");
        let auditor = server.with_key(&installation.key("auditor:qian", &["auditor"]));
        Self { installation, server, customer, auditor }
    }

    async fn found(&self, query: &str) -> Vec<Value> {
        self.auditor.get(&format!("/v1/audit/changes?{query}")).await.expect(200).items()
    }

    async fn text(&self, path: &str) -> String {
        self.auditor.get(path).await.expect(200).text
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_tells_the_address_and_the_program_that_its_command_came_from() {
    let mut story = Story::new().await;
    let registered = story.found("type=customer.registered").await.remove(0);
    let origin = &registered["origin"];
    assert_eq!(
        (&origin["kind"], &origin["address"], &origin["client"]),
        (&json!("person"), &json!("198.51.100.7"), &json!("sales-app/2 (Android)"))
    );
    for (query, count) in [
        ("address=198.51.100.7", 1),
        ("address=192.0.2.66", 0),
        ("q=sales-app", 1),
        ("address=198.51.100.7&type=pipeline.published", 0),
    ] {
        assert_eq!(story.found(query).await.len(), count, "{query}");
    }
    let csv = story.text("/v1/audit/changes?format=csv&type=customer.registered").await;
    assert!(csv.contains(",198.51.100.7,sales-app/2 (Android),"), "{csv}");
    let document = story.text("/v1/audit/changes?format=ndjson&type=customer.registered").await;
    assert!(document.contains(r#""originaddress":"198.51.100.7""#) && !document.contains("endpoint"));
    let record: Value =
        serde_json::from_str(&story.text("/v1/audit/changes?format=ocsf&type=customer.registered").await)
            .unwrap();
    assert_eq!(record["src_endpoint"], json!({"ip": "198.51.100.7"}));

    // Anyone else who reads the log sees that there is something, and not what.
    let log = story.text("/v1/events").await;
    assert!(log.contains(r#""endpoint":""#) && !log.contains("198.51.100.7") && !log.contains("sales-app"));

    story.server = {
        drop(story.server);
        story.installation.serve_with(&PROXIES)
    };
    story.auditor = story.server.with_key(&story.installation.key("auditor:sun", &["auditor"]));
    assert_eq!(story.found("address=198.51.100.7").await[0]["id"], registered["id"]);
    let (code, said) = story.installation.verify();
    assert_eq!(code, 0, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_names_its_host_and_a_page_its_browser() {
    let story = Story::new().await;
    let made = story.found("type=key.created&origin=command_line").await.remove(0);
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(made["origin"]["address"], host.trim());
    assert!(made["origin"]["client"].as_str().unwrap().starts_with("waymark/"), "{made}");

    let key = story.installation.key("rep:wang", &["rep"]);
    let page = story
        .server
        .anon()
        .call(Method::POST, "/console/sign-in")
        .header("x-forwarded-for", "203.0.113.77")
        .header("user-agent", "Mozilla/5.0")
        .bytes("application/x-www-form-urlencoded", format!("code={key}"));
    assert!(page.send().await.status < 400);
    let opened = story.found("type=session.opened").await.remove(0);
    assert_eq!(
        (&opened["origin"]["address"], &opened["origin"]["client"]),
        (&json!("203.0.113.77"), &json!("Mozilla/5.0"))
    );
    drop(story.customer);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_persons_commands_came_from_is_erased_and_what_follows_is_recorded_again() {
    let story = Story::new().await;
    let admin = story.server.with_key(&story.installation.key("admin:root", &["admin"]));
    let erase = async |actor: &str, body: Value| {
        admin.post(&format!("/v1/admin/members/{actor}/endpoint-erasures"), body).await
    };
    let nobody = erase("rep:nobody", json!({"reason": "left"})).await.expect(404);
    assert_eq!(nobody.body["violations"][0]["code"], "unknown-member", "{}", nobody.text);
    let silent = erase("rep:li", json!({"reason": " "})).await.expect(422);
    assert_eq!(silent.body["violations"][0]["field"], "reason", "{}", silent.text);
    assert_eq!(story.found("address=198.51.100.7").await.len(), 1, "a refusal erases nothing");

    // The rep's own name, without the role, is understood too.
    let erased = erase("li", json!({"reason": "left the company"})).await.expect(200);
    assert_eq!(erased.body["events"][0]["type"], "member.endpoints_erased");
    assert_eq!(story.found("address=198.51.100.7").await.len(), 0);
    let registered = story.found("type=customer.registered").await.remove(0);
    assert_eq!(registered["actor"], "rep:li", "who acted stays");
    assert_eq!(
        (&registered["origin"]["address"], &registered["origin"]["client"]),
        (&Value::Null, &Value::Null)
    );
    let event = story.found("type=member.endpoints_erased").await.remove(0);
    assert_eq!((&event["actor"], &event["reason"]), (&json!("admin:root"), &json!("left the company")));

    // The process still holds the key that is no more: it must not seal with it.
    let li = story.server.with_key(&story.installation.key("rep:li", &["rep"]));
    let note = li
        .call(Method::POST, &format!("/v1/customers/{}/notes", story.customer))
        .header("x-forwarded-for", "198.51.100.8")
        .json(&json!({"text": "called"}));
    drop(note.send().await.expect(200));
    let noted = story.found("type=customer.noted&address=198.51.100.8").await;
    assert_eq!(noted.len(), 1);
    let again = erase("rep:wang", json!({"reason": "asked for it"})).await.expect(404);
    assert_eq!(again.body["violations"][0]["field"], "actor", "{}", again.text);
    assert_eq!(story.server.stop(), 0);
    let (code, said) = story.installation.verify();
    assert_eq!(code, 0, "{said}");
}
