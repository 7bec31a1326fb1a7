//! A witness for another department or company: it cosigns the heads of a log as long as the log only grows.
//!
//! C2SP tlog-witness, `add-checkpoint`. Of each log it remembers the largest tree that it cosigned, in a file that is on disk
//! before the cosignature leaves. A log that was rolled back or forked cannot show a proof from that tree, and gets none.

mod request;
mod service;
mod state;

pub(crate) use service::router;
pub(crate) use state::Witness;
