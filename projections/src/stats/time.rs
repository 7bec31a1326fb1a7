//! The unit of instants and spans.

/// Microseconds: since 1970 for an instant, of length for a span.
pub type Micros = i64;

/// A span in seconds.
#[must_use]
pub fn seconds(span: Micros) -> f64 {
    span as f64 / 1e6
}
