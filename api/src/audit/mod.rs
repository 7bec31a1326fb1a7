//! What was changed, by whom, from what to what: the log as auditors read it.
//!
//! Nothing is kept for it beside the log. A search goes back from the newest entry and looks at each entry's attributes;
//! types and customers are found by the indexes of the log. What a change replaced is told by the history of what it is about,
//! which is folded for the first page that asks for it, and kept in memory for the next ones.

mod approval;
mod bundle;
mod carried;
mod change;
mod history;
mod kept;
mod ocsf;
mod origin;
mod reading;
mod search;
mod spreadsheet;
mod subject;
#[cfg(test)]
mod tests;
mod told;

pub(crate) use bundle::{Bundle, ENTRIES_PER_FILE, FORMAT, MANIFEST, entries_name, hex, rotation_name};
pub(crate) use carried::{Carried, carried};
pub(crate) use change::Change;
pub(crate) use kept::Histories;
pub(crate) use ocsf::record;
pub(crate) use origin::OriginKind;
pub(crate) use search::{Finding, FindingPage, Search, page, same_person};
pub(crate) use spreadsheet::{header, row};
