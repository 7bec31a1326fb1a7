//! HTTP: how requests are read and answers written, whatever they are about.

pub mod accept;
pub mod answer;
pub mod as_of;
pub mod body;
pub mod command;
pub mod instant;
pub mod language;
pub mod measure;
pub mod openapi;
pub mod pace;
pub mod page;
pub mod patch;
pub mod path;
pub mod person;
mod position;
pub mod profile;
pub mod query;
mod router;
pub mod strict;
pub mod trace;
mod zone;

pub use as_of::{AsOfParams, ConsistencyParams};
pub use command::{Bodiless, Command};
pub use instant::Instant;
pub use page::Page;
pub use patch::Patch;
pub use path::{Id, Key, KeyedVersion};
pub use person::{LeaderName, RepName};
pub use query::Query;
pub(crate) use router::router;
pub use zone::zone;

#[cfg(test)]
pub(crate) mod document_texts;
#[cfg(test)]
pub(crate) mod names_in_answers;
#[cfg(test)]
mod repeats;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
