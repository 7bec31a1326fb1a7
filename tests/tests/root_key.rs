//! The root key is changed while people work: by a run that is killed half-way and another one that takes it up.

#![cfg(test)]

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::join_all;
use serde_json::{Value, json};
use waymark_tests::{Client, Installation, Team};

const SOUND: i32 = 0;
const CUSTOMERS: usize = 640;
const ROTATE: [&str; 4] = ["rotate-root-key", "--reason", "It may have leaked", "--json"];

fn key_file(installation: &Installation) -> PathBuf {
    let name = if installation.postgres().is_some() { "waymark.keys" } else { "waymark.db.keys" };
    installation.directory().join(name)
}

fn keys_in(path: &std::path::Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn telephone(number: usize) -> String {
    format!("+86139{number:08}")
}

fn body(team: &Team, number: usize) -> Value {
    let mut body = team.customer(&format!("Customer {number}"));
    body["contacts"] = json!([{"kind": "phone", "value": telephone(number)}]);
    body
}

/// Registers one who is not known yet.
async fn register(team: &Team, client: &Client, number: usize) {
    let answer = client.post("/v1/customers", body(team, number)).await;
    assert_eq!(answer.status, 201, "{number}: {}", answer.text);
}

/// Anyone with this telephone is recognised, and readable.
async fn is_known(team: &Team, client: &Client, number: usize) {
    let refused = client.post("/v1/customers", body(team, number)).await.refused(409, "duplicate-customer");
    let known = client.customer(&refused.text_at("/customer_id")).await.expect(200);
    assert_eq!(known.text_at("/name"), format!("Customer {number}"));
}

/// A run that is killed as soon as the first keys are rewrapped. What it said.
fn killed_half_way(installation: &Installation) -> String {
    let mut command = installation.command(&ROTATE);
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut run: Child = spawned.expect("the program can be started");
    let mut lines = BufReader::new(run.stderr.take().expect("it is piped")).lines();
    let mut said = String::new();
    while !said.contains("keys were rewrapped") {
        said += &lines.next().unwrap_or_else(|| panic!("it ended before: {said}")).expect("text");
    }
    run.kill().expect("it can be killed");
    run.wait().expect("it ends");
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_root_key_is_changed_under_load_by_a_run_that_is_killed_half_way_and_nothing_is_lost() {
    let team = Team::on("landian-6").await;
    let admin = team.admin();
    let (fill, client) = (|worker: usize| worker..CUSTOMERS, &admin);
    join_all((0..8).map(|worker| {
        let team = &team;
        async move {
            for number in fill(worker).step_by(8) {
                register(team, client, number).await;
            }
        }
    }))
    .await;
    let webhook = json!({"url": "https://hooks.example/waymark"});
    let _ = admin.post("/v1/webhooks", webhook).await.expect(201);
    let _ = admin.post("/v1/admin/robots", json!({"kind": "wecom", "key": "t0ken"})).await.expect(201);
    let former = key_file(&team.installation);
    let former = keys_in(&former);
    let secret = former["root_key"].as_str().unwrap().to_owned();

    let (ended, next) = (AtomicBool::new(false), AtomicUsize::new(CUSTOMERS));
    let work = |_: usize| async {
        while !ended.load(Ordering::Relaxed) {
            register(&team, &admin, next.fetch_add(1, Ordering::Relaxed)).await;
        }
    };
    let changing = async {
        let installation = &team.installation;
        let said = tokio::task::block_in_place(|| killed_half_way(installation));
        let both = keys_in(&key_file(installation));
        assert_eq!(both["former_root_key"], former["root_key"], "{said}");
        for number in (0..CUSTOMERS).step_by(61) {
            is_known(&team, &admin, number).await;
        }
        let done = tokio::task::block_in_place(|| installation.run(&ROTATE));
        ended.store(true, Ordering::Relaxed);
        (said, done)
    };
    let (_, (said, done)) = tokio::join!(join_all((0..3).map(work)), changing);
    let told: Value = serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{}", done.said()));
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(told["tenants"][0]["tenant"], "default");
    assert_eq!(told["tenants"][0]["secrets"], 2, "{told}");

    let now = keys_in(&key_file(&team.installation));
    assert!(now["former_root_key"].is_null() && now["root_key"] != former["root_key"]);
    assert_eq!(now["signing_key"], former["signing_key"]);
    let aside = PathBuf::from(told["set_aside"].as_str().unwrap());
    let aside = team.installation.directory().join(aside);
    assert_eq!(keys_in(&aside), former, "the file as it was before");
    // Nothing that was said on the way tells of a key.
    let key = STANDARD.decode(&secret).unwrap();
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    for secret in [&secret, &hex, &now["root_key"].as_str().unwrap().to_owned()] {
        assert!(![&said, &done.stdout, &done.stderr].iter().any(|text| text.contains(secret)));
    }

    // Everybody is known and readable, to the process that served all the while and to one that begins now.
    let registered = next.load(Ordering::Relaxed);
    assert!(registered > CUSTOMERS, "somebody wrote meanwhile");
    for number in (0..registered).step_by(37).chain(CUSTOMERS..registered) {
        is_known(&team, &admin, number).await;
    }
    let changes = admin.get("/v1/audit/changes?type=root_key.rotated").await.expect(200).items();
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert!(changes[0]["actor"].as_str().unwrap().starts_with("operator:"), "{}", changes[0]);
    assert_eq!(changes[0]["reason"], "It may have leaked");
    assert_eq!(team.installation.verify().0, SOUND, "{}", team.installation.verify().1);
    let lines = team.server.lines().join("\n");
    assert!(!lines.contains(&secret) && !lines.contains(&hex) && !lines.contains("does not open"), "{lines}");
    let Team { installation, server, pipeline } = team;
    assert_eq!(server.stop(), 0);
    let server = installation.serve();
    let team = Team { installation, server, pipeline };
    let admin = team.admin();
    for number in [0, CUSTOMERS, registered - 1] {
        is_known(&team, &admin, number).await;
    }
    // The database is not that of the old keys any more.
    let with_old = team.installation.run(&["verify", "--keys", aside.to_str().unwrap()]);
    assert!(with_old.code != SOUND && with_old.said().contains("is not that of"), "{}", with_old.said());
    // A further change is another one.
    let again: Value = serde_json::from_str(&team.installation.run(&ROTATE).succeeded()).unwrap();
    assert_eq!(again["replaces"], told["key_id"]);
    is_known(&team, &admin, 0).await;
    assert_eq!(team.installation.verify().0, SOUND, "{}", team.installation.verify().1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_root_key_can_be_prepared_for_other_nodes_first_and_an_unusable_reason_changes_nothing() {
    let team = Team::on("landian-6").await;
    let (admin, file) = (team.admin(), key_file(&team.installation));
    register(&team, &admin, 1).await;
    let before = keys_in(&file);
    let refused = team.installation.run(&["rotate-root-key", "--reason", " "]);
    assert_eq!(refused.code, 1, "{}", refused.said());
    assert_eq!(keys_in(&file), before);
    let prepared = team.installation.run(&["rotate-root-key", "--reason", "Yearly", "--prepare", "--json"]);
    let prepared: Value = serde_json::from_str(&prepared.succeeded()).unwrap();
    assert_eq!(prepared["tenants"], json!([]));
    let both = keys_in(&file);
    assert_eq!(both["former_root_key"], before["root_key"]);
    // A node that has the file as it was goes on, and so does one that has this one.
    is_known(&team, &admin, 1).await;
    register(&team, &admin, 2).await;
    assert_eq!(team.installation.verify().0, SOUND, "{}", team.installation.verify().1);
    let done = team.installation.run(&["rotate-root-key", "--reason", "Yearly", "--json"]).succeeded();
    let done: Value = serde_json::from_str(&done).unwrap();
    assert_eq!(done["key_id"], prepared["key_id"], "the key that was prepared");
    assert_eq!(keys_in(&file)["root_key"], both["root_key"]);
    for number in [1, 2] {
        is_known(&team, &admin, number).await;
    }
    assert_eq!(team.installation.verify().0, SOUND, "{}", team.installation.verify().1);
}
