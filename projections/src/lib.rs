//! The read models: tables folded from the log, and the questions that are answered from them.
//!
//! A read model is a fold of the log and nothing else: whatever its tables hold can be thrown away and folded again, to
//! the byte. Four of them serve: [`board`] (customers, and the stage each of them is in), [`timeline`] (what happened to a
//! customer), [`dwell`] (every transition with both times, and the figures computed from them) and [`work`] (what must be
//! done, by people and by automation rules). [`reports`] combine several of them as of one moment.
//!
//! [`Projections`] keeps them up to date with the log and opens snapshots of them.
//!
//! From the ground up: [`db`] is the database on either engine, `storage` how rows and checkpoints are kept, `log` how
//! events are read and decoded, [`stats`] the mathematics, [`models`] the folds and queries, [`reports`] the figures made
//! of several models, [`runtime`] what keeps it all up to date.
//!
//! The mathematics stands apart from the tables, so it can be used alone:
//!
//! ```
//! use waymark_projections::stats::survival::{Subject, kaplan_meier};
//!
//! const DAY: i64 = 86_400_000_000;
//! // Two customers left a stage after two and four days; one is still there on its third day, and counts as long as it is.
//! let stay = |days, cause| Subject { entry: 0, exit: days * DAY, cause };
//! let curve = kaplan_meier(&[stay(2, Some(1)), stay(3, None), stay(4, Some(1))]);
//! assert_eq!((curve.subjects, curve.events), (3, 2));
//! assert!((curve.survival_at(3 * DAY) - 2.0 / 3.0).abs() < 1e-12);
//! ```

mod bilingual;
pub mod db;
mod error;
mod fairness;
mod log;
mod maturity;
pub mod models;
mod projections;
pub mod query;
pub mod reports;
pub mod runtime;
pub mod stats;
pub mod storage;
#[cfg(test)]
mod tests;

pub use bilingual::BilingualText;
pub use error::ProjectionError;
pub use log::absorbers;
pub use maturity::Maturity;
pub use models::{board, dwell, timeline, work};
pub use projections::Projections;
pub use query::{AnyOf, AsOf, CohortFilter, ProfileFilter};
