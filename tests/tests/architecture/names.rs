//! Types are called what the field calls them: a participle or a pronoun says nothing to who meets it in another file.

use super::sources;

/// Names that a type once had, each for several things.
const EMPTY: [&str; 24] = [
    "Asked", "Done", "Fate", "Found", "Given", "Held", "Kept", "Known", "Made", "Marks", "Outlet", "Past",
    "Said", "Shown", "Sought", "Taken", "Tally", "Told", "Traits", "Turns", "Wanted", "Which", "Who",
    "Whose",
];

/// The name of the type that a line declares.
fn declared(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = line.strip_prefix("pub").map_or(line, |rest| match rest.strip_prefix('(') {
        Some(scope) => scope.split_once(')').map_or("", |(_, rest)| rest),
        None => rest,
    });
    let line = line.trim_start();
    let name = ["struct ", "enum ", "type ", "trait "].iter().find_map(|word| line.strip_prefix(word))?;
    name.split(|sign: char| !sign.is_alphanumeric() && sign != '_').next()
}

fn is_empty(line: &str) -> bool {
    declared(line).is_some_and(|name| EMPTY.contains(&name))
}

#[test]
fn no_type_has_a_name_that_says_nothing() {
    let mut found = Vec::new();
    for (path, code) in sources() {
        let lines = code.lines().filter(|line| is_empty(line));
        found.extend(lines.map(|line| format!("{}: {}", path.display(), line.trim())));
    }
    assert_eq!(found, [""; 0]);
}

#[test]
fn a_planted_name_is_found() {
    for line in [
        "struct Asked<'a> {",
        "    pub(super) enum Fate {",
        "pub type Which = fn(u8);",
        "pub(crate) struct Kept(u8);",
    ] {
        assert!(is_empty(line), "{line}");
    }
    for line in ["struct AskedFor {", "let struct_ = Asked;", "pub use x::Known;", "    /// struct Held"] {
        assert!(!is_empty(line), "{line}");
    }
}
