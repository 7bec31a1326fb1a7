//! The record over changes, cuts, crashes and other processes.

use super::*;

const KEY: [u8; 32] = [9; 32];
const TENANT: Uuid = Uuid::from_u128(7);

fn now() -> DateTime<Utc> {
    "2026-03-02T08:00:00Z".parse().unwrap()
}

fn of(subject: u128) -> Erasure {
    Erasure {
        tenant: TENANT,
        subject: Uuid::from_u128(subject),
        of: ErasedKind::Customer,
        ground: Some("request".to_owned()),
        event_id: Uuid::from_u128(subject + 1_000),
        at: now(),
    }
}

fn opened(folder: &tempfile::TempDir) -> ErasureRecord {
    ErasureRecord::new(folder.path().join("w.db.erasures"), KEY)
}

fn subjects(record: &ErasureRecord) -> Vec<u128> {
    record.erasures().iter().map(|erasure| erasure.subject.as_u128()).collect()
}

/// A record of the erasures of 1 to 3, and its lines.
fn of_three(folder: &tempfile::TempDir) -> (ErasureRecord, Vec<String>) {
    let record = opened(folder);
    for subject in 1..=3 {
        drop(record.announce(&[of(subject)], now()).unwrap());
    }
    let text = std::fs::read_to_string(record.file()).unwrap();
    (record, text.lines().map(str::to_owned).collect())
}

fn write(record: &ErasureRecord, lines: &[String]) {
    std::fs::write(record.file(), lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
}

#[test]
fn what_is_recorded_is_read_again_once_each_and_tells_nothing_personal() {
    let folder = tempfile::tempdir().unwrap();
    let (record, lines) = of_three(&folder);
    assert_eq!(lines.len(), 4, "when it began, and three erasures");
    drop(record.announce(&[of(2), of(4)], now()).unwrap());
    let again = opened(&folder);
    let state = again.look(true);
    assert_eq!(state, RecordState { begun_at: Some(now()), fault: None });
    assert_eq!((subjects(&again), subjects(&record)), (vec![1, 2, 3, 4], vec![1, 2, 3, 4]));
    assert_eq!(again.erasure(TENANT, Uuid::from_u128(2)), Some(of(2)));
    assert!(!again.begin(now()).unwrap());
}

#[test]
fn what_was_refused_is_withdrawn_and_can_be_recorded_again() {
    let folder = tempfile::tempdir().unwrap();
    let (record, _) = of_three(&folder);
    let announced = record.announce(&[of(3), of(4)], now()).unwrap();
    record.withdraw(announced).unwrap();
    assert_eq!(subjects(&record), [1, 2, 3], "what was there before stays");
    drop(record.announce(&[of(4)], now()).unwrap());
    let again = opened(&folder);
    assert_eq!((again.look(true).fault, subjects(&again)), (None, vec![1, 2, 3, 4]));
}

#[test]
fn a_line_that_was_changed_added_or_taken_out_is_said_and_the_others_count() {
    let folder = tempfile::tempdir().unwrap();
    let (record, lines) = of_three(&folder);
    let other = ErasureRecord::new(folder.path().join("other"), [1; 32]);
    drop(other.announce(&[of(8)], now()).unwrap());
    let forged = std::fs::read_to_string(other.file()).unwrap().lines().last().unwrap().to_owned();
    let changed = lines[2].replace("request", "consent");
    let cases: [(Vec<String>, &str, &[u128]); 4] = [
        (vec![lines[0].clone(), lines[1].clone(), changed, lines[3].clone()], "line 3 is not as", &[1, 3]),
        (vec![lines[0].clone(), lines[1].clone(), lines[3].clone()], "line 3 does not follow", &[1, 3]),
        (lines[1..].to_vec(), "line 1 does not follow", &[1, 2, 3]),
        ([lines.clone(), vec![forged]].concat(), "line 5 is not as", &[1, 2, 3]),
    ];
    for (bad, said, kept) in cases {
        write(&record, &bad);
        let read = opened(&folder);
        let fault = read.look(true).fault.unwrap().to_string();
        assert!(fault.contains(said), "{fault}");
        assert_eq!(subjects(&read), kept);
        assert!(read.announce(&[of(9)], now()).is_err(), "nothing is added to what cannot be relied on");
        // Put back, it is read again without a restart.
        write(&record, &lines);
        assert_eq!((read.look(false).fault, subjects(&read)), (None, vec![1, 2, 3]));
    }
}

#[test]
fn a_line_that_a_crash_cut_short_is_removed_by_the_next_writer() {
    let folder = tempfile::tempdir().unwrap();
    let (record, lines) = of_three(&folder);
    let text = lines.join("\n");
    std::fs::write(record.file(), &text[..text.len() - 20]).unwrap();
    let read = opened(&folder);
    assert_eq!((read.look(true).fault, subjects(&read)), (None, vec![1, 2]));
    drop(read.announce(&[of(5)], now()).unwrap());
    let again = opened(&folder);
    assert_eq!((again.look(true).fault, subjects(&again)), (None, vec![1, 2, 5]));
}

#[test]
fn what_another_process_writes_is_read_and_follows_what_stands_there() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (opened(&folder), opened(&folder));
    assert!(one.begin(now()).unwrap());
    for (record, subject) in [(&one, 1), (&other, 2), (&one, 3), (&other, 3)] {
        drop(record.announce(&[of(subject)], now()).unwrap());
    }
    assert_eq!((one.look(false).fault, subjects(&one)), (None, vec![1, 2, 3]));
    assert_eq!(opened(&folder).look(false).fault, None);
}

#[test]
fn a_record_that_is_not_there_is_no_fault_and_one_that_went_or_cannot_be_read_is() {
    let folder = tempfile::tempdir().unwrap();
    let record = opened(&folder);
    assert_eq!(record.look(true), RecordState { begun_at: None, fault: None });
    drop(record.announce(&[of(1)], now()).unwrap());
    std::fs::remove_file(record.file()).unwrap();
    assert!(record.look(true).fault.unwrap().to_string().contains("it is gone"));
    assert_eq!(subjects(&record), [1], "what is known of it is still known");
    assert!(record.announce(&[of(2)], now()).is_err(), "no other one is begun under a running service");
    std::fs::create_dir(record.file()).unwrap();
    assert!(opened(&folder).look(true).fault.is_some());
    assert!(opened(&folder).announce(&[of(1)], now()).is_err());
}
