//! Whether a log takes entries, as operators see it.

use std::sync::Arc;

use tokio::sync::watch;

/// Whether a log takes entries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Intake {
    /// It does.
    #[default]
    Open,
    /// The last write could not be made, for this reason: the disk is full, or the database is away. Nothing of it was
    /// acknowledged, and the log tries by itself until a write succeeds.
    Stalled(String),
    /// A write failed so that nobody knows what is on disk. Nothing is acknowledged until the log is opened again.
    Stopped(String),
}

/// Publishes whether a log takes entries, to watchers and as a metric.
#[derive(Debug, Clone)]
pub(crate) struct Gate(Arc<watch::Sender<Intake>>);

impl Gate {
    /// Of a log that takes entries.
    pub(crate) fn open() -> Self {
        metrics::gauge!("waymark_log_writable").set(1.0);
        Self(Arc::new(watch::Sender::new(Intake::Open)))
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Intake> {
        self.0.subscribe()
    }

    pub(crate) fn is_stalled(&self) -> bool {
        matches!(&*self.0.borrow(), Intake::Stalled(_))
    }

    /// A write succeeded.
    pub(crate) fn wrote(&self) {
        if self.put(Intake::Open) {
            tracing::info!("the log takes entries again");
        }
    }

    /// A write could not be made.
    pub(crate) fn stall(&self, why: &str) {
        if !self.is_stalled() && self.put(Intake::Stalled(why.to_owned())) {
            tracing::error!(why, "the log takes no entries, and tries until it does");
        }
    }

    /// Nobody knows what a write left behind.
    pub(crate) fn stop(&self, why: &str) {
        if self.put(Intake::Stopped(why.to_owned())) {
            tracing::error!(why, "a write failed: the log records nothing more until it is opened again");
        }
    }

    /// Returns whether that is news. A log that has stopped stays so.
    fn put(&self, intake: Intake) -> bool {
        let writable = if intake == Intake::Open { 1.0 } else { 0.0 };
        let news = self.0.send_if_modified(|known| {
            let news = *known != intake && !matches!(known, Intake::Stopped(_));
            if news {
                *known = intake;
            }
            news
        });
        if news {
            metrics::gauge!("waymark_log_writable").set(writable);
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_stalled_opens_again_and_one_that_stopped_does_not() {
        let gate = Gate::open();
        let seen = gate.watch();
        gate.stall("full");
        assert_eq!(*seen.borrow(), Intake::Stalled("full".to_owned()));
        gate.wrote();
        assert_eq!(*seen.borrow(), Intake::Open);
        gate.stop("input/output error");
        gate.wrote();
        gate.stall("full");
        assert_eq!(*seen.borrow(), Intake::Stopped("input/output error".to_owned()));
    }
}
