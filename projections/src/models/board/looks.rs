//! How much is looked at to answer, counted so that a test can hold how the work grows.

#[cfg(test)]
thread_local! {
    /// How many cards, customers or spans were looked at, on this thread.
    pub(crate) static LOOKS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
pub(super) fn count_looks(looks: usize) {
    LOOKS.with(|all| all.set(all.get() + looks));
}

#[cfg(not(test))]
pub(super) fn count_looks(_: usize) {}
