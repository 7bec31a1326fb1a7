//! The file that says which cells there are, and where tenants live that were moved from one to another.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::config::Database;
use crate::eventstore::TenantId;

/// The directory, as it stands in its file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Directory {
    /// The cells, by name.
    pub(crate) cells: BTreeMap<String, CellSpec>,
    /// Where tenants live, by name: those that were moved. Null: nobody serves it at present, because it is being moved. A tenant that
    /// is not named lives where it was made.
    #[serde(default)]
    pub(crate) tenants: BTreeMap<String, Option<String>>,
}

/// A cell.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CellSpec {
    /// Its database, as `--database` takes it.
    pub(crate) database: String,
    /// Its key file. Cells between which tenants move have the same keys, each in a file of its own: what was signed last stands beside.
    pub(crate) keys: PathBuf,
    /// The folder for its old entries; without it the key file's name with `.archive` instead of its ending.
    #[serde(default)]
    pub(crate) archive: Option<PathBuf>,
}

impl CellSpec {
    /// Its database.
    ///
    /// # Errors
    /// When the URL is none.
    pub(crate) fn database(&self) -> Result<Database, String> {
        self.database.parse()
    }

    /// Its folder for old entries.
    pub(crate) fn archive(&self) -> PathBuf {
        self.archive.clone().unwrap_or_else(|| self.keys.with_extension("archive"))
    }
}

impl Directory {
    /// Reads the file.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence for the operator.
    pub(crate) fn read(file: &Path) -> Result<Self, String> {
        let wrong = |why: String| format!("the directory of cells {}: {why}", file.display());
        let text = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
        let read: Self = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        read.examined().map_err(wrong)
    }

    fn examined(self) -> Result<Self, String> {
        if self.cells.is_empty() {
            return Err("`cells` names none: there has to be one at least".to_owned());
        }
        let (mut databases, mut keys) = (BTreeSet::new(), BTreeSet::new());
        for (name, cell) in &self.cells {
            cell.database().map_err(|why| format!("`cells.{name}.database`: {why}"))?;
            if !databases.insert(&cell.database) {
                return Err(format!("`cells.{name}.database` is that of another cell: each has its own"));
            }
            if !keys.insert(&cell.keys) {
                let why = "is that of another cell: each has a file of its own, with the same keys in it";
                return Err(format!("`cells.{name}.keys` {why}"));
            }
        }
        for (tenant, cell) in &self.tenants {
            if let Some(cell) = cell.as_ref().filter(|cell| !self.cells.contains_key(*cell)) {
                return Err(format!("`tenants.{tenant}`: `cells` has no {cell:?}"));
            }
        }
        Ok(self)
    }

    /// Where everybody lives, given the tenants of each cell that are known, by their names.
    pub(crate) fn residents(&self, known: &BTreeMap<String, Vec<(String, TenantId)>>) -> Residents {
        let mut found: BTreeMap<&str, (TenantId, Vec<&str>)> = BTreeMap::new();
        let mut residents = Residents::default();
        for (cell, tenants) in known {
            for (name, id) in tenants {
                let (first, cells) = found.entry(name.as_str()).or_insert_with(|| (*id, Vec::new()));
                cells.push(cell.as_str());
                // Two tenants of one name, that have nothing to do with each other.
                if *first != *id {
                    residents.by_id.insert(*id, Home::Nowhere);
                }
            }
        }
        for (name, (id, cells)) in found {
            let home = match (self.tenants.get(name), cells.as_slice()) {
                (Some(Some(cell)), _) => Home::In(cell.clone()),
                (None, [only]) => Home::In((*only).to_owned()),
                (Some(None) | None, _) => Home::Nowhere,
            };
            residents.by_name.insert(name.to_owned(), id);
            residents.by_id.insert(id, home);
        }
        residents
    }
}

/// Where a tenant lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Home {
    /// In the cell of this name.
    In(String),
    /// Nobody serves it: it is being moved, or several cells have it and the directory does not say which.
    Nowhere,
}

/// Where everybody lives.
#[derive(Debug, Default)]
pub(crate) struct Residents {
    by_id: HashMap<TenantId, Home>,
    by_name: HashMap<String, TenantId>,
}

impl Residents {
    /// Where a tenant lives; none of whom nobody knows.
    pub(crate) fn home(&self, tenant: TenantId) -> Option<Home> {
        self.by_id.get(&tenant).cloned()
    }

    /// The tenant of a name.
    pub(crate) fn named(&self, name: &str) -> Option<TenantId> {
        self.by_name.get(name).copied()
    }

    /// Those whom a cell does not serve, though they may be in its database.
    pub(crate) fn elsewhere(&self, cell: &str) -> HashSet<TenantId> {
        let here = |home: &Home| matches!(home, Home::In(name) if name == cell);
        self.by_id.iter().filter(|(_, home)| !here(home)).map(|(tenant, _)| *tenant).collect()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn directory(text: &str) -> Result<Directory, String> {
        serde_json::from_str::<Directory>(text).map_err(|error| error.to_string())?.examined()
    }

    const TWO: &str = r#""east": {"database": "postgres://e/w", "keys": "e.keys"},
                         "west": {"database": "postgres://w/w", "keys": "w.keys"}"#;

    #[test]
    fn a_directory_that_contradicts_itself_is_refused_by_what_is_wrong() {
        let same = |field: &str| {
            let other = TWO.replace(
                "postgres://w/w",
                if field == "database" { "postgres://e/w" } else { "postgres://w/w" },
            );
            other.replace("w.keys", if field == "keys" { "e.keys" } else { "w.keys" })
        };
        for (text, why) in [
            (r#"{"cells": {}}"#.to_owned(), "names none"),
            (format!(r#"{{"cells": {{{}}}}}"#, same("database")), "`cells.west.database` is that of another"),
            (format!(r#"{{"cells": {{{}}}}}"#, same("keys")), "`cells.west.keys` is that of another"),
            (format!(r#"{{"cells": {{{TWO}}}, "tenants": {{"acme": "north"}}}}"#), "`tenants.acme`"),
            (format!(r#"{{"cells": {{{TWO}}}, "tenant": {{}}}}"#), "unknown field `tenant`"),
            (r#"{"cells": {"e": {"database": "mysql:x", "keys": "k"}}}"#.to_owned(), "`cells.e.database`"),
        ] {
            let refused = directory(&text).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
        let good = directory(&format!(r#"{{"cells": {{{TWO}}}, "tenants": {{"acme": null}}}}"#)).unwrap();
        assert_eq!(good.cells["east"].archive(), Path::new("e.archive"));
    }

    #[test]
    fn a_tenant_lives_where_the_directory_says_else_where_it_was_made_and_never_in_two_cells() {
        let [acme, beta, gamma, delta, epsilon] = [1, 2, 3, 4, 5].map(|id| TenantId(Uuid::from_u128(id)));
        let tenants = r#"{"acme": "west", "gamma": null}"#;
        let directory = directory(&format!(r#"{{"cells": {{{TWO}}}, "tenants": {tenants}}}"#)).unwrap();
        let of = |tenants: &[(&str, TenantId)]| {
            tenants.iter().map(|(name, id)| ((*name).to_owned(), *id)).collect::<Vec<_>>()
        };
        let known = BTreeMap::from([
            ("east".to_owned(), of(&[("acme", acme), ("beta", beta), ("gamma", gamma), ("delta", delta)])),
            ("west".to_owned(), of(&[("acme", acme), ("delta", delta), ("beta", epsilon)])),
        ]);
        let residents = directory.residents(&known);
        let home = |tenant| residents.home(tenant);
        assert_eq!(home(acme), Some(Home::In("west".to_owned())), "it was moved");
        assert_eq!(home(gamma), Some(Home::Nowhere), "it is being moved");
        assert_eq!(home(delta), Some(Home::Nowhere), "two cells have it, and nobody says which counts");
        assert_eq!(
            (home(beta), home(epsilon)),
            (Some(Home::Nowhere), Some(Home::Nowhere)),
            "two of one name"
        );
        assert_eq!((home(TenantId(Uuid::nil())), residents.named("acme")), (None, Some(acme)));
        assert!(residents.elsewhere("east").contains(&acme) && !residents.elsewhere("west").contains(&acme));
    }
}
