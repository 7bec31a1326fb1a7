//! The Waymark service: commands in, immutable events, answers out.
//!
//! This is the only crate that knows the time, chance, the environment and the network. [`app`] is the one
//! place where a command becomes events; everything else carries requests to it or answers from the read models.
//!
//! The program is [`cli::main`]; a program that embeds the service opens an [`Installation`](installation::Installation):
//!
//! ```no_run
//! use waymark_api::config::{Database, DatabaseArgs, KeyArgs};
//! use waymark_api::installation::Installation;
//!
//! # async fn open() -> Result<(), Box<dyn std::error::Error>> {
//! let database = Database::Sqlite("waymark.db".into());
//! let installation = Installation::open(&DatabaseArgs { database, keys: None, key_args: KeyArgs::default(), zoneinfo: None, archive: None, erasures: None }).await?;
//! let tenant = installation.tenant("default").await?;
//! println!("{} events", installation.store.head(tenant).await?.position);
//! installation.close().await?;
//! # Ok(())
//! # }
//! ```

mod access_log;
pub mod admission;
pub mod ambient;
pub mod app;
mod audit;
pub mod auth;
pub mod automation;
mod cells;
mod checkpoint_signer;
pub mod cli;
pub mod config;
mod console;
mod cosigning;
mod customer_keys;
pub mod demo;
mod erasure_record;
pub mod export;
#[cfg(test)]
#[path = "../../eventstore/src/given_up.rs"]
mod given_up;
pub mod http;
pub mod import;
pub mod installation;
mod kept_looks;
mod key_file;
mod key_place;
#[cfg(test)]
mod left_open;
pub mod log;
mod log_archive;
mod mcp;
mod note_file;
pub mod operator;
pub mod outbound;
pub mod problem;
mod public_keys;
mod refusal_retention;
mod restored;
mod root_key_rotation;
mod rounds;
pub mod routes;
mod secrets;
mod segment_check;
mod serving;
mod signing_key_rotation;
mod signing_keys;
#[cfg(test)]
mod stories;
mod transfer;
mod verification;
mod what_if;
mod witness;
mod zoneinfo;

pub use waymark_domain as domain;
pub use waymark_eventstore as eventstore;
pub use waymark_projections as projections;
