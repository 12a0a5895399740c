//! JSON from strangers, read with explicit bounds on length and depth, and with every object key given once.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Value};

/// Deepest nesting of arrays and objects that [`parse`] follows; protects the stack. Metadata need about 8.
pub const MAX_DEPTH: usize = 64;

/// Most values of all kinds in one file. A number takes 2 bytes of a file and 32 bytes of memory.
pub const MAX_VALUES: usize = 2_000_000;
/// Most objects in one file. One of a single short entry takes 8 bytes of a file and 600 bytes of memory.
pub const MAX_OBJECTS: usize = 400_000;

/// Why received bytes are not JSON that we accept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Longer than the caller's bound.
    #[error("{found} bytes where at most {limit} are allowed")]
    TooLarge {
        /// The bound in bytes.
        limit: u64,
        /// The length found in bytes.
        found: u64,
    },
    /// Arrays or objects within each other, deeper than [`MAX_DEPTH`].
    #[error("JSON nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// More values than [`MAX_VALUES`] or more objects than [`MAX_OBJECTS`]: memory would grow far beyond the file.
    #[error("more than {MAX_VALUES} values or {MAX_OBJECTS} objects in one file")]
    TooMany,
    /// An object names a key twice. Other readers keep the first or the last value, so that what one of them
    /// verified is not what another one reads.
    #[error("the key `{0}` occurs twice in one object")]
    DuplicateKey(String),
    /// Not JSON, or not UTF-8.
    #[error("not acceptable JSON: {0}")]
    Syntax(String),
}

/// Parses at most `max_bytes` bytes of JSON, nested at most [`MAX_DEPTH`] deep, no key twice in an object.
///
/// # Errors
/// [`ParseError`]: the fault is the giver's.
pub fn parse(bytes: &[u8], max_bytes: u64) -> Result<Value, ParseError> {
    let found = bytes.len() as u64;
    if found > max_bytes {
        return Err(ParseError::TooLarge {
            limit: max_bytes,
            found,
        });
    }
    let refused = Cell::new(None);
    let budget = Budget {
        values: Cell::new(MAX_VALUES),
        objects: Cell::new(MAX_OBJECTS),
    };
    let bounded = Bounded {
        depth: 0,
        budget: &budget,
        refused: &refused,
    };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let parsed = bounded.deserialize(&mut reader);
    parsed
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|error| {
            refused
                .take()
                .unwrap_or_else(|| ParseError::Syntax(error.to_string()))
        })
}

/// What may still be read.
struct Budget {
    values: Cell<usize>,
    objects: Cell<usize>,
}

/// Reads one value at `depth`. Why it refused one, where that is not the syntax, is left in `refused`.
#[derive(Clone, Copy)]
struct Bounded<'a> {
    depth: usize,
    budget: &'a Budget,
    refused: &'a Cell<Option<ParseError>>,
}

impl Bounded<'_> {
    fn refuse<E: serde::de::Error>(&self, why: ParseError) -> E {
        let error = E::custom(&why);
        self.refused.set(Some(why));
        error
    }

    fn spend<E: serde::de::Error>(&self, left: &Cell<usize>) -> Result<(), E> {
        match left.get().checked_sub(1) {
            Some(rest) => {
                left.set(rest);
                Ok(())
            }
            None => Err(self.refuse(ParseError::TooMany)),
        }
    }

    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.refuse(ParseError::TooDeep));
        }
        Ok(Bounded {
            depth: self.depth + 1,
            ..self
        })
    }
}

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        self.spend(&self.budget.values)?;
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        let number =
            serde_json::Number::from_f64(value).ok_or_else(|| E::custom("not a number"))?;
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            array.push(item);
        }
        Ok(array.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        self.spend(&self.budget.objects)?;
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            match object.entry(key) {
                Entry::Vacant(place) => {
                    place.insert(entries.next_value_seed(inner)?);
                }
                Entry::Occupied(place) => {
                    let key = place.key().clone();
                    return Err(self.refuse(ParseError::DuplicateKey(key)));
                }
            }
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_given_twice_is_refused_at_any_depth() {
        for text in [r#"{"a":1,"a":1}"#, r#"[{"b":{"a":1,"\u0061":2}}]"#] {
            assert_eq!(
                parse(text.as_bytes(), 100),
                Err(ParseError::DuplicateKey("a".to_owned())),
                "{text}"
            );
        }
        assert!(parse(br#"{"a":{"a":[{"a":1},{"a":1}]}}"#, 100).is_ok());
    }

    #[test]
    fn size_and_depth_are_bounded() {
        assert_eq!(
            parse(b"[1,2]", 4),
            Err(ParseError::TooLarge { limit: 4, found: 5 })
        );
        let arrays = |n: usize| [vec![b'['; n], vec![b']'; n]].concat();
        let objects = |n: usize| ["{\"a\":".repeat(n), "1".to_owned(), "}".repeat(n)].concat();
        assert!(parse(&arrays(MAX_DEPTH), 10_000).is_ok());
        assert!(parse(objects(MAX_DEPTH).as_bytes(), 10_000).is_ok());
        for n in [MAX_DEPTH + 1, 1000, 100_000] {
            assert_eq!(parse(&arrays(n), 1 << 20), Err(ParseError::TooDeep));
            assert_eq!(
                parse(objects(n).as_bytes(), 1 << 20),
                Err(ParseError::TooDeep)
            );
        }
    }

    #[test]
    fn the_number_of_values_is_bounded() {
        let numbers = |n: usize| format!("[{}0]", "0,".repeat(n - 1));
        // The array is a value too.
        assert!(parse(numbers(MAX_VALUES - 1).as_bytes(), 1 << 24).is_ok());
        assert_eq!(
            parse(numbers(MAX_VALUES).as_bytes(), 1 << 24),
            Err(ParseError::TooMany)
        );
        let objects = |n: usize| format!("[{}{{}}]", "{},".repeat(n - 1));
        assert!(parse(objects(MAX_OBJECTS).as_bytes(), 1 << 24).is_ok());
        assert_eq!(
            parse(objects(MAX_OBJECTS + 1).as_bytes(), 1 << 24),
            Err(ParseError::TooMany)
        );
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_place() {
        for text in [
            "",
            "{",
            "[1,]",
            "1 2",
            "nul",
            "\"\u{1}\"",
            "\"\\ud800\"",
            "01",
            "NaN",
        ] {
            let error = parse(text.as_bytes(), 100).unwrap_err();
            assert!(
                matches!(&error, ParseError::Syntax(why) if why.contains("line 1")),
                "{text}: {error}"
            );
        }
        assert!(matches!(
            parse(b"\"\xff\"", 100),
            Err(ParseError::Syntax(_))
        ));
    }

    proptest! {
        /// What serde_json reads and we accept is the same value.
        #[test]
        fn accepted_values_are_those_of_serde_json(text in "[\\[\\]{}:,\"a0-9.e-]{0,24}|[ -~]{0,24}") {
            if let Ok(value) = parse(text.as_bytes(), 100) {
                prop_assert_eq!(value, serde_json::from_str::<Value>(&text).unwrap());
            }
        }
    }
}
