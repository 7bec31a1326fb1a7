//! The front of the house: what somebody sees who has just come.

use waymark_tests::repository;

use super::{CRATES, read};

/// The longest front page.
const LINES: usize = 60;

#[test]
fn the_front_page_is_short_and_shows_the_console_and_the_idea() {
    let page = read(&repository().join("README.md"));
    assert!(page.lines().count() <= LINES, "{} lines", page.lines().count());
    let picture =
        page.lines().find_map(|line| line.strip_prefix("![")?.split_once("](")?.1.strip_suffix(')'));
    assert!(repository().join(picture.expect("a picture of the console")).exists());
    let idea = page.split("## The idea").nth(1).expect("the idea");
    assert!(idea.trim_start().starts_with("```text"), "the idea is drawn first");
}

#[test]
fn every_crate_opens_with_an_example_that_compiles() {
    for name in CRATES {
        let code = read(&repository().join(name).join("src/lib.rs"));
        let page = code.lines().take_while(|line| line.starts_with("//!"));
        let fences: Vec<&str> = page.filter_map(|line| line.strip_prefix("//! ```")).collect();
        let compiles = |fence: &str| fence.is_empty() || fence == "no_run";
        assert!(fences.len() >= 2 && compiles(fences[0]), "{name}: {fences:?}");
    }
}

#[test]
fn every_example_and_every_finding_is_in_the_list_of_its_folder() {
    for (folder, endings) in [("examples", &["sh", "py", "ts"][..]), ("findings", &["sh"])] {
        let folder = repository().join(folder);
        let list = read(&folder.join("README.md"));
        let entries =
            std::fs::read_dir(&folder).expect("it is there").map(|entry| entry.expect("an entry").path());
        let is_one = |ending: &str| endings.contains(&ending);
        let files =
            entries.filter(|path| path.extension().and_then(|ending| ending.to_str()).is_some_and(is_one));
        let names: Vec<String> =
            files.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect();
        assert!(names.len() > 2, "{names:?}");
        for name in names {
            assert!(list.contains(&name), "{name} is not in {}", folder.join("README.md").display());
        }
    }
}
