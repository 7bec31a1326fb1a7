//! JSON in the one form that RFC 8785 gives it, for whatever is hashed or signed beside the log's entries.

use serde_json::Value;

/// The canonical bytes of a document.
#[must_use]
pub fn canonical_json(document: &Value) -> Vec<u8> {
    // A value that is in memory has a form, and writing into memory does not fail.
    serde_json_canonicalizer::to_vec(document).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stand_in_order_and_numbers_in_their_shortest_form() {
        let document = serde_json::json!({"b": 1.0, "a": ["\u{20ac}", null], "\u{e9}": 1e21});
        let written = String::from_utf8(canonical_json(&document)).unwrap();
        assert_eq!(written, "{\"a\":[\"\u{20ac}\",null],\"b\":1,\"\u{e9}\":1e+21}");
    }
}
