//! An auditor proves what is in the log, by the formats of C2SP and with programs that are not ours.

#![cfg(test)]

use std::collections::HashMap;
use std::io::Read as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use reqwest::Method;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::{
    Checkpoint, Hash, Tile, TileHashReader, TileReader, check_record, check_tree, prove_record, prove_tree,
    tree_hash,
};
use waymark_tests::{Client, Team};

/// The height of the tiles: 2^8 hashes.
const HEIGHT: u8 = 8;

/// A log of some hundreds of entries, and its auditor.
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

/// A body of bytes.
async fn bytes(client: &Client, path: &str) -> Vec<u8> {
    let answer = client.call(Method::GET, path).stream().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    answer.bytes().await.unwrap().to_vec()
}

/// The signed note over the head, judged by another implementation of signed notes and of checkpoints.
async fn checkpoint(client: &Client) -> (Checkpoint, String) {
    let answer = client.get("/v1/audit/checkpoint").await.expect(200);
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    let keys = client.get("/v1/audit/keys").await.expect(200).items();
    (opened(&answer.text, &keys), answer.text)
}

fn opened(note: &str, keys: &[Value]) -> Checkpoint {
    let note = Note::from_bytes(note.as_bytes()).unwrap();
    let vkey = keys[0]["vkey"].as_str().unwrap();
    let verifier = StandardVerifier::new(vkey).unwrap();
    let (verified, _) = note.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
    assert_eq!(verified.len(), 1);
    let checkpoint = Checkpoint::from_bytes(note.text()).unwrap();
    assert_eq!(keys[0]["name"], checkpoint.origin());
    checkpoint
}

/// All tiles of a tree, fetched before another implementation asks for them.
struct Fetched(HashMap<String, Vec<u8>>);

impl Fetched {
    async fn of(client: &Client, size: u64) -> Self {
        let mut tiles = HashMap::new();
        for tile in Tile::new_tiles(HEIGHT, 0, size) {
            // The crate's paths name the height, which the format leaves out.
            let path = tile.path();
            let place = path.strip_prefix("tile/8/").unwrap();
            tiles.insert(path.clone(), bytes(client, &format!("/v1/audit/tile/{place}")).await);
        }
        Self(tiles)
    }
}

impl TileReader for Fetched {
    fn height(&self) -> u8 {
        HEIGHT
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        Ok(tiles.iter().map(|tile| self.0[&tile.path()].clone()).collect())
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

/// The entries of the log, from their bundles.
async fn entries(client: &Client, size: u64) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    for index in 0..size.div_ceil(256) {
        let width = (size - 256 * index).min(256);
        let partial = if width < 256 { format!(".p/{width}") } else { String::new() };
        let bundle = bytes(client, &format!("/v1/audit/tile/entries/{index:03}{partial}")).await;
        let mut rest = bundle.as_slice();
        while let Some((length, after)) = rest.split_first_chunk::<2>() {
            let (entry, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
            entries.push(entry.to_vec());
            rest = after;
        }
    }
    assert_eq!(entries.len() as u64, size);
    entries
}

fn unencoded(text: &Value) -> [u8; 32] {
    BASE64_STANDARD.decode(text.as_str().unwrap()).unwrap().try_into().unwrap()
}

fn hashes(proof: &Value) -> Vec<[u8; 32]> {
    proof["hashes"].as_array().unwrap().iter().map(unencoded).collect()
}

fn foreign(hashes: &[[u8; 32]]) -> Vec<Hash> {
    hashes.iter().copied().map(Hash).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_other_implementations_agree_with_every_proof_that_is_served() {
    let (_team, auditor) = with_history().await;
    let (head, _) = checkpoint(&auditor).await;
    let size = head.size();
    assert!(size > 600, "{size}");
    let tiles = Fetched::of(&auditor, size).await;
    let reader = TileHashReader::new(size, *head.hash(), &tiles);
    assert!(tree_hash(size, &reader).unwrap() == *head.hash(), "the tiles make up the signed root");
    let entries = entries(&auditor, size).await;

    for index in [0, 1, 2, 254, 255, 256, 257, 511, 512, size - 2, size - 1] {
        let path = format!("/v1/audit/proofs/inclusion?index={index}&size={size}");
        let proof = auditor.get(&path).await.expect(200).body;
        let (found, root) = (hashes(&proof), unencoded(&proof["root"]));
        let entry = &entries[index as usize];
        let leaf: [u8; 32] = Sha256::new_with_prefix([0]).chain_update(entry).finalize().into();
        assert_eq!(unencoded(&proof["leaf_hash"]), leaf);
        let document: Value = serde_json::from_slice(entry).unwrap();
        assert_eq!(document["id"], proof["event_id"]);
        assert_eq!(
            (&document["position"], &proof["position"]),
            (&proof["position"], &serde_json::json!(index + 1))
        );

        let theirs = prove_record(size, index, &reader).unwrap();
        assert!(theirs == foreign(&found), "{index}");
        check_record(&foreign(&found), size, Hash(root), index, Hash(leaf)).unwrap();
        let root = RootHash::<Sha256>::new(root.into(), size);
        root.verify_inclusion(entry, index, &InclusionProof::from_bytes(found.concat())).unwrap();

        let id = proof["event_id"].as_str().unwrap();
        let by_id = auditor.get(&format!("/v1/audit/proofs/inclusion?event_id={id}&size={size}")).await;
        assert_eq!(by_id.expect(200).body, proof);
    }

    for from in [1, 2, 3, 255, 256, 257, 512, size - 1, size] {
        let path = format!("/v1/audit/proofs/consistency?from={from}&to={size}");
        let proof = auditor.get(&path).await.expect(200).body;
        let (found, old, new) =
            (hashes(&proof), unencoded(&proof["from_root"]), unencoded(&proof["to_root"]));
        assert!(prove_tree(size, from, &reader).unwrap() == foreign(&found), "{from}");
        check_tree(&foreign(&found), size, Hash(new), from, Hash(old)).unwrap();
        if from < size {
            let (old, new) = (RootHash::<Sha256>::new(old.into(), from), RootHash::new(new.into(), size));
            let theirs = ConsistencyProof::try_from_bytes(found.concat()).unwrap();
            new.verify_consistency(&old, &theirs).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proofs_of_the_smallest_trees_are_empty_and_those_beyond_the_log_refused() {
    let (_team, auditor) = with_history().await;
    let keys = auditor.get("/v1/audit/keys").await.expect(200).items();
    let get = async |path: &str| auditor.get(&format!("/v1/audit/{path}")).await;
    let (head, _) = checkpoint(&auditor).await;
    let (size, nothing) = (head.size(), BASE64_STANDARD.encode(Sha256::digest([])));

    let first = get("proofs/inclusion?index=0&size=1").await.expect(200).body;
    assert_eq!((&first["hashes"], &first["leaf_hash"]), (&serde_json::json!([]), &first["root"]));
    let signed = opened(first["checkpoint"].as_str().unwrap(), &keys);
    assert_eq!(
        (signed.size(), BASE64_STANDARD.encode(signed.hash().0)),
        (1, first["root"].as_str().unwrap().to_owned())
    );

    for (from, to) in [(0, 0), (0, 1), (0, size), (1, 1), (size, size)] {
        let proof = get(&format!("proofs/consistency?from={from}&to={to}")).await.expect(200).body;
        assert_eq!(proof["hashes"], serde_json::json!([]), "{from} to {to}");
        assert_eq!(proof["from_root"] == proof["to_root"], from == to);
        assert_eq!(proof["from_root"] == *nothing, from == 0);
        assert_eq!(opened(proof["checkpoint"].as_str().unwrap(), &keys).size(), to);
    }
    let latest = get("proofs/consistency?from=1").await.expect(200).number_at("/to");
    assert_eq!(latest, size);

    let beyond = size + 1;
    for (path, field) in [
        ("proofs/inclusion?index=0&size=0".to_owned(), "index"),
        ("proofs/inclusion?index=1&size=1".to_owned(), "index"),
        (format!("proofs/inclusion?index={size}"), "index"),
        ("proofs/inclusion?index=18446744073709551615".to_owned(), "index"),
        (format!("proofs/inclusion?index=0&size={beyond}"), "size"),
        ("proofs/inclusion?index=0&size=18446744073709551615".to_owned(), "size"),
        (format!("proofs/consistency?from=0&to={beyond}"), "to"),
        (format!("proofs/consistency?from={beyond}"), "from"),
        ("proofs/consistency?from=2&to=1".to_owned(), "from"),
        ("proofs/inclusion?index=-1".to_owned(), "index"),
        ("proofs/inclusion?event_id=first".to_owned(), "event_id"),
        ("proofs/consistency?from=x".to_owned(), "from"),
    ] {
        let refused = get(&path).await.refused(422, "invalid-value");
        assert_eq!(refused.text_at("/violations/0/field"), field, "{path}");
    }
    let id = first["event_id"].as_str().unwrap();
    let _ = get(&format!("proofs/inclusion?event_id={id}&index=0")).await.refused(422, "invalid-value");
    let _ = get("proofs/inclusion").await.refused(422, "missing-parameter");
    let _ = get("proofs/consistency").await.refused(422, "missing-parameter");
    let _ =
        get("proofs/inclusion?event_id=01900000-0000-7000-8000-000000000000").await.refused(404, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_are_had_as_texts_that_are_whole_in_themselves() {
    let (_team, auditor) = with_history().await;
    let plain = async |path: &str| {
        let call = auditor.call(Method::GET, &format!("/v1/audit/{path}")).header("Accept", "text/plain");
        call.send().await.expect(200).text
    };
    let (head, note) = checkpoint(&auditor).await;
    let proof = auditor.get("/v1/audit/proofs/inclusion?index=299").await.expect(200).body;
    let lines: Vec<&str> =
        proof["hashes"].as_array().unwrap().iter().map(|hash| hash.as_str().unwrap()).collect();
    let expected = format!("c2sp.org/tlog-proof@v1\nindex 299\n{}\n\n{note}", lines.join("\n"));
    assert_eq!(plain("proofs/inclusion?index=299").await, expected);
    let alone = plain("proofs/inclusion?index=0&size=1").await;
    assert!(alone.starts_with("c2sp.org/tlog-proof@v1\nindex 0\n\nwaymark/"), "{alone}");

    let from = format!("proofs/consistency?from=300&to={}", head.size());
    let proof = auditor.get(&format!("/v1/audit/{from}")).await.expect(200).body;
    let lines: Vec<&str> =
        proof["hashes"].as_array().unwrap().iter().map(|hash| hash.as_str().unwrap()).collect();
    assert_eq!(plain(&from).await, format!("old 300\n{}\n\n{note}", lines.join("\n")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_tile_was_stays_and_a_place_has_one_path() {
    let (team, auditor) = with_history().await;
    let before = bytes(&auditor, "/v1/audit/tile/0/001.p/7").await;
    let customer = team.admin().register(team.customer("Grown")).await;
    assert_eq!(bytes(&auditor, "/v1/audit/tile/0/001.p/7").await, before);
    assert_eq!(bytes(&auditor, "/v1/audit/tile/0/001").await[..7 * 32], before);

    let call = auditor.call(Method::GET, "/v1/audit/tile/entries/000").header("Accept-Encoding", "gzip");
    let answer = call.stream().await.unwrap();
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    assert!(answer.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    let compressed = answer.bytes().await.unwrap();
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&compressed[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, bytes(&auditor, "/v1/audit/tile/entries/000").await);
    assert!(compressed.len() * 3 < unpacked.len());
    // Personal fields are as they were sealed.
    let size = checkpoint(&auditor).await.0.size();
    let entries = entries(&auditor, size).await;
    let text = String::from_utf8(entries.concat()).unwrap();
    assert!(text.contains(&customer) && !text.contains("Grown"));

    for path in [
        "0/003",
        "0/x001/000",
        "1/000",
        "1/000.p/3",
        "2/000.p/1",
        "63/000.p/1",
        "entries/003",
        "entries/x999/x999/x999/x999/x999/999",
    ] {
        let _ = auditor.get(&format!("/v1/audit/tile/{path}")).await.refused(404, "not-found");
    }
    for path in [
        "64/000",
        "00/000",
        "x/000",
        "-1/000",
        "0/0",
        "0/000.p/0",
        "0/000.p/256",
        "0/x000/001",
        "entries/1",
        "entries/000.p/01",
    ] {
        let _ = auditor.get(&format!("/v1/audit/tile/{path}")).await.refused(400, "malformed-path");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_are_for_administrators_and_auditors_and_for_their_own_log() {
    let team = Team::on("landian-6").await;
    let paths = [
        "checkpoint",
        "keys",
        "tile/0/000.p/1",
        "tile/entries/000.p/1",
        "proofs/inclusion?index=0",
        "proofs/consistency?from=1",
    ];
    for path in paths.map(|path| format!("/v1/audit/{path}")) {
        for person in [team.rep("li"), team.manager("wang"), team.analyst("sun")] {
            let _ = person.get(&path).await.refused(403, "missing-role");
        }
        assert_eq!(team.admin().get(&path).await.status, 200, "{path}");
        assert_eq!(team.auditor("qian").get(&path).await.status, 200, "{path}");
    }
}
