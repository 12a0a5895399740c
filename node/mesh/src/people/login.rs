//! Logins: `name.surname@domain`, one for each learner, for good.

use std::{collections::BTreeMap, convert::Infallible, fmt};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{MatchKey, Registration, to_ascii};
use crate::learner::LearnerId;

/// Longest part of a name or surname in a login, bytes: with the number it stays below 64 (RFC 5321 section 4.5.3.1.1).
const MAX_PART_BYTES: usize = 28;
/// Longest domain, bytes (RFC 1035 section 2.3.4).
const MAX_DOMAIN_BYTES: usize = 253;

/// What comes after the `@`: a domain name in small ASCII letters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Domain(String);

/// Why a text is no domain.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is no domain for logins; write for example nxenes.rks-gov.net, in small letters")]
pub struct DomainError(pub String);

impl Domain {
    /// Checks a domain name.
    ///
    /// # Errors
    /// [`DomainError`].
    pub fn new(text: &str) -> Result<Self, DomainError> {
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        };
        match text.len() <= MAX_DOMAIN_BYTES && text.split('.').all(label) {
            true => Ok(Self(text.to_owned())),
            false => Err(DomainError(text.chars().take(80).collect())),
        }
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Domain {
    type Error = DomainError;
    fn try_from(text: String) -> Result<Self, DomainError> {
        Self::new(&text)
    }
}

impl From<Domain> for String {
    fn from(domain: Domain) -> String {
        domain.0
    }
}

/// A learner's login, for example `arta.krasniqi2@nxenes.example`. Hidden from `Debug`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Login(String);

/// Why a text is no login.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("this is no login of the form name.surname@domain")]
pub struct LoginError;

impl Login {
    /// The login with this stem and number; the first of a stem has no number.
    fn numbered(stem: &str, number: u32, domain: &Domain) -> Self {
        Self(match number {
            0 | 1 => format!("{stem}@{}", domain.as_str()),
            number => format!("{stem}{number}@{}", domain.as_str()),
        })
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Login {
    type Error = LoginError;
    fn try_from(text: String) -> Result<Self, LoginError> {
        let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
        match text.split_once('@') {
            Some((local, domain))
                if (3..=64).contains(&local.len())
                    && local.bytes().all(fits)
                    && Domain::new(domain).is_ok() =>
            {
                Ok(Self(text))
            }
            _ => Err(LoginError),
        }
    }
}

impl From<Login> for String {
    fn from(login: Login) -> String {
        login.0
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(hidden)")
    }
}

/// `name.surname` in ASCII: what logins of people of one name have in common.
///
/// It never ends in a digit, so the first login of one stem is never a numbered one of another.
pub fn stem(registration: &Registration) -> String {
    let name = part(registration.name.as_str());
    let surname = part(registration.surname.as_str());
    format!("{name}.{surname}")
}

/// Small letters and hyphens; spaces become hyphens, apostrophes go.
fn part(name: &str) -> String {
    let ascii = to_ascii(name).unwrap_or_default();
    let mut out = String::new();
    for letter in ascii.chars() {
        match letter {
            'a'..='z' => out.push(letter),
            ' ' | '-' if !out.is_empty() && !out.ends_with('-') => out.push('-'),
            _ => {}
        }
    }
    out.truncate(MAX_PART_BYTES);
    out.truncate(out.trim_end_matches('-').len());
    out
}

/// What a registration came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allotted {
    /// The learner's login.
    pub login: Login,
    /// The id under which this learner was registered first: the id itself, or that of which it is a repetition.
    pub person: LearnerId,
}

/// Where allotted logins are kept, durably, by whoever allots them.
pub trait Ledger {
    /// Why it cannot be read or written.
    type Error;
    /// What the registration of this id came to.
    fn allotted(&self, learner: &LearnerId) -> Result<Option<Allotted>, Self::Error>;
    /// What the first registration with this key came to.
    fn person(&self, key: &MatchKey) -> Result<Option<Allotted>, Self::Error>;
    /// Keeps what a registration came to, under its id and its key.
    fn put(
        &mut self,
        learner: &LearnerId,
        key: &MatchKey,
        allotted: &Allotted,
    ) -> Result<(), Self::Error>;
    /// The next number of a stem: 1, 2, … each given once, whatever is erased later.
    fn next_number(&mut self, stem: &str) -> Result<u32, Self::Error>;
}

/// Allots the login of a registration, or finds the one that it has.
///
/// However registrations arrive, in any order and however often: an id has one login that never changes, ids have the
/// same one exactly when they are of one learner ([`MatchKey`]), and no two learners have the same. Only which of several
/// people of one name gets which number depends on who comes first.
///
/// # Errors
/// Those of the ledger.
pub fn allot<L: Ledger>(
    ledger: &mut L,
    domain: &Domain,
    secret: &[u8; 32],
    learner: &LearnerId,
    registration: &Registration,
) -> Result<Allotted, L::Error> {
    if let Some(allotted) = ledger.allotted(learner)? {
        return Ok(allotted);
    }
    let key = MatchKey::of(registration, secret);
    let allotted = match ledger.person(&key)? {
        Some(first) => first,
        None => {
            let stem = stem(registration);
            let number = ledger.next_number(&stem)?;
            Allotted {
                login: Login::numbered(&stem, number, domain),
                person: learner.clone(),
            }
        }
    };
    ledger.put(learner, &key, &allotted)?;
    Ok(allotted)
}

/// A ledger in memory: the model that others are compared with.
#[derive(Debug, Clone, Default)]
pub struct MemoryLedger {
    learners: BTreeMap<LearnerId, Allotted>,
    keys: BTreeMap<MatchKey, Allotted>,
    numbers: BTreeMap<String, u32>,
}

impl Ledger for MemoryLedger {
    type Error = Infallible;

    fn allotted(&self, learner: &LearnerId) -> Result<Option<Allotted>, Infallible> {
        Ok(self.learners.get(learner).cloned())
    }

    fn person(&self, key: &MatchKey) -> Result<Option<Allotted>, Infallible> {
        Ok(self.keys.get(key).cloned())
    }

    fn put(
        &mut self,
        learner: &LearnerId,
        key: &MatchKey,
        allotted: &Allotted,
    ) -> Result<(), Infallible> {
        self.learners.insert(learner.clone(), allotted.clone());
        self.keys.entry(*key).or_insert_with(|| allotted.clone());
        Ok(())
    }

    fn next_number(&mut self, stem: &str) -> Result<u32, Infallible> {
        let number = self.numbers.entry(stem.to_owned()).or_default();
        *number += 1;
        Ok(*number)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{PersonName, registration::tests::raw};
    use super::*;

    fn registration(name: &str, surname: &str) -> Registration {
        Registration::parse(&raw(name, surname)).unwrap()
    }

    #[test]
    fn stems_are_plain_ascii() {
        for (name, surname, expected) in [
            ("Blerta", "Gërvalla", "blerta.gervalla"),
            ("Ana Marija", "Ђорђевић", "ana-marija.djordjevic"),
            ("Çlirim", "Hoxha-Çela", "clirim.hoxha-cela"),
            ("D'Art", "O'Neill", "dart.oneill"),
            ("İsmail", "Yıldız", "ismail.yildiz"),
        ] {
            assert_eq!(stem(&registration(name, surname)), expected);
        }
        let long = stem(&registration(&"ab ".repeat(20), &"Щ".repeat(60)));
        assert!(long.len() <= 57 && !long.contains("-."), "{long}");
    }

    #[test]
    fn two_of_one_name_are_two_and_one_registered_twice_is_one() {
        let mut ledger = MemoryLedger::default();
        let domain = Domain::new("nxenes.example").unwrap();
        let mut allot = |id: &str, parent: &str| {
            let raw = super::super::RawRegistration {
                parent: parent.into(),
                ..raw("Arta", "Krasniqi")
            };
            let registration = Registration::parse(&raw).unwrap();
            let id = LearnerId::new(id).unwrap();
            allot(&mut ledger, &domain, &[1; 32], &id, &registration).unwrap()
        };
        let first = allot("a", "Besa");
        assert_eq!(first.login.as_str(), "arta.krasniqi@nxenes.example");
        assert_eq!(
            allot("b", "Teuta").login.as_str(),
            "arta.krasniqi2@nxenes.example"
        );
        assert_eq!(allot("c", "BESA"), first);
        // An id keeps its login even when the registration was corrected.
        assert_eq!(allot("a", "Shpresa"), first);
        assert_eq!(
            allot("d", "Shpresa").login.as_str(),
            "arta.krasniqi3@nxenes.example"
        );
    }

    /// Names of the country's languages, and what people type.
    fn name() -> impl Strategy<Value = String> {
        let word = prop_oneof![
            "[A-ZËÇ][a-zëç]{1,8}",
            "[А-ШЂЉЊЋЏ][а-шђјљњћџ]{1,8}",
            "[A-ZĞİÖŞÜ][a-zçğıöşü]{1,8}",
            "[A-ZČĆĐŠŽ][a-zčćđšžʒ]{1,8}",
        ];
        proptest::collection::vec(word, 1..3).prop_map(|words| words.join(" "))
    }

    proptest! {
        #[test]
        fn every_name_of_the_country_has_a_login(name in name(), surname in name()) {
            let stem = stem(&registration(&name, &surname));
            let (first, last) = stem.split_once('.').unwrap();
            for part in [first, last] {
                prop_assert!(!part.is_empty() && !part.starts_with('-') && !part.ends_with('-'), "{stem}");
                prop_assert!(part.bytes().all(|byte| byte == b'-' || byte.is_ascii_lowercase()), "{stem}");
            }
            let domain = Domain::new("nxenes.example").unwrap();
            let login = Login::numbered(&stem, u32::MAX, &domain);
            prop_assert_eq!(Login::try_from(login.as_str().to_owned()).unwrap(), login);
        }

        #[test]
        fn a_name_that_is_typed_again_is_the_same(name in ".{0,70}") {
            if let Ok(valid) = PersonName::new(&name) {
                prop_assert_eq!(PersonName::new(valid.as_str()).unwrap(), valid);
            }
        }

        /// Whoever comes first and how often: one login for each id that never changes, the same for the same learner,
        /// and another for every other.
        #[test]
        fn logins_are_one_to_one_however_registrations_arrive(
            arrivals in proptest::collection::vec((0..6u8, 0..3usize), 1..40),
        ) {
            let (mut ledger, mut told) = (MemoryLedger::default(), BTreeMap::new());
            let domain = Domain::new("nxenes.example").unwrap();
            for (id, spelling) in arrivals {
                // Ids 0 and 1 are of one learner, 2 and 3 of another of the same name, and so on.
                let raw = super::super::RawRegistration {
                    parent: ["Besa", "Milan", "Emine"][usize::from(id / 2)].into(),
                    ..raw(["Ђорђе", "Đorđe", "DJORDJE"][spelling], ["Петровић", "Petrović", "petrovic"][spelling])
                };
                let registration = Registration::parse(&raw).unwrap();
                let learner = LearnerId::new(format!("{id}")).unwrap();
                let allotted = allot(&mut ledger, &domain, &[1; 32], &learner, &registration).unwrap();
                let before = told.insert(id, allotted.clone());
                prop_assert!(before.is_none_or(|before| before == allotted));
            }
            for (id, allotted) in &told {
                for (other, theirs) in &told {
                    prop_assert_eq!(id / 2 == other / 2, allotted.login == theirs.login);
                }
            }
        }
    }

    #[test]
    fn what_is_no_domain_or_login_is_refused() {
        for bad in ["", "Nxenes", "a..b", "-a.b", "a b", "a_b"] {
            assert!(Domain::new(bad).is_err(), "{bad}");
        }
        for bad in ["arta", "@x", "a b.c@x", "Arta.K@x", "a.b@"] {
            assert!(Login::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
