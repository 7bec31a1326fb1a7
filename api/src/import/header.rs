//! How the header of a file is found: titles may stand above it.

use csv::StringRecord;

/// Among how many first rows the header is looked for.
pub(super) const HEADER_WITHIN: usize = 20;

/// Whether a column of that name is looked for.
pub(super) type IsWanted<'n> = dyn Fn(&str) -> bool + 'n;
/// How many of the names that are looked for a row has.
pub(super) type HeaderScore<'n> = dyn Fn(&StringRecord) -> usize + 'n;
