//! Who calls, and whether the route is open to them.
//!
//! A request carries an API key ([`key`]); the key names tenant, actor and roles ([`store`]); the roles open
//! routes ([`access`]), and the domain decides about the single customer. Those are the only three places where
//! permission is decided.
//!
//! A front end with one key of its own acts for its people: with the scope `act-as` it names the person in the
//! header `Waymark-Actor`, and the person's roles count, never the key's. They are those of the tenant's member of
//! that name. A name that is no member gets the one role its prefix says (`rep:`, `manager:`, `analyst:`,
//! `auditor:`); an admin must be a member, so that a front end's key alone never administers.

pub mod access;
pub mod admit;
pub mod key;
pub mod sight;
pub mod store;

pub use admit::Authority;
pub use key::KeyText;
pub use store::{AdminError, AdminStore, ApiKey, Member, NewKey, Scope};
