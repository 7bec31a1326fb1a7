//! The newest entries of a tenant's log, as far as they are kept for its streams.

use std::collections::VecDeque;
use std::sync::Arc;

use super::shared::SharedPage;
use crate::eventstore::Position;

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The most entries.
    pub(super) entries: usize,
    /// The most bytes.
    pub(super) bytes: usize,
}

/// What follows a position.
pub(super) enum Next {
    /// This page has it.
    Page(Arc<SharedPage>),
    /// Nothing yet.
    Nothing,
    /// What is kept begins only after this position: the entries up to it are read from the log, or were missed.
    Before(Position),
}

/// Consecutive pages, oldest first. What has been added last is kept whatever its size.
pub(super) struct Window {
    limits: Limits,
    pages: VecDeque<Arc<SharedPage>>,
    /// What came before the first page; the end of the log where there is none.
    before: Position,
    entries: usize,
    bytes: usize,
}

impl Window {
    /// An empty one, which begins after a position.
    pub(super) fn after(before: Position, limits: Limits) -> Self {
        Self { limits, pages: VecDeque::new(), before, entries: 0, bytes: 0 }
    }

    /// Adds the page that follows, and lets go of the oldest beyond the limits.
    pub(super) fn push(&mut self, page: Arc<SharedPage>) {
        if page.has_erasure() {
            for known in &mut self.pages {
                *known = Arc::new(known.sealed());
            }
        }
        self.entries += page.len();
        self.bytes += page.bytes();
        self.pages.push_back(page);
        while self.pages.len() > 1
            && (self.entries > self.limits.entries || self.bytes > self.limits.bytes)
            && let Some(oldest) = self.pages.pop_front()
        {
            self.entries -= oldest.len();
            self.bytes -= oldest.bytes();
            self.before = oldest.last().unwrap_or(self.before);
        }
    }

    /// What follows a position.
    pub(super) fn next(&self, after: Position) -> Next {
        if after < self.before {
            return Next::Before(self.before);
        }
        let place = self.pages.partition_point(|page| page.last().is_some_and(|last| last <= after));
        self.pages.get(place).map_or(Next::Nothing, |page| Next::Page(Arc::clone(page)))
    }
}
