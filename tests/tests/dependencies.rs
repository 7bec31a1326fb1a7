//! What `deny.toml` says of the dependencies, as far as it can be judged without asking anybody: licences, bans, sources.
//! Advisories need a database that changes every day; CONTRIBUTING.md says who looks into it.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{CargoOpt, MetadataCommand, Package};
use waymark_tests::repository;

/// How many packages the lock file may name. Lower it when some have gone.
const MOST_PACKAGES: usize = 372;
/// The registry that everything comes from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[test]
fn every_dependency_has_a_licence_that_the_policy_allows() {
    let allowed = policy_list("allow");
    assert!(allowed.contains("Apache-2.0"), "{allowed:?}");
    for package in dependencies() {
        let licence = package.license.clone().unwrap_or_default();
        assert!(permits(&licence, &allowed), "{} {}: {licence:?}", package.name, package.version);
    }
}

#[test]
fn no_dependency_is_banned_and_all_come_from_the_registry() {
    let policy = std::fs::read_to_string(repository().join("deny.toml")).expect("the policy can be read");
    let banned: BTreeSet<&str> =
        policy.split("crate = \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(banned.contains("openssl"), "{banned:?}");
    for package in dependencies() {
        assert!(!banned.contains(package.name.as_str()), "{} is banned", package.name);
        let source = package.source.as_ref().map(ToString::to_string).unwrap_or_default();
        assert_eq!(source, REGISTRY, "{}", package.name);
    }
}

#[test]
fn the_lock_file_grows_only_when_somebody_says_so() {
    let lock = std::fs::read_to_string(repository().join("Cargo.lock")).expect("the lock can be read");
    let packages = lock.matches("[[package]]").count();
    assert!(packages <= MOST_PACKAGES, "{packages} packages: say why, and raise the limit");
}

#[test]
fn expressions_of_licences_are_read_as_they_are_meant() {
    let allowed: BTreeSet<String> = ["MIT", "Zlib", "ISC"].map(str::to_owned).into();
    for (licence, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("MIT/Apache-2.0", true),
        ("MIT AND GPL-3.0", false),
        ("MIT AND (GPL-3.0 OR Zlib) AND ISC", true),
        ("(MIT AND GPL-3.0) OR (Zlib AND BSD-3-Clause)", false),
        ("Apache-2.0 WITH LLVM-exception OR ISC", true),
        ("", false),
    ] {
        assert_eq!(permits(licence, &allowed), expected, "{licence}");
    }
}

/// The packages that the program and its tests are built of on this machine, without those of the workspace.
fn dependencies() -> Vec<Package> {
    let host = std::process::Command::new("rustc").arg("-vV").output().expect("rustc tells its host");
    let host = String::from_utf8_lossy(&host.stdout).into_owned();
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host").to_owned();
    let metadata = MetadataCommand::new()
        .manifest_path(repository().join("Cargo.toml"))
        .features(CargoOpt::AllFeatures)
        .other_options(["--locked".to_owned(), "--filter-platform".to_owned(), host])
        .exec()
        .expect("cargo knows its dependencies");
    let resolved = metadata.resolve.expect("they are resolved");
    let used: BTreeSet<_> = resolved.nodes.into_iter().map(|node| node.id).collect();
    let members: BTreeSet<_> = metadata.workspace_members.into_iter().collect();
    let packages: BTreeMap<_, _> =
        metadata.packages.into_iter().map(|package| (package.id.clone(), package)).collect();
    let found: Vec<Package> = packages
        .into_iter()
        .filter(|(id, _)| used.contains(id) && !members.contains(id))
        .map(|(_, package)| package)
        .collect();
    assert!(found.len() > 100, "only {} dependencies", found.len());
    found
}

/// A list of the policy.
fn policy_list(name: &str) -> BTreeSet<String> {
    let policy = std::fs::read_to_string(repository().join("deny.toml")).expect("the policy can be read");
    let list = policy.split(&format!("\n{name} = [")).nth(1).and_then(|rest| rest.split(']').next());
    let list = list.unwrap_or_else(|| panic!("deny.toml has no list {name}"));
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Whether an expression of SPDX can be met by licences of the list alone. `WITH` names an exception and belongs to its
/// licence; `/` is an older way to write `OR`.
fn permits(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced =
        expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ").replace(" WITH ", "+WITH+");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let met = any_of(&words, &mut at, allowed);
    met && at == words.len()
}

fn any_of(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut met = all_of(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        met |= all_of(words, at, allowed);
    }
    met
}

fn all_of(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut met = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(words, at, allowed);
    }
    met
}

fn one(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let met = any_of(words, at, allowed);
        *at += 1;
        return met;
    }
    allowed.contains(&word.replace("+WITH+", " WITH "))
}
