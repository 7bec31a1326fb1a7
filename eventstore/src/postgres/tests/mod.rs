//! What the log promises on PostgreSQL beyond the contract. Without a server the tests say so and pass, unless
//! `WAYMARK_TESTS_STRICT=1` forbids it; `tests/postgres run` brings one.

mod connection;
mod database;
mod opening;
mod plans;
mod proxy;
mod races;
mod security;
mod tampering;

pub(crate) use database::{Database, Kind};
