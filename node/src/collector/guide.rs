//! What the ministry's signed catalogue tells the collector: lessons' names, and whose records count no more.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use pishtar_catalog::{Catalog, MINISTRY, Revoked};
use pishtar_signing::client::{Fetched, Policy, Step, TrustedSet};
use thiserror::Error;

/// How long a record that was made before its device was revoked may be on its way: carriers drop it after that.
const ON_ITS_WAY: i64 = 60 * 24 * 3600;

/// A lesson as the catalogue names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KnownLesson {
    /// In the lesson's own language where there is such a title.
    pub(super) title: String,
    /// That language's tag.
    pub(super) language: String,
    pub(super) subject: String,
    pub(super) grade: u8,
}

/// Lessons and revoked keys; empty without a catalogue.
#[derive(Debug, Clone, Default)]
pub struct Guide {
    lessons: BTreeMap<String, KnownLesson>,
    revoked: Revoked,
}

impl Guide {
    /// What a verified catalogue says.
    pub fn of(catalog: &Catalog) -> Self {
        let lessons = catalog.lessons().map(|lesson| {
            let known = KnownLesson {
                title: lesson
                    .title
                    .get(&[&lesson.language])
                    .unwrap_or_default()
                    .to_owned(),
                language: lesson.language.to_string(),
                subject: lesson.subject.to_string(),
                grade: lesson.grade,
            };
            (lesson.id.to_string(), known)
        });
        Self {
            lessons: lessons.collect(),
            revoked: catalog.revoked().clone(),
        }
    }

    /// No lessons, and these keys revoked.
    #[cfg(test)]
    pub(super) fn revoking(revoked: Revoked) -> Self {
        Self {
            revoked,
            ..Self::default()
        }
    }

    /// How many lessons are known.
    pub fn lessons(&self) -> usize {
        self.lessons.len()
    }

    pub(super) fn lesson(&self, id: &str) -> Option<&KnownLesson> {
        self.lessons.get(id)
    }

    /// Whether a device's record counts: always while the device is not revoked. Afterwards only what it says it
    /// made before, and only while such a record can still be on its way; a thief can set the clock back, but
    /// not for ever.
    pub(super) fn counts(&self, device: &[u8; 32], device_hour: u32, now: i64) -> bool {
        let Some(entry) = self.revoked.get(device) else {
            return true;
        };
        let made_before = |since: i64| i64::from(device_hour) * 3600 < since;
        entry
            .since
            .is_some_and(|since| made_before(since) && now < since + ON_ITS_WAY)
    }
}

/// Why a published folder is not used.
#[derive(Debug, Error)]
pub enum GuideError {
    /// No such folder.
    #[error(
        "{path} cannot be read ({source}); give --catalogue the folder that `pishtar ministry publish` wrote"
    )]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It does not verify.
    #[error("the catalogue in {folder} does not verify: {reason}")]
    Untrusted {
        /// The folder.
        folder: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl Guide {
    /// Reads the ministry's published folder, verified from its own first root as a node offline would.
    /// `now` is in Unix seconds.
    ///
    /// # Errors
    /// [`GuideError`] when it is no published folder or does not verify.
    pub fn read(folder: &Path, now: i64) -> Result<Self, GuideError> {
        let place = |name: String| folder.join("metadata").join(name);
        let io = |path: PathBuf| move |source| GuideError::Io { path, source };
        let untrusted = |error: &dyn std::fmt::Display| GuideError::Untrusted {
            folder: folder.to_owned(),
            reason: error.to_string(),
        };
        let first = place("1.root.json".into());
        let root = fs::read(&first).map_err(io(first))?;
        let trusted = TrustedSet::pin(&root).map_err(|error| untrusted(&error))?;
        let mut update = trusted.begin_update(now, Policy::Offline);
        loop {
            match update.next() {
                Step::Fetch { file, max_bytes } => {
                    let path = place(file.file_name());
                    let answer = match read_bounded(&path, max_bytes) {
                        Ok(bytes) => Fetched::Bytes(bytes),
                        Err(error) if error.kind() == io::ErrorKind::NotFound => Fetched::Absent,
                        Err(error) => return Err(io(path)(error)),
                    };
                    let given = update.provide(&file, answer);
                    given.map_err(|error| untrusted(&error))?;
                }
                Step::Done(outcome) => {
                    let mut catalog = Catalog::new();
                    for role in outcome.targets() {
                        // An entry that a node would leave out is left out here too.
                        drop(catalog.accept_role(MINISTRY, &role));
                    }
                    return Ok(Self::of(&catalog));
                }
                Step::Over => return Err(untrusted(&"the update ended without a result")),
            }
        }
    }
}

/// One byte more than allowed is enough for the client to refuse the file.
fn read_bounded(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(max_bytes.saturating_add(1))
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use pishtar_catalog::revoked::{KeyKind, RevokedKey};

    use super::*;

    #[test]
    fn a_revoked_device_counts_for_what_it_did_before_and_only_for_a_while() {
        const SINCE: i64 = 1_780_000_000;
        let mut guide = Guide::default();
        for (key, since) in [(1, Some(SINCE)), (2, None)] {
            assert!(guide.revoked.insert(RevokedKey {
                key: [key; 32],
                kind: KeyKind::Device,
                reason: String::new(),
                since,
            }));
        }
        let hour = |at: i64| u32::try_from(at / 3600).unwrap();
        let day = 24 * 3600;
        assert!(guide.counts(&[3; 32], hour(SINCE + day), SINCE));
        assert!(guide.counts(&[1; 32], hour(SINCE - day), SINCE + day));
        assert!(!guide.counts(&[1; 32], hour(SINCE + day), SINCE + day));
        assert!(!guide.counts(&[1; 32], hour(SINCE - day), SINCE + 61 * day));
        assert!(!guide.counts(&[2; 32], hour(SINCE - day), SINCE));
    }
}
