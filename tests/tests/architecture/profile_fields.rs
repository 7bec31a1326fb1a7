//! A plain text of the profile is declared once: the other places are derived from its declaration.

use waymark_api::domain::ProfileField;

use crate::{read, repository, written_files};

/// In how many files of the tree a text of the profile may stand: code, examples of events, documents, snapshots and tests.
const MOST_FILES: usize = 12;

/// The one that was declared last followed the recipe; those before it are older than the declaration, and stand in stories.
#[test]
fn the_newest_text_of_the_profile_stands_in_a_dozen_files_at_most() {
    let Some(newest) = ProfileField::ALL.last().map(|field| field.key()) else { return };
    let is_said_in = |text: &str| {
        let inside = |sign: char| sign.is_alphanumeric() || sign == '_';
        text.match_indices(newest).any(|(start, _)| {
            let (before, after) = (&text[..start], &text[start + newest.len()..]);
            !before.ends_with(inside) && !after.starts_with(inside)
        })
    };
    let files = written_files()
        .into_iter()
        .filter(|path| std::fs::read_to_string(path).is_ok_and(|text| is_said_in(&text)));
    let files: Vec<_> = files.collect();
    let how = "walk `ProfileField::ALL` instead of naming a field";
    assert!(files.len() <= MOST_FILES, "{newest} stands in {} files: {how}\n{files:#?}", files.len());
    let recipe = read(&repository().join("CONTRIBUTING.md"));
    assert!(recipe.contains("## How to add a field to the profile"));
}
