//! What holds of every read model, whatever it shows.

mod aborted;
mod bitemporal;
mod clocks;
mod damage;
mod engine;
mod engines;
mod fence;
mod former;
mod parked;
mod rebuild;
mod rebuilds;
mod statements;
mod views;
mod waiting;
mod worklists;
pub(crate) mod world;
