//! An auditor carries evidence away and checks it with nothing but the public key, by two programs.

#![cfg(test)]

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use reqwest::Method;
use serde_json::{Value, json};
use waymark_tests::{Client, Installation, Team, repository};

/// The files of an archive, in order.
type Files = Vec<(String, Vec<u8>)>;

async fn with_history() -> (Team, Client) {
    let team = Team::on("landian-6").await;
    let mut rows = String::from("deal,stage,at\n");
    for number in 0..620 {
        rows.push_str(&format!("D{number},New,2024-01-01T00:00:00Z\n"));
    }
    let path = "/v1/imports?pipeline=past&case=deal&status=stage&time=at";
    let imported = team.admin().call(Method::POST, path).bytes("text/csv", rows).send().await;
    assert_eq!(imported.status, 200, "{}", imported.text);
    let auditor = team.auditor("qian");
    (team, auditor)
}

async fn bundle(client: &Client, query: &str) -> Vec<u8> {
    let answer = client.call(Method::GET, &format!("/v1/audit/bundle{query}")).stream().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/gzip");
    answer.bytes().await.unwrap().to_vec()
}

fn unpacked(archive: &[u8]) -> Files {
    let mut archive = tar::Archive::new(GzDecoder::new(archive));
    let read = |file: std::io::Result<tar::Entry<'_, GzDecoder<&[u8]>>>| {
        let mut file = file.unwrap();
        let name = file.path().unwrap().to_str().unwrap().to_owned();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        (name, bytes)
    };
    archive.entries().unwrap().map(read).collect()
}

/// The files with entries.
fn entries(archive: &[u8]) -> Files {
    let files = unpacked(archive).into_iter().filter(|(name, _)| name.starts_with("entries"));
    let files: Files = files.collect();
    assert!(!files.is_empty(), "a bundle has entries");
    files
}

fn packed(files: &Files) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

/// What checks archives: a place for them, and the public key.
struct Bench<'a> {
    installation: &'a Installation,
    key: String,
    /// The Python program is run where its one package is there.
    has_python: bool,
}

impl<'a> Bench<'a> {
    fn of(installation: &'a Installation) -> Self {
        let public = installation.directory().join(match installation.postgres() {
            Some(_) => "waymark.pub",
            None => "waymark.db.pub",
        });
        let key =
            std::fs::read_to_string(&public).unwrap_or_else(|error| panic!("{}: {error}", public.display()));
        let python = Command::new("python3").args(["-c", "import cryptography"]).output();
        let has_python = python.is_ok_and(|ran| ran.status.success());
        // One verifier is enough for what is ours; the other one is for those who trust nothing of ours.
        if !has_python {
            eprintln!("skipped: the Python verifier (python3 with the package cryptography is missing)");
        }
        Self { installation, key: key.trim().to_owned(), has_python }
    }

    fn put(&self, archive: &[u8]) -> PathBuf {
        let path = self.installation.directory().join("evidence.tar.gz");
        std::fs::File::create(&path).unwrap().write_all(archive).unwrap();
        path
    }

    /// What both programs say of an archive: each exit code and message. They are to agree on the code.
    fn verdicts(&self, archive: &[u8], key: &str) -> (i32, Vec<String>) {
        let path = self.put(archive);
        let path = path.to_str().unwrap();
        let ran = self.installation.program(&["verify", "--bundle", path, "--public-key", key]);
        let (code, mut said) = (ran.code, vec![ran.said()]);
        if self.has_python {
            let program = repository().join("docs/verify/verify.py");
            let ran =
                Command::new("python3").arg(&program).args([path, "--public-key", key]).output().unwrap();
            let text =
                [ran.stdout, ran.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
            assert_eq!(ran.status.code(), Some(code), "ours says {}; theirs {text}", said[0]);
            said.push(text);
        }
        (code, said)
    }

    /// Insists that both programs refuse an archive with this code and name this file.
    #[track_caller]
    fn refused(&self, files: &Files, code: i32, file: &str) {
        let (found, said) = self.verdicts(&packed(files), &self.key);
        assert_eq!(found, code, "{file}: {said:?}");
        assert!(said.iter().all(|said| said.contains(file)), "{file} is not named: {said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_is_sound_for_two_programs_and_whatever_is_changed_in_it_is_named() {
    let (team, auditor) = with_history().await;
    let archive = bundle(&auditor, "?from=200&to=600").await;
    let bench = Bench::of(&team.installation);
    let (code, said) = bench.verdicts(&archive, &bench.key);
    assert_eq!(code, 0, "{said:?}");
    assert!(said.iter().all(|said| said.contains("401 of ")), "{said:?}");
    let files = unpacked(&archive);
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "README.md",
        "keys",
        "checkpoint",
        "proof",
        "entries/00000000000000000200.ndjson",
        "entries/00000000000000000456.ndjson",
        "manifest",
    ];
    assert_eq!(names, expected);
    assert_eq!(bench.verdicts(&packed(&files), &bench.key).0, 0, "packed by another program");

    for at in 0..files.len() {
        let name = &files[at].0;
        // A byte in the middle, a byte less, everything gone.
        let signed = name == "manifest";
        let mut changed = files.clone();
        let middle = changed[at].1.len() / 2;
        changed[at].1[middle] ^= 1;
        bench.refused(&changed, if signed { 3 } else { 1 }, name);
        let mut cut = files.clone();
        cut[at].1.pop();
        bench.refused(&cut, if signed { 3 } else { 1 }, name);
        let mut gone = files.clone();
        gone.remove(at);
        bench.refused(&gone, 4, name);
    }
    let mut stray = files.clone();
    stray.push(("entries/00000000000000000601.ndjson".to_owned(), files[5].1.clone()));
    bench.refused(&stray, 1, "entries/00000000000000000601.ndjson");
    let mut twice = files.clone();
    twice.push(files[0].clone());
    bench.refused(&twice, 1, "README.md");
    // Two entries of a file in each other's place.
    let mut swapped = files.clone();
    let mut lines: Vec<&[u8]> = files[4].1.split_inclusive(|byte| *byte == b'\n').collect();
    lines.swap(3, 4);
    swapped[4].1 = lines.concat();
    bench.refused(&swapped, 1, "entries/00000000000000000200.ndjson");
    let ran = team.installation.program(&[
        "verify",
        "--json",
        "--bundle",
        bench.put(&packed(&swapped)).to_str().unwrap(),
        "--public-key",
        &bench.key,
    ]);
    let finding: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&finding["verdict"], &finding["position"]), (&json!("tampered"), &json!(203)), "{finding}");

    // Broken off, another's key, and no key.
    assert_eq!(bench.verdicts(&archive[..archive.len() / 2], &bench.key).0, 4);
    let other = Installation::on_sqlite();
    let _ = other.run(&["migrate"]).succeeded();
    let others = std::fs::read_to_string(other.directory().join("waymark.db.pub")).unwrap();
    assert_eq!(bench.verdicts(&archive, others.trim()).0, 3);
    assert_eq!(bench.verdicts(&archive, "waymark+00000000+AAAA").0, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_of_any_stretch_is_sound_and_the_same_stretch_has_the_same_entries() {
    let (team, auditor) = with_history().await;
    let bench = Bench::of(&team.installation);
    let size = auditor.get("/v1/audit/proofs/consistency?from=0").await.expect(200).number_at("/to");
    let is_sound = |query: &str, archive: &[u8]| {
        let (code, said) = bench.verdicts(archive, &bench.key);
        assert_eq!(code, 0, "{query}: {said:?}");
    };
    // Each bundle is an event, too: one without an end holds those of the bundles before it.
    for query in ["", "?from=1970-01-01T00:00:00Z&to=9999-01-01T00:00:00Z"] {
        is_sound(query, &bundle(&auditor, query).await);
    }
    let whole = format!("?to={size}");
    let stretches = [
        whole.clone(),
        "?from=1&to=1".to_owned(),
        format!("?from={size}&to={size}"),
        "?to=256".to_owned(),
        "?from=257&to=512".to_owned(),
    ];
    for query in &stretches {
        let archive = bundle(&auditor, query).await;
        is_sound(query, &archive);
        // Under a later checkpoint, which has the event of the bundle before.
        assert!(entries(&bundle(&auditor, query).await) == entries(&archive), "{query}: other entries");
    }
    let from_the_first = bundle(&auditor, &format!("?from=1&to={size}")).await;
    assert!(entries(&bundle(&auditor, &whole).await) == entries(&from_the_first));

    let beyond = size + 1_000;
    for (query, field) in [
        (format!("?to={beyond}"), "to"),
        (format!("?from={beyond}"), "to"),
        ("?from=2&to=1".to_owned(), "to"),
        ("?from=0".to_owned(), "from"),
        ("?from=yesterday".to_owned(), "from"),
        ("?to=1970-01-01T00:00:00Z".to_owned(), "to"),
    ] {
        let refused = auditor.get(&format!("/v1/audit/bundle{query}")).await.refused(422, "invalid-value");
        assert_eq!(refused.text_at("/violations/0/field"), field, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_from_before_an_erasure_is_sound_after_it_and_tells_nothing() {
    let team = Team::on("landian-6").await;
    let (admin, auditor) = (team.admin(), team.auditor("qian"));
    let customer = admin.register(team.customer("Zhang of Pier Nine")).await;
    let before = bundle(&auditor, "").await;
    assert_eq!(admin.command(&customer, "erasure", json!({"ground": "request"})).await.status, 200);
    let bench = Bench::of(&team.installation);
    assert_eq!(bench.verdicts(&before, &bench.key).0, 0);
    let after = bundle(&auditor, "").await;
    assert_eq!(bench.verdicts(&after, &bench.key).0, 0);
    let holds = |archive: &[u8]| unpacked(archive).iter().any(|(_, bytes)| contains(bytes, b"Pier Nine"));
    assert!(!holds(&before) && !holds(&after));
    assert!(Path::new(&bench.put(&after)).exists());
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
