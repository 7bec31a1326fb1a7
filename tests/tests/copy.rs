//! A tenant moves from one engine to the other and back, through a kill, and is the same tenant there.

#![cfg(test)]

use std::path::Path;

use chrono::SecondsFormat;
use reqwest::Method;
use serde_json::{Value, json};
use waymark_tests::{Installation, Server, Writer, now};

const WRITERS: usize = 6;
const ROUNDS: usize = 40;

/// The command line is wrong.
const MISUSED: i32 = 2;
/// The target holds something else.
const OCCUPIED: i32 = 3;
/// What arrived is not what was sent.
const DIFFERS: i32 = 4;

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_to_postgres_killed_in_the_middle_goes_on_and_the_way_back_ends_where_it_began() {
    let Some(target) = Installation::on_postgres() else { return };
    let source = Installation::on_sqlite();
    let story = Story::write(&source).await;
    let expected = story.answers(&source).await;
    let keys = keys_of(&source);

    let there = kill_in_the_middle(&source, &target, &keys);
    assert!(there < story.head, "the copy was done before it was killed");
    let copied = copy(&source, &target, &keys);
    assert_eq!(copied["tenants"][0]["entries"], json!(story.head), "{copied}");
    assert!(copied["tenants"][0]["known_before"].as_u64() >= Some(there), "it began again: {copied}");
    for what in ["receipts", "keys", "blind_tags", "callers", "access_entries"] {
        assert!(copied["tenants"][0][what].as_u64() > Some(0), "no {what} in {copied}");
    }
    std::fs::copy(&keys, target.directory().join("waymark.keys")).expect("keys can be copied");
    let (code, report) = target.verify();
    assert_eq!(code, 0, "{report}");
    assert_eq!(story.answers(&target).await, expected);
    assert_eq!(copy(&source, &target, &keys)["tenants"][0]["known_before"], json!(story.head), "again");

    let back = Installation::on_sqlite();
    let returned = copy(&target, &back, &keys);
    assert_eq!(returned["tenants"][0]["root"], copied["tenants"][0]["root"]);
    std::fs::copy(&keys, back.directory().join("waymark.db.keys")).expect("keys can be copied");
    let (code, report) = back.verify();
    assert_eq!(code, 0, "{report}");
    assert_eq!(story.answers(&back).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_holds_another_log_is_refused_and_left_alone() {
    let source = Installation::on_sqlite();
    let story = Story::write(&source).await;
    let keys = keys_of(&source);

    // Of other keys.
    let stranger = Installation::on_sqlite();
    let _key = stranger.key("admin:root", &["admin"]);
    let refused = source_copy(&source, &stranger, &keys);
    assert_eq!(refused.0, 1, "{}", refused.1);
    assert!(refused.1.contains("key file"), "{}", refused.1);

    // Of the same keys, with another tenant of the name.
    let other = Installation::on_sqlite();
    std::fs::copy(&keys, other.directory().join("waymark.db.keys")).expect("keys can be copied");
    let _key = other.key("admin:root", &["admin"]);
    let refused = source_copy(&source, &other, &keys);
    assert_eq!(refused.0, OCCUPIED, "{}", refused.1);

    // The same tenant, whose log went on by itself at both ends.
    let parted = Installation::on_sqlite();
    let _copied = copy(&source, &parted, &keys);
    std::fs::copy(&keys, parted.directory().join("waymark.db.keys")).expect("keys can be copied");
    for (installation, text) in [(&source, "ours"), (&parted, "theirs")] {
        let server = installation.serve();
        let noted = server.admin().command(&story.customer, "notes", json!({"text": text})).await;
        assert_eq!(noted.status, 200, "{}", noted.text);
        assert_eq!(server.stop(), 0);
    }
    let refused = source_copy(&source, &parted, &keys);
    assert_eq!(refused.0, OCCUPIED, "{}", refused.1);
    assert_eq!(parted.verify().0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_tenant_of_several_moves_from_postgres_to_postgres_by_its_name_and_then_the_others() {
    let Some(source) = Installation::on_postgres() else { return };
    let Some(target) = Installation::on_postgres() else { return };
    let mut tales = Vec::new();
    for tenant in ["default", "north", "south"] {
        tales.push(Tale::tell(&source, tenant).await);
    }
    let keys = keys_of(&source);

    let (code, said) = copy_with(&source, &target, &keys, &["--tenant", "nobody"]);
    assert_eq!(code, MISUSED, "{said}");
    assert!(said.contains("nobody"), "{said}");
    let north = copied(&copy_with(&source, &target, &keys, &["--tenant", "north"]));
    assert_eq!(north, [("north".to_owned(), tales[1].head, 0)]);
    assert_eq!(Some(tales[1].head), target.postgres().map(waymark_tests::Database::count_events));

    let all = copied(&copy_with(&source, &target, &keys, &[]));
    let expected = tales.iter().map(|tale| {
        let known = if tale.tenant == "north" { tale.head } else { 0 };
        (tale.tenant.clone(), tale.head, known)
    });
    assert_eq!(all, expected.collect::<Vec<_>>());
    std::fs::copy(&keys, target.directory().join("waymark.keys")).expect("keys can be copied");
    for tale in &tales {
        // By the callers' own keys, which came along.
        assert_eq!(tale.answers(&target).await, tale.answers(&source).await, "{}", tale.tenant);
    }
    assert_eq!(target.verify().0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_otherwise_at_the_target_than_it_was_sent_is_told() {
    let Some(target) = Installation::on_postgres() else { return };
    let source = Installation::on_sqlite();
    let tale = Tale::tell(&source, "default").await;
    let keys = keys_of(&source);
    let arrived = copied(&copy_with(&source, &target, &keys, &[]));
    assert_eq!(arrived, [("default".to_owned(), tale.head, 0)]);

    // Somebody changes at the target what is remembered of a command. It is no part of the hashed log.
    let database = target.postgres().expect("the target is on PostgreSQL");
    assert_ne!(database.execute("UPDATE receipt SET outcome = '\\x7b7d'"), 0);
    let (code, said) = copy_with(&source, &target, &keys, &[]);
    assert_eq!(code, DIFFERS, "{said}");
    assert!(said.contains("receipts") && said.contains("default"), "{said}");
}

#[test]
fn a_copy_of_nothing_makes_nothing() {
    let (source, target) = (Installation::on_sqlite(), Installation::on_sqlite());
    let (code, said) = source_copy(&source, &target, &keys_of(&source));
    assert_eq!(code, 5, "{said}");
    assert!(!source.file().exists() && !target.file().exists());
}

/// Served without a new key, which would be one event more than the history holds.
fn served_as_it_is(installation: &Installation) -> Server {
    Server::launch(installation, &["serve", "--listen", "127.0.0.1:0"], 1)
}

/// A small history with something of everything that moves.
struct Story {
    key: String,
    customer: String,
    head: u64,
    then: String,
}

impl Story {
    async fn write(installation: &Installation) -> Self {
        let key = installation.key("manager:wang", &["manager"]);
        let writers = Writer::hire(installation, WRITERS).await;
        let server = installation.serve();
        let client = server.with_key(&key);
        let tasks: Vec<_> = writers
            .into_iter()
            .map(|mut writer| {
                let client = client.clone();
                tokio::spawn(async move {
                    for _ in 0..ROUNDS {
                        assert!(writer.send(&client).await.expect("the server answers"));
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("a writer ends");
        }
        let admin = server.admin();
        let mut customers = Vec::new();
        for (name, phone) in [("Harbour Foods", "13800138000"), ("Hill Paper", "13800138001")] {
            let contacts = json!([{"kind": "phone", "value": phone}]);
            let body = json!({"pipeline": "helloword-13", "name": name, "contacts": contacts});
            customers.push(admin.register(body).await);
        }
        let erased = admin.command(&customers[1], "erasure", json!({"ground": "request"})).await;
        assert_eq!(erased.status, 200, "{}", erased.text);
        let head = admin.head().await;
        assert_eq!(server.stop(), 0);
        let then = now().to_rfc3339_opts(SecondsFormat::Micros, true);
        Self { key, customer: customers.remove(0), head, then }
    }

    /// What the installation answers of it.
    async fn answers(&self, installation: &Installation) -> Vec<Value> {
        let server = served_as_it_is(installation);
        let Self { customer, then, .. } = self;
        let paths = [
            format!("/v1/boards/helloword-13?effective_at={then}"),
            format!("/v1/dwell/helloword-13?effective_at={then}"),
            format!("/v1/customers/{customer}/timeline?limit=50&effective_at={then}"),
            format!("/v1/flows/helloword-13?effective_at={then}"),
        ];
        let answers = server.with_key(&self.key).settled(&paths).await;
        assert_eq!(server.stop(), 0);
        answers
    }
}

/// What a tenant of several has: a customer that was moved by a command with a receipt.
struct Tale {
    tenant: String,
    key: String,
    customer: String,
    head: u64,
    then: String,
}

impl Tale {
    async fn tell(installation: &Installation, tenant: &str) -> Self {
        let _ = installation.run(&["migrate", "--tenant", tenant]).succeeded();
        let arguments = ["token", "create", "--tenant", tenant, "--actor", "admin:root", "--role", "admin"];
        let key = installation.run(&arguments).succeeded().trim().to_owned();
        let server = served_as_it_is(installation);
        let client = server.with_key(&key);
        assert_eq!(client.create_pipeline("helloword-13").await.status, 201);
        let body = json!({"pipeline": "helloword-13", "name": format!("Customer of {tenant}")});
        let customer = client.register(body).await;
        let path = format!("/v1/customers/{customer}/transitions");
        let body = json!({"to": "contacted", "note": tenant, "next_step": "call again"});
        let moved = client.call(Method::POST, &path).header("Idempotency-Key", tenant).json(&body);
        let moved = moved.send().await;
        assert_eq!(moved.status, 200, "{}", moved.text);
        let head = client.head().await;
        assert_eq!(server.stop(), 0);
        let then = now().to_rfc3339_opts(SecondsFormat::Micros, true);
        Self { tenant: tenant.to_owned(), key, customer, head, then }
    }

    /// What the installation answers of it to its own caller.
    async fn answers(&self, installation: &Installation) -> Vec<Value> {
        let server = served_as_it_is(installation);
        let Self { customer, then, .. } = self;
        let timeline = format!("/v1/customers/{customer}/timeline?limit=50&effective_at={then}");
        let board = format!("/v1/boards/helloword-13?effective_at={then}");
        let answers = server.with_key(&self.key).settled(&[timeline, board]).await;
        assert_eq!(server.stop(), 0);
        answers
    }
}

fn keys_of(installation: &Installation) -> std::path::PathBuf {
    let name = if installation.postgres().is_some() { "waymark.keys" } else { "waymark.db.keys" };
    installation.directory().join(name)
}

/// The name of each tenant that a copy answered, its entries, and how many of them were there before.
fn copied((code, said): &(i32, String)) -> Vec<(String, u64, u64)> {
    assert_eq!(*code, 0, "{said}");
    let document = said.find('{').zip(said.rfind('}')).map(|(from, to)| &said[from..=to]);
    let answer: Value = serde_json::from_str(document.unwrap_or(said)).expect("a JSON document");
    let tenants = answer["tenants"].as_array().expect("a list of tenants");
    let number = |tenant: &Value, name: &str| tenant[name].as_u64().expect("a number");
    let one = |tenant: &Value| {
        let name = tenant["name"].as_str().expect("a name").to_owned();
        (name, number(tenant, "entries"), number(tenant, "known_before"))
    };
    tenants.iter().map(one).collect()
}

/// The exit code of a copy with further arguments, and what it said.
fn copy_with(source: &Installation, target: &Installation, keys: &Path, further: &[&str]) -> (i32, String) {
    let arguments = arguments(source, target, keys, "100");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(further.iter().copied()).collect();
    let ran = target.program(&arguments);
    (ran.code, ran.said())
}

fn arguments(source: &Installation, target: &Installation, keys: &Path, page: &str) -> Vec<String> {
    let (from, to) = (source.database(), target.database());
    let keys = keys.display().to_string();
    let words = ["copy", "--json", "--from", &from, "--to", &to, "--keys", &keys, "--page", page];
    words.map(str::to_owned).to_vec()
}

/// The exit code, and what it said.
fn source_copy(source: &Installation, target: &Installation, keys: &Path) -> (i32, String) {
    copy_with(source, target, keys, &[])
}

fn copy(source: &Installation, target: &Installation, keys: &Path) -> Value {
    let arguments = arguments(source, target, keys, "100");
    let said = target.program(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).succeeded();
    serde_json::from_str(&said).expect("a JSON document")
}

/// Kills a copy once something arrived, and says how much that was.
fn kill_in_the_middle(source: &Installation, target: &Installation, keys: &Path) -> u64 {
    let arguments = arguments(source, target, keys, "1");
    let mut child = target
        .program_command(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
        .spawn()
        .expect("waymark can be started");
    let database = target.postgres().expect("the target is on PostgreSQL");
    loop {
        let there = database.count_events();
        if there > 0 || child.try_wait().expect("it can be asked").is_some() {
            child.kill().expect("it can be killed");
            child.wait().expect("it ends");
            return database.count_events();
        }
        std::thread::yield_now();
    }
}
