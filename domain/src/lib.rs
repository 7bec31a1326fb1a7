//! What may happen to a customer, and why.
//!
//! Everything here is a pure function of its arguments: no input or output, no clock, no chance. A decision
//! takes the state, a command and a context and answers with events or a refusal; a fold takes events and
//! answers with a state. A sales manager could have the rules read aloud to her.
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::sync::Arc;
//!
//! use chrono::DateTime;
//! use waymark_domain::customer::command::{Command, Register};
//! use waymark_domain::customer::decide;
//! use waymark_domain::{Actor, Context, Role, pipeline};
//!
//! let template = pipeline::templates().iter().find(|template| template.key == "helloword-13").unwrap();
//! let pipelines = BTreeMap::from([("sales".to_owned(), Arc::new(template.install("sales")))]);
//! let (now, li) = (DateTime::UNIX_EPOCH, Actor::new("rep:li", [Role::Rep]));
//!
//! // Nobody yet, a command, and the circumstances: events come out.
//! let register = Register { pipeline: "sales".to_owned(), name: Some("Dawn".to_owned()), ..Register::default() };
//! let decided = decide(None, &Command::Register(register), &Context::new(now, &li, &pipelines));
//! assert_eq!(decided.unwrap()[0].effective_at, now);
//!
//! // Or a refusal, which says what to do about it.
//! let refused = decide(None, &Command::Claim, &Context::new(now, &li, &pipelines));
//! assert!(refused.is_err());
//! ```

#![expect(
    clippy::result_large_err,
    reason = "a refusal is an answer that is read, not a failure on a hot path"
)]

pub mod actor;
pub mod automation;
pub mod calendar;
pub mod catalogue;
pub mod codec;
pub mod company;
pub mod context;
pub mod customer;
pub mod customer_field;
pub mod event_schema;
pub mod field;
pub mod identity;
pub mod instant;
pub mod intake;
#[cfg(test)]
mod json_schema;
pub mod label;
pub mod money;
pub mod owner;
pub mod people;
pub mod personal;
pub mod pipeline;
pub mod pool;
pub mod profile_field;
pub mod refusal;
pub mod search;
pub mod tags;
mod validate;
pub mod what_if;
pub mod zones;

pub use actor::{Actor, Role};
pub use context::Context;
pub use customer_field::CustomerField;
pub use label::{Label, Language};
pub use owner::Owner;
pub use personal::Personal;
pub use pipeline::Pipeline;
pub use profile_field::{PerField, ProfileField, ProfileTexts};
pub use refusal::{Refusal, Violation};
pub use zones::Zones;
