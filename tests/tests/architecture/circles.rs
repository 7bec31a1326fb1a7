//! No circle of files: inside a crate, imports lead downwards, so that each file can be understood from those below it.
//!
//! Files are nodes; a `use` of something that another file of the crate defines is an edge. A name that a module hands on
//! (`pub use`) counts as the file's that defines it, and handing on is no edge. Nor is it one that a module names its own
//! parts: it consists of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use waymark_tests::repository;

use crate::{CRATES, read};

#[test]
fn no_files_of_a_crate_import_each_other_in_a_circle() {
    let circles: Vec<_> = CRATES.iter().flat_map(|name| circles_of(name)).collect();
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn a_circle_is_found_through_names_that_are_handed_on() {
    let files = [
        ("src/lib.rs", "pub mod a;\nmod b;\nmod c;\n"),
        ("src/a/mod.rs", "mod inner;\npub use inner::{Inner, Other as Renamed};\n"),
        ("src/a/inner.rs", "use crate::b::B;\nuse std::fmt;\n"),
        ("src/b.rs", "use crate::{a::Inner,\n    c};\n"),
        ("src/c.rs", "#[cfg(test)]\nmod tests {\n    use crate::b::B;\n}\n"),
    ];
    let files = files.map(|(path, text)| (PathBuf::from(path), text.to_owned()));
    let circle = ["src/a/inner.rs", "src/b.rs"].map(PathBuf::from).into();
    assert_eq!(circles(&Crate::of(files)), [circle], "tests are no part of the house");
}

/// The files of a crate by the path of their module.
struct Crate {
    modules: BTreeMap<Vec<String>, (PathBuf, String)>,
}

/// One imported path, and whether the name is handed on.
#[derive(Debug)]
struct Import {
    path: Vec<String>,
    name: String,
    is_public: bool,
}

impl Crate {
    /// A crate of these files: path from the folder of its manifest, and text. Test modules are left out.
    fn of(files: impl IntoIterator<Item = (PathBuf, String)>) -> Self {
        let modules = files.into_iter().map(|(path, text)| {
            let of_tests = text
                .find("#[cfg(test)]\nmod ")
                .filter(|at| text[*at..].lines().nth(1).is_some_and(|line| line.ends_with('{')));
            let kept = of_tests.map_or(&*text, |at| &text[..at]).to_owned();
            (module_path(&path), (path, kept))
        });
        Self { modules: modules.collect() }
    }

    /// The file in which a path from a module leads, and nothing where it leads out of the crate.
    fn resolve(&self, from: &[String], path: &[String], depth: usize) -> Option<Vec<String>> {
        let (mut module, rest) = self.start(from, path)?;
        let mut rest = rest.iter();
        for segment in rest.by_ref() {
            let mut inner = module.clone();
            inner.push(segment.clone());
            if self.modules.contains_key(&inner) {
                module = inner;
                continue;
            }
            let (_, text) = self.modules.get(&module)?;
            let handed = imports(text).into_iter().find(|import| import.is_public && import.name == *segment);
            return match handed {
                Some(import) if depth > 0 => self.resolve(&module, &import.path, depth - 1),
                _ => Some(module),
            };
        }
        self.modules.contains_key(&module).then_some(module)
    }

    /// The module at which a path begins, and what follows.
    fn start<'p>(&self, from: &[String], path: &'p [String]) -> Option<(Vec<String>, &'p [String])> {
        let supers = path.iter().take_while(|segment| *segment == "super").count();
        match path.first()?.as_str() {
            "crate" => Some((Vec::new(), &path[1..])),
            "self" => Some((from.to_vec(), &path[1..])),
            "super" => Some((from.get(..from.len().checked_sub(supers)?)?.to_vec(), &path[supers..])),
            first => {
                let mut child = from.to_vec();
                child.push(first.to_owned());
                self.modules.contains_key(&child).then(|| (from.to_vec(), path))
            }
        }
    }

    /// The modules whose names a module uses, its own parts aside.
    fn uses(&self, module: &[String]) -> BTreeSet<Vec<String>> {
        let (_, text) = &self.modules[module];
        let code = without_imports(text);
        let used =
            imports(text).into_iter().filter(|import| !import.is_public || is_named(&code, &import.name));
        let targets = used.filter_map(|import| self.resolve(module, &import.path, 8));
        targets.filter(|target| !target.starts_with(module)).collect()
    }
}

/// `src/a/mod.rs` and `src/a.rs` are `a`; `src/lib.rs` is the root.
fn module_path(file: &Path) -> Vec<String> {
    let file = file.with_extension("");
    let mut parts: Vec<String> = file
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .skip_while(|part| part != "src")
        .skip(1)
        .collect();
    if parts.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        parts.pop();
    }
    parts
}

/// The imports of a text, each leaf of a tree of braces by itself.
fn imports(text: &str) -> Vec<Import> {
    let mut found = Vec::new();
    for statement in statements(text) {
        let (visibility, tree) = statement.split_once("use ").expect("a statement is a use");
        let mut leaves = Vec::new();
        flatten(&[], tree.trim_end_matches(';'), &mut leaves);
        found.extend(leaves.into_iter().map(|(path, name)| Import {
            path,
            name,
            is_public: !visibility.trim().is_empty(),
        }));
    }
    found
}

/// The `use` statements at the beginning of a line, but those of tests alone.
fn statements(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut before = "";
    let mut place = 0;
    for line in text.split_inclusive('\n') {
        let is_import = line.starts_with("use ") || (line.starts_with("pub") && line.contains(" use "));
        if is_import && before.trim() != "#[cfg(test)]" {
            let end = text[place..].find(';').map_or(text.len(), |end| place + end + 1);
            found.push(&text[place..end]);
        }
        before = line;
        place += line.len();
    }
    found
}

/// The text without its `use` statements.
fn without_imports(text: &str) -> String {
    statements(text).into_iter().fold(text.to_owned(), |text, statement| text.replacen(statement, "", 1))
}

/// Takes a tree of an import apart: `a::{b, c::{self, D as E}}` has the leaves `a::b`, `a::c` and `a::c::D`, named `E`.
fn flatten(before: &[String], tree: &str, leaves: &mut Vec<(Vec<String>, String)>) {
    let tree = tree.trim();
    if tree.is_empty() {
        return;
    }
    if let Some((head, inner)) = tree.split_once('{') {
        let inner = inner.trim_end().strip_suffix('}').expect("braces are closed");
        let segments = head.split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned);
        let path: Vec<String> = before.iter().cloned().chain(segments).collect();
        for part in top_level(inner) {
            flatten(&path, part, leaves);
        }
        return;
    }
    let (path, alias) =
        tree.split_once(" as ").map_or((tree, None), |(path, alias)| (path, Some(alias.trim())));
    let segments = path
        .split("::")
        .map(|part| part.trim().to_owned())
        .filter(|part| !["self", "*"].contains(&part.as_str()) || before.is_empty());
    let path: Vec<String> = before.iter().cloned().chain(segments.filter(|part| part != "*")).collect();
    let name = alias.or(path.last().map(String::as_str)).unwrap_or_default().to_owned();
    leaves.push((path, name));
}

/// The parts between commas that stand in no inner braces.
fn top_level(inner: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_u32, 0);
    for (place, sign) in inner.char_indices() {
        match sign {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[start..place]);
                start = place + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[start..]);
    parts
}

/// Whether code names something as a word.
fn is_named(code: &str, name: &str) -> bool {
    let is_part = |sign: char| sign.is_alphanumeric() || sign == '_';
    code.match_indices(name).any(|(start, _)| {
        let before = code[..start].chars().next_back().is_some_and(is_part);
        let after = code[start + name.len()..].chars().next().is_some_and(is_part);
        !before && !after
    })
}

fn circles_of(name: &str) -> Vec<BTreeSet<PathBuf>> {
    let root = repository();
    let files = crate::sources().into_iter().filter_map(|(path, text)| {
        let path = path.strip_prefix(&root).expect("it is a file of the repository").to_owned();
        let of_tests = path.iter().any(|part| part == "tests") || path.ends_with("tests.rs");
        (path.starts_with(Path::new(name).join("src")) && !of_tests).then_some((path, text))
    });
    circles(&Crate::of(files))
}

/// The files that reach each other, by groups of more than one.
fn circles(house: &Crate) -> Vec<BTreeSet<PathBuf>> {
    let modules: Vec<&Vec<String>> = house.modules.keys().collect();
    let reached: BTreeMap<&Vec<String>, BTreeSet<Vec<String>>> = {
        let edges: BTreeMap<Vec<String>, BTreeSet<Vec<String>>> =
            modules.iter().map(|module| ((*module).clone(), house.uses(module))).collect();
        modules.iter().map(|module| (*module, reach(&edges, module))).collect()
    };
    let mut groups: BTreeSet<BTreeSet<PathBuf>> = BTreeSet::new();
    for (module, ends) in &reached {
        let mutual = ends.iter().filter(|end| reached[*end].contains(*module));
        let group: BTreeSet<PathBuf> = mutual.map(|end| house.modules[end].0.clone()).collect();
        if group.len() > 1 {
            groups.insert(group);
        }
    }
    groups.into_iter().collect()
}

/// Every module that a module leads to, by however many steps.
fn reach(edges: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>, from: &[String]) -> BTreeSet<Vec<String>> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![from.to_vec()];
    while let Some(module) = waiting.pop() {
        for next in edges.get(&module).into_iter().flatten() {
            if reached.insert(next.clone()) {
                waiting.push(next.clone());
            }
        }
    }
    reached
}

/// The lines of a file that are not its tests.
pub(crate) fn lines_without_tests(text: &str) -> usize {
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    text[..end].lines().count()
}

/// How long a file may be, its tests aside.
const LONGEST: usize = 500;

/// Files that are longer. A file that was cut leaves this list; none is added.
const LONGER: &[&str] = &[];

#[test]
fn no_file_has_more_than_five_hundred_lines_without_its_tests() {
    let root = repository();
    let long = crate::sources().into_iter().filter_map(|(path, _)| {
        let path = path.strip_prefix(&root).expect("it is a file of the repository").to_owned();
        let is_test = path.iter().any(|part| part == "tests") || path.ends_with("tests.rs");
        let lines = lines_without_tests(&read(&root.join(&path)));
        (!is_test && lines > LONGEST).then(|| path.display().to_string())
    });
    let long: BTreeSet<String> = long.collect();
    assert_eq!(
        long,
        LONGER.iter().map(ToString::to_string).collect(),
        "too long (left); known to be too long (right)"
    );
}
