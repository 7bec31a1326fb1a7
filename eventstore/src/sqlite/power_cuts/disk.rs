//! What a power cut leaves of the files whose writes were recorded ([recorder.c](recorder.c)).
//!
//! What was written to a file before its last sync is there. Of what came after it each sector of 512 bytes is there or not, by
//! chance, in any order; so is a file's name, or its absence, until the file or its folder was synced.

use std::collections::BTreeMap;

/// What a disk writes whole or not at all, in bytes.
const SECTOR: u64 = 512;
/// How the recorder calls the folder.
const FOLDER: &str = ".";

/// One step of a process.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) file: String,
    pub(super) operation: Operation,
}

#[derive(Debug, Clone)]
pub(super) enum Operation {
    Write {
        offset: u64,
        bytes: Vec<u8>,
    },
    SetLength(u64),
    Sync,
    Unlink,
    /// To this name.
    Rename(String),
}

/// The steps of a record.
pub(super) fn steps(mut record: &[u8]) -> Vec<Step> {
    let mut steps = Vec::new();
    while let Some(end) = record.iter().position(|byte| *byte == b'\n') {
        let line = std::str::from_utf8(&record[..end]).unwrap();
        let mut words = line.split(' ');
        let mut word = || words.next().unwrap();
        let (kind, file) = (word(), word().to_owned());
        let (offset, length): (u64, usize) = (word().parse().unwrap(), word().parse().unwrap());
        let (bytes, rest) = record[end + 1..].split_at(length);
        record = rest;
        let operation = match kind {
            "W" => Operation::Write { offset, bytes: bytes.to_vec() },
            "T" => Operation::SetLength(offset),
            "S" => Operation::Sync,
            "U" => Operation::Unlink,
            "R" => Operation::Rename(String::from_utf8(bytes.to_vec()).unwrap()),
            other => panic!("the recorder knows no {other}"),
        };
        steps.push(Step { file, operation });
    }
    steps
}

/// Numbers that look like chance and are the same for the same seed: SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Debug, Clone)]
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Less than this.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.draw() % bound
    }
}

/// The files of a folder, as the process sees them and as far as they are on disk.
#[derive(Debug, Default)]
pub(super) struct Disk {
    files: BTreeMap<String, OnDisk>,
}

#[derive(Debug, Default)]
struct OnDisk {
    synced: Vec<u8>,
    unsynced: Vec<Operation>,
    is_name_synced: bool,
    is_unlinked: bool,
}

impl Disk {
    pub(super) fn carry_out(&mut self, Step { file, operation }: &Step) {
        if file == FOLDER {
            self.files.retain(|_, file| !file.is_unlinked);
            self.files.values_mut().for_each(|file| file.is_name_synced = true);
            return;
        }
        let file = self.files.entry(file.clone()).or_default();
        if std::mem::take(&mut file.is_unlinked) {
            *file = OnDisk::default();
        }
        match operation {
            Operation::Sync => {
                let unsynced = std::mem::take(&mut file.unsynced);
                unsynced.iter().for_each(|operation| apply(&mut file.synced, operation));
                file.is_name_synced = true;
            }
            Operation::Unlink => file.is_unlinked = true,
            Operation::Rename(name) => panic!("the log gives no file the name {name}"),
            other => file.unsynced.push(other.clone()),
        }
    }

    /// The files as the next process finds them.
    pub(super) fn after_cut(&self, chance: &mut Chance) -> Vec<(&str, Vec<u8>)> {
        // The number of eight sectors that arrive: from none, as if nothing but syncs counted, to all, as if nothing had happened.
        let arrive = [0, 1, 4, 7, 8][chance.below(5) as usize];
        let mut left = Vec::new();
        for (name, file) in &self.files {
            let is_sure = file.is_name_synced && !file.is_unlinked;
            if !is_sure && chance.below(2) == 0 {
                continue;
            }
            let mut bytes = file.synced.clone();
            for operation in &file.unsynced {
                match operation {
                    Operation::Write { offset, bytes: written } => {
                        for sector in sectors(*offset, written) {
                            if chance.below(8) < arrive {
                                apply(&mut bytes, &sector);
                            }
                        }
                    }
                    other if chance.below(8) < arrive => apply(&mut bytes, other),
                    _ => {}
                }
            }
            left.push((name.as_str(), bytes));
        }
        left
    }
}

/// A write as the disk does it, sector by sector.
fn sectors(offset: u64, bytes: &[u8]) -> Vec<Operation> {
    let (mut offset, mut bytes, mut sectors) = (offset, bytes, Vec::new());
    while !bytes.is_empty() {
        let length = bytes.len().min((SECTOR - offset % SECTOR) as usize);
        let (sector, rest) = bytes.split_at(length);
        sectors.push(Operation::Write { offset, bytes: sector.to_vec() });
        (offset, bytes) = (offset + length as u64, rest);
    }
    sectors
}

fn apply(file: &mut Vec<u8>, operation: &Operation) {
    match operation {
        Operation::Write { offset, bytes } => {
            let (from, to) = (*offset as usize, *offset as usize + bytes.len());
            if file.len() < to {
                file.resize(to, 0);
            }
            file[from..to].copy_from_slice(bytes);
        }
        Operation::SetLength(length) => file.resize(*length as usize, 0),
        Operation::Sync | Operation::Unlink | Operation::Rename(_) => {}
    }
}

#[test]
fn what_was_synced_is_there_and_of_the_rest_any_sectors() {
    let record = b"W a 0 3\noldS a 0 0\nW a 1 1\nXW a 1024 4\nlateW b 0 1\nb";
    let steps = steps(record);
    assert_eq!(steps.len(), 5);
    let mut disk = Disk::default();
    steps.iter().for_each(|step| disk.carry_out(step));
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..2_000 {
        let left: BTreeMap<_, _> = disk.after_cut(&mut Chance(seed)).into_iter().collect();
        let a = &left["a"];
        assert!(a.starts_with(b"old") || a.starts_with(b"oXd"), "{a:?}");
        assert!(a.len() == 3 || a.ends_with(b"\0late"), "{a:?}");
        seen.insert((a[1] == b'X', a.len() > 3, left.get("b").cloned()));
    }
    assert_eq!(seen.len(), 12, "each with each: {seen:?}");
    for (file, operation) in [(".", Operation::Sync), ("b", Operation::Unlink), (".", Operation::Sync)] {
        disk.carry_out(&Step { file: file.to_owned(), operation });
    }
    assert!((0..50).all(|seed| disk.after_cut(&mut Chance(seed)).iter().all(|(name, _)| *name == "a")));
}
