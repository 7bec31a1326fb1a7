//! Rules of the house that last: the edges between crates, reasons for exceptions, one shape for all tables,
//! honest documents.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand, Package};
use waymark_tests::repository;

mod circles;
mod front;
mod names;
mod profile_fields;
mod words;

/// The crates of the product, by their folders.
const CRATES: [&str; 4] = ["domain", "eventstore", "projections", "api"];

/// Who may use whom. Nothing else.
const EDGES: [(&str, &[&str]); 5] = [
    ("waymark-domain", &[]),
    ("waymark-eventstore", &[]),
    ("waymark-projections", &["waymark-domain", "waymark-eventstore"]),
    ("waymark-api", &["waymark-domain", "waymark-eventstore", "waymark-projections"]),
    ("waymark-tests", &["waymark-api"]),
];

/// What a decision must not be able to reach: the wire, the disk, chance, other tasks, the server log.
const IMPURE: [&str; 11] = [
    "axum",
    "futures",
    "getrandom",
    "metrics",
    "rand",
    "reqwest",
    "sqlx",
    "tokio",
    "tokio-util",
    "tower-http",
    "tracing",
];

/// What belongs to the outer crates: the log and the read models serve nobody on the wire.
const OUTER: [&str; 5] = ["axum", "clap", "reqwest", "tower-http", "utoipa-axum"];

/// Rows of each document of the feature list.
const FEATURE_ROWS: [(&str, u32); 5] = [("000", 50), ("001", 29), ("002", 30), ("003", 22), ("004", 32)];

/// Rows of what no other system has.
const OWN_ROWS: u32 = 20;

/// The state of a row that nothing serves.
const NOT_YET: &str = "not yet";

/// Folders that are made, not written.
const NOT_OURS: [&str; 3] = [".git", "target", "node_modules"];

/// Endings of files that nobody writes by hand: other people's packages, programs, data sets.
const PACKED: [&str; 18] = [
    "7z", "a", "bz2", "class", "crate", "deb", "dll", "exe", "gz", "jar", "parquet", "so", "tgz", "wasm",
    "whl", "xlsx", "xz", "zip",
];

#[test]
fn nothing_packed_is_kept_in_the_tree() {
    let files = written_files();
    let ending = |path: &PathBuf| path.extension().and_then(|ending| ending.to_str()).map(str::to_lowercase);
    let packed =
        files.iter().filter(|path| ending(path).is_some_and(|ending| PACKED.contains(&ending.as_str())));
    assert_eq!(
        packed.collect::<Vec<_>>(),
        Vec::<&PathBuf>::new(),
        "what others made comes from where they publish it"
    );
}

#[test]
fn crates_depend_on_each_other_along_the_agreed_edges_alone() {
    let packages = packages();
    let members: Vec<&str> = packages.keys().map(String::as_str).collect();
    let placed: BTreeSet<&str> = EDGES.iter().map(|(package, _)| *package).collect();
    assert_eq!(
        members,
        placed.into_iter().collect::<Vec<_>>(),
        "every package has its place among the edges"
    );
    for (package, allowed) in EDGES {
        let used = packages[package].dependencies.iter().map(|used| used.name.as_str());
        let used: BTreeSet<&str> = used.filter(|name| name.starts_with("waymark-")).collect();
        assert_eq!(used.into_iter().collect::<Vec<_>>(), allowed, "{package}");
    }
}

#[test]
fn the_domain_can_reach_no_clock_no_chance_and_no_wire() {
    assert_eq!(used_among("waymark-domain", &IMPURE), BTreeSet::new());
}

#[test]
fn the_log_and_the_read_models_know_no_wire() {
    for package in ["waymark-eventstore", "waymark-projections"] {
        assert_eq!(used_among(package, &OUTER), BTreeSet::new(), "{package}");
    }
}

#[test]
fn every_package_keeps_the_lints_of_the_workspace() {
    for package in packages().into_values() {
        let manifest = read(package.manifest_path.as_std_path());
        assert!(manifest.contains("[lints]\nworkspace = true"), "{} has lints of its own", package.name);
    }
}

#[test]
fn every_ban_in_the_lints_says_why() {
    let text = read(&repository().join("clippy.toml"));
    let mut bans = 0;
    let mut in_list = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("disallowed-") {
            in_list = true;
        } else if line.starts_with(']') {
            in_list = false;
        } else if in_list && !line.is_empty() && !line.starts_with('#') {
            bans += 1;
            let reason = line.split("reason = \"").nth(1).unwrap_or_default();
            assert!(reason.len() > 20, "no reason given: {line}");
        }
    }
    assert!(bans >= 5, "where are the bans? {text}");
}

#[test]
fn every_lint_that_is_waived_is_expected_with_a_reason() {
    let (allowed, expected) = (concat!("[", "allow("), concat!("[", "expect("));
    for (path, text) in sources() {
        assert!(!text.contains(allowed), "{}: expect a lint, with a reason", path.display());
        for (start, _) in text.match_indices(expected) {
            let waiver = text[start..].split(")]").next().unwrap_or_default();
            assert!(waiver.contains("reason = \""), "{}: no reason given: {waiver}", path.display());
        }
    }
}

#[test]
fn nothing_is_left_for_later_in_the_code() {
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
    ];
    for (path, text) in sources() {
        for mark in marks {
            assert!(!text.contains(mark), "{} says {mark}", path.display());
        }
    }
}

/// Comparisons and patterns with a type of stage; to construct one is no question about it.
fn asks_for_a_stage_type(code: &str) -> bool {
    let named = "StageType::";
    code.match_indices(named).any(|(start, _)| {
        let rest = &code[start + named.len()..];
        let variant: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
        let is_variant = variant.starts_with(|c: char| c.is_ascii_uppercase());
        let after = rest[variant.len()..].trim_start_matches([')', ' ', '\n']);
        let before = code[..start].trim_end_matches("Some(").trim_end_matches('&').trim_end();
        let compared = before.ends_with("==") || before.ends_with("!=") || before.ends_with("contains(");
        let matched = after.starts_with("=>") || after.starts_with('|') || before.ends_with('|');
        is_variant && (compared || matched || after.starts_with("==") || after.starts_with("!="))
    })
}

/// The predicates of `StageType` are exhaustive, so that a new type does not compile until each has an answer. That holds
/// for the whole product only as long as nobody else asks for the variants.
#[test]
fn what_a_type_of_stage_means_is_asked_of_the_type() {
    for code in [
        "kind == StageType::Won",
        "matches!(k, Some(StageType::Open | StageType::Won))",
        "StageType::Lost => 1",
    ] {
        assert!(asks_for_a_stage_type(code), "{code}");
    }
    assert!(!asks_for_a_stage_type("map_or(StageType::Open, |ending| ending.kind.is_won())"));
    for (path, text) in sources() {
        let shown = path.display().to_string();
        let theirs = ["/tests/", "tests.rs", "pipeline/stage_type.rs"].iter().any(|end| shown.contains(end));
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let how = "ask a predicate of `StageType`, or add one";
        assert!(theirs || !asks_for_a_stage_type(code), "{shown}: {how}");
    }
}

#[test]
fn every_instant_that_is_answered_ends_in_z() {
    // The console hands on what people wrote, in their zone; tests are clients.
    let ours = |path: &Path| {
        let path = path.display().to_string();
        path.contains("/src/") && !path.contains("/console/") && !path.contains("/tests/")
    };
    for (path, text) in sources().into_iter().filter(|(path, _)| ours(path)) {
        let told = text.split("#[cfg(test)]").next().unwrap_or_default();
        let how = "write `instant::text(at)`: `to_rfc3339` ends in +00:00";
        assert!(!told.contains(".to_rfc3339()"), "{}: {how}", path.display());
    }
}

#[test]
fn what_clocks_show_is_asked_of_the_zones_and_not_of_older_rules() {
    for (path, text) in sources().into_iter().filter(|(path, _)| path.iter().any(|part| part == "src")) {
        let told = text.split("#[cfg(test)]").next().unwrap_or_default();
        let asks = told.replace("with_timezone(&Utc)", "").replace("with_timezone(&offset)", "");
        let older = [".with_timezone(", ".from_local_datetime(", ".from_utc_datetime("];
        assert!(!older.iter().any(|how| asks.contains(how)), "{}: ask `Zones`", path.display());
    }
}

#[test]
fn every_module_begins_by_saying_what_it_is() {
    for (path, text) in sources() {
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        assert!(first.starts_with("//!"), "{} begins with {first:?}", path.display());
    }
}

#[test]
fn no_file_speaks_of_the_place_or_the_tools_with_which_it_was_written() {
    let places =
        [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/wo", "rk/"), concat!("/us", "ers/")];
    let tools = [
        concat!("clau", "de"),
        concat!("anthro", "pic"),
        concat!("chat", "gpt"),
        concat!("co", "pilot"),
        concat!("open", "ai"),
        concat!("language", " model"),
        concat!("coding", " agent"),
        concat!("ai", " assistant"),
        concat!("this", " session"),
    ];
    for path in written_files() {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let text = text.to_lowercase();
        for mark in places.iter().chain(&tools) {
            assert!(!text.contains(mark), "{} says {mark}", path.display());
        }
    }
}

#[test]
fn the_changelog_names_the_layout_of_the_read_models() {
    let schema = read(&repository().join("projections/src/storage/schema.rs"));
    let layout = schema.lines().find_map(|line| line.strip_prefix("const LAYOUT: i64 = ")?.strip_suffix(';'));
    let changes = read(&repository().join("CHANGELOG.md"));
    let newest = changes.lines().find(|line| line.starts_with("## ")).expect("a heading");
    assert!(newest.ends_with(&format!("(layout {})", layout.expect("a layout"))), "{newest}");
}

#[test]
fn every_top_level_folder_has_its_place_in_the_code_map() {
    let map = read(&repository().join("ARCHITECTURE.md"));
    for entry in std::fs::read_dir(repository()).expect("the checkout can be read") {
        let path = entry.expect("it can be listed").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !name.starts_with('.') && !NOT_OURS.contains(&name) {
            assert!(map.contains(&format!("`{name}/`")), "ARCHITECTURE.md does not say what {name}/ is for");
        }
    }
}

#[test]
fn every_table_key_and_index_begins_with_the_tenant() {
    for (path, text) in statements() {
        for (start, mark) in text.match_indices("CREATE TABLE") {
            let columns = text[start + mark.len()..].split_once('(').map_or("", |(_, columns)| columns);
            assert!(columns.trim_start().starts_with("tenant_id"), "{}: {columns:.80}", path.display());
        }
        for mark in ["PRIMARY KEY (", "UNIQUE ("] {
            for (start, _) in text.match_indices(mark) {
                let columns = &text[start + mark.len()..];
                assert!(columns.starts_with("tenant_id"), "{}: {mark}{columns:.60}", path.display());
            }
        }
        for (start, _) in text.match_indices("CREATE INDEX").chain(text.match_indices("CREATE UNIQUE INDEX"))
        {
            let columns = text[start..].split_once('(').map_or("", |(_, columns)| columns);
            assert!(columns.starts_with("tenant_id"), "{}: {columns:.60}", path.display());
        }
    }
}

#[test]
fn no_statement_draws_numbers_from_the_engine_or_acts_behind_ones_back() {
    for (path, text) in statements() {
        let text = text.to_uppercase();
        for mark in ["AUTOINCREMENT", "CREATE SEQUENCE", "CREATE TRIGGER", "SERIAL"] {
            assert!(!text.contains(mark), "{} says {mark}", path.display());
        }
    }
}

#[test]
fn the_feature_list_has_every_row_once_in_order_and_no_other() {
    let expected: Vec<String> = FEATURE_ROWS
        .iter()
        .flat_map(|(document, rows)| (1..=*rows).map(move |row| format!("{document}.{row}")))
        .chain((1..=OWN_ROWS).map(|row| format!("N{row}")))
        .collect();
    let listed: Vec<String> = features().into_iter().map(|row| row.id).collect();
    assert_eq!(listed, expected);
}

#[test]
fn every_feature_row_names_tests_that_exist_or_says_not_yet() {
    let tests = test_names();
    for Feature { id, served, proof } in features() {
        if proof == NOT_YET {
            assert!(served.starts_with(NOT_YET), "{id}: nothing proves {served:?}");
            continue;
        }
        assert!(!served.is_empty() && !served.starts_with(NOT_YET), "{id}: proven, so what serves it?");
        let named: Vec<&str> = proof.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "{id}: no test in {proof:?}");
        for name in named {
            assert!(tests.contains(name), "{id}: there is no test {name}");
        }
    }
}

#[test]
fn every_promise_of_security_names_tests_that_exist() {
    let tests = test_names();
    let text = read(&repository().join("docs/security.md"));
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| risk"));
    let mut named = 0;
    for row in rows {
        let proof = row.trim_matches('|').rsplit(" | ").next().unwrap_or_default();
        for name in proof.split('`').skip(1).step_by(2) {
            assert!(tests.contains(name), "there is no test {name}");
            named += 1;
        }
    }
    assert!(named >= 20, "only {named} tests");
}

#[test]
fn links_between_documents_lead_somewhere() {
    for path in written_files().into_iter().filter(|path| path.extension().is_some_and(|ext| ext == "md")) {
        let text = read(&path);
        for (start, mark) in text.match_indices("](") {
            let target: String = text[start + mark.len()..].chars().take_while(|sign| *sign != ')').collect();
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") {
                continue;
            }
            let folder = path.parent().unwrap_or(Path::new("."));
            assert!(folder.join(file).exists(), "{} points at {target}", path.display());
        }
    }
}

#[test]
fn every_file_that_the_guides_name_exists() {
    for guide in
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/operations.md", "docs/decisions.md"]
    {
        let text = read(&repository().join(guide));
        for quoted in text.split('`').skip(1).step_by(2) {
            let is_file = [".rs", ".sql", ".toml", ".md"].iter().any(|ending| quoted.ends_with(ending));
            let is_pattern = quoted.contains(['<', '*', '{', ' ']);
            if quoted.contains('/') && is_file && !is_pattern {
                assert!(repository().join(quoted).exists(), "{guide} names {quoted}");
            }
        }
    }
}

#[test]
fn every_record_of_a_decision_is_in_the_index_and_says_when_to_look_again() {
    let index = read(&repository().join("docs/decisions.md"));
    let folder = repository().join("docs/decisions");
    let mut records: Vec<PathBuf> =
        std::fs::read_dir(&folder).expect("records").map(|entry| entry.expect("a record").path()).collect();
    records.sort();
    assert!(!records.is_empty(), "no records in {}", folder.display());
    for (number, path) in (1..).zip(records) {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        assert!(name.starts_with(&format!("{number:04}-")), "{name} is not number {number:04}");
        assert!(index.contains(&format!("[{number:04}](decisions/{name})")), "{name} is not in the index");
        let text = read(&path);
        assert!(text.starts_with(&format!("# {number:04} ")), "{name} begins otherwise");
        let date = text.lines().nth(2).unwrap_or_default();
        assert!(date.len() == 10 && date.starts_with("20"), "{name} has no date: {date:?}");
        for part in ["\n## Context\n", "\n## Decision\n", "\n## Measured\n", "\n## Revisit when\n"] {
            assert!(text.contains(part), "{name} lacks {part:?}");
        }
    }
}

/// One line of docs/features.md: id, a name for the row, what serves it, what proves it.
struct Feature {
    id: String,
    served: String,
    proof: String,
}

fn features() -> Vec<Feature> {
    let text = read(&repository().join("docs/features.md"));
    let rows = text.lines().filter(|line| line.starts_with("| 0") || line.starts_with("| N"));
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), 4, "{line}");
        Feature { id: cells[0].to_owned(), served: cells[2].to_owned(), proof: cells[3].to_owned() }
    })
    .collect()
}

/// The names of all functions that are tests.
fn test_names() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (_, text) in sources() {
        let mut is_test = false;
        for line in text.lines().map(str::trim_start) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if let Some(rest) = line.strip_prefix("fn ").or_else(|| line.strip_prefix("async fn ")) {
                let name: String =
                    rest.chars().take_while(|sign| sign.is_alphanumeric() || *sign == '_').collect();
                if std::mem::take(&mut is_test) {
                    names.insert(name);
                }
            }
        }
    }
    names
}

/// The packages of the workspace by name.
fn packages() -> BTreeMap<String, Package> {
    let metadata = MetadataCommand::new()
        .manifest_path(repository().join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo knows its workspace");
    metadata.packages.into_iter().map(|package| (package.name.to_string(), package)).collect()
}

/// Those of the crates that the package itself depends on, its tests aside.
fn used_among(package: &str, crates: &[&str]) -> BTreeSet<String> {
    let used = packages()[package].dependencies.clone().into_iter();
    let used = used.filter(|used| used.kind != DependencyKind::Development).map(|used| used.name);
    used.filter(|name| crates.contains(&name.as_str())).collect()
}

/// Every Rust file of the workspace.
fn sources() -> Vec<(PathBuf, String)> {
    files_ending_in("rs")
}

/// Every SQL file of the workspace.
fn statements() -> Vec<(PathBuf, String)> {
    let files = files_ending_in("sql");
    assert!(!files.is_empty(), "where are the statements?");
    files
}

fn files_ending_in(ending: &str) -> Vec<(PathBuf, String)> {
    let files = written_files().into_iter().filter(|path| path.extension().is_some_and(|ext| ext == ending));
    files.map(|path| (path.clone(), read(&path))).collect()
}

fn written_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![repository()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the checkout can be read") {
            let path = entry.expect("it can be listed").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() {
                if !NOT_OURS.contains(&name) {
                    folders.push(path);
                }
            } else if !NOT_OURS.contains(&name) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
