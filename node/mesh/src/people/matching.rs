//! When two registrations are of one learner.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Registration, to_ascii};

/// Equal for two registrations exactly when they are of one learner.
///
/// They are when name, surname and parent's name are the same, and
/// * both have a telephone number, it is the same, and so is the municipality; or
/// * neither has one, and school, municipality and year of birth (or its absence) are the same.
///
/// "The same" is judged by the letters in ASCII alone: script, case, marks, spaces, hyphens and apostrophes do not count,
/// so `Ђорђе`, `Đorđe` and `djordje` are one. Class never counts: a learner changes it every year.
///
/// The key is a hash under a secret of whoever compares: without it nobody can try names against a list of keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MatchKey(#[serde(with = "hex::serde")] pub [u8; 32]);

impl fmt::Debug for MatchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MatchKey(hidden)")
    }
}

impl MatchKey {
    /// The key of a registration under the comparer's secret.
    pub fn of(registration: &Registration, secret: &[u8; 32]) -> Self {
        let mut hasher = blake3::Hasher::new_keyed(secret);
        let mut put = |text: &str| {
            let length = u32::try_from(text.len()).expect("texts of a registration are short");
            hasher.update(&length.to_be_bytes()).update(text.as_bytes());
        };
        put("pishtar learner 1");
        put(&letters(registration.name.as_str()));
        put(&letters(registration.surname.as_str()));
        put(&letters(registration.parent.as_str()));
        put(&place(registration.municipality.as_str()));
        match &registration.phone {
            Some(phone) => {
                put("phone");
                put(phone.as_str());
            }
            None => {
                put("school");
                put(&place(registration.school.as_str()));
                put(&registration.born.unwrap_or(0).to_string());
            }
        }
        Self(*hasher.finalize().as_bytes())
    }
}

/// The ASCII letters of a name. Names are checked to have some.
fn letters(name: &str) -> String {
    let ascii = to_ascii(name).unwrap_or_default();
    ascii.chars().filter(char::is_ascii_lowercase).collect()
}

/// Letters and digits of a place; what has no ASCII spelling stays as it is.
fn place(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars().filter(|letter| letter.is_alphanumeric()) {
        match to_ascii(letter.encode_utf8(&mut [0; 4])) {
            Ok(ascii) => out.push_str(&ascii),
            Err(_) => out.extend(letter.to_lowercase()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::registration::tests::raw;
    use super::super::{RawRegistration, Registration};
    use super::*;

    fn key(raw: &RawRegistration) -> MatchKey {
        MatchKey::of(&Registration::parse(raw).unwrap(), &[7; 32])
    }

    #[test]
    fn script_marks_class_and_school_do_not_part_a_learner_with_a_telephone() {
        let first = key(&raw("Ђорђе", "Петровић"));
        for (name, surname) in [("Đorđe", "Petrović"), ("DJORDJE", "petrovic")] {
            assert_eq!(key(&raw(name, surname)), first);
        }
        let moved = RawRegistration {
            class: "7B".into(),
            school: "Another".into(),
            municipality: "PRISHTINE".into(),
            phone: "+383 44 123456".into(),
            ..raw("Ђорђе", "Петровић")
        };
        assert_eq!(key(&moved), first);
    }

    #[test]
    fn another_parent_telephone_or_town_is_another_learner() {
        let first = raw("Arta", "Krasniqi");
        let others = [
            RawRegistration {
                parent: "Agim".into(),
                ..first.clone()
            },
            RawRegistration {
                phone: "044 123 457".into(),
                ..first.clone()
            },
            RawRegistration {
                phone: String::new(),
                ..first.clone()
            },
            RawRegistration {
                municipality: "Pejë".into(),
                ..first.clone()
            },
            raw("Art", "Akrasniqi"),
        ];
        for other in others {
            assert_ne!(key(&other), key(&first));
        }
    }

    #[test]
    fn without_a_telephone_school_and_year_decide() {
        let first = RawRegistration {
            phone: String::new(),
            ..raw("Arta", "Krasniqi")
        };
        let class = RawRegistration {
            class: "9".into(),
            ..first.clone()
        };
        assert_eq!(key(&class), key(&first));
        let school = RawRegistration {
            school: "Naimi".into(),
            ..first.clone()
        };
        assert_ne!(key(&school), key(&first));
        let born = RawRegistration {
            born: "2014".into(),
            ..first.clone()
        };
        assert_ne!(key(&born), key(&first));
    }

    #[test]
    fn the_key_needs_the_secret() {
        let parsed = Registration::parse(&raw("Arta", "Krasniqi")).unwrap();
        assert_ne!(
            MatchKey::of(&parsed, &[1; 32]),
            MatchKey::of(&parsed, &[2; 32])
        );
    }
}
