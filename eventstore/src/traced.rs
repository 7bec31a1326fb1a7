//! Statements as events of the trace: each is one of the target `sqlx::query` at the level `trace`, with its text and no values, for
//! anyone who wants to see or count what a process asks its database.

use std::time::Duration;

use sqlx::ConnectOptions;

/// Connections whose statements are events at the level `trace`, however long they take.
#[must_use]
pub fn traced<O: ConnectOptions>(options: O) -> O {
    // The driver's levels are those of a crate that is used nowhere else: they are named by their words.
    match ("trace".parse(), "off".parse()) {
        (Ok(trace), Ok(off)) => options.log_statements(trace).log_slow_statements(off, Duration::MAX),
        _ => options.disable_statement_logging(),
    }
}
