//! How the log is read for folding: page by page, decoded once, and by customer.

pub(crate) mod decoded;
pub(crate) mod history;
pub(crate) mod pages;
