//! Who may publish beside the ministry: the list `ministry/publishers.json`, as the ministry's top-level targets role
//! signs it.
//!
//! The list stands inline in that target's `custom.publishers`, one object for each publisher:
//! `{"id", "name": {language: text}, "first_root": SHA-256 in hex, "prefix": "ID/" or "ID/COURSE/", "revoked"?: reason}`.
//! What is read from it depends on the signed bytes alone, so that every node draws the same conclusions: an entry that
//! breaks a rule is left out and named, the others count.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::MINISTRY;
use crate::ids::{is_publisher, is_slug};

/// The most publishers beside the ministry: every school and municipality of the country twice over. Bounds the trust
/// state that a node keeps and the list that it downloads.
pub const MAX_PUBLISHERS: usize = 2_000;
/// The most languages of one publisher's name.
const MAX_NAMES: usize = 16;
/// The longest language tag, in bytes (RFC 5646 section 4.4.1).
const MAX_TAG_BYTES: usize = 35;
/// The longest name or reason, in bytes.
const MAX_TEXT_BYTES: usize = 200;

/// What a publisher's target paths begin with: `<id>/`, or `<id>/<course>/` for one course.
///
/// Always true: the first part is the publisher's own id. A path, and so a lesson's id, thus tells whose it is, and
/// nobody's lesson can stand where another's does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathPrefix(Box<str>);

impl PathPrefix {
    /// The prefix of everything that a publisher with this id may have.
    ///
    /// # Errors
    /// [`BadPublisher::Id`] when it is no publisher id.
    pub fn whole(id: &str) -> Result<PathPrefix, BadPublisher> {
        if !is_publisher(id) {
            return Err(BadPublisher::Id(shown(id)));
        }
        Ok(PathPrefix(format!("{id}/").into()))
    }

    /// Reads a prefix for the publisher `id`.
    ///
    /// # Errors
    /// [`BadPublisher`]: malformed, or not this publisher's.
    pub fn new(id: &str, text: &str) -> Result<PathPrefix, BadPublisher> {
        let own = PathPrefix::whole(id)?;
        let bad = || BadPublisher::Prefix {
            id: id.into(),
            prefix: shown(text),
        };
        let parts: Vec<&str> = text.strip_suffix('/').ok_or_else(bad)?.split('/').collect();
        let plain = match parts.as_slice() {
            [first] => is_publisher(first),
            [first, course] => is_publisher(first) && is_slug(course),
            _ => false,
        };
        match plain {
            false => Err(bad()),
            true if !own.covers(text) => Err(BadPublisher::ForeignPrefix {
                id: id.into(),
                prefix: text.into(),
                owner: parts[0].into(),
            }),
            true => Ok(PathPrefix(text.into())),
        }
    }

    /// Does a target path lie below it?
    pub fn covers(&self, path: &str) -> bool {
        path.starts_with(&*self.0)
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One further publisher, as the ministry lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publisher {
    /// Its id: also the first part of all its paths.
    pub id: String,
    /// What people call it, by BCP-47 tag; `und` where nobody said in which language.
    pub name: BTreeMap<String, String>,
    /// SHA-256 of its first root file: what its trust begins with.
    pub first_root: [u8; 32],
    /// Where it may publish.
    pub prefix: PathPrefix,
    /// Why nothing of it counts any more; `None` while it may publish.
    pub revoked: Option<String>,
}

impl Publisher {
    /// Checks and keeps an entry.
    ///
    /// # Errors
    /// [`BadPublisher`] naming what is wrong.
    pub fn new(
        id: &str,
        name: BTreeMap<String, String>,
        first_root: [u8; 32],
        prefix: &str,
    ) -> Result<Publisher, BadPublisher> {
        if id == MINISTRY {
            return Err(BadPublisher::Ministry);
        }
        let prefix = PathPrefix::new(id, prefix)?;
        let named = name
            .iter()
            .any(|(tag, text)| !tag.is_empty() && !text.trim().is_empty());
        let short = name
            .iter()
            .all(|(tag, text)| tag.len() <= MAX_TAG_BYTES && text.len() <= MAX_TEXT_BYTES);
        if !named || !short || name.len() > MAX_NAMES {
            return Err(BadPublisher::Name(id.into()));
        }
        Ok(Publisher {
            id: id.into(),
            name,
            first_root,
            prefix,
            revoked: None,
        })
    }

    /// The same publisher, revoked.
    #[must_use]
    pub fn revoked(self, reason: &str) -> Publisher {
        let revoked = Some(cut(reason));
        Publisher { revoked, ..self }
    }

    /// Its name in the first wanted language that it has, else in any.
    pub fn name_in(&self, wanted: &[&str]) -> &str {
        let found = wanted.iter().find_map(|tag| self.name.get(*tag));
        let any = || self.name.values().find(|text| !text.trim().is_empty());
        found.or_else(any).map_or(&self.id, |text| text)
    }
}

/// Why an entry cannot stand in the list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPublisher {
    /// Not a publisher id.
    #[error(
        "“{0}” is not a publisher's id: write 1 to 40 of a-z, 0-9 and -, for example shkolla-1"
    )]
    Id(String),
    /// The ministry's own id.
    #[error(
        "“{MINISTRY}” is the ministry's own id and {MINISTRY}/ its prefix: no further publisher may have them"
    )]
    Ministry,
    /// Not a prefix.
    #[error("“{prefix}” is not a prefix for {id}: write {id}/, or {id}/COURSE/ for one course")]
    Prefix {
        /// Whose.
        id: String,
        /// As written.
        prefix: String,
    },
    /// Somebody else's part of the paths.
    #[error(
        "{id} cannot have the prefix {prefix}: it overlaps with {owner}/, the prefix of {owner}. \
         A publisher's paths begin with its own id: write {id}/"
    )]
    ForeignPrefix {
        /// Who asked.
        id: String,
        /// For what.
        prefix: String,
        /// Whose it is.
        owner: String,
    },
    /// One id twice.
    #[error("{0} is listed twice")]
    Twice(String),
    /// No name, or too much of it.
    #[error(
        "the name of {0} is empty or too long: up to {MAX_NAMES} languages with {MAX_TEXT_BYTES} bytes each"
    )]
    Name(String),
    /// Too many.
    #[error(
        "more than {MAX_PUBLISHERS} publishers are listed; {0} and those after it are left out"
    )]
    TooMany(String),
    /// Not an entry at all.
    #[error("entry {at} of the list of publishers is malformed: {reason}")]
    Malformed {
        /// Counted from 1.
        at: usize,
        /// What is wrong.
        reason: String,
    },
    /// Not a list.
    #[error("the list of publishers is not a list")]
    NoList,
}

/// The further publishers that the ministry lists.
///
/// Always true: ids differ and none is the ministry's; so no two prefixes have a path in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Publishers(BTreeMap<String, Publisher>);

/// An entry as it stands in signed metadata. Members that this version does not know are ignored.
#[derive(Serialize, Deserialize)]
struct Entry {
    id: String,
    name: BTreeMap<String, String>,
    #[serde(with = "hex::serde")]
    first_root: [u8; 32],
    prefix: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked: Option<String>,
}

impl Publishers {
    /// Reads the signed list; entries that break a rule are left out and named. Of two entries with one id
    /// neither counts.
    pub fn read(value: &Value) -> (Publishers, Vec<BadPublisher>) {
        let Some(entries) = value.as_array() else {
            return (Publishers::default(), vec![BadPublisher::NoList]);
        };
        let mut problems = Vec::new();
        let mut read = Vec::new();
        for (at, entry) in (1..).zip(entries) {
            if at > MAX_PUBLISHERS {
                let id = entry.get("id").and_then(Value::as_str).unwrap_or("one");
                problems.push(BadPublisher::TooMany(shown(id)));
                break;
            }
            match read_entry(at, entry) {
                Ok(publisher) => read.push(publisher),
                Err(problem) => problems.push(problem),
            }
        }
        let mut list = Publishers::default();
        let mut refused: Vec<String> = Vec::new();
        for publisher in read {
            let id = publisher.id.clone();
            if let Err(problem) = list.insert(publisher) {
                refused.push(id);
                problems.push(problem);
            }
        }
        list.0.retain(|id, _| !refused.contains(id));
        (list, problems)
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// [`BadPublisher`] when its id is taken or the list is full; then nothing changed.
    pub fn insert(&mut self, publisher: Publisher) -> Result<(), BadPublisher> {
        if self.0.contains_key(&publisher.id) {
            return Err(BadPublisher::Twice(publisher.id));
        }
        if self.0.len() >= MAX_PUBLISHERS {
            return Err(BadPublisher::TooMany(publisher.id));
        }
        self.0.insert(publisher.id.clone(), publisher);
        Ok(())
    }

    /// Takes an entry out, to change it or for good.
    pub fn remove(&mut self, id: &str) -> Option<Publisher> {
        self.0.remove(id)
    }

    /// An entry, revoked or not.
    pub fn get(&self, id: &str) -> Option<&Publisher> {
        self.0.get(id)
    }

    /// An entry that is not revoked.
    pub fn active(&self, id: &str) -> Option<&Publisher> {
        self.get(id).filter(|publisher| publisher.revoked.is_none())
    }

    /// All entries in id order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Publisher> {
        self.0.values()
    }

    /// The publisher whose first root has this SHA-256, revoked or not.
    pub fn of_first_root(&self, sha256: &[u8; 32]) -> Option<&Publisher> {
        self.iter()
            .find(|publisher| publisher.first_root == *sha256)
    }

    /// The list as it stands in signed metadata.
    pub fn to_value(&self) -> Value {
        let entry = |publisher: &Publisher| Entry {
            id: publisher.id.clone(),
            name: publisher.name.clone(),
            first_root: publisher.first_root,
            prefix: publisher.prefix.to_string(),
            revoked: publisher.revoked.clone(),
        };
        let entries: Vec<Entry> = self.iter().map(entry).collect();
        serde_json::to_value(entries).expect("strings and maps of strings are JSON")
    }
}

fn read_entry(at: usize, value: &Value) -> Result<Publisher, BadPublisher> {
    let entry = Entry::deserialize(value).map_err(|error| BadPublisher::Malformed {
        at,
        reason: shown(&error.to_string()),
    })?;
    let publisher = Publisher::new(&entry.id, entry.name, entry.first_root, &entry.prefix)?;
    Ok(match entry.revoked {
        Some(reason) => publisher.revoked(&reason),
        None => publisher,
    })
}

/// What a message shows of a text that may be anything.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

fn cut(text: &str) -> String {
    let mut end = text.len().min(MAX_TEXT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("sq".to_owned(), text.to_owned())])
    }

    fn publisher(id: &str) -> Publisher {
        Publisher::new(id, name("Shkolla"), [7; 32], &format!("{id}/")).unwrap()
    }

    #[test]
    fn the_list_reads_back_as_written() {
        let mut list = Publishers::default();
        list.insert(publisher("shkolla-1")).unwrap();
        list.insert(publisher("shkolla-2").revoked("its laptop was stolen"))
            .unwrap();
        let (read, problems) = Publishers::read(&list.to_value());
        assert_eq!((read.clone(), problems), (list, vec![]));
        assert!(read.active("shkolla-1").is_some());
        assert!(read.active("shkolla-2").is_none());
        assert_eq!(
            read.get("shkolla-2").unwrap().revoked.as_deref(),
            Some("its laptop was stolen")
        );
    }

    #[test]
    fn a_prefix_belongs_to_its_publisher_alone() {
        for good in ["shkolla/", "shkolla/math-6-sq/"] {
            assert_eq!(PathPrefix::new("shkolla", good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "/",
            "shkolla",
            "/shkolla/",
            "shkolla//",
            "shkolla/../",
            "shkolla/a/b/",
            "shkolla/*/",
            "shkolla/.hidden/",
            "Shkolla/",
            "shkolla/ë/",
            "shkolla/a b/",
        ] {
            assert!(
                matches!(
                    PathPrefix::new("shkolla", bad),
                    Err(BadPublisher::Prefix { .. })
                ),
                "{bad}"
            );
        }
        for foreign in ["ministry/", "ministry/math-6-sq/", "other/", "shkolla-2/"] {
            let error = PathPrefix::new("shkolla", foreign).unwrap_err();
            let owner = foreign.split('/').next().unwrap();
            assert!(
                matches!(error, BadPublisher::ForeignPrefix { .. }),
                "{foreign}"
            );
            let said = error.to_string();
            assert!(said.contains("shkolla ") && said.contains(owner), "{said}");
        }
        assert!(!PathPrefix::whole("shkolla").unwrap().covers("shkolla-2/x"));
    }

    #[test]
    fn the_ministrys_id_cannot_be_had() {
        let error = Publisher::new("ministry", name("x"), [0; 32], "ministry/").unwrap_err();
        assert_eq!(error, BadPublisher::Ministry);
    }

    #[test]
    fn nobody_gets_paths_of_another_and_both_are_named() {
        let entry = |id: &str, prefix: &str| serde_json::json!({"id": id, "name": {"sq": "S"}, "first_root": "00".repeat(32), "prefix": prefix});
        let list = serde_json::json!([
            entry("a", "a/"),
            entry("b", "b/"),
            entry("a", "a/math-6-sq/"),
            entry("c", "ministry/"),
            entry("d", "b/"),
            {"id": "e"},
            entry("f", "f/"),
        ]);
        let (read, problems) = Publishers::read(&list);
        let ids: Vec<&str> = read.iter().map(|publisher| &*publisher.id).collect();
        assert_eq!(ids, ["b", "f"]);
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 4);
        for (at, words) in [
            (0, ["c", "ministry"]),
            (1, ["d", "b"]),
            (2, ["entry 6", "missing field"]),
            (3, ["a", "twice"]),
        ] {
            assert!(
                words.iter().all(|word| said[at].contains(word)),
                "{}",
                said[at]
            );
        }
    }

    #[test]
    fn the_list_is_bounded() {
        let entry = |number: usize| {
            let id = format!("s{number}");
            serde_json::json!({"id": id, "name": {"sq": "S"}, "first_root": "00".repeat(32), "prefix": format!("{id}/")})
        };
        let list: Vec<Value> = (0..MAX_PUBLISHERS + 3).map(entry).collect();
        let (read, problems) = Publishers::read(&Value::Array(list));
        assert_eq!(read.iter().len(), MAX_PUBLISHERS);
        assert_eq!(
            problems,
            [BadPublisher::TooMany(format!("s{MAX_PUBLISHERS}"))]
        );
        let long = Publisher::new("s", name(&"x".repeat(201)), [0; 32], "s/");
        assert_eq!(long, Err(BadPublisher::Name("s".into())));
        assert_eq!(Publishers::read(&Value::Null).1, [BadPublisher::NoList]);
    }

    #[test]
    fn a_name_is_found_in_the_readers_language_or_any() {
        let names = BTreeMap::from([
            ("sq".to_owned(), "Shkolla Dardania".to_owned()),
            ("sr".to_owned(), "Школа Дарданија".to_owned()),
        ]);
        let school = Publisher::new("s", names, [0; 32], "s/").unwrap();
        assert_eq!(school.name_in(&["sr", "sq"]), "Школа Дарданија");
        assert_eq!(school.name_in(&["en"]), "Shkolla Dardania");
    }
}
