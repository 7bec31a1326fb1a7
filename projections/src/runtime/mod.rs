//! What keeps the read models up to date: projectors, rebuilds, the processes of a cluster, and what operators see of it.

mod cluster;
mod comparison;
pub(crate) mod consistency;
pub(crate) mod erasure_purge;
pub(crate) mod failures;
mod inspection;
mod kept_looks;
pub(crate) mod nodes;
mod pace;
pub(crate) mod pages;
pub(crate) mod parked;
pub(crate) mod projector;
pub(crate) mod rebuild;
pub(crate) mod rebuild_lease;
pub(crate) mod resting;
pub(crate) mod runner;
mod scheduler;
pub(crate) mod slot;
mod status;
pub(crate) mod supervisor;

pub use comparison::{Comparison, NotComparable};
pub use inspection::Inspection;
pub use kept_looks::KeptLook;
pub use nodes::{Duty, Node};
pub use parked::Parked;
pub use rebuild::Progress;
pub use status::ProjectionStatus;
pub use supervisor::PendingRebuild;
