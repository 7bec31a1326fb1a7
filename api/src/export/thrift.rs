//! Structures in the compact protocol of Apache Thrift, in which Parquet writes what it says of its data.

/// Types of the protocol.
const BOOLEAN_TRUE: u8 = 1;
const BOOLEAN_FALSE: u8 = 2;
const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// A structure being written: its fields in the order of their numbers.
#[derive(Debug, Default)]
pub(super) struct Struct {
    bytes: Vec<u8>,
    last: u8,
}

impl Struct {
    fn field(&mut self, number: u8, kind: u8) {
        self.bytes.push((number - self.last) << 4 | kind);
        self.last = number;
    }

    pub(super) fn boolean(&mut self, number: u8, value: bool) {
        self.field(number, if value { BOOLEAN_TRUE } else { BOOLEAN_FALSE });
    }

    pub(super) fn i32(&mut self, number: u8, value: i32) {
        self.field(number, I32);
        zigzag(i64::from(value), &mut self.bytes);
    }

    pub(super) fn i64(&mut self, number: u8, value: i64) {
        self.field(number, I64);
        zigzag(value, &mut self.bytes);
    }

    pub(super) fn text(&mut self, number: u8, value: &str) {
        self.field(number, BINARY);
        binary(value, &mut self.bytes);
    }

    pub(super) fn nested(&mut self, number: u8, value: &[u8]) {
        self.field(number, STRUCT);
        self.bytes.extend_from_slice(value);
    }

    pub(super) fn structs(&mut self, number: u8, values: &[Vec<u8>]) {
        self.list(number, STRUCT, values.len());
        for value in values {
            self.bytes.extend_from_slice(value);
        }
    }

    pub(super) fn i32s(&mut self, number: u8, values: &[i32]) {
        self.list(number, I32, values.len());
        for value in values {
            zigzag(i64::from(*value), &mut self.bytes);
        }
    }

    pub(super) fn texts(&mut self, number: u8, values: &[&str]) {
        self.list(number, BINARY, values.len());
        for value in values {
            binary(value, &mut self.bytes);
        }
    }

    fn list(&mut self, number: u8, kind: u8, length: usize) {
        self.field(number, LIST);
        match u8::try_from(length).ok().filter(|length| *length < 15) {
            Some(short) => self.bytes.push(short << 4 | kind),
            None => {
                self.bytes.push(0xF0 | kind);
                varint(length as u64, &mut self.bytes);
            }
        }
    }

    /// The bytes, with what ends a structure.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.push(0);
        self.bytes
    }
}

fn binary(value: &str, bytes: &mut Vec<u8>) {
    varint(value.len() as u64, bytes);
    bytes.extend_from_slice(value.as_bytes());
}

fn zigzag(value: i64, bytes: &mut Vec<u8>) {
    varint((value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned(), bytes);
}

fn varint(mut value: u64, bytes: &mut Vec<u8>) {
    while value >= 0x80 {
        bytes.push((value & 0x7F) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_written_by_their_distance_and_numbers_in_zigzag() {
        let mut inner = Struct::default();
        inner.boolean(1, true);
        let mut outer = Struct::default();
        outer.i32(1, -1);
        outer.i64(3, 300);
        outer.text(4, "ab");
        outer.nested(5, &inner.finish());
        outer.i32s(6, &[1; 15]);
        let mut expected = vec![0x15, 1, 0x26, 0xD8, 4, 0x18, 2, b'a', b'b', 0x1C, 0x11, 0, 0x19, 0xF5, 15];
        expected.extend([2; 15]);
        expected.push(0);
        assert_eq!(outer.finish(), expected);
    }
}
