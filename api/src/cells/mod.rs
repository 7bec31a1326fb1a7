//! Many databases behind one address: a tenant lives in one *cell*, a database of its own with everything of some tenants in it.
//!
//! Each cell is an installation like any other, and knows nothing of the others: what happens to one harms its tenants alone. Which
//! tenant lives where is said by a small file ([`directory`]); who comes to the door is shown in by the tenant that the
//! credential names ([`door`]).

pub(crate) mod directory;
mod door;
mod named;

pub(crate) use door::Door;
