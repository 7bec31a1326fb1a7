//! What holds of every read model, whatever it shows.

mod aborted;
mod as_of;
mod bitemporal;
mod changes;
mod clocks;
mod corrections;
mod damage;
pub(crate) mod database;
mod engines;
mod fence;
mod groups;
mod kept_cards;
mod kept_journeys;
mod kept_lists;
mod open_counts;
mod parked;
mod pasts;
mod rebuild;
mod rebuilds;
mod sql_views;
mod statements;
mod views;
mod waiting;
mod worklists;
pub(crate) mod world;
