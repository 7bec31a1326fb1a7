//! The harness of the whole-system tests: real server processes, real HTTP, real files.
//!
//! A test reads as a story. An [`Installation`] is a database in a directory of its own with the command line
//! pointed at it; [`Installation::serve`] starts a [`Server`] process on a free loopback port; a [`Team`] is both
//! with a pipeline; an actor is a [`Client`] (a rep, a manager, nobody), and what it does are verbs on it that give
//! an [`Answer`].
//!
//! Everything goes through the doors that users have: the `waymark` program and its HTTP interface. Where a test
//! looks into the database file itself, it plays an intruder, or the disk.

mod answer;
mod binary;
mod browser;
mod client;
mod cluster;
mod contract;
mod data;
mod event_schemas;
mod installation;
pub mod load;
pub mod oracle;
mod postgres;
pub mod schema;
mod server;
mod setting;
mod team;
mod writer;

pub use answer::Answer;
pub use browser::{Browser, Page, Stage};
pub use client::{Call, Client};
pub use cluster::Cluster;
pub use contract::Contract;
pub use data::{DataSet, shared_data};
pub use event_schemas::EventSchemas;
pub use installation::{Installation, Ran};
pub use postgres::Database;
pub use server::Server;
pub use setting::{now, repository, setting};
pub use team::{Team, papers};
pub use writer::{Writer, assert_nothing_lost_or_doubled};
