//! Documents, and what a command shows with them.

use uuid::Uuid;

use crate::customer::event::Evidence;

/// A document, by reference: where it is kept is not our business.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AddDocument {
    /// The id that it gets.
    pub id: Uuid,
    /// What sort, such as `contract`.
    pub kind: String,
    /// What it is called.
    pub name: Option<String>,
    /// Its id or address where it is kept.
    pub reference: String,
    /// SHA-256 of its content, in lower-case hexadecimal.
    pub sha256: String,
}

/// What a command shows of what the stage wants that it leads to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SuppliedEvidence {
    /// What it names.
    pub evidence: Vec<Evidence>,
    /// Documents added with it; those that the stage takes are evidence.
    pub documents: Vec<AddDocument>,
}
