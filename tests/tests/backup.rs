//! A backup made beside a server that is being written to is whole, and serves what it holds.

#![cfg(test)]

use std::path::Path;

use chrono::SecondsFormat;
use serde_json::{Value, json};
use tokio::sync::watch;
use waymark_tests::{Client, Installation, Server, Writer, now};

const WRITERS: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_beside_a_server_that_appends_is_whole_and_serves_what_it_holds() {
    let installation = Installation::on_sqlite();
    let key = installation.key("manager:wang", &["manager"]);
    let writers = Writer::hire(&installation, WRITERS).await;
    let server = installation.serve();
    let (answered, mut progress) = watch::channel(0_u64);
    let (stop, stopped) = watch::channel(false);
    let tasks: Vec<_> = writers
        .into_iter()
        .map(|writer| tokio::spawn(write(writer, server.with_key(&key), answered.clone(), stopped.clone())))
        .collect();
    progress.wait_for(|count| *count >= 50).await.expect("the writers are at work");
    let before = server.with_key(&key).head().await;
    let said = installation.run(&["backup", "copy.db"]).succeeded();
    let after = server.with_key(&key).head().await;
    stop.send_replace(true);
    for task in tasks {
        task.await.expect("a writer ends when told");
    }
    assert!(said.contains("waymark.db.keys") && said.contains("waymark.db.views"), "{said}");

    let copy = restored(&installation);
    let (code, report) = copy.verify();
    assert_eq!(code, 0, "{report}");
    let copied = served_as_it_is(&copy);
    let held = copied.with_key(&key).head().await;
    assert!((before..=after).contains(&held), "{held} is not of the time of the copy: {before} to {after}");
    let (ours, theirs) = (server.with_key(&key), copied.with_key(&key));
    assert_eq!(events_until(&ours, held).await, events_until(&theirs, held).await);
    stop_all([server, copied]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_backup_answers_what_the_database_answered() {
    let installation = Installation::on_sqlite();
    let key = installation.key("manager:wang", &["manager"]);
    let server = installation.serve();
    assert_eq!(server.admin().create_pipeline("landian-6").await.status, 201);
    let admin = server.admin();
    let customer = admin.register(json!({"pipeline": "landian-6", "name": "Harbour Foods"})).await;
    assert_eq!(admin.command(&customer, "notes", json!({"text": "called"})).await.status, 200);
    let then = now().to_rfc3339_opts(SecondsFormat::Micros, true);
    let paths = [
        format!("/v1/boards/landian-6?effective_at={then}"),
        format!("/v1/customers/{customer}/timeline?limit=50&effective_at={then}"),
    ];
    let expected = server.with_key(&key).settled(&paths).await;
    let _said = installation.run(&["backup", "copy.db", "--json"]).succeeded();
    let copy = restored(&installation);
    let copied = served_as_it_is(&copy);
    assert_eq!(copied.with_key(&key).settled(&paths).await, expected);
    stop_all([server, copied]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_who_was_erased_since_the_backup_is_brought_back_by_it() {
    let installation = Installation::on_sqlite();
    let keep = || drop(installation.run(&["backup", "copy.db"]).succeeded());
    let put_back = || {
        std::fs::copy(installation.directory().join("copy.db"), installation.file())
            .expect("it can be copied");
        for beside in ["-wal", "-shm"] {
            // An orderly end leaves none.
            std::fs::remove_file(installation.directory().join(format!("waymark.db{beside}"))).ok();
        }
    };
    stays_erased(&installation, &keep, &put_back).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres_as_well_and_two_nodes_that_start_at_once_do_it_once() {
    let Some(installation) = Installation::on_postgres() else { return };
    let database = installation.postgres().expect("it is on PostgreSQL");
    stays_erased(&installation, &|| database.keep(), &|| database.put_back()).await;
}

/// Somebody is erased after a copy was made, and the copy is put back.
async fn stays_erased(installation: &Installation, keep: &dyn Fn(), put_back: &dyn Fn()) {
    let key = installation.key("admin:root", &["admin"]);
    let server = served_as_it_is(installation);
    let admin = server.with_key(&key);
    assert_eq!(admin.create_pipeline("landian-6").await.status, 201);
    let customer = admin.register(json!({"pipeline": "landian-6", "name": "Harbour Foods"})).await;
    stop_all([server]);
    keep();
    let server = served_as_it_is(installation);
    let admin = server.with_key(&key);
    drop(admin.command(&customer, "erasure", json!({"ground": "request"})).await.expect(200));
    let first = certificates(&admin).await.remove(0);
    stop_all([server]);

    put_back();
    // That what came after the copy is lost is accepted.
    std::fs::remove_file(installation.checkpoint_file()).expect("it is there");
    let doctor = installation.run(&["doctor"]);
    assert!(doctor.code == 1 && doctor.said().contains("it was restored"), "{}", doctor.said());
    let starting = || {
        std::thread::scope(|scope| {
            let starts = [0, 1].map(|_| scope.spawn(|| served_as_it_is(installation)));
            starts.map(|started| started.join().expect("it starts"))
        })
    };
    let nodes = match installation.postgres() {
        Some(_) => Vec::from(starting()),
        None => vec![served_as_it_is(installation)],
    };
    let then = now().to_rfc3339_opts(SecondsFormat::Micros, true);
    for node in &nodes {
        let admin = node.with_key(&key);
        let pages = [
            format!("/v1/customers/{customer}/timeline?view=both"),
            "/v1/customers?q=Harbour".to_owned(),
            format!("/v1/boards/landian-6?effective_at={then}"),
            "/v1/events?after=0&limit=500".to_owned(),
        ];
        for page in &pages {
            let answer = admin.get(page).await;
            assert!(!answer.text.contains("Harbour"), "{page}: {}", answer.text);
        }
        let settled = Value::from(admin.settled(&pages).await).to_string();
        assert!(!settled.contains("Harbour"), "{settled}");
        assert!(!admin.customer(&customer).await.text.contains("Harbour"));
        let [again] = certificates(&admin).await.try_into().expect("one erasure");
        assert_eq!((&again["customer"], &again["key"]), (&json!(customer), &json!("destroyed")));
        assert!(again["repeats"] == first["event_id"] && again["first_erased_at"].is_string(), "{again}");
        assert_eq!(node.anon().get("/readyz").await.status, 200);
    }
    nodes.into_iter().for_each(|node| assert_eq!(node.stop(), 0));
    let (code, report) = installation.verify();
    assert!(code == 0 && report.contains("1 recorded outside"), "{report}");

    let server = served_as_it_is(installation);
    assert_eq!(certificates(&server.with_key(&key)).await.len(), 1, "another start does nothing more");
    assert_eq!(installation.run(&["doctor"]).succeeded().matches("ill ").count(), 0);
    stop_all([server]);
}

async fn certificates(admin: &Client) -> Vec<Value> {
    admin.get("/v1/audit/erasures").await.expect(200).items()
}

#[test]
fn a_backup_never_writes_over_a_file() {
    let installation = Installation::on_sqlite();
    let _key = installation.key("admin:root", &["admin"]);
    let file = installation.directory().join("copy.db");
    std::fs::write(&file, "precious").expect("it can be written");
    let refused = installation.run(&["backup", "copy.db"]);
    assert_eq!(refused.code, 1, "{}", refused.said());
    assert!(refused.stderr.contains("copy.db"), "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "precious");
}

#[test]
fn a_backup_of_nothing_makes_nothing() {
    let installation = Installation::on_sqlite();
    let refused = installation.run(&["backup", "copy.db"]);
    assert_eq!(refused.code, 5, "{}", refused.said());
    assert!(!installation.file().exists() && !installation.directory().join("copy.db").exists());
}

#[test]
fn a_backup_of_a_postgres_database_is_left_to_pg_dump() {
    let Some(installation) = Installation::on_postgres() else { return };
    let refused = installation.run(&["backup", "copy.db"]);
    assert_eq!(refused.code, 2, "{}", refused.said());
    assert!(refused.stderr.contains("pg_dump"), "{}", refused.stderr);
    assert!(!installation.directory().join("copy.db").exists());
}

/// Writes until told to stop.
async fn write(
    mut writer: Writer,
    client: Client,
    answered: watch::Sender<u64>,
    stopped: watch::Receiver<bool>,
) {
    while !*stopped.borrow() {
        assert!(writer.send(&client).await.expect("the server answers"));
        answered.send_modify(|count| *count += 1);
    }
}

/// An installation of the copy with the keys of the original.
fn restored(installation: &Installation) -> Installation {
    let copy = Installation::on_sqlite();
    let put = |from: &Path, to: &Path| std::fs::copy(from, to).expect("it can be copied");
    put(&installation.directory().join("copy.db"), &copy.file());
    put(&installation.directory().join("waymark.db.keys"), &copy.directory().join("waymark.db.keys"));
    copy
}

/// Served without a new key, which would be one event more than the copy holds.
fn served_as_it_is(copy: &Installation) -> Server {
    Server::launch(copy, &["serve", "--listen", "127.0.0.1:0"], 1)
}

async fn events_until(client: &Client, position: u64) -> Vec<Value> {
    let mut events = client.events_after(0).await;
    events.truncate(usize::try_from(position).expect("a small log"));
    events
}

fn stop_all<const N: usize>(servers: [Server; N]) {
    for server in servers {
        assert_eq!(server.stop(), 0);
    }
}
