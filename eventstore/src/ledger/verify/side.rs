//! The extension point for side tables: tables beside the log that follow from its entries.

use async_trait::async_trait;

use crate::ledger::Record;
use crate::{Position, StoreError, TenantId};

/// Something stored that is not what the log tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The first position that it concerns.
    pub position: Position,
    /// What is wrong there, for people. No personal text is in it.
    pub what: String,
}

impl Fault {
    /// A fault at a position.
    #[must_use]
    pub fn at(position: Position, what: impl Into<String>) -> Self {
        Self { position, what: what.into() }
    }

    /// Of two faults the one that stands first.
    #[must_use]
    pub fn first(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        one.into_iter().chain(other).min_by_key(|fault| fault.position)
    }
}

/// A table beside the log whose rows follow from entries: receipts, data keys, blind tags, rights.
///
/// A check is shown every entry once, in order, after that entry was found to be what was hashed; it folds from them what
/// the table has to say, and compares in both directions: what the entries tell and the table lacks, and what the table has
/// and no entry accounts for. It holds its own handle to the table and writes nothing.
///
/// Commands may be carried out meanwhile. The check is shown the entries up to `until` alone, and a row may follow from a
/// later one: before a row is called wrong, what was appended after `until` has to be asked whether it explains the row.
///
/// To add one: implement this, and put it into the list that `waymark verify` makes (`side_checks` in
/// `api/src/verification/mod.rs`).
#[async_trait]
pub trait SideCheck: Send {
    /// What is compared, as reports name it.
    fn name(&self) -> &'static str;

    /// Called once, before the first entry: entries up to `until` will be shown.
    async fn begin(&mut self, tenant: TenantId, until: Position) -> Result<(), StoreError>;

    /// Sees the next entries. Returns the first fault found so far, or none.
    async fn entries(&mut self, records: &[Record]) -> Result<Option<Fault>, StoreError>;

    /// Called once, after the last entry. Returns the first fault, or none.
    async fn finish(&mut self) -> Result<Option<Fault>, StoreError>;
}
