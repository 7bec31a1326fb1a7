//! What the log promises on PostgreSQL beyond the contract. Without a server the tests say so and pass, unless
//! `WAYMARK_TESTS_STRICT=1` forbids it; `tests/postgres run` brings one. What needs a Citus cluster runs where
//! `WAYMARK_TEST_CITUS_URL` names a database of its coordinator that has the extension.

mod connection;
mod database;
mod opening;
mod plans;
mod proxy;
mod races;
mod security;
mod tampering;

#[cfg(target_os = "linux")]
pub(crate) use database::setting;
pub(crate) use database::{Database, Kind};
