//! What a tenant sets up for itself: its people, the fields it describes customers with, its rates and its working hours.
//!
//! One small aggregate with a history of its own in the log, so that an auditor sees who changed what, and a
//! question about the past is answered with the teams of then.

mod command;
mod consumer;
mod decide;
pub mod event;
mod export_started;
mod rates;
mod receiver;
pub mod rights;
mod root_key;
mod segments_archived;
mod signing_key;
mod state;

pub use command::CompanyCommand;
pub use decide::decide;
pub use event::{CompanyEvent, ImportUndone};
pub use root_key::RootKeyRotated;
pub use signing_key::{DEFAULT_OVERLAP_SECONDS, MAX_OVERLAP_SECONDS, PublicKey, Rotation, SigningKeyRotated};
pub use state::Company;
