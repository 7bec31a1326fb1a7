//! Bytes in hexadecimal, as lists for statements have them.

use std::fmt::Write;

use uuid::Uuid;

pub(super) fn hex(id: Uuid) -> String {
    id.simple().to_string()
}

pub(super) fn bytes_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
