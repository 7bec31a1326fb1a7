//! The key that signs checkpoints is changed while people work, and anyone who knows one of the keys can check everything.

#![cfg(test)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use waymark_api::eventstore::ledger::{Signer, Verifier};
use waymark_tests::{Answer, Client, Installation, Team, repository};

const SOUND: i32 = 0;
const TAMPERED: i32 = 1;
const BAD_SIGNATURE: i32 = 3;
const INCOMPLETE: i32 = 4;

type Files = Vec<(String, Vec<u8>)>;

async fn rotate(client: &Client, overlap_seconds: u64) -> Answer {
    let body = json!({"reason": "Yearly rotation", "overlap_seconds": overlap_seconds});
    client.post("/v1/audit/keys/rotations", body).await
}

/// The keys of the log, the first one first.
async fn keys(client: &Client) -> Vec<Value> {
    client.get("/v1/audit/keys").await.expect(200).items()
}

fn vkey(key: &Value) -> &str {
    key["vkey"].as_str().expect("a key has one")
}

fn key_file(installation: &Installation) -> std::path::PathBuf {
    let name = if installation.postgres().is_some() { "waymark.keys" } else { "waymark.db.keys" };
    installation.directory().join(name)
}

fn verified_with(installation: &Installation, key: &str) -> (i32, String) {
    let ran = installation.run(&["verify", "--public-key", key]);
    (ran.code, ran.said())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_is_changed_twice_under_load_and_each_key_checks_the_whole_log() {
    let team = Team::on("landian-6").await;
    let (admin, auditor) = (team.admin(), team.auditor("qian"));
    let work = |worker: usize| {
        let (admin, team) = (team.admin(), &team);
        async move {
            for number in 0..40 {
                let _ = admin.register(team.customer(&format!("Customer {worker}-{number}"))).await;
            }
        }
    };
    let looking = async {
        let mut last = 0;
        for _ in 0..40 {
            let note = auditor.get("/v1/audit/checkpoint").await.expect(200).text;
            let size: u64 = note.lines().nth(1).unwrap().parse().unwrap();
            assert!(size >= last, "a head that was signed is not taken back");
            last = size;
        }
    };
    let changing = async {
        for overlap in [3_600, 0] {
            let answer = rotate(&admin, overlap).await.expect(200);
            assert_eq!(answer.text_at("/events/0/type"), "signing_key.rotated");
        }
    };
    tokio::join!(join_all((0..4).map(work)), looking, changing);

    let listed = keys(&auditor).await;
    let states: Vec<&str> = listed.iter().map(|key| key["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["retiring", "retired", "active"]);
    assert!(listed.iter().all(|key| key["valid_from"].is_string()));
    assert_eq!((&listed[0]["position"], &listed[2]["valid_until"]), (&Value::Null, &Value::Null));
    let first = auditor.get("/v1/audit/keys?limit=1").await.expect(200);
    let next = auditor.get(&format!("/v1/audit/keys?cursor={}", first.text_at("/next_cursor"))).await;
    assert_eq!([first.items(), next.expect(200).items()].concat(), listed);

    // Who, why, and which keys: it is an event like all others.
    let changes = auditor.get("/v1/audit/changes?type=signing_key.rotated").await.expect(200).items();
    assert_eq!(changes.len(), 2);
    assert_eq!(
        (&changes[0]["actor"], &changes[0]["reason"]),
        (&json!("admin:root"), &json!("Yearly rotation"))
    );
    let Team { installation, server, .. } = team;
    server.kill();
    assert_eq!(installation.verify().0, SOUND, "{}", installation.verify().1);
    for key in &listed {
        let (code, said) = verified_with(&installation, vkey(key));
        assert_eq!(code, SOUND, "{said}");
    }
    let stranger = Signer::new(listed[0]["name"].as_str().unwrap(), &[9; 32]).verifier();
    assert_eq!(verified_with(&installation, &stranger.to_vkey()).0, BAD_SIGNATURE);
    // The next process signs on.
    let server = installation.serve();
    let note = server.admin().get("/v1/audit/checkpoint").await.expect(200).text;
    let active = Verifier::from_vkey(vkey(&listed[2])).unwrap();
    assert!(active.open(&note).is_ok(), "{note}");
    assert_eq!(server.stop(), 0);
    assert_eq!(installation.verify().0, SOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_change_is_the_same_change_and_what_cannot_be_is_refused() {
    let team = Team::on("landian-6").await;
    let admin = team.admin();
    let again = || {
        let call = admin.call(Method::POST, "/v1/audit/keys/rotations").header("Idempotency-Key", "once");
        call.json(&json!({"reason": "Yearly rotation"})).send()
    };
    let (first, second) = (again().await.expect(200), again().await.expect(200));
    assert_eq!(first.text_at("/vkey"), second.text_at("/vkey"));
    let listed = keys(&admin).await;
    assert_eq!(listed.len(), 2);
    let until = listed[0]["valid_until"].as_str().unwrap();
    let lasts = until.parse::<chrono::DateTime<chrono::Utc>>().unwrap()
        - listed[1]["valid_from"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    assert_eq!(lasts.num_days(), 30);
    for (body, field) in [
        (json!({"reason": ""}), "reason"),
        (json!({"reason": "r", "overlap_seconds": 31_536_001_u64}), "overlap_seconds"),
    ] {
        let refused = admin.post("/v1/audit/keys/rotations", body).await.refused(422, "invalid-value");
        assert_eq!(refused.text_at("/violations/0/field"), field);
    }
    for body in [json!({}), json!({"reason": "r", "overlap_seconds": -1}), json!({"reason": "r", "keys": 1})]
    {
        let answer = admin.post("/v1/audit/keys/rotations", body.clone()).await;
        assert!((400..500).contains(&answer.status), "{body}: {}", answer.text);
    }
    assert_eq!(
        team.auditor("qian").post("/v1/audit/keys/rotations", json!({"reason": "r"})).await.status,
        403
    );
    assert_eq!(keys(&admin).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_command_line_the_key_is_changed_while_the_service_runs_and_it_signs_on() {
    let team = Team::on("landian-6").await;
    let admin = team.admin();
    let arguments =
        ["rotate-signing-key", "--reason", "It may have leaked", "--overlap-seconds", "0", "--json"];
    let rotated: Value = serde_json::from_str(&team.installation.run(&arguments).succeeded()).unwrap();
    let listed = keys(&admin).await;
    assert_eq!(rotated[0]["vkey"], listed[1]["vkey"]);
    let change = admin.get("/v1/audit/changes?type=signing_key.rotated").await.expect(200).items();
    assert!(change[0]["actor"].as_str().unwrap().starts_with("operator:"), "{}", change[0]);
    let _ = admin.register(team.customer("Harbour Foods")).await;
    let note = admin.get("/v1/audit/checkpoint").await.expect(200).text;
    assert!(Verifier::from_vkey(vkey(&listed[1])).unwrap().open(&note).is_ok(), "{note}");
    assert_eq!(note.lines().filter(|line| line.starts_with('\u{2014}')).count(), 1);
    // Every log of the installation, each by a key of its own.
    let all = ["rotate-signing-key", "--all", "--reason", "Yearly rotation", "--json"];
    let rotated: Value = serde_json::from_str(&team.installation.run(&all).succeeded()).unwrap();
    assert_eq!(rotated.as_array().unwrap().len(), 1);
    let public = key_file(&team.installation).with_extension("pub");
    let published = std::fs::read_to_string(&public).unwrap();
    let listed = keys(&admin).await;
    let expected = [vkey(&listed[2]), vkey(&listed[1])];
    assert_eq!(published.lines().skip(1).collect::<Vec<_>>(), expected, "those that sign now");
    assert_eq!(team.installation.verify().0, SOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_an_older_key_file_is_not_ready_until_it_gets_the_newer_one() {
    let team = Team::on("landian-6").await;
    let path = key_file(&team.installation);
    let older = std::fs::read(&path).unwrap();
    let _ = rotate(&team.admin(), 3_600).await.expect(200);
    team.admin().caught_up().await;
    let Team { installation, server, .. } = team;
    assert_eq!(server.stop(), 0);
    let newer = std::fs::read(&path).unwrap();
    assert_eq!(installation.run(&["doctor"]).code, 0, "{}", installation.run(&["doctor"]).said());

    std::fs::write(&path, &older).unwrap();
    let doctor = installation.run(&["doctor"]);
    assert!(
        doctor.code != 0 && doctor.said().contains("not in the key file of this node"),
        "{}",
        doctor.said()
    );
    let server = installation.serve();
    let admin = server.admin();
    let _ = admin.get("/v1/audit/checkpoint").await.refused(503, "signing-key-missing");
    let _ = rotate(&admin, 0).await.refused(503, "signing-key-missing");
    let ready = server.anon().get("/readyz").await.refused(503, "signing-key-missing");
    let active = keys(&admin).await[1]["key_id"].clone();
    assert_eq!(ready.at("/keys"), &json!([active]));
    // What people do is recorded all the same.
    let before = admin.head().await;
    let rates = json!({"date": "2026-03-01", "base": "CNY", "rates": {"USD": "7.1"}});
    assert!(admin.post("/v1/admin/rates", rates).await.status < 300);
    assert_eq!(admin.head().await, before + 1);

    std::fs::write(&path, &newer).unwrap();
    let _ = server.anon().until("/readyz", |ready| ready.status == 200).await;
    let _ = admin.get("/v1/audit/checkpoint").await.expect(200);
    assert_eq!(server.stop(), 0);
    assert_eq!(installation.verify().0, SOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_from_before_a_change_of_the_key_is_rolled_back_by_whatever_key_it_was_signed() {
    let installation = Installation::on_sqlite();
    let server = installation.serve();
    let _ = server.admin().create_pipeline("landian-6").await.expect(201);
    assert_eq!(server.stop(), 0);
    let older = std::fs::read(installation.file()).unwrap();
    let server = installation.serve();
    let _ = rotate(&server.admin(), 0).await.expect(200);
    let rates = json!({"date": "2026-03-01", "base": "CNY", "rates": {"USD": "7.1"}});
    assert!(server.admin().post("/v1/admin/rates", rates).await.status < 300);
    assert_eq!(server.stop(), 0);
    let note = std::fs::read_to_string(installation.checkpoint_file()).unwrap();
    assert_eq!(note.matches('\u{2014}').count(), 1, "the new key alone signed it: {note}");

    for ending in ["-wal", "-shm"] {
        std::fs::remove_file(format!("{}{ending}", installation.file().display())).ok();
    }
    std::fs::write(installation.file(), older).unwrap();
    let (code, said) = installation.verify();
    assert_eq!(code, INCOMPLETE, "{said}");
    let refused = installation.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(refused.code != 0 && refused.stderr.contains("rolled back"), "{}", refused.stderr);
}

// Archives ---------------------------------------------------------------------------------------------------------------

async fn bundle(client: &Client) -> Files {
    let answer = client.call(Method::GET, "/v1/audit/bundle").stream().await.unwrap();
    assert_eq!(answer.status(), 200);
    let bytes = answer.bytes().await.unwrap();
    let mut archive = tar::Archive::new(GzDecoder::new(&bytes[..]));
    let mut files = Files::new();
    for file in archive.entries().unwrap() {
        let mut file = file.unwrap();
        let name = file.path().unwrap().to_str().unwrap().to_owned();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        files.push((name, bytes));
    }
    files
}

/// What both verifiers say of an archive: they are to agree on the exit code.
fn checked(installation: &Installation, files: &Files, key: &str) -> (i32, String) {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    let path = installation.directory().join("evidence.tar.gz");
    std::fs::write(&path, archive.into_inner().unwrap().finish().unwrap()).unwrap();
    let path = path.to_str().unwrap();
    let ran = installation.program(&["verify", "--bundle", path, "--public-key", key]);
    let python = Command::new("python3").args(["-c", "import cryptography"]).output();
    if python.is_ok_and(|ran| ran.status.success()) {
        let program = repository().join("docs/verify/verify.py");
        let theirs =
            Command::new("python3").arg(&program).args([path, "--public-key", key]).output().unwrap();
        let text = String::from_utf8_lossy(&theirs.stderr).into_owned();
        assert_eq!(theirs.status.code(), Some(ran.code), "ours: {}; theirs: {text}", ran.said());
    } else {
        eprintln!("skipped: the Python verifier (python3 with the package cryptography is missing)");
    }
    (ran.code, ran.said())
}

/// Who holds a secret signs another manifest over these files.
fn signed_again(files: &Files, signer: &Signer) -> Files {
    let manifest = String::from_utf8(files.last().unwrap().1.clone()).unwrap();
    let mut text: String = manifest.split_inclusive('\n').take(6).collect();
    for (name, bytes) in &files[..files.len() - 1] {
        let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        text.push_str(&format!("file {digest} {} {name}\n", bytes.len()));
    }
    let mut files = files.clone();
    files.last_mut().unwrap().1 = signer.sign_text(&text).into_bytes();
    files
}

fn place(files: &Files, ending: &str) -> usize {
    files.iter().position(|(name, _)| name.ends_with(ending)).expect(ending)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_across_changes_of_the_key_is_sound_by_each_of_them_and_a_forged_change_by_none() {
    let team = Team::on("landian-6").await;
    let (admin, auditor) = (team.admin(), team.auditor("qian"));
    let at = &team.installation;
    let before = bundle(&auditor).await;
    for overlap in [0, 0] {
        let _ = rotate(&admin, overlap).await.expect(200);
        let _ = admin.register(team.customer(&format!("Customer {overlap}"))).await;
    }
    let listed = keys(&auditor).await;
    let [first, second, third] = [0, 1, 2].map(|place| vkey(&listed[place]));
    let files = bundle(&auditor).await;
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.iter().filter(|name| name.starts_with("rotations/")).count(), 8, "{names:?}");
    for key in [first, second, third] {
        let (code, said) = checked(at, &files, key);
        assert_eq!(code, SOUND, "{said}");
    }
    // One from before the changes is checked by the key of then, and says nothing to who knows a later one alone.
    assert_eq!(checked(at, &before, first).0, SOUND);
    assert_eq!(checked(at, &before, third).0, BAD_SIGNATURE);

    // Whatever is changed of what tells of a change is found, by whichever key.
    for at_file in (0..files.len()).filter(|at| files[*at].0.starts_with("rotations/")) {
        for key in [first, third] {
            let mut changed = files.clone();
            let middle = changed[at_file].1.len() / 2;
            changed[at_file].1[middle] ^= 1;
            let (code, said) = checked(at, &changed, key);
            assert!([TAMPERED, BAD_SIGNATURE].contains(&code), "{}: {said}", files[at_file].0);
            let folder = &files[at_file].0[..31];
            assert!(said.contains(folder), "{}: {said}", files[at_file].0);
            let mut gone = files.clone();
            gone.remove(at_file);
            assert_eq!(checked(at, &gone, key).0, INCOMPLETE, "{}", files[at_file].0);
        }
    }

    // Somebody who has none of the keys tells of a change to a key of their own.
    let evil = Signer::new(listed[0]["name"].as_str().unwrap(), &[9; 32]);
    let mut forged = files.clone();
    let entry = place(&forged, "/entry");
    let text = String::from_utf8(forged[entry].1.clone()).unwrap();
    forged[entry].1 = text.replace(second, &evil.verifier().to_vkey()).into_bytes();
    forged.retain(|(name, _)| !name.starts_with("rotations/") || name.starts_with(&files[entry].0[..31]));
    let forged = signed_again(&forged, &evil);
    for key in [first, second, third] {
        let (code, said) = checked(at, &forged, key);
        assert!([TAMPERED, BAD_SIGNATURE].contains(&code), "{said}");
    }
    // They sign the hand-over as well: it is not signed by the key before it.
    let mut signed = forged.clone();
    let handover = place(&signed, "/handover");
    let note = String::from_utf8(signed[handover].1.clone()).unwrap();
    let text = note.split_inclusive("\n\n").next().unwrap().trim_end_matches('\n').to_owned() + "\n";
    signed[handover].1 = evil.sign_text(&text).into_bytes();
    assert_eq!(checked(at, &signed_again(&signed, &evil), first).0, BAD_SIGNATURE);
    // The changes are left out: nothing leads from the old keys to the one that signed, and the manifest names them.
    let mut removed = files.clone();
    removed.retain(|(name, _)| !name.starts_with("rotations/"));
    assert_eq!(checked(at, &removed, first).0, BAD_SIGNATURE);
    assert_eq!(checked(at, &removed, third).0, INCOMPLETE);
    assert_eq!(checked(at, &signed_again(&removed, &evil), third).0, BAD_SIGNATURE);
}

// Witnesses --------------------------------------------------------------------------------------------------------------

struct Witness {
    process: Child,
    address: String,
}

impl Witness {
    fn of(memory: &Installation, origin: &str, keys: &[&str]) -> Self {
        let mut arguments = vec!["witness", "--listen", "127.0.0.1:0", "--name", "other.example/w1"];
        arguments.extend(["--origin", origin]);
        arguments.extend(keys.iter().flat_map(|key| ["--public-key", key]));
        let mut command = memory.program_command(&arguments);
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(process.stderr.take().unwrap()).lines();
        let listens = |line: String| Some(line.split_once("witnessing on ")?.1.to_owned());
        let address = said.by_ref().map_while(Result::ok).find_map(listens).expect("it listens");
        // Nobody reads on, and nothing may wait for that.
        std::thread::spawn(move || said.for_each(drop));
        Self { process, address }
    }

    /// Shows it the head of the log after a size, and answers with the status.
    async fn shown(&self, log: &Client, from: u64) -> u16 {
        let path = format!("/v1/audit/proofs/consistency?from={from}");
        let body = log.call(Method::GET, &path).header("Accept", "text/plain").send().await.expect(200).text;
        let client = Client::at(&self.address, "");
        client.call(Method::POST, "/add-checkpoint").bytes("text/plain", body).send().await.status
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

async fn size(log: &Client) -> u64 {
    log.get("/v1/audit/proofs/consistency?from=0").await.expect(200).number_at("/to")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_that_knows_the_old_key_cosigns_while_it_signs_and_needs_the_new_one_after_that() {
    let team = Team::on("landian-6").await;
    let (admin, log) = (team.admin(), team.auditor("qian"));
    let memory = Installation::on_sqlite();
    let origin = keys(&log).await[0]["name"].as_str().unwrap().to_owned();
    let old = vkey(&keys(&log).await[0]).to_owned();
    let witness = Witness::of(&memory, &origin, &[&old]);
    assert_eq!(witness.shown(&log, 0).await, 200);
    let mut seen = size(&log).await;
    // Without an overlap both keys sign the change alone, and what follows is signed by the new one.
    let _ = rotate(&admin, 0).await.expect(200);
    assert_eq!(witness.shown(&log, seen).await, 200, "the change");
    seen = size(&log).await;
    let _ = admin.register(team.customer("Harbour Foods")).await;
    assert_eq!(witness.shown(&log, seen).await, 403, "by the new key");
    drop(witness);
    // Given the new key it goes on from what it has seen.
    let new = vkey(&keys(&log).await[1]).to_owned();
    let witness = Witness::of(&memory, &origin, &[&old, &new]);
    assert_eq!(witness.shown(&log, seen).await, 200);
    seen = size(&log).await;
    let _ = rotate(&admin, 3_600).await.expect(200);
    let _ = admin.register(team.customer("Quayside")).await;
    assert_eq!(witness.shown(&log, seen).await, 200, "both keys sign for an hour");
    drop(witness);
    seen = size(&log).await;
    let _ = admin.register(team.customer("Pier Nine")).await;
    let stranger = Signer::new(&origin, &[9; 32]).verifier().to_vkey();
    assert_eq!(Witness::of(&memory, &origin, &[&stranger]).shown(&log, seen).await, 403);
    let newest = vkey(&keys(&log).await[2]).to_owned();
    assert_eq!(Witness::of(&memory, &origin, &[&newest]).shown(&log, seen).await, 200);
    assert!(Path::new(&memory.directory().join("waymark.witness")).exists());
}
