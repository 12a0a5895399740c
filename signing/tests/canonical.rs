//! Canonical JSON compared with securesystemslib on random values (`data/canonical/make.py`): Albanian, Serbian, Hindi
//! and Arabic text, control characters, text that is not in normal form, floats, repeated keys.

use data_encoding::BASE64;
use pishtar_signing::canonical::{ParseError, parse, to_canonical};

#[test]
fn the_canonical_form_is_the_one_of_securesystemslib() {
    let cases = include_str!("data/canonical/cases.txt");
    let (mut refused, mut repeated) = (0, Vec::new());
    for line in cases.lines() {
        let (text, expected) = line.split_once(' ').unwrap();
        let text = BASE64.decode(text.as_bytes()).unwrap();
        let shown = String::from_utf8_lossy(&text);
        let parsed = match parse(&text, 1 << 20) {
            Ok(parsed) => parsed,
            // Stricter than the reference, which takes the last value.
            Err(error @ ParseError::DuplicateKey(_)) => {
                repeated.push(error.to_string());
                continue;
            }
            Err(error) => panic!("{shown}: {error}"),
        };
        let found = to_canonical(&parsed);
        if expected == "refused" {
            refused += 1;
            assert!(found.is_err(), "{shown}");
        } else {
            assert_eq!(
                found.map(|bytes| BASE64.encode(&bytes)).as_deref(),
                Ok(expected),
                "{shown}"
            );
        }
    }
    assert_eq!(repeated, ["the key `a` occurs twice in one object"; 3]);
    assert!(cases.lines().count() > 400 && refused > 0);
}
