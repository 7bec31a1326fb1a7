//! What of a segment is on disk before the log lets go of its entries: its bytes, its name, and the folders that it is in.

use super::*;
use crate::segments::write_segment;

const WRITING: &str = "sqlite::power_cuts::segments::a_process_writes_a_segment_and_says_so";

#[tokio::test]
#[ignore = "a part of the other test, which runs it in a process of its own"]
async fn a_process_writes_a_segment_and_says_so() {
    let folder = PathBuf::from(setting(FOLDER).expect("it is told where"));
    let options = Options { segments: Some(folder.join("archive")), ..options() };
    let store = SqliteStore::open(folder.join(LOG).to_str().unwrap(), options).await.unwrap();
    let drafts = Bench::memory();
    let events = (0..256).map(|_| drafts.event("e", &["a"])).collect();
    store.append(Append::new(TENANT, events)).await.unwrap();
    let lock = store.segments().unwrap().lock().await.unwrap();
    write_segment(&*store, &lock, TENANT, 0).await.unwrap();
    std::fs::write(folder.join(ACKNOWLEDGED), "written").unwrap();
    // No close: the power is cut while it runs.
    std::process::exit(0);
}

#[test]
fn a_segment_is_on_disk_with_its_name_and_its_folders_before_it_counts_as_written() {
    let folder = folder();
    let steps = steps_of(WRITING, &folder.path().join("log"), []);
    let end = steps.iter().position(|step| step.file == ACKNOWLEDGED).unwrap();
    let steps = &steps[..end];
    let is_synced = |file: &str, steps: &[Step]| {
        steps.iter().any(|step| step.file == file && matches!(step.operation, Operation::Sync))
    };
    let named = |(place, step): (usize, &Step)| match &step.operation {
        Operation::Rename(name) => Some((place, step.file.clone(), name.clone())),
        _ => None,
    };
    let mut named = steps.iter().enumerate().filter_map(named);
    let (renamed, part, name) = named.next().expect("it is written under another name first");
    assert!(named.next().is_none() && name == format!("archive/{TENANT}/tile/entries/000"), "{name}");
    let is_write = |step: &Step| step.file == part && matches!(step.operation, Operation::Write { .. });
    let written = steps[..renamed].iter().rposition(is_write).expect("it has bytes");
    assert!(is_synced(&part, &steps[written..renamed]), "it got its name before its bytes were on disk");
    let folders = Path::new(&name).ancestors().skip(1);
    for folder in folders.map(|folder| folder.to_str().unwrap()) {
        let called = if folder.is_empty() { "." } else { folder };
        assert!(is_synced(called, &steps[renamed..]), "names in {called:?} may be gone after a power cut");
    }
}
