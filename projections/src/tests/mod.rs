//! What holds of every read model, whatever it shows.

mod bitemporal;
mod clocks;
mod engine;
mod engines;
mod fence;
mod former;
mod parked;
mod rebuild;
mod statements;
mod views;
mod waiting;
mod worklists;
pub(crate) mod world;
