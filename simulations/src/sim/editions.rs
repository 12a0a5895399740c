//! Everything that the ministry publishes in a run, really signed, made before the run begins.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex},
};

use pishtar_catalog::{BlobHash, Catalog, MINISTRY};
use pishtar_mesh::testing::{Ministry, blob_of};
use pishtar_signing::client::{MetaFile, TrustedSet};

use super::{
    WORLD_START,
    chance::Chance,
    scenario::{Lessons, Scenario},
};

/// Published files by name; shared by all who have them.
pub type MetaFiles = BTreeMap<String, Arc<[u8]>>;

/// Number of a lesson file in a run.
pub type BlobIx = u32;

/// What is published from some time on.
#[derive(Debug, Clone)]
pub struct Edition {
    /// Seconds after the start.
    pub at_s: u64,
    /// Version of its timestamp.
    pub version: u64,
    /// Metadata.
    pub files: Arc<MetaFiles>,
    /// Its lesson files.
    pub blobs: Arc<Vec<BlobIx>>,
}

/// All editions of a run with their lesson files.
#[derive(Debug)]
pub struct Editions {
    /// In order of time; at least one.
    pub list: Vec<Edition>,
    /// What a thief of the timestamp key publishes, and when.
    pub theft: Option<Edition>,
    /// Every lesson file with its length.
    pub blobs: Vec<(BlobHash, u64)>,
    /// Digest of the files of every genuine role version, in path order.
    genuine: BTreeMap<(String, u64), [u8; 32]>,
    by_hash: HashMap<BlobHash, BlobIx>,
    first_root: Arc<[u8]>,
    /// What was read back before.
    read: Mutex<VecDeque<ReadBack>>,
}

/// Files with what they say.
type ReadBack = (Arc<MetaFiles>, (TrustedSet, Catalog));

/// Most sets of files of which it is remembered what they say.
const MAX_READ: usize = 16;

impl Editions {
    /// Makes and signs them.
    pub fn new(scenario: &Scenario, seed: u64) -> Self {
        let mut making = Making::new(&scenario.lessons, seed);
        let lessons = &scenario.lessons;
        let every = lessons.edition_every_h * 3_600;
        let stolen = lessons.stolen_at_day.map(|day| day * 86_400);
        let mut times: Vec<u64> = vec![0];
        if let Some(times_apart) = std::num::NonZeroU64::new(every) {
            let end = scenario.calm_from_s();
            times.extend((1..end.div_ceil(every)).map(|at| at * times_apart.get()));
        }
        times.extend(stolen.map(|at| at + 86_400));
        times.sort_unstable();
        times.dedup();
        for at_s in times {
            making.edition(at_s, lessons, stolen);
        }
        making.editions
    }

    /// Those of another ministry with other files, which nobody here pinned.
    pub fn of_another(scenario: &Scenario, seed: u64) -> Self {
        let mut other = scenario.clone();
        other.lessons.bytes += 1;
        Editions::new(&other, seed)
    }

    /// Number of a lesson file.
    pub fn find(&self, hash: &BlobHash) -> Option<BlobIx> {
        self.by_hash.get(hash).copied()
    }

    /// The first root, which every node pins.
    pub fn first_root(&self) -> &[u8] {
        &self.first_root
    }

    /// A device that pinned the first root and knows nothing else.
    pub fn pinned(&self) -> TrustedSet {
        TrustedSet::pin(&self.first_root).expect("the ministry's own root verifies")
    }

    /// Number of the newest edition at a time.
    pub fn newest_at(&self, at_s: u64) -> usize {
        self.list
            .partition_point(|edition| edition.at_s <= at_s)
            .saturating_sub(1)
    }

    /// The published bytes of this name, shared, where they are these.
    pub fn share(&self, name: &str, bytes: Vec<u8>) -> Arc<[u8]> {
        let published = self.list.iter().rev().chain(&self.theft);
        let mut same = published.filter_map(|edition| edition.files.get(name));
        let found = same.find(|known| ***known == *bytes).cloned();
        found.unwrap_or_else(|| bytes.into())
    }

    /// Trust and catalogue as the program reads them back from these files; the reason when it refuses them.
    ///
    /// The same files give the same answer, so what one host read another one gets.
    pub fn restore(&self, files: &Arc<MetaFiles>) -> Result<(TrustedSet, Catalog), String> {
        let mut read = self.read.lock().expect("no holder panics");
        let known = read
            .iter()
            .find(|(of, _)| Arc::ptr_eq(of, files) || of == files);
        if let Some((_, (set, catalog))) = known {
            return Ok((set.clone(), catalog.clone()));
        }
        let fresh = self.read_back(files)?;
        if read.len() >= MAX_READ {
            read.pop_front();
        }
        read.push_back((files.clone(), fresh.clone()));
        Ok(fresh)
    }

    fn read_back(&self, files: &MetaFiles) -> Result<(TrustedSet, Catalog), String> {
        let mut catalog = Catalog::new();
        let bytes = |file: &MetaFile| files.get(&file.file_name()).map(|bytes| bytes.to_vec());
        let set = TrustedSet::restore(&self.first_root, bytes, |role| {
            catalog.accept_role(MINISTRY, &role);
        });
        set.map(|set| (set, catalog))
            .map_err(|error| error.to_string())
    }

    /// A role in this catalogue that the ministry never published so.
    pub fn unsigned_role(&self, catalog: &Catalog) -> Option<String> {
        let mut roles = catalog.roles().filter(|(_, role, _)| *role != "targets");
        let forged = roles.find(|(publisher, role, version)| {
            let files = catalog.role_files(publisher, role);
            let shown = files.map(|(_, hashes)| digest_of(hashes.iter()));
            let signed = self.genuine.get(&((*role).to_owned(), *version));
            shown.as_ref() != signed
        });
        forged.map(|(publisher, role, version)| format!("{publisher}/{role} version {version}"))
    }
}

/// The ministry at work.
struct Making {
    ministry: Ministry,
    /// Lessons by course, in order of making.
    courses: Vec<(String, Vec<String>)>,
    made: u64,
    chance: Chance,
    before: Arc<MetaFiles>,
    editions: Editions,
}

impl Making {
    fn new(lessons: &Lessons, seed: u64) -> Self {
        let mut ministry = Ministry::new();
        ministry.issue_at(WORLD_START);
        let mut courses = Vec::new();
        for language in &lessons.languages {
            for grade in 1..=lessons.grades {
                for subject in 0..lessons.subjects {
                    let course = format!("s{subject}-{grade}-{language}");
                    courses.push((course, Vec::new()));
                }
            }
        }
        let first_root = ministry.files()["1.root.json"].clone();
        let editions = Editions {
            list: Vec::new(),
            theft: None,
            blobs: Vec::new(),
            genuine: BTreeMap::new(),
            by_hash: HashMap::new(),
            first_root: first_root.into(),
            read: Mutex::default(),
        };
        let mut making = Making {
            ministry,
            courses,
            made: 0,
            chance: Chance::new(seed, "editions", 0),
            before: Arc::default(),
            editions,
        };
        for course in 0..making.courses.len() {
            for _ in 0..lessons.per_course {
                making.add(course, lessons.bytes);
            }
        }
        making
    }

    fn add(&mut self, course: usize, bytes: u64) {
        let (name, lessons) = &mut self.courses[course];
        let lesson = format!("l{:06}", self.made);
        self.made += 1;
        self.ministry.lesson(name, &lesson, &[bytes]);
        lessons.push(lesson);
    }

    fn edition(&mut self, at_s: u64, lessons: &Lessons, stolen: Option<u64>) {
        if at_s > 0 {
            for _ in 0..lessons.withdrawn {
                self.withdraw();
            }
            for _ in 0..lessons.added {
                let course = self.chance.below(self.courses.len() as u64) as usize;
                self.add(course, lessons.bytes);
            }
        }
        let wall = WORLD_START + i64::try_from(at_s).expect("scenarios are short");
        if let Some(stolen) = stolen.filter(|stolen| stolen + 86_400 == at_s) {
            let then = wall - 86_400;
            let thief = self.ministry.stolen_timestamp(then, then + 400 * 86_400);
            let theft = self.take(stolen, lessons.bytes, &thief);
            self.editions.theft = Some(theft);
            self.ministry.rotate_timestamp();
        }
        self.ministry.issue_at(wall);
        self.ministry.publish();
        let ministry = self.ministry.clone();
        let edition = self.take(at_s, lessons.bytes, &ministry);
        self.note_genuine(lessons.bytes, &edition);
        self.before = edition.files.clone();
        self.editions.list.push(edition);
    }

    fn withdraw(&mut self) {
        let course = self.chance.below(self.courses.len() as u64) as usize;
        let (name, lessons) = &mut self.courses[course];
        if lessons.len() > 1 {
            let at = self.chance.below(lessons.len() as u64) as usize;
            self.ministry.withdraw(name, &lessons.remove(at));
        }
    }

    /// What lies in a published folder; bytes that were there before are shared with them.
    fn take(&mut self, at_s: u64, length: u64, ministry: &Ministry) -> Edition {
        let mut files = MetaFiles::new();
        for (name, bytes) in ministry.files() {
            let same = self.before.get(&name).filter(|old| ***old == *bytes);
            let bytes = same.cloned().unwrap_or_else(|| bytes.into());
            files.insert(name, bytes);
        }
        let mut blobs = Vec::new();
        for (course, lessons) in &self.courses {
            for lesson in lessons {
                let hash = blob_of(course, lesson, 0, length);
                let next = self.editions.blobs.len() as BlobIx;
                let ix = *self.editions.by_hash.entry(hash).or_insert(next);
                if ix == next {
                    self.editions.blobs.push((hash, length));
                }
                blobs.push(ix);
            }
        }
        blobs.sort_unstable();
        Edition {
            at_s,
            version: ministry.version(),
            files: Arc::new(files),
            blobs: Arc::new(blobs),
        }
    }

    fn note_genuine(&mut self, length: u64, edition: &Edition) {
        let fresh = edition
            .files
            .keys()
            .filter(|name| !self.before.contains_key(*name));
        let mut versions: BTreeMap<String, u64> = BTreeMap::new();
        for name in fresh {
            if let Some(MetaFile {
                role,
                version: Some(version),
            }) = MetaFile::parse(name)
                && let Some(role) = role.targets_role()
            {
                versions.insert(role.as_str().to_owned(), version);
            }
        }
        for (course, lessons) in &self.courses {
            let Some(version) = versions.get(course) else {
                continue;
            };
            let mut sorted: Vec<&String> = lessons.iter().collect();
            sorted.sort_unstable();
            let hashes: Vec<BlobHash> = sorted
                .into_iter()
                .map(|lesson| blob_of(course, lesson, 0, length))
                .collect();
            let key = (course.clone(), *version);
            self.editions.genuine.insert(key, digest_of(hashes.iter()));
        }
    }
}

fn digest_of<'a>(hashes: impl Iterator<Item = &'a BlobHash>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for hash in hashes {
        hasher.update(&hash.0);
    }
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario() -> Scenario {
        Scenario::parse(
            r#"
            name = "editions"
            days = 10
            [lessons]
            grades = 2
            subjects = 1
            languages = ["sq"]
            per_course = 3
            bytes = 1000000
            edition_every_h = 72
            added = 1
            withdrawn = 1
            stolen_at_day = 4
            [[municipality]]
            name = "Here"
            schools = 1
            learners = 1
            "#,
        )
        .unwrap()
    }

    #[test]
    fn every_edition_reads_back_as_what_was_published() {
        let editions = Editions::new(&scenario(), 1);
        let times: Vec<u64> = editions.list.iter().map(|edition| edition.at_s).collect();
        assert_eq!(times, [0, 259_200, 432_000, 518_400, 777_600]);
        for edition in &editions.list {
            let (_, catalog) = editions.restore(&edition.files).unwrap();
            assert_eq!(catalog.lessons().len(), 6);
            assert_eq!(editions.unsigned_role(&catalog), None);
            let mut blobs: Vec<BlobHash> = catalog
                .lessons()
                .map(|lesson| lesson.files[0].blake3)
                .collect();
            let mut listed: Vec<BlobHash> = edition
                .blobs
                .iter()
                .map(|ix| editions.blobs[*ix as usize].0)
                .collect();
            blobs.sort_unstable();
            listed.sort_unstable();
            assert_eq!(blobs, listed);
        }
        assert_eq!(editions.newest_at(432_001), 2);
    }

    #[test]
    fn another_ministrys_catalogue_is_told_from_the_genuine() {
        let editions = Editions::new(&scenario(), 1);
        let others = Editions::of_another(&scenario(), 1);
        let (_, forged) = others.restore(&others.list[0].files).unwrap();
        assert!(editions.unsigned_role(&forged).is_some());
    }
}
