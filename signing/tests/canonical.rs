//! Canonical JSON compared with securesystemslib on random values (`data/canonical/make.py`): Albanian, Serbian, Hindi
//! and Arabic text, control characters, text that is not in normal form, floats, repeated keys.

use data_encoding::BASE64;
use pishtar_signing::canonical::{parse, to_canonical};

#[test]
fn the_canonical_form_is_the_one_of_securesystemslib() {
    let cases = include_str!("data/canonical/cases.txt");
    let mut refused = 0;
    for line in cases.lines() {
        let (text, expected) = line.split_once(' ').unwrap();
        let text = BASE64.decode(text.as_bytes()).unwrap();
        let found = to_canonical(&parse(&text, 1 << 20).unwrap());
        let shown = String::from_utf8_lossy(&text);
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
    assert!(cases.lines().count() > 400 && refused > 0);
}
