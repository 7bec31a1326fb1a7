//! Archives put together by hand, so that each part of one can be another.

use std::io::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use waymark_eventstore::ledger::{Hash, Signer, leaf_hash, node_hash, root_of, sign_text};

use crate::audit::{entries_name, hex, rotation_name};

pub(super) const ORIGIN: &str = "waymark/0190b2a4-5e1c-7d7b-8f3e-000000000001";

/// The positions at which the key of a log changes: from the first to the second, and from that to the third.
pub(super) const CHANGES: [u64; 2] = [17, 29];

/// The name and the bytes of each file, in order.
pub(super) type Files = Vec<(String, Vec<u8>)>;

/// An archive, and what the verifiers are to say of it.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) code: i32,
    pub(super) archive: Vec<u8>,
    pub(super) keys: String,
}

/// The key of a log by its number, from 1.
pub(super) fn key(number: u8) -> Signer {
    Signer::new(ORIGIN, &[number; 32])
}

/// Its public half, as a line.
pub(super) fn line(signer: &Signer) -> String {
    format!("{}\n", signer.verifier().to_vkey())
}

/// The entry at a position.
pub(super) fn entry(position: u64) -> Value {
    let change = CHANGES.iter().zip(1..).find(|(at, _)| **at == position);
    let (event_type, data) = match change {
        Some((_, old)) => {
            let vkey = |number| json!({ "vkey": key(number).verifier().to_vkey() });
            ("signing_key.rotated", json!({ "key": vkey(old + 1), "replaces": vkey(old) }))
        }
        None => ("customer.noted", json!({ "note": "" })),
    };
    json!({
        "actor": "admin:first", "data": data, "id": format!("0190b2a4-5e1c-7d7b-8f3e-{:012x}", position % 0xffff_ffff),
        "position": position, "recordedat": format!("2026-11-30T19:09:{:02}.000000Z", position.min(59)),
        "subject": "customer/1", "time": "2026-11-30T19:09:00.000000Z", "type": event_type, "typeversion": 1,
    })
}

/// A log, and which of its entries an archive has.
pub(super) struct Sample {
    pub(super) entries: Vec<Vec<u8>>,
    pub(super) from: u64,
    pub(super) to: u64,
    /// The changes of the key that the archive tells of.
    pub(super) changes: Vec<u64>,
    /// By which key, by its number, it is signed.
    pub(super) signed_by: u8,
}

impl Sample {
    /// The whole of a log of this size.
    pub(super) fn of(size: u64) -> Self {
        let entries = (1..=size).map(|position| entry(position).to_string().into_bytes()).collect();
        let changes: Vec<u64> = CHANGES.into_iter().filter(|at| *at <= size).collect();
        let signed_by = changes.len() as u8 + 1;
        Self { entries, from: 1, to: size, changes, signed_by }
    }

    pub(super) fn stretch(self, from: u64, to: u64) -> Self {
        Self { from, to, ..self }
    }

    pub(super) fn size(&self) -> u64 {
        self.entries.len() as u64
    }

    fn leaves(&self) -> Vec<Hash> {
        self.entries.iter().map(|entry| leaf_hash(entry)).collect()
    }

    /// The first lines of the manifest.
    pub(super) fn head(&self) -> Vec<String> {
        let (from, to, size) = (self.from, self.to, self.size());
        head_of(from, to, size, &root_of(&self.leaves()))
    }

    /// All files but the manifest.
    pub(super) fn files(&self) -> Files {
        let leaves = self.leaves();
        let mut files: Files = vec![
            ("README.md".to_owned(), b"for people\n".to_vec()),
            ("keys".to_owned(), line(&key(self.signed_by)).into_bytes()),
            ("checkpoint".to_owned(), key(self.signed_by).sign_text(&checkpoint(&leaves)).into_bytes()),
            ("proof".to_owned(), proof_text(&leaves, self.from - 1, self.to)),
        ];
        for position in &self.changes {
            let old = 1 + CHANGES.iter().position(|at| at == position).unwrap() as u8;
            let (change, until) = (*position, &leaves[..*position as usize]);
            let name = |file| rotation_name(change, file);
            let mut line = self.entries[change as usize - 1].clone();
            line.push(b'\n');
            let note = sign_text(&[key(old + 1), key(old)], &checkpoint(until));
            files.push((name("entry"), line));
            files.push((name("handover"), note.into_bytes()));
            files.push((name("handover-proof"), proof_text(until, change - 1, change)));
            files.push((name("proof"), proof_text(&leaves, change - 1, change)));
        }
        let mut first = self.from;
        while first <= self.to {
            let last = self.to.min(first + 255);
            let lines = self.entries[first as usize - 1..last as usize].iter();
            files.push((entries_name(first), lines.flat_map(|entry| [&entry[..], b"\n"].concat()).collect()));
            first = last + 1;
        }
        files
    }

    /// The archive, with its manifest.
    pub(super) fn archive(&self) -> Vec<u8> {
        packed(&self.complete(self.files()))
    }

    /// These files with a manifest that names them.
    pub(super) fn complete(&self, files: Files) -> Files {
        let text = manifest(&self.head(), &lines_of(&files));
        with(files, key(self.signed_by).sign_text(&text))
    }
}

/// These files with this manifest.
pub(super) fn with(mut files: Files, manifest: String) -> Files {
    files.push(("manifest".to_owned(), manifest.into_bytes()));
    files
}

/// The first lines of a manifest.
pub(super) fn head_of(from: u64, to: u64, size: u64, root: &Hash) -> Vec<String> {
    let root = BASE64_STANDARD.encode(root);
    let lines = [
        "waymark/bundle@v1",
        &format!("origin {ORIGIN}"),
        &format!("from {from}"),
        &format!("to {to}"),
        &format!("size {size}"),
        &format!("root {root}"),
    ];
    lines.map(str::to_owned).to_vec()
}

/// The lines of a manifest that name these files.
pub(super) fn lines_of(files: &Files) -> Vec<String> {
    let line = |(name, bytes): &(String, Vec<u8>)| {
        format!("file {} {} {name}", hex(&Sha256::digest(bytes)), bytes.len())
    };
    files.iter().map(line).collect()
}

/// The text of a manifest.
pub(super) fn manifest(head: &[String], files: &[String]) -> String {
    [head, files].concat().iter().map(|line| format!("{line}\n")).collect()
}

/// The text of the checkpoint of a tree.
pub(super) fn checkpoint(leaves: &[Hash]) -> String {
    checkpoint_of(leaves.len() as u64, &root_of(leaves))
}

pub(super) fn checkpoint_of(size: u64, root: &Hash) -> String {
    format!("{ORIGIN}\n{size}\n{}\n", BASE64_STANDARD.encode(root))
}

/// The proof of a stretch, by places from 0.
fn proof_text(leaves: &[Hash], first: u64, end: u64) -> Vec<u8> {
    let mut proof = Vec::new();
    let inside = |low: u64, high: u64| root_of(&leaves[low as usize..high as usize]);
    let _ = walk((0, leaves.len() as u64), (first, end), &mut |low, high| {
        let root = inside(low, high);
        if high <= first || end <= low {
            proof.push(root);
        }
        root
    });
    lines_with(&proof)
}

/// Hashes in base64, a line each.
pub(super) fn lines_with(proof: &[Hash]) -> Vec<u8> {
    let lines: String = proof.iter().map(|hash| format!("{}\n", BASE64_STANDARD.encode(hash))).collect();
    lines.into_bytes()
}

/// The root of a tree from the roots of its largest subtrees that lie beside a stretch, and the leaves in it.
pub(super) fn walk(
    (low, high): (u64, u64),
    (first, end): (u64, u64),
    part: &mut dyn FnMut(u64, u64) -> Hash,
) -> Hash {
    if high <= first || end <= low || high - low == 1 {
        return part(low, high);
    }
    let middle = low + (1 << (high - low - 1).ilog2());
    let left = walk((low, middle), (first, end), part);
    node_hash(&left, &walk((middle, high), (first, end), part))
}

/// The header of a file.
pub(super) fn header(name: &str, size: usize, kind: u8) -> [u8; 512] {
    let mut header = [0; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..108].copy_from_slice(b"0000644\0");
    header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    header[156] = kind;
    header[257..265].copy_from_slice(b"ustar\x0000");
    summed(header)
}

/// A header with its check sum.
pub(super) fn summed(mut header: [u8; 512]) -> [u8; 512] {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

/// What follows the header of a file: its bytes in whole blocks.
pub(super) fn blocks(bytes: &[u8]) -> Vec<u8> {
    let mut blocks = bytes.to_vec();
    blocks.resize(bytes.len().next_multiple_of(512), 0);
    blocks
}

/// Files as tar, without the blocks of zeroes that end it.
pub(super) fn tar(files: &Files) -> Vec<u8> {
    let one = |(name, bytes): &(String, Vec<u8>)| {
        [header(name, bytes.len(), b'0').to_vec(), blocks(bytes)].concat()
    };
    files.iter().flat_map(one).collect()
}

pub(super) fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn packed(files: &Files) -> Vec<u8> {
    zipped(&[tar(files), vec![0; 1024]].concat())
}
