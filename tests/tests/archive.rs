//! The oldest entries leave the database for files, and neither answers nor proofs, rebuilds, exports or copies are any different.

#![cfg(test)]

use std::path::PathBuf;
use std::process::Stdio;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use waymark_api::eventstore::ledger::Verifier;
use waymark_tests::{Client, Installation, Server, Team, now};

const SOUND: i32 = 0;
const TAMPERED: i32 = 1;
const WIDTH: u64 = 256;

const NAME: &str = "Zhou Harbour Foods";
const PHONE: &str = "+8613800138000";

/// A log of some hundreds of entries, with one customer at its beginning who is talked to.
struct Story {
    installation: Installation,
    server: Server,
    customer: String,
    /// Where the log ended before anything left it.
    head: u64,
    /// What is asked again and again.
    questions: Vec<String>,
}

impl Story {
    async fn begin() -> Self {
        Self::on(Team::on("landian-6").await).await
    }

    async fn on_sqlite() -> Self {
        let installation = Installation::on_sqlite();
        let server = installation.serve();
        let created = server.admin().create_pipeline("landian-6").await;
        assert_eq!(created.status, 201, "{}", created.text);
        Self::on(Team { installation, server, pipeline: "landian-6".to_owned() }).await
    }

    async fn on(team: Team) -> Self {
        let admin = team.admin();
        let customer = admin
            .register(json!({
                "pipeline": "landian-6", "name": NAME, "contacts": [{"kind": "phone", "value": PHONE}],
            }))
            .await;
        let noted = admin.command(&customer, "notes", json!({"text": "called"})).await;
        assert_eq!(noted.status, 200, "{}", noted.text);
        let mut rows = String::from("deal,stage,at\n");
        for number in 0..620 {
            rows.push_str(&format!("D{number},New,2024-01-01T00:00:00Z\n"));
        }
        let path = "/v1/imports?pipeline=past&case=deal&status=stage&time=at";
        let imported = admin.call(Method::POST, path).bytes("text/csv", rows).send().await;
        assert_eq!(imported.status, 200, "{}", imported.text);
        let head = admin.head().await;
        assert!(head > 2 * WIDTH, "{head}");
        let then = now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        let as_of = format!("effective_at={then}&known_at={then}");
        let questions = [
            format!("/v1/boards/landian-6?{as_of}"),
            format!("/v1/boards/past?{as_of}"),
            format!("/v1/dwell/past?{as_of}"),
            format!("/v1/customers/{customer}/timeline?limit=50&{as_of}"),
        ];
        let Team { installation, server, .. } = team;
        Self { installation, server, customer, head, questions: questions.to_vec() }
    }

    /// What the service says of what was there before, in every way in which it can be asked.
    async fn told(&self, server: &Server) -> (Vec<Value>, Vec<(String, Vec<u8>)>) {
        let client = server.admin();
        let mut answers = client.settled(&self.questions).await;
        for answer in &mut answers {
            answer.as_object_mut().expect("an object").remove("position");
        }
        answers.extend(client.events_after(0).await.into_iter().take(self.head as usize));
        let head = self.head;
        let paths = [
            format!("/v1/exports/events?format=ndjson&known_position={head}"),
            format!("/v1/exports/moves?format=csv&known_position={head}"),
            format!("/v1/audit/proofs/inclusion?index=5&size={head}"),
            format!("/v1/audit/proofs/inclusion?index=511&size={head}"),
            format!("/v1/audit/proofs/consistency?from=300&to={head}"),
            "/v1/audit/tile/0/000".to_owned(),
            "/v1/audit/tile/entries/000".to_owned(),
            "/v1/audit/tile/entries/001".to_owned(),
        ];
        let mut files = Vec::new();
        for path in paths {
            let answer = client.call(Method::GET, &path).stream().await.expect("it answers");
            assert_eq!(answer.status(), 200, "{path}");
            files.push((path, answer.bytes().await.expect("it ends").to_vec()));
        }
        (answers, files)
    }

    fn folder(&self) -> PathBuf {
        folder(&self.installation)
    }

    /// The files with entries, by their order in the log.
    fn segments(&self) -> Vec<PathBuf> {
        segments(&self.installation)
    }
}

fn folder(installation: &Installation) -> PathBuf {
    let name = if installation.postgres().is_some() { "waymark.archive" } else { "waymark.db.archive" };
    installation.directory().join(name)
}

fn segments(installation: &Installation) -> Vec<PathBuf> {
    let Ok(tenants) = std::fs::read_dir(folder(installation)) else { return Vec::new() };
    let entries =
        tenants.filter_map(|tenant| std::fs::read_dir(tenant.ok()?.path().join("tile/entries")).ok());
    let files = entries.flatten().map(|file| file.expect("it is there").path());
    let mut files: Vec<PathBuf> = files.filter(|file| file.extension().is_none()).collect();
    files.sort();
    files
}

/// Everything that is old enough leaves the database; returns what was said of the tenant.
fn archived(installation: &Installation, older_than: &str) -> Value {
    let said = installation.run(&["archive", "--older-than", older_than, "--json"]).succeeded();
    let said: Value = serde_json::from_str(&said).expect("JSON");
    said["tenants"][0].clone()
}

fn full_tiles(entries: u64) -> u64 {
    entries / WIDTH * WIDTH
}

/// The entries of a segment, by the documented form alone.
fn entries(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    while let [high, low, rest @ ..] = bytes {
        let (entry, rest) = rest.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        entries.push(entry.to_vec());
        bytes = rest;
    }
    entries
}

/// RFC 6962, section 2.1.
fn merkle_root(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(1 << (leaves.len() - 1).ilog2());
            let hash = Sha256::new_with_prefix([1]).chain_update(merkle_root(left));
            hash.chain_update(merkle_root(right)).finalize().into()
        }
    }
}

async fn public_key(client: &Client) -> Verifier {
    let keys = client.get("/v1/audit/keys").await.expect(200).items();
    Verifier::from_vkey(keys[0]["vkey"].as_str().expect("a key has one")).expect("it is one")
}

#[tokio::test(flavor = "multi_thread")]
async fn cold_entries_are_read_through_while_the_service_runs_and_after() {
    let story = Story::begin().await;
    let before = story.told(&story.server).await;
    assert_eq!(archived(&story.installation, "400d")["archived"], 0, "nothing is that old");
    assert_eq!(story.segments(), Vec::<PathBuf>::new());

    let said = archived(&story.installation, "0s");
    let cold = full_tiles(story.head);
    assert!(said["cold"].as_u64() >= Some(cold) && said["archived"] == said["cold"], "{said}");
    let cold = said["cold"].as_u64().expect("a number");
    assert_eq!(story.segments().len() as u64, cold / WIDTH);
    assert!(story.told(&story.server).await == before, "the running service tells something else");

    // Who did it, and what: an event like all others.
    let change = story.server.admin().get("/v1/audit/changes?type=log.segments_archived").await.expect(200);
    let change = change.items().remove(0);
    assert!(change["actor"].as_str().is_some_and(|actor| actor.starts_with("operator:")), "{change}");
    let data = story.server.admin().events_after(story.head).await;
    let event = data.iter().find(|event| event["type"] == "log.segments_archived").expect("it is there");
    assert_eq!((&event["data"]["from"], &event["data"]["to"]), (&json!(1), &json!(cold)));
    let files = story.segments();
    for (file, told) in files.iter().zip(event["data"]["segments"].as_array().expect("a list")) {
        let bytes = std::fs::read(file).expect("it is there");
        assert_eq!(told["bytes"], bytes.len());
        assert_eq!(told["sha256"], hex(&Sha256::digest(&bytes)));
    }

    // The folder proves itself, to anyone with the public key.
    let leaves: Vec<[u8; 32]> = files
        .iter()
        .flat_map(|file| entries(&std::fs::read(file).expect("it is there")))
        .map(|entry| Sha256::new_with_prefix([0]).chain_update(entry).finalize().into())
        .collect();
    let tenant = std::fs::read_dir(story.folder()).expect("it is there");
    let tenant = tenant.map(|entry| entry.expect("it is there").path()).find(|path| path.is_dir());
    let note = std::fs::read_to_string(tenant.expect("a tenant").join("checkpoint")).expect("it is there");
    public_key(&story.server.admin()).await.open(&note).expect("it is signed");
    let lines: Vec<&str> = note.lines().collect();
    assert_eq!(lines[1], leaves.len().to_string());
    assert_eq!(lines[2], BASE64_STANDARD.encode(merkle_root(&leaves)));
    assert_eq!(event["data"]["root"], hex(&merkle_root(&leaves)));

    // What is cold is nothing that a command notices.
    let admin = story.server.admin();
    let noted = admin.command(&story.customer, "notes", json!({"text": "called again"})).await;
    assert_eq!(noted.status, 200, "{}", noted.text);
    assert_eq!(story.server.admin().get("/readyz").await.status, 200);
    let Story { installation, server, customer, head, questions } = story;
    assert_eq!(installation.verify().0, SOUND, "{}", installation.verify().1);
    let again = archived(&installation, "0s");
    assert_eq!(again["archived"], 0, "{again}");
    assert_eq!(server.stop(), 0);

    // A process that has nothing in memory, and read models that are folded again.
    let rebuilt = installation.run(&["rebuild"]);
    assert_eq!(rebuilt.code, 0, "{}", rebuilt.said());
    let server = installation.serve();
    let story = Story { installation, server, customer, head, questions };
    assert!(story.told(&story.server).await == before, "another process tells something else");
    let doctor = story.installation.run(&["doctor"]);
    assert!(doctor.stdout.contains("segments") && doctor.code == 0, "{}", doctor.said());
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_file_is_named_by_everybody_who_looks_and_nothing_is_made_up_for_it() {
    let story = Story::begin().await;
    let _said = archived(&story.installation, "0s");
    let Story { installation, server, customer, head, .. } = &story;
    let (file, hidden) = (story.segments()[1].clone(), story.folder().join("hidden"));
    std::fs::rename(&file, &hidden).expect("it can be moved");
    // The process that runs says so before it needs it.
    let ready = server.anon().get("/readyz").await;
    if ready.status == 200 {
        // It has not seen yet that entries have left: nobody asked for any.
        let _ = server.admin().get("/v1/events?after=300&limit=5").await.refused(503, "segment-unreadable");
    }
    let ready = server.anon().get("/readyz").await.refused(503, "segment-unreadable");
    assert_eq!(ready.at("/positions"), &json!([257]));
    assert_eq!(server.anon().get("/healthz").await.status, 200);
    // So does one that starts, without anybody asking.
    let second = installation.serve();
    let _ = second.anon().get("/readyz").await.refused(503, "segment-unreadable");
    let client = second.admin();
    let _ = client.get("/v1/events?after=300&limit=5").await.refused(503, "segment-unreadable");
    let _ = client.get("/v1/audit/tile/entries/001").await.refused(503, "segment-unreadable");
    // What needs other entries alone is answered, and so is what needs none.
    assert_eq!(client.get("/v1/events?after=0&limit=5").await.expect(200).items().len(), 5);
    let noted = client.command(customer, "notes", json!({"text": "still here"})).await;
    assert_eq!(noted.status, 200, "{}", noted.text);
    // The tree is in the database: a proof asks for no entry, unless it is about one.
    let proof = client.get(&format!("/v1/audit/proofs/consistency?from=300&to={head}")).await;
    assert_eq!(proof.status, 200, "{}", proof.text);
    let of_entry = client.get(&format!("/v1/audit/proofs/inclusion?index=300&size={head}")).await;
    let _ = of_entry.refused(503, "segment-unreadable");

    let name = file.strip_prefix(installation.directory()).expect("it is in there").display().to_string();
    let (code, said) = installation.verify();
    assert!(code == TAMPERED && said.contains(&name) && said.contains("257"), "{code}: {said}");
    let doctor = installation.run(&["doctor"]);
    assert!(doctor.code != 0 && doctor.stdout.contains(&name), "{}", doctor.said());

    // A file that was changed is as good as none.
    let mut changed = std::fs::read(&hidden).expect("it is there");
    let last = changed.len() - 1;
    changed[last] ^= 1;
    std::fs::write(&file, &changed).expect("it can be written");
    let _ = client.get("/v1/events?after=511&limit=1").await.refused(503, "segment-unreadable");
    let (code, said) = installation.verify();
    assert!(code == TAMPERED && said.contains(&name) && said.contains("512"), "{code}: {said}");

    std::fs::rename(&hidden, &file).expect("it can be moved");
    assert_eq!(second.anon().get("/readyz").await.status, 200);
    assert_eq!(client.get("/v1/events?after=300&limit=5").await.expect(200).items().len(), 5);
    assert_eq!(second.stop(), 0);
    assert_eq!(installation.verify().0, SOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_has_lost_nothing_and_goes_on() {
    let story = Story::begin().await;
    let before = story.told(&story.server).await;
    let installation = &story.installation;
    let mut counts = Vec::new();
    // Before the first file, between files, about when the rows are emptied, later.
    for files in 0..=3 {
        let mut command = installation.command(&["archive", "--older-than", "0s"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        while story.segments().len() < files && child.try_wait().expect("it can be asked").is_none() {
            tokio::task::yield_now().await;
        }
        let _ = child.kill();
        let _ = child.wait().expect("it ends");
        assert_eq!(installation.verify().0, SOUND, "{}", installation.verify().1);
        assert!(story.told(&story.server).await == before, "after {files} files");
        counts.push(story.segments().len());
    }
    assert!(counts.is_sorted(), "{counts:?}");
    let said = archived(installation, "0s");
    assert!(said["cold"].as_u64() >= Some(full_tiles(story.head)), "{said}");
    assert_eq!(story.segments().len() as u64, said["cold"].as_u64().expect("a number") / WIDTH);
    assert!(story.told(&story.server).await == before);
    assert_eq!(installation.verify().0, SOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_erased_is_erased_from_cold_entries_as_well() {
    let story = Story::begin().await;
    let _said = archived(&story.installation, "0s");
    let Story { installation, server, customer, .. } = story;
    let admin = server.admin();
    let files: Vec<Vec<u8>> =
        segments(&installation).iter().map(|file| std::fs::read(file).expect("it is there")).collect();
    for secret in [NAME, PHONE] {
        let is_there = |file: &Vec<u8>| file.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!files.iter().any(is_there), "{secret} stands in a file");
    }
    // It is opened from there while there is a key.
    assert_eq!(admin.customer(&customer).await.at("/name"), NAME);
    let erased = admin.command(&customer, "erasure", json!({"ground": "request"})).await;
    assert_eq!(erased.status, 200, "{}", erased.text);
    assert_eq!(server.stop(), 0);
    let rebuilt = installation.run(&["rebuild"]);
    assert_eq!(rebuilt.code, 0, "{}", rebuilt.said());
    let second = installation.serve();
    assert_eq!(second.admin().caught_up().await.status, 200);
    for path in [format!("/v1/customers/{customer}"), format!("/v1/customers/{customer}/timeline?limit=50")] {
        let answer = second.admin().get(&path).await.expect(200);
        assert!(!answer.text.contains(NAME) && !answer.text.contains(PHONE), "{path}: {}", answer.text);
    }
    let now: Vec<Vec<u8>> =
        segments(&installation).iter().map(|file| std::fs::read(file).expect("it is there")).collect();
    assert!(now == files, "an erasure changes no file");
    assert_eq!(second.stop(), 0);
    assert_eq!(installation.verify().0, SOUND, "{}", installation.verify().1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_has_the_files_and_a_copy_has_the_entries() {
    let story = Story::on_sqlite().await;
    let _said = archived(&story.installation, "0s");
    let Story { installation, server, head, .. } = story;
    assert_eq!(server.stop(), 0);
    let said = installation.run(&["backup", "copy.db", "--json"]).succeeded();
    let said: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(said["segments"], segments(&installation).len());
    let moved = installation.program(&["copy", "--from", "sqlite:waymark.db", "--to", "sqlite:other.db"]);
    assert_eq!(moved.code, 0, "{}", moved.said());

    let folder = folder(&installation);
    std::fs::rename(&folder, installation.directory().join("away")).expect("it can be moved");
    for database in ["sqlite:copy.db", "sqlite:other.db"] {
        let checked = installation.program(&[
            "verify",
            "--database",
            database,
            "--keys",
            "waymark.db.keys",
            "--log-only",
            "--json",
        ]);
        assert_eq!(checked.code, SOUND, "{database}: {}", checked.said());
        let checked: Value = serde_json::from_str(&checked.stdout).expect("JSON");
        assert!(checked["size"].as_u64() > Some(head), "{checked}");
    }
    assert!(!installation.directory().join("other.db.archive").exists(), "the copy needs no files");
    // Without the files there is no backup, and nothing that looks like one.
    let refused = installation.run(&["backup", "second.db"]);
    assert!(refused.code == 1 && refused.stderr.contains("segment file"), "{}", refused.said());
    for name in ["second.db", "second.db.archive"] {
        assert!(!installation.directory().join(name).exists(), "{name}");
    }
}
