//! Somebody else witnesses the log: a log that was rolled back or forked gets no cosignature.

#![cfg(test)]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use reqwest::Method;
use serde_json::Value;
use waymark_tests::{Answer, Client, Installation, Team};

/// A witness in a process of its own, gone when dropped.
struct Witness {
    process: Child,
    address: String,
    vkey: String,
}

impl Witness {
    /// A witness of a team's log, which remembers in the folder of an installation.
    async fn of(team: &Team, memory: &Installation) -> Self {
        let keys = team.admin().get("/v1/audit/keys").await.expect(200).items();
        let (origin, vkey) = (keys[0]["name"].as_str().unwrap(), keys[0]["vkey"].as_str().unwrap());
        let arguments = [
            "witness",
            "--listen",
            "127.0.0.1:0",
            "--name",
            "other.example/w1",
            "--origin",
            origin,
            "--public-key",
            vkey,
        ];
        Self::start(memory.program_command(&arguments))
    }

    fn start(mut command: Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(process.stderr.take().unwrap()).lines();
        let listens = |line: String| Some(line.split_once("witnessing on ")?.1.to_owned());
        let address = said.by_ref().map_while(Result::ok).find_map(listens).expect("it listens");
        let mut vkey = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut vkey).unwrap();
        // Nobody reads on, and nothing may wait for that.
        std::thread::spawn(move || said.for_each(drop));
        Self { process, address, vkey: vkey.trim().to_owned() }
    }

    async fn add(&self, body: String) -> Answer {
        let client = Client::at(&self.address, "");
        client.call(Method::POST, "/add-checkpoint").bytes("text/plain", body).send().await
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// What a log sends in order to have its head cosigned after an earlier size.
async fn submission(client: &Client, from: u64) -> String {
    let path = format!("/v1/audit/proofs/consistency?from={from}");
    client.call(Method::GET, &path).header("Accept", "text/plain").send().await.expect(200).text
}

async fn size(client: &Client) -> u64 {
    client.get("/v1/audit/proofs/consistency?from=0").await.expect(200).number_at("/to")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_cosigns_a_log_that_grows_and_none_that_was_swapped() {
    let team = Team::on("landian-6").await;
    let memory = Installation::on_sqlite();
    let witness = Witness::of(&team, &memory).await;
    let auditor = team.auditor("qian");

    let first = size(&auditor).await;
    let cosigned = witness.add(submission(&auditor, 0).await).await.expect(200);
    assert!(cosigned.text.starts_with("\u{2014} other.example/w1 "), "{}", cosigned.text);
    // Who does not know what it has seen, is told.
    let conflict = witness.add(submission(&auditor, 0).await).await.expect(409);
    assert_eq!(
        (conflict.header("content-type"), conflict.text.as_str()),
        ("text/x.tlog.size", &*format!("{first}\n"))
    );
    for number in 0..3 {
        let _ = team.admin().register(team.customer(&format!("Customer {number}"))).await;
        let before = size(&auditor).await;
        let from = if number == 0 { first } else { before - 1 };
        assert_eq!(
            witness.add(submission(&auditor, from).await).await.status,
            200,
            "from {from} to {before}"
        );
    }
    let seen = size(&auditor).await;

    // The proof of another step, another's log, another's signature, and what is no submission.
    let wrong =
        submission(&auditor, first).await.replacen(&format!("old {first}\n"), &format!("old {seen}\n"), 1);
    assert_eq!(witness.add(wrong).await.status, 422);
    let note = submission(&auditor, seen).await;
    assert_eq!(witness.add(note.replacen("waymark/", "waymark/x", 1)).await.status, 404);
    assert_eq!(
        witness.add(note.replacen(&format!("\n{seen}\n"), &format!("\n{}\n", seen + 1), 1)).await.status,
        403
    );
    assert_eq!(witness.add("old -1\n\nx".to_owned()).await.status, 400);

    // The next process remembers.
    drop(witness);
    let witness = Witness::of(&team, &memory).await;
    assert_eq!(witness.add(submission(&auditor, first).await).await.expect(409).text, format!("{seen}\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_put_back_and_goes_on_otherwise_is_not_cosigned() {
    let installation = Installation::on_sqlite();
    let key = installation.key("admin:root", &["admin"]);
    let kept = copied(installation.directory());
    let server = installation.serve();
    let admin = server.with_key(&key);
    let _ = admin.create_pipeline("landian-6").await.expect(201);
    let memory = Installation::on_sqlite();
    let keys = admin.get("/v1/audit/keys").await.expect(200).items();
    let (origin, vkey) = (keys[0]["name"].as_str().unwrap(), keys[0]["vkey"].as_str().unwrap());
    let witness = Witness::start(memory.program_command(&[
        "witness",
        "--listen",
        "127.0.0.1:0",
        "--name",
        "other.example/w1",
        "--origin",
        origin,
        "--public-key",
        vkey,
    ]));
    let seen = size(&admin).await;
    assert_eq!(witness.add(submission(&admin, 0).await).await.status, 200);
    assert_eq!(server.stop(), 0);

    // An earlier copy of everything, the checkpoint outside the database included: the service itself cannot know.
    put_back(installation.directory(), &kept);
    let server = installation.serve();
    let admin = server.with_key(&key);
    assert_eq!(witness.add(submission(&admin, 0).await).await.expect(409).text, format!("{seen}\n"));
    while size(&admin).await < seen + 2 {
        let number = size(&admin).await;
        let rates =
            serde_json::json!({"date": "2026-03-01", "base": "CNY", "rates": {"USD": format!("7.{number}")}});
        assert!(admin.post("/v1/admin/rates", rates).await.status < 300);
    }
    assert_eq!(witness.add(submission(&admin, seen).await).await.status, 422);
}

/// The files of a folder.
fn copied(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.map(|path| (path.clone(), std::fs::read(&path).unwrap())).collect()
}

fn put_back(folder: &Path, kept: &[(PathBuf, Vec<u8>)]) {
    for file in std::fs::read_dir(folder).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    for (path, bytes) in kept {
        std::fs::write(path, bytes).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_asks_its_witnesses_and_serves_what_they_cosigned() {
    let team = Team::on("landian-6").await;
    let memory = Installation::on_sqlite();
    let witness = Witness::of(&team, &memory).await;
    let Team { installation, server, .. } = team;
    assert_eq!(server.stop(), 0);

    // Before the service starts, so that it is the service that signs whatever is signed from then on.
    let key = installation.key("auditor:qian", &["auditor"]);
    let named = format!("{}#{}", witness.address, witness.vkey);
    let server = installation.serve_with(&["--witness", &named]);
    let auditor = server.with_key(&key);
    let note = loop {
        let note = auditor.get("/v1/audit/checkpoint").await.expect(200).text;
        if note.contains("\u{2014} other.example/w1 ") {
            break note;
        }
    };
    assert_eq!(note.lines().filter(|line| line.starts_with('\u{2014}')).count(), 2);
    let proof =
        auditor.call(Method::GET, "/v1/audit/proofs/inclusion?index=0").header("Accept", "text/plain");
    assert!(proof.send().await.expect(200).text.ends_with(&note), "the proof carries all signatures");
    let keys: Vec<Value> = auditor.get("/v1/audit/keys").await.expect(200).items();
    assert_eq!(keys.len(), 1, "the witness's key is got from the witness");
    assert_eq!(server.stop(), 0);
    let (code, report) = installation.verify();
    assert_eq!(code, 0, "{report}");
}
