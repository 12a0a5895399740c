//! Tests of keys, ids and the threshold rule.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else {
        panic!("not an object")
    };
    map
}

#[test]
fn the_key_id_is_the_one_that_python_computes() {
    // securesystemslib: SSlibKey of the public key of the seed 00…00.
    let key = SigningKey::from_seed([0; 32]).public();
    assert_eq!(
        key.to_json()["keyval"]["public"],
        "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"
    );
    assert_eq!(
        key.id().0,
        "4cc3f338069d638e761ed397f5c53df4129a276face46a446c202617331ca1b3"
    );
}

#[test]
fn unknown_keys_are_kept_and_never_verify() {
    let json = object(
        json!({"keytype": "lattice", "scheme": "dilithium", "keyval": {"public": "00"}, "x": 1}),
    );
    let key = PublicKey::from_json(json.clone()).unwrap();
    assert!(!key.is_usable() && !key.verify(b"", ""));
    assert_eq!(*key.to_json(), json);
    assert!(PublicKey::from_json(object(json!({"keytype": "ed25519"}))).is_err());
}

/// Keys that python-tuf wrote, by their type.
fn foreign_keys(keytype: &str) -> Vec<Map<String, Value>> {
    let root = include_str!("../../tests/data/python-tuf/1.root.json");
    let root: Value = serde_json::from_str(root).unwrap();
    let keys = root["signed"]["keys"].as_object().unwrap().values();
    keys.filter(|key| key["keytype"] == keytype)
        .map(|key| object(key.clone()))
        .collect()
}

#[test]
fn one_key_is_one_key_in_every_scheme_and_spelling() {
    let rsa = foreign_keys("rsa").remove(0);
    let plain = PublicKey::from_json(rsa.clone()).unwrap();
    for scheme in ["rsassa-pss-sha512", "rsa-pkcs1v15-sha256"] {
        let mut other = rsa.clone();
        other["scheme"] = scheme.into();
        let other = PublicKey::from_json(other).unwrap();
        assert!(other.is_usable() && other.id() != plain.id());
        assert_eq!(other.identity, plain.identity, "{scheme}");
    }
    let ecdsa = foreign_keys("ecdsa").remove(0);
    let plain = PublicKey::from_json(ecdsa.clone()).unwrap();
    let pem = ecdsa["keyval"]["public"].as_str().unwrap();
    let Material::Ecdsa { point, .. } = &plain.material else {
        panic!("not on a curve")
    };
    for spelling in [format!("\n{}\n\n", pem.trim()), hex::encode(point)] {
        let mut other = ecdsa.clone();
        other["keytype"] = "ecdsa-sha2-nistp256".into();
        other["keyval"] = json!({"public": spelling});
        let other = PublicKey::from_json(other).unwrap();
        assert!(other.is_usable());
        assert_eq!(other.identity, plain.identity);
    }
    let mut other_curve = ecdsa;
    other_curve["scheme"] = "ecdsa-sha2-nistp384".into();
    assert!(!PublicKey::from_json(other_curve).unwrap().is_usable());
}

#[test]
fn small_order_keys_are_refused() {
    // The identity point verifies anything under the lax rule.
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    assert!(!PublicKey::ed25519(identity).verify(b"any", &hex::encode(signature)));
}

proptest! {
    #[test]
    fn signatures_verify_and_changed_ones_do_not(seed: [u8; 32], message: Vec<u8>, bit in 0usize..512) {
        let key = SigningKey::from_seed(seed);
        let signature = key.sign(&message);
        prop_assert!(key.public().verify(&message, &signature.sig));
        let mut raw = hex::decode(&signature.sig).unwrap();
        raw[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!key.public().verify(&message, &hex::encode(raw)));
    }
}
