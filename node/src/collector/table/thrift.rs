//! The little of Thrift's compact protocol that a Parquet footer needs.
//! Source: thrift-compact-protocol.md of the Apache Thrift specification.

/// Types of fields and of list elements.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    I32 = 5,
    Binary = 8,
    Struct = 12,
}

const I64: u8 = 6;
const LIST: u8 = 9;

/// Writes one struct: fields in rising order of their ids, then the end.
#[derive(Debug, Default)]
pub(super) struct Struct {
    bytes: Vec<u8>,
    last: u8,
}

impl Struct {
    fn field(&mut self, id: u8, kind: u8) {
        debug_assert!(id > self.last && id - self.last < 16, "ids rise by 1 to 15");
        self.bytes.push((id - self.last) << 4 | kind);
        self.last = id;
    }

    pub(super) fn boolean(mut self, id: u8, value: bool) -> Self {
        self.field(id, if value { 1 } else { 2 });
        self
    }

    pub(super) fn i32(mut self, id: u8, value: i32) -> Self {
        self.field(id, Kind::I32 as u8);
        varint(&mut self.bytes, zigzag(i64::from(value)));
        self
    }

    pub(super) fn i64(mut self, id: u8, value: i64) -> Self {
        self.field(id, I64);
        varint(&mut self.bytes, zigzag(value));
        self
    }

    pub(super) fn text(mut self, id: u8, text: &str) -> Self {
        self.field(id, Kind::Binary as u8);
        self.bytes.extend_from_slice(&binary(text));
        self
    }

    pub(super) fn child(mut self, id: u8, child: Struct) -> Self {
        self.field(id, Kind::Struct as u8);
        self.bytes.extend_from_slice(&child.end());
        self
    }

    /// A list whose elements are written already.
    pub(super) fn list(mut self, id: u8, kind: Kind, elements: &[Vec<u8>]) -> Self {
        self.field(id, LIST);
        match u8::try_from(elements.len()) {
            Ok(count) if count < 15 => self.bytes.push(count << 4 | kind as u8),
            _ => {
                self.bytes.push(0xf0 | kind as u8);
                varint(&mut self.bytes, elements.len() as u64);
            }
        }
        self.bytes.extend(elements.iter().flatten());
        self
    }

    pub(super) fn end(mut self) -> Vec<u8> {
        self.bytes.push(0);
        self.bytes
    }
}

/// An i32 as a list element.
pub(super) fn element(value: i32) -> Vec<u8> {
    let mut bytes = Vec::new();
    varint(&mut bytes, zigzag(i64::from(value)));
    bytes
}

/// A text as a list element.
pub(super) fn binary(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() + 2);
    varint(&mut bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// Small numbers of either sign become small unsigned ones.
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// Seven bits a byte, lowest first.
pub(super) fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            return bytes.push(low);
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_struct_is_written_as_the_specification_says() {
        let inner = Struct::default().boolean(1, true);
        let bytes = Struct::default()
            .i32(1, -1)
            .i64(3, 150)
            .text(4, "ab")
            .child(20 - 5, inner)
            .list(16, Kind::I32, &[element(1), element(-2)])
            .end();
        assert_eq!(
            bytes,
            [
                0x15, 1, 0x26, 0xac, 2, 0x18, 2, b'a', b'b', 0xbc, 0x11, 0, 0x19, 0x25, 2, 3, 0
            ]
        );
        let many = vec![element(0); 20];
        let bytes = Struct::default().list(1, Kind::I32, &many).end();
        assert_eq!((&bytes[..3], bytes.len()), (&[0x19, 0xf5, 20][..], 24));
    }
}
