//! A document without what is known to be wrong in it, and with what is known to be missing, so that reading comes to the next fault.
//!
//! A deserializer ends at the first fault. Reading the same document again without it tells the one that comes after, until
//! all are known.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::fault::FaultKind;
use super::path::Path;

/// Values that stand in for a missing one, of each shape that fields have. Which of them fits is found by trying.
static STAND_INS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    vec![
        json!("a"),
        json!(1),
        json!(false),
        json!([]),
        json!({}),
        json!("00000000-0000-0000-0000-000000000000"),
        json!("2000-01-01T00:00:00Z"),
        json!("2000-01-01"),
        json!("1"),
    ]
});

/// What of a document is not read, and what is read besides.
#[derive(Debug, Default)]
pub(super) struct Amendments {
    left_out: HashSet<String>,
    added: HashMap<String, Vec<(String, Value)>>,
}

impl Amendments {
    /// Whether a place is not read.
    pub(super) fn leaves_out(&self, path: &Path<'_>) -> bool {
        !self.left_out.is_empty() && self.left_out.contains(&path.to_string())
    }

    /// The members that an object has besides.
    pub(super) fn members_of(&self, object: &Path<'_>) -> &[(String, Value)] {
        if self.added.is_empty() {
            return &[];
        }
        self.added.get(&object.to_string()).map_or(&[], Vec::as_slice)
    }

    /// Leaves a place out; false where it was left out before, or is the whole document.
    pub(super) fn leave_out(&mut self, field: &str) -> bool {
        field != Path::Root.to_string() && self.left_out.insert(field.to_owned())
    }

    fn add(&mut self, field: &str, value: Value) {
        let root = Path::Root.to_string();
        let (object, member) = field.rsplit_once('.').unwrap_or((&root, field));
        let members = self.added.entry(object.to_owned()).or_default();
        members.retain(|(known, _)| known != member);
        members.push((member.to_owned(), value));
    }
}

/// A missing field for which something that fits is looked for.
pub(super) struct Gap {
    field: String,
    candidates: Vec<Value>,
}

impl Gap {
    pub(super) fn of(field: &str) -> Self {
        Self { field: field.to_owned(), candidates: STAND_INS.iter().rev().cloned().collect() }
    }

    /// Whether a fault is that what stands in does not fit.
    pub(super) fn holds(&self, field: &str) -> bool {
        let rest = field.strip_prefix(&self.field);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    }

    /// Puts the next value in; false where none is left. `because` is why the last one did not fit.
    pub(super) fn fill(&mut self, amended: &mut Amendments, because: &FaultKind) -> bool {
        if let FaultKind::NotOneOf([word, ..]) = because {
            self.candidates = vec![json!(word)];
        }
        let Some(value) = self.candidates.pop() else { return false };
        amended.add(&self.field, value);
        true
    }
}
