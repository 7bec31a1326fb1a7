//! Trace ids, by which a request is found in the server log.

use std::fmt;

use axum::http::HeaderMap;
use uuid::Uuid;

use crate::ambient::IdGenerator;

/// A trace id: 32 lower-case hexadecimal digits, the caller's own (W3C Trace Context) or a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceId(Uuid);

impl TraceId {
    /// The id in a well-formed `traceparent` header, else a new one.
    #[must_use]
    pub fn of(headers: &HeaderMap, ids: &IdGenerator) -> Self {
        let parent = headers.get("traceparent").and_then(|value| value.to_str().ok());
        Self(parent.and_then(trace_of).unwrap_or_else(|| ids()))
    }

    /// The same as a number, for tying together what follows from one request.
    #[must_use]
    pub fn as_uuid(&self) -> Uuid {
        self.0
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_simple().fmt(f)
    }
}

/// The trace id of `00-<32 digits>-<16 digits>-<2 digits>`.
fn trace_of(parent: &str) -> Option<Uuid> {
    let mut parts = parent.split('-');
    let (version, trace) = (parts.next()?, parts.next()?);
    let well_formed = version.len() == 2 && trace.len() == 32 && parts.next()?.len() == 16;
    let id = Uuid::try_parse(trace).ok().filter(|id| !id.is_nil());
    id.filter(|_| well_formed)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::http::{HeaderMap, HeaderValue};
    use uuid::Uuid;

    use super::TraceId;
    use crate::ambient::IdGenerator;

    fn trace(parent: Option<&'static str>) -> String {
        let ids: IdGenerator = Arc::new(|| Uuid::from_u128(7));
        let mut headers = HeaderMap::new();
        if let Some(parent) = parent {
            headers.insert("traceparent", HeaderValue::from_static(parent));
        }
        TraceId::of(&headers, &ids).to_string()
    }

    #[test]
    fn a_well_formed_traceparent_is_kept() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(trace(Some(parent)), "4bf92f3577b34da6a3ce929d0e0e4736");
    }

    #[test]
    fn anything_else_gets_a_new_id() {
        let new = "00000000000000000000000000000007";
        assert_eq!(trace(None), new);
        assert_eq!(trace(Some("00-00000000000000000000000000000000-00f067aa0ba902b7-01")), new);
        assert_eq!(trace(Some("nonsense")), new);
    }
}
