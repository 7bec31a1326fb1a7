//! Who calls, and whether the route is open to them.
//!
//! A request carries an API key ([`key`]) or a token that another service signed ([`token`]); either names tenant,
//! actor and roles (those of keys are events of the log, [`rights`]), and [`gate`] makes one kind of credential of both; the roles open routes ([`access`]),
//! and the domain decides about the single customer. Those are the only places where permission is decided. How often
//! a credential may call is [`rate`]'s.
//!
//! A front end with one key of its own acts for its people: with the scope `act-as` it names the person in the
//! header `Waymark-Actor`, and the person's roles count, never the key's. They are those of the tenant's member of
//! that name. Somebody who is no member acts as a rep (`rep:li`), or in another role of the name's prefix where the key
//! itself has it; an admin must be a member, so that a front end's key alone never administers. Nobody acts as a member
//! who was removed.

pub mod access;
pub mod admit;
mod adopt;
pub mod compare;
pub mod disclosure;
pub mod gate;
mod idle;
pub mod key;
pub mod rate;
pub mod recheck;
pub mod rights;
pub(crate) mod rights_fold;
pub mod scope;
pub mod store;
pub mod token;

pub use admit::{Authority, Counted, PresentedCredential};
pub use gate::Gate;
pub(crate) use idle::{IDLE, SESSION};
pub use key::{KeyText, Kind};
pub use recheck::{Rechecks, Standing};
pub use rights::Rights;
pub use scope::Scope;
pub use store::{AdminError, AdminStore, NewKey};

#[cfg(test)]
mod exposure;
#[cfg(test)]
mod tests;
