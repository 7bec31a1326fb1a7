//! The table: in which way each archive is other than it should be, and the exit code for it.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use waymark_eventstore::ledger::{Hash, Signer, leaf_hash, root_of, sign_text};

use super::sample::{
    Case, Files, ORIGIN, Sample, blocks, checkpoint_of, entry, head_of, header, key, line, lines_of,
    lines_with, manifest, packed, summed, tar, walk, with, zipped,
};
use crate::audit::{entries_name, hex, rotation_name};

/// Every case.
pub(super) fn all() -> Vec<Case> {
    let mut table = Table(Vec::new());
    sound(&mut table);
    signatures(&mut table);
    keys(&mut table);
    manifests(&mut table);
    numbers(&mut table);
    names(&mut table);
    headers(&mut table);
    streams(&mut table);
    entries(&mut table);
    members(&mut table);
    lines_of_entries(&mut table);
    proofs(&mut table);
    changes(&mut table);
    orders(&mut table);
    table.0
}

struct Table(Vec<Case>);

/// Makes other bytes of those of a file.
type Edit = fn(&[u8]) -> Vec<u8>;
/// Makes another text of that of a file.
type EditText = fn(&str) -> String;
/// Makes other files of those of an archive.
type EditFiles = fn(&mut Files);

impl Table {
    /// An archive for somebody who has the first key of the log.
    fn put(&mut self, code: i32, name: impl Into<String>, archive: Vec<u8>) {
        self.keyed(code, name, archive, line(&key(1)));
    }

    fn keyed(&mut self, code: i32, name: impl Into<String>, archive: Vec<u8>, keys: String) {
        self.0.push(Case { name: name.into(), code, archive, keys });
    }

    /// An archive whose files are others, and named and signed all the same.
    fn files(&mut self, code: i32, name: impl Into<String>, sample: &Sample, edit: impl FnOnce(&mut Files)) {
        let mut files = sample.files();
        edit(&mut files);
        self.put(code, name, packed(&sample.complete(files)));
    }

    /// An archive with another manifest, signed as it should be.
    fn manifest(&mut self, code: i32, name: impl Into<String>, head: &[String], files: &[String]) {
        let note = key(3).sign_text(&manifest(head, files));
        self.put(code, name, packed(&with(middle().files(), note)));
    }

    /// A log of sixteen entries the last of which is another one, which is hashed and signed all the same.
    fn entry(&mut self, code: i32, name: &str, bytes: Vec<u8>) {
        let mut sample = Sample::of(16);
        sample.entries[15] = bytes;
        self.put(code, format!("an entry: {name}"), sample.archive());
    }

    /// The same, with another text in the place of one.
    fn text(&mut self, code: i32, of: &str, other: &str) {
        let text = entry(16).to_string();
        assert!(text.contains(of), "{of}");
        self.entry(
            code,
            &other.chars().take(80).collect::<String>(),
            text.replacen(of, other, 1).into_bytes(),
        );
    }
}

/// All but the first and the last entry of a log of forty, whose key was changed twice.
fn middle() -> Sample {
    Sample::of(40).stretch(2, 39)
}

fn file<'f>(files: &'f mut Files, name: &str) -> &'f mut Vec<u8> {
    &mut files.iter_mut().find(|(found, _)| found == name).expect(name).1
}

fn without(files: &mut Files, name: &str) {
    files.retain(|(found, _)| found != name);
}

/// The lines of the signatures of a note.
fn signature_lines(note: &str) -> &str {
    note.rsplit_once("\n\n").unwrap().1
}

/// A line by a key that is the signature of another text.
fn wrong_line(signer: &Signer) -> String {
    signature_lines(&signer.sign_text("another text\n")).to_owned()
}

fn sound(table: &mut Table) {
    for (name, sample) in [
        ("the whole log", Sample::of(40)),
        ("a stretch", middle()),
        ("one entry", Sample::of(40).stretch(17, 17)),
        ("a log of one entry", Sample::of(1)),
        ("several files", Sample::of(600).stretch(30, 560)),
    ] {
        for number in 1..=sample.signed_by {
            table.keyed(0, format!("{name}, by key {number}"), sample.archive(), line(&key(number)));
        }
        table.keyed(3, format!("{name}, by a strange key"), sample.archive(), line(&key(9)));
    }
    let mut reversed = middle().complete(middle().files());
    reversed.reverse();
    table.put(0, "files in another order", packed(&reversed));
}

fn signatures(table: &mut Table) {
    let sample = middle();
    let text = manifest(&sample.head(), &lines_of(&sample.files()));
    let valid = signature_lines(&key(3).sign_text(&text)).to_owned();
    let wrong = wrong_line(&key(3));
    for (code, lines) in [
        (0, format!("{wrong}{valid}")),
        (0, format!("{valid}{wrong}")),
        (0, format!("{}{valid}\u{2014} other/x AAAAAAAA\n", wrong_line(&key(9)))),
        (3, wrong.clone()),
        (3, String::new()),
        (3, valid.trim_end().to_owned()),
        (3, format!("{valid}hello\n")),
        (3, format!("{valid}\u{2014} other/x\n")),
        (3, format!("{valid}\u{2014} other/x AAAA\n")),
        (3, format!("{valid}\u{2014} other/x AAAAAAA\n")),
        (3, valid.replace('\u{2014}', "-")),
        (3, valid.replace('\n', "\r\n")),
    ] {
        let note = format!("{text}\n{lines}");
        table.put(
            code,
            format!("signatures of the manifest: {lines:?}"),
            packed(&with(sample.files(), note)),
        );
    }
    let handover = rotation_name(17, "handover");
    for (name, signer) in [("checkpoint", key(3)), (handover.as_str(), key(1))] {
        let wrong = wrong_line(&signer);
        let text = |files: &mut Files| {
            let note = String::from_utf8(file(files, name).clone()).unwrap();
            format!("{}\n", note.rsplit_once("\n\n").unwrap().0)
        };
        for (code, lines) in
            [(0, wrong.clone() + "VALID"), (0, "VALID".to_owned() + &wrong), (3, wrong.clone())]
        {
            table.files(code, format!("signatures of {name}: {lines:?}"), &sample, |files| {
                let text = text(files);
                let valid = signer.sign_text(&text);
                let lines = lines.replace("VALID", signature_lines(&valid));
                *file(files, name) = format!("{text}\n{lines}").into_bytes();
            });
        }
        for (code, further) in [(0, "more\n"), (0, "\nmore\n"), (3, "mo\tre\n"), (3, "more\r\n"), (3, "\0\n")]
        {
            table.files(code, format!("a further line of {name}: {further:?}"), &sample, |files| {
                let text = text(files) + further;
                *file(files, name) = signer.sign_text(&text).into_bytes();
            });
        }
        for (code, other) in
            [(3, "hello\n"), (3, "\n"), (1, "waymark/other\n17\nROOT\n"), (3, "ORIGIN\n017\nROOT\n")]
        {
            table.files(code, format!("{name} is another text: {other:?}"), &sample, |files| {
                let root = text(files).lines().nth(2).unwrap().to_owned();
                let text = other.replace("ORIGIN", ORIGIN).replace("ROOT", &root);
                *file(files, name) = signer.sign_text(&text).into_bytes();
            });
        }
    }
    table.files(3, "the manifest names a\\0b", &sample, |files| files.push(("a\0b".to_owned(), Vec::new())));
    let plain = Sample::of(16);
    let carried: Vec<String> = plain.head().iter().map(|line| format!("{line}\r")).collect();
    let note = key(1).sign_text(&manifest(&carried, &lines_of(&plain.files())));
    let archive = packed(&with(plain.files(), note));
    table.put(5, "carriage returns, and a key of the log", archive.clone());
    let of_installation = line_named("waymark", &key(1));
    table.keyed(3, "carriage returns, and the key of the installation", archive, of_installation);
}

/// A public key under another name than that of the log.
fn line_named(name: &str, signer: &Signer) -> String {
    format!("{}\n", signer.verifier().named(name).to_vkey())
}

fn keys(table: &mut Table) {
    let sample = Sample::of(16);
    let good = line(&key(1));
    let id = good.split('+').nth(1).unwrap();
    let wrong_id = good.replacen(id, "00000000", 1);
    for (code, keys) in [
        (0, line_named("waymark", &key(1))),
        (0, format!("since March:\n  {} \r\n", good.trim())),
        (0, format!("{wrong_id}{good}")),
        (0, format!("{good}{}", line_named("waymark", &key(1)).replace('+', "+0"))),
        (0, format!("{}{good}", line(&key(9)))),
        (3, format!("{}{}", line(&key(9)), line_named("waymark", &key(1)))),
        (3, line_named("waymark", &key(9))),
        (5, line_named("waymark/other", &key(1))),
        (5, wrong_id.clone()),
        (5, good[..good.len() - 2].to_owned()),
        (5, "hello\n".to_owned()),
        (5, String::new()),
    ] {
        table.keyed(code, format!("keys: {keys:?}"), sample.archive(), keys);
    }
    // Both sign the manifest: the first that is believed is the one, and signs the checkpoint as well.
    let mut files = sample.files();
    let text = checkpoint_of(16, &root_of(&leaves(&sample)));
    *file(&mut files, "checkpoint") = key(2).sign_text(&text).into_bytes();
    let note = sign_text(&[key(1), key(2)], &manifest(&sample.head(), &lines_of(&files)));
    let archive = packed(&with(files, note));
    let (one, two) = (line(&key(1)), line(&key(2)));
    table.keyed(3, "the checkpoint is signed by the second key", archive.clone(), format!("{one}{two}"));
    table.keyed(0, "the checkpoint is signed by the first key", archive, format!("{two}{one}"));
}

fn leaves(sample: &Sample) -> Vec<Hash> {
    sample.entries.iter().map(|entry| leaf_hash(entry)).collect()
}

fn manifests(table: &mut Table) {
    let sample = middle();
    let (head, files) = (sample.head(), lines_of(&sample.files()));
    let in_hex = format!("root {}", hex(&root_of(&leaves(&sample))));
    let unpadded = head[5].replace('=', "");
    let others: [(usize, &[&str]); 6] = [
        (0, &["waymark/bundle@v2", "waymark/bundle@v1 "]),
        (1, &["Origin waymark/x", "origin"]),
        (
            2,
            &["from 02", "from +2", "from -2", "from 2 ", "from  2", "from 2.0", "from 0", "from ٢", "from "],
        ),
        (3, &["to 039", "to +39", "to 41", "to 1", "to 39\u{a0}"]),
        (4, &["size 040", "size +40", "size 4e1", "size 41", "size 39", "size 9223372036854775848"]),
        (5, &[in_hex.as_str(), unpadded.as_str(), "root "]),
    ];
    for (at, texts) in others {
        for text in texts {
            let mut head = head.clone();
            head[at] = (*text).to_owned();
            table.manifest(1, format!("the manifest says {text:?}"), &head, &files);
        }
    }
    let mut swapped = head.clone();
    swapped.swap(2, 3);
    table.manifest(1, "lines of the manifest in another order", &swapped, &files);
    table.manifest(1, "a line of the manifest is missing", &[&head[..4], &head[5..]].concat(), &files);
    table.manifest(1, "a further line of the manifest", &[&head[..], &["more".to_owned()]].concat(), &files);
    table.manifest(1, "an empty line of the manifest", &[&head[..], &[String::new()]].concat(), &files);
    let readme = &files[0];
    let digest = readme.split(' ').nth(1).unwrap();
    let none = "0".repeat(64);
    for other in [
        readme.replace(" 11 ", " 011 "),
        readme.replace(" 11 ", " +11 "),
        readme.replace(" 11 ", " 12 "),
        readme.replace(" 11 ", " 18446744073709551627 "),
        readme.replace(digest, &digest.to_uppercase()),
        readme.replace(digest, &digest[1..]),
        readme.replace(digest, &none),
        readme.replace("file ", "File "),
        readme.replace(" README.md", ""),
        readme.replace("README.md", ""),
        format!("{readme}\n{readme}"),
        format!("{readme}\nfile {none} 0 manifest"),
        format!("{readme}\nfile {none} 0 "),
        format!("{readme}\nfile {none} 0 nothing/there"),
    ] {
        let mut files = files.clone();
        files[0].clone_from(&other);
        table.manifest(1, format!("a file of the manifest: {other:?}"), &head, &files);
    }
    table.manifest(1, "a file is not in the manifest", &head, &files[1..]);
}

/// Logs as long as numbers go: the last entry of each, and one hash for each part before it.
fn numbers(table: &mut Table) {
    for (code, size) in [(0, 1 << 40), (0, i64::MAX as u64), (1, 1 << 63), (1, u64::MAX)] {
        let bytes = entry(size).to_string().into_bytes();
        let mut proof = Vec::new();
        let root = walk((0, size), (size - 1, size), &mut |low, _| {
            if low == size - 1 {
                return leaf_hash(&bytes);
            }
            let hash = leaf_hash(&low.to_be_bytes());
            proof.push(hash);
            hash
        });
        let files: Files = vec![
            ("README.md".to_owned(), Vec::new()),
            ("keys".to_owned(), Vec::new()),
            ("checkpoint".to_owned(), key(1).sign_text(&checkpoint_of(size, &root)).into_bytes()),
            ("proof".to_owned(), lines_with(&proof)),
            (entries_name(size), [&bytes[..], b"\n"].concat()),
        ];
        let text = manifest(&head_of(size, size, size, &root), &lines_of(&files));
        table.put(code, format!("a log of {size}"), packed(&with(files, key(1).sign_text(&text))));
    }
}

fn names(table: &mut Table) {
    let sample = middle();
    let beyond = [&sample.entries[39][..], b"\n"].concat();
    let folder = format!("rotations/{:020}", 17);
    for name in [
        entries_name(1),
        entries_name(40),
        entries_name(258),
        entries_name(u64::MAX),
        "entries/2.ndjson".to_owned(),
        format!("{}.txt", entries_name(2)),
        "entries/".to_owned(),
        format!("{folder}/more"),
        format!("{folder}/entry/more"),
        folder,
        "rotations/readme".to_owned(),
        "rotations/17/entry".to_owned(),
        rotation_name(18, "entry"),
        rotation_name(1 << 63, "entry"),
        "extra".to_owned(),
        "a b".to_owned(),
        "../x".to_owned(),
        "./keys".to_owned(),
        "keys/".to_owned(),
    ] {
        for bytes in [beyond.clone(), Vec::new()] {
            let named = format!("a further file {name} of {} bytes, named and signed", bytes.len());
            table.files(1, named, &sample, |files| files.push((name.clone(), bytes)));
        }
        let mut files = sample.complete(sample.files());
        files.push((name.clone(), beyond.clone()));
        table.put(1, format!("a further file {name}, not named"), packed(&files));
    }
    for name in ["README.md", "keys", "checkpoint", "proof", &entries_name(2)] {
        table.files(4, format!("{name} is neither there nor named"), &sample, |files| without(files, name));
        let mut files = sample.complete(sample.files());
        without(&mut files, name);
        table.put(4, format!("{name} is not there"), packed(&files));
    }
    let long = Sample::of(600).stretch(30, 560);
    table.files(4, "the last file of entries is neither there nor named", &long, |files| {
        without(files, &entries_name(542));
    });
    let mut files = sample.complete(sample.files());
    files.push(files[0].clone());
    table.put(1, "a file is there twice", packed(&files));
    table.files(0, "README.md and keys tell something else", &sample, |files| {
        *file(files, "README.md") = Vec::new();
        *file(files, "keys") = b"hello".to_vec();
    });
}

/// An archive in whose first header something is another.
fn headed(edit: impl FnOnce(&mut [u8; 512])) -> Vec<u8> {
    let files = middle().complete(middle().files());
    let mut bytes = tar(&files);
    let mut first = [0; 512];
    first.copy_from_slice(&bytes[..512]);
    edit(&mut first);
    bytes[..512].copy_from_slice(&first);
    zipped(&[bytes, vec![0; 1024]].concat())
}

fn headers(table: &mut Table) {
    let bytes = tar(&middle().complete(middle().files()));
    let before = |kind: u8| {
        let content = b"13 path=keys\n";
        let one = header("keys", content.len(), kind);
        zipped(&[&one[..], &blocks(content), &bytes, &[0; 1024]].concat())
    };
    for kind in [b'x', b'g', b'L', b'K', b'S', b'V', b'1', b'2', b'5', b'7', b'Z'] {
        table.put(1, format!("a file of the kind {}", char::from(kind)), before(kind));
    }
    let resummed = |at: usize, field: &[u8]| {
        headed(|header| {
            header[at..at + field.len()].copy_from_slice(field);
            *header = summed(*header);
        })
    };
    let base_256 = b"\x80\0\0\0\0\0\0\0\0\0\0\x0b";
    table.put(0, "the kind is NUL", resummed(156, &[0]));
    table.put(0, "no sensible mode and owner", resummed(100, &[b'z'; 24]));
    table.put(0, "a size after spaces", resummed(124, b"         13 "));
    table.put(0, "something behind the name", resummed(40, b"junk"));
    table.put(1, "the kind 7", resummed(156, b"7"));
    table.put(1, "a file that is too large", resummed(124, b"00100000001\0"));
    table.put(4, "no magic", resummed(257, &[0; 8]));
    table.put(0, "the magic of GNU", resummed(257, b"ustar  \0"));
    table.put(4, "a size in base 256", resummed(124, base_256));
    table.put(4, "a size that is no number", resummed(124, b"zzzzzzzzzzz\0"));
    table.put(4, "a name that is not UTF-8", resummed(0, &[0xff]));
    let gnu = headed(|header| {
        header[257..265].copy_from_slice(b"ustar  \0");
        header[345..348].copy_from_slice(b"sub");
        *header = summed(*header);
    });
    table.put(4, "the magic of GNU and a prefix", gnu);
    table.put(4, "another check sum", headed(|header| header[0] ^= 1));
    table.put(4, "a name with something before it", resummed(345, b"sub"));
    // The name of the entries, parted before the slash.
    let files = middle().complete(middle().files());
    let whole = header(&entries_name(2), file(&mut files.clone(), &entries_name(2)).len(), b'0');
    let mut parted = whole;
    parted[..100].fill(0);
    parted[..27].copy_from_slice(&entries_name(2).as_bytes()[8..]);
    parted[345..352].copy_from_slice(b"entries");
    let at = bytes.windows(512).position(|window| window == whole).unwrap();
    let joined = [&bytes[..at], &summed(parted), &bytes[at + 512..], &[0; 1024]].concat();
    table.put(0, "a name in two parts", zipped(&joined));
}

fn streams(table: &mut Table) {
    let files = middle().complete(middle().files());
    let (bytes, end) = (tar(&files), [0; 1024]);
    let whole = [&bytes[..], &end].concat();
    let archive = zipped(&whole);
    let other = tar(&vec![("more".to_owned(), b"more".to_vec())]);
    table.put(0, "one block of zeroes at the end", zipped(&[&bytes[..], &end[..512]].concat()));
    table.put(0, "something behind the end", zipped(&[&whole[..], b"junk"].concat()));
    table.put(0, "a file behind the end", zipped(&[&whole[..], &other].concat()));
    table.put(4, "no block of zeroes at the end", zipped(&bytes));
    table.put(4, "half a block of zeroes at the end", zipped(&[&bytes[..], &end[..200]].concat()));
    table.put(
        4,
        "a block of zeroes in the middle",
        zipped(&[&bytes[..512 * 2], &end, &bytes[512 * 2..]].concat()),
    );
    table.put(4, "tar that breaks off", zipped(&bytes[..bytes.len() - 600]));
    table.put(4, "two members", [zipped(&whole[..3000]), zipped(&whole[3000..])].concat());
    table.put(0, "a second member behind the end", [&archive[..], &archive].concat());
    table.put(0, "something behind the member", [&archive[..], b"junk"].concat());
    let mut damaged = archive.clone();
    let crc = damaged.len() - 6;
    damaged[crc] ^= 1;
    table.put(0, "another check sum of gzip", damaged);
    table.put(0, "the check sum of gzip is cut off", archive[..archive.len() - 8].to_vec());
    table.put(4, "the stream is cut off", archive[..archive.len() - 12].to_vec());
    table.put(4, "half an archive", archive[..archive.len() / 2].to_vec());
    let mut unended = GzEncoder::new(Vec::new(), Compression::fast());
    unended.write_all(&whole).unwrap();
    unended.flush().unwrap();
    table.put(4, "a stream without its end", unended.get_ref().clone());
    let headed = |flags: u8, further: &[u8]| {
        [&archive[..3], &[flags], &archive[4..10], further, &archive[10..]].concat()
    };
    table.put(0, "gzip with all fields", headed(0x1f, b"\x03\0abcname\0comment\0zz"));
    for flag in [0x20, 0x40, 0x80] {
        table.put(4, format!("the reserved flag {flag:02x} of gzip"), headed(flag, &[]));
    }
    table.put(4, "another method", [&archive[..2], &[7], &archive[3..]].concat());
    table.put(4, "no magic of gzip", [&b"\x1f\x8c"[..], &archive[2..]].concat());
    table.put(4, "bare tar", whole);
    table.put(4, "nothing", Vec::new());
    table.put(4, "gzip of nothing", zipped(&[]));
    table.put(4, "no file", zipped(&end));
}

fn entries(table: &mut Table) {
    let id = "0190b2a4-5e1c-7d7b-8f3e-000000000010";
    for (code, other) in [
        (0, "00000000-0000-0000-0000-000000000000".to_owned()),
        (1, id.to_uppercase()),
        (1, id.replace('-', "")),
        (1, format!("{{{id}}}")),
        (1, format!("urn:uuid:{id}")),
        (1, format!(" {id}")),
        (1, "abc".to_owned()),
        (1, "0190b2a4-5e1c-7d7b-8f3e-00000000000f".to_owned()),
    ] {
        table.text(code, &format!("\"{id}\""), &format!("\"{other}\""));
    }
    for other in [
        "16.0",
        "1.6e1",
        "160e-1",
        "\"16\"",
        "17",
        "-16",
        "+16",
        "016",
        "18446744073709551632",
        "null",
        "true",
    ] {
        table.text(1, "\"position\":16", &format!("\"position\":{other}"));
    }
    for (code, other) in [
        (0, "2026-11-30T19:09:15.000000Z"),
        (0, "9999-12-31T23:59:59.999999Z"),
        (1, "2026-11-30T19:09:14.999999Z"),
        (1, "2027-01-01T00:00:00.000Z"),
        (1, "2027-01-01T00:00:00Z"),
        (1, "2027-01-01T00:00:00.0000000Z"),
        (1, "2027-01-01T00:00:00.000000+00:00"),
        (1, "2027-01-01t00:00:00.000000z"),
        (1, "2027-01-01 00:00:00.000000Z"),
        (1, "2027-13-01T00:00:00.000000Z"),
        (1, "2027-02-30T00:00:00.000000Z"),
        (1, "2027-02-29T00:00:00.000000Z"),
        (1, "2027-01-01T24:00:00.000000Z"),
        (1, "2027-01-01T00:60:00.000000Z"),
        (1, "2026-12-31T23:59:60.000000Z"),
        (1, "2027-01-01T00:00:00.00000٠Z"),
    ] {
        table.text(code, "2026-11-30T19:09:16.000000Z", other);
    }
    for (code, other) in [
        (0, r#""\ud83d\ude00""#.to_owned()),
        (0, "1e300".to_owned()),
        (0, "123456789012345678901234567890".to_owned()),
        (1, r#""\ud800""#.to_owned()),
        (1, "1e400".to_owned()),
        (1, "9".repeat(400)),
        (1, "NaN".to_owned()),
        (1, "-Infinity".to_owned()),
        (1, r#""","note":"""#.to_owned()),
        (1, r#""","\u006eote":"""#.to_owned()),
        (1, r#"[{"a":1,"a":1}]"#.to_owned()),
        (1, "\"a\tb\"".to_owned()),
        (0, format!("{}{}", "[".repeat(125), "]".repeat(125))),
        (1, format!("{}{}", "[".repeat(126), "]".repeat(126))),
        (1, format!("{}{}", "[".repeat(5000), "]".repeat(5000))),
    ] {
        table.text(code, "\"note\":\"\"", &format!("\"note\":{other}"));
    }
    for (code, length) in [(0, 65_535), (1, 65_536)] {
        let text = entry(16).to_string();
        let note = format!("\"note\":\"{}\"", "a".repeat(length - text.len()));
        table.text(code, "\"note\":\"\"", &note);
    }
}

fn members(table: &mut Table) {
    let whole = entry(16);
    for name in ["actor", "data", "id", "position", "recordedat", "subject", "time", "type", "typeversion"] {
        let mut entry = whole.clone();
        entry.as_object_mut().unwrap().remove(name);
        table.entry(1, &format!("without {name}"), entry.to_string().into_bytes());
        for other in [Value::Null, Value::from(-1), Value::Array(Vec::new())] {
            let mut entry = whole.clone();
            entry[name] = other.clone();
            table.entry(1, &format!("{name} is {other}"), entry.to_string().into_bytes());
        }
    }
    table.text(1, "\"typeversion\":1", "\"typeversion\":0");
    table.text(1, "\"typeversion\":1", "\"typeversion\":9223372036854775808");
    table.text(1, "\"typeversion\":1", "\"typeversion\":1,\"position\":16");
    table.text(0, "\"typeversion\":1", "\"typeversion\":1,\"via\":5");
    let text = whole.to_string();
    for (code, name, bytes) in [
        (0, "spaces", format!(" {text} ").replacen("\"actor\":", "\"actor\" : ", 1)),
        (0, "a carriage return behind it", format!("{text}\r")),
        (1, "a mark of the byte order", format!("\u{feff}{text}")),
        (1, "a comma too many", text.replace("1}", "1,}")),
        (1, "something behind it", format!("{text} x")),
        (1, "in an array", format!("[{text}]")),
        (1, "no JSON", "hello".to_owned()),
        (1, "empty", String::new()),
    ] {
        table.entry(code, name, bytes.into_bytes());
    }
    let mut bytes = text.clone().into_bytes();
    let at = text.find("first").unwrap();
    bytes[at] = 0xff;
    table.entry(1, "not UTF-8", bytes);
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    table.entry(1, "UTF-16", wide);
}

fn lines_of_entries(table: &mut Table) {
    let sample = Sample::of(16);
    let name = entries_name(1);
    let edits: [(i32, &str, Edit); 8] = [
        (1, "no line feed at the end", |bytes| bytes[..bytes.len() - 1].to_vec()),
        (4, "nothing", |_| Vec::new()),
        (4, "an empty line at the end", |bytes| [bytes, b"\n"].concat()),
        (4, "an empty line at the beginning", |bytes| [&b"\n"[..], bytes].concat()),
        (4, "an entry less", |bytes| {
            bytes.split_inclusive(|byte| *byte == b'\n').skip(1).flatten().copied().collect()
        }),
        (4, "each entry twice", |bytes| [bytes, bytes].concat()),
        (1, "lines that end with CR LF", |bytes| {
            String::from_utf8_lossy(bytes).replace('\n', "\r\n").into_bytes()
        }),
        (1, "the entries backwards", |bytes| {
            let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
            lines.into_iter().rev().collect::<Vec<_>>().concat()
        }),
    ];
    for (code, what, edit) in edits {
        table.files(code, format!("the file of entries: {what}"), &sample, |files| {
            let bytes = file(files, &name);
            *bytes = edit(bytes);
        });
    }
}

fn proofs(table: &mut Table) {
    let sample = middle();
    let of_change = [rotation_name(17, "proof"), rotation_name(17, "handover-proof")];
    let edits: [(&str, EditText); 8] = [
        ("no line feed at the end", |text| text.trim_end().to_owned()),
        ("CR LF", |text| text.replace('\n', "\r\n")),
        ("an empty line", |text| format!("{text}\n")),
        ("a line less", |text| text.split_inclusive('\n').skip(1).collect()),
        ("a line more", |text| format!("{}{text}", text.split_inclusive('\n').next().unwrap())),
        ("no padding", |text| text.replace('=', "")),
        ("a shorter hash", |text| format!("AAAA\n{text}")),
        ("empty", |_| String::new()),
    ];
    for name in ["proof", of_change[0].as_str(), of_change[1].as_str()] {
        for (what, edit) in edits {
            table.files(1, format!("{name}: {what}"), &sample, |files| {
                let bytes = file(files, name);
                *bytes = edit(std::str::from_utf8(bytes).unwrap()).into_bytes();
            });
        }
    }
    table.files(1, "the proof of a whole log is a line feed", &Sample::of(16), |files| {
        *file(files, "proof") = b"\n".to_vec();
    });
}

fn changes(table: &mut Table) {
    let stretches: [(i32, u64, u64, &[u64], u8); 7] = [
        (0, 1, 16, &[], 1),
        (0, 18, 28, &[], 1),
        (1, 1, 17, &[], 1),
        (1, 17, 17, &[], 1),
        (0, 1, 28, &[17], 2),
        (1, 20, 40, &[17], 2),
        (1, 1, 28, &[29], 1),
    ];
    for (code, from, to, changes, signed_by) in stretches {
        let sample = Sample { changes: changes.to_vec(), signed_by, ..Sample::of(40).stretch(from, to) };
        table.put(code, format!("{from} to {to} with the changes {changes:?}"), sample.archive());
    }
    for file in ["entry", "handover", "handover-proof", "proof"] {
        let name = rotation_name(17, file);
        table
            .files(4, format!("{name} is neither there nor named"), &middle(), |files| without(files, &name));
    }
    // The entry itself is another, and hashed and signed all the same; it is not in the stretch.
    let text = entry(17).to_string();
    let padded = format!("\"typeversion\":1,\"zzz\":\"{}\"", "a".repeat(65_536));
    let of_installation = line_named("waymark", &key(2)).trim().to_owned();
    let vkey = line(&key(2)).trim().to_owned();
    for (of, other) in [
        ("\"typeversion\":1", padded.as_str()),
        ("\"typeversion\":1", "\"typeversion\":1,\"zzz\":1,\"zzz\":1"),
        ("\"typeversion\":1", "\"typeversion\":\"1\""),
        ("signing_key.rotated", "signing_key.rotatex"),
        ("\"position\":17", "\"position\":18"),
        (vkey.as_str(), of_installation.as_str()),
        (vkey.as_str(), "hello"),
        ("\"replaces\"", "\"replaced\""),
    ] {
        let mut sample = Sample::of(40).stretch(18, 40);
        assert!(text.contains(of), "{of}");
        sample.entries[16] = text.replacen(of, other, 1).into_bytes();
        let other: String = other.chars().take(60).collect();
        table.put(1, format!("the entry of a change: {other}"), sample.archive());
    }
    let name = rotation_name(17, "entry");
    let edits: [(&str, Edit); 3] = [
        ("two line feeds", |bytes| [bytes, b"\n"].concat()),
        ("no line feed", |bytes| bytes[..bytes.len() - 1].to_vec()),
        ("a space before it", |bytes| [&b" "[..], bytes].concat()),
    ];
    for (what, edit) in edits {
        table.files(1, format!("{name}: {what}"), &middle(), |files| {
            let bytes = file(files, &name);
            *bytes = edit(bytes);
        });
    }
}

/// Of several faults the first counts.
fn orders(table: &mut Table) {
    let sample = middle();
    let whole = sample.complete(sample.files());
    let nonsense = "hello".to_owned();
    let mut files = whole.clone();
    without(&mut files, "proof");
    *file(&mut files, "README.md") = Vec::new();
    table.put(1, "README.md differs, and proof is missing", packed(&files));
    let mut files = whole.clone();
    without(&mut files, "README.md");
    *file(&mut files, "proof") = Vec::new();
    table.put(4, "README.md is missing, and proof differs", packed(&files));
    let mut files = whole.clone();
    without(&mut files, "proof");
    files.push(("extra".to_owned(), Vec::new()));
    table.put(4, "proof is missing, and a file is not named", packed(&files));
    let mut files = whole.clone();
    files.push(files[0].clone());
    table.keyed(1, "a file is there twice, and no key", packed(&files), nonsense.clone());
    let mut files = whole.clone();
    without(&mut files, "manifest");
    table.keyed(4, "no manifest, and no key", packed(&files), nonsense.clone());
    let mut files = whole.clone();
    *file(&mut files, "manifest") = b"hello\n".to_vec();
    table.keyed(1, "no origin, and no key", packed(&files), nonsense.clone());
    let mut files = whole.clone();
    *file(&mut files, "manifest") = format!("hello\norigin {ORIGIN}\n").into_bytes();
    table.keyed(5, "no signature, and no key", packed(&files), nonsense);
    table.put(3, "no signature, and another form", packed(&files));

    // A change that does not hold: by its hand-over (3), by its proof (1), or for want of it (4).
    let faults: [(i32, &str, EditFiles); 3] = [
        (3, "handover", |files| {
            let note = String::from_utf8(file(files, &rotation_name(17, "handover")).clone()).unwrap();
            let text = format!("{}\n", note.rsplit_once("\n\n").unwrap().0);
            *file(files, &rotation_name(17, "handover")) = key(2).sign_text(&text).into_bytes();
        }),
        (1, "handover-proof", |files| file(files, &rotation_name(17, "handover-proof")).clear()),
        (4, "no handover", |files| without(files, &rotation_name(17, "handover"))),
    ];
    for (code, fault, edit) in faults {
        // By the key that is believed, and by a strange one.
        let by_first = Sample { signed_by: 1, ..middle() };
        table.files(code, format!("{fault}, by the first key"), &by_first, edit);
        let by_other = Sample { signed_by: 9, ..middle() };
        table.files(code, format!("{fault}, by a strange key"), &by_other, edit);
        let mut files = by_first.files();
        edit(&mut files);
        let mut head = by_first.head();
        head[0] = "waymark/bundle@v2".to_owned();
        let note = key(1).sign_text(&manifest(&head, &lines_of(&files)));
        table.put(1, format!("{fault}, and a manifest of another form"), packed(&with(files.clone(), note)));
        let mut differing = by_first.complete(files.clone());
        *file(&mut differing, "README.md") = Vec::new();
        table.put(1, format!("{fault}, and README.md differs"), packed(&differing));
        let text = checkpoint_of(40, &root_of(&leaves(&by_first)));
        *file(&mut files, "checkpoint") = key(9).sign_text(&text).into_bytes();
        table.put(
            3,
            format!("{fault}, and a checkpoint by a strange key"),
            packed(&by_first.complete(files)),
        );
    }
}
