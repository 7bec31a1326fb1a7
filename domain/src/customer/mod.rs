//! One person or company on the way to a deal: one aggregate, one history.

pub mod event;
pub mod timeline;

pub use event::CustomerEvent;
