//! OLPC canonical JSON: the one byte form of a JSON value that signatures and key ids are made over.
//!
//! Same result as `securesystemslib.formats.encode_canonical`: keys sorted by code point, no white space,
//! only `\` and `"` escaped, integers only. Strings are taken as they are: no Unicode normalisation, because
//! the reference has none and Hindi or Arabic text would otherwise get another signature.

use serde_json::Value;

mod parse;

pub use parse::{MAX_DEPTH, MAX_OBJECTS, MAX_VALUES, ParseError, parse};

/// Why a value has no canonical form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// A number with a fraction or exponent, or beyond 64 bits; TUF metadata hold integers only.
    #[error("the number {0} is not a 64-bit integer; signed metadata may hold integers only")]
    NotAnInteger(String),
}

/// The canonical form of `value`.
///
/// # Errors
/// [`CanonicalError`] when a number in it is not an integer.
pub fn to_canonical(value: &Value) -> Result<Vec<u8>, CanonicalError> {
    let mut out = Vec::new();
    write_value(value, &mut out)?;
    Ok(out)
}

fn write_value(value: &Value, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => {
            if !number.is_i64() && !number.is_u64() {
                return Err(CanonicalError::NotAnInteger(number.to_string()));
            }
            out.extend_from_slice(number.to_string().as_bytes());
        }
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_value(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(map) => write_object(map, out)?,
    }
    Ok(())
}

fn write_object(
    map: &serde_json::Map<String, Value>,
    out: &mut Vec<u8>,
) -> Result<(), CanonicalError> {
    // UTF-8 byte order is code point order. Sorted here because serde_json's own order depends on
    // its `preserve_order` feature, which any crate in the build may turn on.
    let mut entries: Vec<(&String, &Value)> = map.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    out.push(b'{');
    for (i, (key, value)) in entries.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_string(key, out);
        out.push(b':');
        write_value(value, out)?;
    }
    out.push(b'}');
    Ok(())
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' || byte == b'\\' {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn canonical(value: Value) -> String {
        String::from_utf8(to_canonical(&value).unwrap()).unwrap()
    }

    #[test]
    fn keys_are_sorted_by_code_point_and_only_two_characters_escaped() {
        assert_eq!(
            canonical(json!({"b": [1, -2, true, null], "a": "q\"b\\n\n\u{1}", "ë": "ç", "Z": {}})),
            "{\"Z\":{},\"a\":\"q\\\"b\\\\n\n\u{1}\",\"b\":[1,-2,true,null],\"ë\":\"ç\"}"
        );
    }

    #[test]
    fn text_is_not_normalised() {
        assert_eq!(canonical(json!("e\u{301}")), "\"e\u{301}\"");
        assert_eq!(canonical(json!("क़")), "\"क़\"");
    }

    #[test]
    fn floats_and_huge_integers_are_refused() {
        for text in ["1.0", "1e2", "18446744073709551616", "{\"a\":[0.5]}"] {
            let value = parse(text.as_bytes(), 100).unwrap();
            assert!(
                matches!(to_canonical(&value), Err(CanonicalError::NotAnInteger(_))),
                "{text}"
            );
        }
        assert_eq!(canonical(json!(u64::MAX)), "18446744073709551615");
    }

    proptest! {
        #[test]
        fn equal_values_have_equal_forms_whatever_the_key_order(map in prop::collection::btree_map(".*", any::<i64>(), 0..8)) {
            let forward: String = map.iter().map(|(k, v)| format!("{}:{v}", json!(k))).collect::<Vec<_>>().join(",");
            let backward: String = map.iter().rev().map(|(k, v)| format!("{}:{v}", json!(k))).collect::<Vec<_>>().join(",");
            let a = parse(format!("{{{forward}}}").as_bytes(), 1 << 20).unwrap();
            let b = parse(format!("{{{backward}}}").as_bytes(), 1 << 20).unwrap();
            prop_assert_eq!(to_canonical(&a).unwrap(), to_canonical(&b).unwrap());
        }

        #[test]
        fn parsing_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(value) = parse(&bytes, 150) {
                let _ = to_canonical(&value);
            }
        }
    }
}
