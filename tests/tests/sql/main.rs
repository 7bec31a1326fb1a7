//! The statements for PostgreSQL hold to what also a database distributed by tenant can do.
//!
//! Each `.sql` file of the folders below is parsed and judged; so are statements that break one rule each, to show
//! that the rule is noticed.

#![cfg(test)]

mod lint;
mod seeded;

use std::path::{Path, PathBuf};

use waymark_tests::repository;

/// Where statements are kept, one a file.
const STATEMENTS: [&str; 12] = [
    "api/src/auth/store",
    "api/src/outbound/store",
    "eventstore/src/postgres",
    "projections/src/models/board",
    "projections/src/models/dwell",
    "projections/src/models/timeline",
    "projections/src/models/work",
    "projections/src/runtime/comparison",
    "projections/src/runtime/nodes",
    "projections/src/runtime/parked",
    "projections/src/runtime/rebuild_lease",
    "projections/src/storage/checkpoint",
];
/// Where tables are made, in the order of the files' names.
const MIGRATIONS: [&str; 1] = ["eventstore/src/postgres/migrations"];
/// Applied by hand or by `waymark migrate`, by the owner, or made into tables by the program: no statements of the service.
const OWNERS: [&str; 2] = ["grants.sql", "schema.sql"];

/// The `.sql` files in a folder, without its subfolders.
fn files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(repository().join(folder)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    assert!(!files.is_empty(), "no statements in {folder}");
    files
}

fn judge(folders: &[&str], faults: impl Fn(&str) -> Vec<String>) -> Vec<String> {
    let files = folders.iter().flat_map(|folder| files(folder));
    let ours = |file: &PathBuf| !OWNERS.iter().any(|owners| file.ends_with(Path::new(owners)));
    files
        .filter(ours)
        .flat_map(|file| {
            let found = faults(&whole(&std::fs::read_to_string(&file).unwrap()));
            found.into_iter().map(move |fault| format!("{}: {fault}", file.display())).collect::<Vec<_>>()
        })
        .collect()
}

/// A statement with what the program puts into it: one column for those that it names in braces, and the list that it looks for.
fn whole(sql: &str) -> String {
    let sql = sql.replace(['{', '}'], "");
    if sql.trim_end().ends_with(" IN") { format!("{sql} ($2)") } else { sql }
}

#[test]
fn every_statement_asks_for_one_tenant_and_for_nothing_a_distributed_database_lacks() {
    assert_eq!(judge(&STATEMENTS, lint::statement), [""; 0]);
}

#[test]
fn every_table_and_index_begins_with_the_tenant_and_indexes_are_made_one_at_a_time() {
    assert_eq!(judge(&MIGRATIONS, lint::migration), [""; 0]);
}

#[test]
fn bad_statements_are_noticed() {
    for (sql, expected) in seeded::STATEMENTS {
        let found = lint::statement(sql);
        assert!(
            found.iter().any(|fault| fault.contains(expected)),
            "{sql}\nexpected {expected:?} in {found:?}"
        );
    }
}

#[test]
fn bad_migrations_are_noticed() {
    for (sql, expected) in seeded::MIGRATIONS {
        let found = lint::migration(sql);
        assert!(
            found.iter().any(|fault| fault.contains(expected)),
            "{sql}\nexpected {expected:?} in {found:?}"
        );
    }
}

#[test]
fn good_statements_are_let_through() {
    for sql in seeded::GOOD {
        assert_eq!(lint::statement(sql), [""; 0], "{sql}");
    }
}
