//! Full-text search over lessons in every language and script they have (tantivy).
//!
//! The index is a copy of what the catalogue says, folded to plain Latin letters: it can be rebuilt at any time,
//! so a damaged one is thrown away and made again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pishtar_catalog::search_text::fold;
use pishtar_catalog::{BlobHash, Lesson, LessonId};
use tantivy::collector::TopDocs;
use tantivy::directory::MmapDirectory;
use tantivy::query::{BooleanQuery, BoostQuery, FuzzyTermQuery, Occur, Query, TermQuery};
use tantivy::schema::{
    Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions, Value,
};
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, TantivyDocument, TantivyError, Term};

/// What the writer may hold in memory before it writes a segment: the least that tantivy accepts. It lives only
/// while lessons are put in, so an idle node does not pay for it.
const WRITER_BYTES: usize = 15_000_000;
/// Decompressed blocks of 16 KiB kept for reading ids.
const CACHED_BLOCKS: usize = 8;
/// Words of a query that count, and letters of a word: bounds what a page's visitor can cost.
const MAX_WORDS: usize = 8;
const MAX_LETTERS: usize = 40;
/// Words from this length on may have one letter wrong: shorter ones would match everything.
const FUZZY_FROM: usize = 5;
/// Words from this length on find words that begin with them.
const PREFIX_FROM: usize = 2;

/// Why there is no index.
#[derive(Debug, thiserror::Error)]
#[error(
    "the search index in {folder} cannot be made: {source}. Check that the disk is not full and the folder is ours"
)]
pub struct SearchError {
    folder: PathBuf,
    source: TantivyError,
}

/// The index of one node. Readers never wait for writers; writers take turns.
#[derive(Debug)]
pub struct Search {
    fields: Fields,
    folder: Option<PathBuf>,
    open: Mutex<Open>,
}

/// Replaced as a whole when the index had to be made anew.
struct Open {
    index: Index,
    reader: IndexReader,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Open")
    }
}

#[derive(Debug, Clone, Copy)]
struct Fields {
    id: Field,
    /// Changes with anything that is indexed, so that opening repairs only what differs.
    digest: Field,
    title: Field,
    text: Field,
}

impl Search {
    /// An index in memory, for tests and for data folders that cannot be written.
    pub fn in_memory() -> Search {
        let (schema, fields) = schema();
        let index = Index::create_in_ram(schema);
        let reader =
            reader(&index).expect("an empty index in memory has nothing that can fail to load");
        Search {
            fields,
            folder: None,
            open: Mutex::new(Open { index, reader }),
        }
    }

    /// Opens the index in `folder`, which belongs to it alone; a damaged or older one is emptied.
    ///
    /// # Errors
    /// [`SearchError`] when the folder cannot be written.
    pub fn open(folder: &Path) -> Result<Search, SearchError> {
        let (_, fields) = schema();
        let open = open_sound(folder).or_else(|error| {
            tracing::warn!(%error, "the search index is damaged and is built again");
            open_empty(folder)
        });
        let open = open.map_err(|source| SearchError {
            folder: folder.into(),
            source,
        })?;
        Ok(Search {
            fields,
            folder: Some(folder.into()),
            open: Mutex::new(open),
        })
    }

    /// Makes the index hold exactly these lessons; writes only what differs. Call it once after start.
    pub fn replace_all<'l>(&self, lessons: impl IntoIterator<Item = &'l Arc<Lesson>>) {
        let lessons: Vec<&Arc<Lesson>> = lessons.into_iter().collect();
        self.retrying(|open| {
            let mut held = self.held(open)?;
            let differs = |lesson: &&&Arc<Lesson>| held.remove(&*lesson.id) != Some(digest(lesson));
            let changed: Vec<&Arc<Lesson>> = lessons.iter().filter(differs).copied().collect();
            let gone: Vec<String> = held.into_keys().collect();
            self.write(open, &gone, &changed)
        });
    }

    /// Adds lessons, or replaces those with the same id.
    pub fn put(&self, lessons: &[Arc<Lesson>]) {
        let lessons: Vec<&Arc<Lesson>> = lessons.iter().collect();
        self.retrying(|open| self.write(open, &[], &lessons));
    }

    /// Takes lessons out, for example withdrawn ones.
    pub fn remove(&self, ids: &[LessonId]) {
        let gone: Vec<String> = ids.iter().map(LessonId::to_string).collect();
        self.retrying(|open| self.write(open, &gone, &[]));
    }

    /// Ids of the lessons that have every word of `text`, best first: whole words before beginnings before words
    /// with one letter wrong, titles before other text.
    pub fn query(&self, text: &str, limit: usize) -> Vec<LessonId> {
        let folded = fold(text);
        let words = folded
            .split(' ')
            .filter(|word| !word.is_empty())
            .take(MAX_WORDS);
        let clauses: Vec<(Occur, Box<dyn Query>)> =
            words.map(|word| (Occur::Must, self.word(word))).collect();
        if clauses.is_empty() || limit == 0 {
            return Vec::new();
        }
        let searcher = self.lock().reader.searcher();
        let best = TopDocs::with_limit(limit).order_by_score();
        let hits = searcher
            .search(&BooleanQuery::new(clauses), &best)
            .unwrap_or_else(|error| {
                tracing::warn!(%error, "a search failed");
                Vec::new()
            });
        let id = |address| {
            let document: TantivyDocument = searcher.doc(address).ok()?;
            LessonId::new(document.get_first(self.fields.id)?.as_str()?).ok()
        };
        hits.into_iter()
            .filter_map(|(_, address)| id(address))
            .collect()
    }

    /// All ways in which one word may match.
    fn word(&self, word: &str) -> Box<dyn Query> {
        let word: String = word.chars().take(MAX_LETTERS).collect();
        let letters = word.chars().count();
        let mut ways: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for (field, weight) in [(self.fields.title, 2.0), (self.fields.text, 1.0)] {
            let term = Term::from_field_text(field, &word);
            let mut way = |query: Box<dyn Query>, boost: f32| {
                ways.push((
                    Occur::Should,
                    Box::new(BoostQuery::new(query, boost * weight)),
                ));
            };
            way(
                Box::new(TermQuery::new(term.clone(), IndexRecordOption::WithFreqs)),
                4.0,
            );
            if letters >= PREFIX_FROM {
                way(
                    Box::new(FuzzyTermQuery::new_prefix(term.clone(), 0, true)),
                    2.0,
                );
            }
            if letters >= FUZZY_FROM {
                way(Box::new(FuzzyTermQuery::new_prefix(term, 1, true)), 0.5);
            }
        }
        Box::new(BooleanQuery::new(ways))
    }

    /// Id and digest of every lesson in the index.
    fn held(&self, open: &Open) -> Result<BTreeMap<String, u64>, TantivyError> {
        let mut held = BTreeMap::new();
        for segment in open.reader.searcher().segment_readers() {
            let store = segment.get_store_reader(CACHED_BLOCKS)?;
            for document in store.iter::<TantivyDocument>(segment.alive_bitset()) {
                let document = document?;
                let id = document
                    .get_first(self.fields.id)
                    .and_then(|value| value.as_str())
                    .unwrap_or_default();
                let digest = document
                    .get_first(self.fields.digest)
                    .and_then(|value| value.as_u64())
                    .unwrap_or(0);
                held.insert(id.to_owned(), digest);
            }
        }
        Ok(held)
    }

    fn write(
        &self,
        open: &Open,
        gone: &[String],
        lessons: &[&Arc<Lesson>],
    ) -> Result<(), TantivyError> {
        if gone.is_empty() && lessons.is_empty() {
            return Ok(());
        }
        let mut writer: IndexWriter = open.index.writer_with_num_threads(1, WRITER_BYTES)?;
        for id in gone
            .iter()
            .map(String::as_str)
            .chain(lessons.iter().map(|lesson| lesson.id.as_str()))
        {
            writer.delete_term(Term::from_field_text(self.fields.id, id));
        }
        for lesson in lessons {
            writer.add_document(self.document(lesson))?;
        }
        writer.commit()?;
        writer.wait_merging_threads()?;
        open.reader.reload()
    }

    fn document(&self, lesson: &Lesson) -> TantivyDocument {
        let mut document = TantivyDocument::new();
        let (title, text) = texts(lesson);
        document.add_text(self.fields.id, lesson.id.as_str());
        document.add_u64(self.fields.digest, digest(lesson));
        document.add_text(self.fields.title, title);
        document.add_text(self.fields.text, text);
        document
    }

    /// Runs a write; where the index turns out to be damaged, makes an empty one. What it held comes back with
    /// the next [`Search::replace_all`]; search is never a reason to stop a node.
    fn retrying(&self, write: impl Fn(&Open) -> Result<(), TantivyError>) {
        let mut open = self.lock();
        let Err(error) = write(&open) else { return };
        tracing::warn!(%error, "the search index is damaged and is built again");
        let Some(folder) = &self.folder else { return };
        let again = open_empty(folder).and_then(|new| {
            *open = new;
            write(&open)
        });
        if let Err(error) = again {
            tracing::error!(%error, "there is no search until the next start");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // Both halves of `Open` are replaced together, so a panic elsewhere leaves nothing half done.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Folded text of a lesson: what its title says, and everything else it may be found by.
fn texts(lesson: &Lesson) -> (String, String) {
    let title: Vec<&str> = lesson.title.iter().map(|(_, text)| text).collect();
    let mut text: Vec<&str> = lesson.description.iter().map(|(_, text)| text).collect();
    text.extend(lesson.keywords.iter().map(|word| &**word));
    text.extend([
        &*lesson.subject,
        &*lesson.author,
        &*lesson.curriculum_code,
        lesson.id.slug(),
        lesson.id.course(),
    ]);
    (fold(&title.join(" ")), fold(&text.join(" ")))
}

fn digest(lesson: &Lesson) -> u64 {
    let (title, text) = texts(lesson);
    let hash = BlobHash::of(format!("{title}\n{text}").as_bytes());
    u64::from_le_bytes(hash.0[..8].try_into().expect("eight bytes of 32"))
}

fn schema() -> (Schema, Fields) {
    let indexing = || {
        let words = TextFieldIndexing::default().set_tokenizer("whitespace");
        TextOptions::default()
            .set_indexing_options(words.set_index_option(IndexRecordOption::WithFreqs))
    };
    let mut builder = Schema::builder();
    let fields = Fields {
        id: builder.add_text_field("id", STRING | STORED),
        digest: builder.add_u64_field("digest", STORED),
        title: builder.add_text_field("title", indexing()),
        text: builder.add_text_field("text", indexing()),
    };
    (builder.build(), fields)
}

fn reader(index: &Index) -> Result<IndexReader, TantivyError> {
    let builder = index.reader_builder().reload_policy(ReloadPolicy::Manual);
    builder.doc_store_cache_num_blocks(CACHED_BLOCKS).try_into()
}

/// Opens what is there (or makes the first index) and checks it.
fn open_sound(folder: &Path) -> Result<Open, TantivyError> {
    fs::create_dir_all(folder)?;
    let index = Index::open_or_create(MmapDirectory::open(folder)?, schema().0)?;
    let damaged = index.validate_checksum()?;
    if let Some(file) = damaged.iter().next() {
        return Err(TantivyError::InternalError(format!(
            "{} does not match its checksum",
            file.display()
        )));
    }
    let reader = reader(&index)?;
    Ok(Open { index, reader })
}

fn open_empty(folder: &Path) -> Result<Open, TantivyError> {
    if let Err(error) = fs::remove_dir_all(folder)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(error.into());
    }
    open_sound(folder)
}

#[cfg(test)]
mod tests {
    use pishtar_catalog::target::{FileDraft, LessonDraft, custom};
    use pishtar_catalog::{Catalog, Part};
    use pishtar_signing::metadata::{Hashes, TargetFile, TargetPath, Targets};

    use super::*;

    /// Slug, titles by language, keywords.
    type Draft<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

    /// Lessons as the catalogue gives them.
    fn lessons(drafts: &[Draft<'_>]) -> Vec<Arc<Lesson>> {
        let mut targets = Targets::empty(1, 0);
        for (slug, titles, keywords) in drafts {
            let id = LessonId::new(&format!("ministry/math-6-sq/{slug}")).unwrap();
            let lesson = LessonDraft {
                title: titles
                    .iter()
                    .map(|(lang, text)| ((*lang).into(), (*text).into()))
                    .collect(),
                keywords: keywords
                    .split(' ')
                    .filter(|word| !word.is_empty())
                    .map(str::to_owned)
                    .collect(),
                subject: "math".into(),
                language: "sq".into(),
                grade: 6,
                ..LessonDraft::default()
            };
            let file = FileDraft {
                part: Part::Main,
                lang: None,
                media_type: "video/mp4".into(),
                blake3: BlobHash::of(str::as_bytes(slug)),
                head_bytes: 0,
                tail_bytes: 0,
            };
            let custom = custom(&file, &id, &lesson);
            let file = TargetFile {
                length: 1,
                hashes: Hashes::of(b"x"),
                custom,
                extra: Default::default(),
            };
            targets
                .targets
                .insert(TargetPath::new(format!("{id}/main.mp4")).unwrap(), file);
        }
        let mut catalog = Catalog::new();
        let (_, problems) = catalog.replace_role("ministry", "math-6-sq", 1, &targets);
        assert_eq!(problems, []);
        catalog.lessons().cloned().collect()
    }

    fn some() -> Vec<Arc<Lesson>> {
        lessons(&[
            (
                "thyesat",
                &[
                    ("sq", "Thyesat: pjesët e së tërës"),
                    ("sr-Cyrl", "Разломци: делови целине"),
                ],
                "numëruesi",
            ),
            (
                "kendet",
                &[
                    ("sq", "Këndet e trekëndëshit"),
                    ("en", "The angles of a triangle"),
                ],
                "gradë",
            ),
            (
                "djurdjevdan",
                &[
                    ("sr-Latn", "Đurđevdan i proleće"),
                    ("tr", "Hıdırellez ve ilkbahar"),
                ],
                "thyesat",
            ),
        ])
    }

    fn slugs(search: &Search, text: &str) -> Vec<String> {
        search
            .query(text, 10)
            .iter()
            .map(|id| id.slug().to_owned())
            .collect()
    }

    #[test]
    fn every_script_and_spelling_finds_the_lesson() {
        let search = Search::in_memory();
        search.replace_all(&some());
        for text in [
            "разломци",
            "razlomci",
            "Разлом",
            "pjeset",
            "PJESËT",
            "numeruesi",
            "pjset tërës",
            "делови thyesat",
        ] {
            assert_eq!(slugs(&search, text), ["thyesat"], "{text}");
        }
        for text in [
            "Ђурђевдан",
            "djurdjevdan",
            "durdjevdan prolece",
            "hidirellez",
            "ILKBAHAR",
        ] {
            assert_eq!(slugs(&search, text), ["djurdjevdan"], "{text}");
        }
        // A title counts more than a keyword.
        assert_eq!(slugs(&search, "thyesa"), ["thyesat", "djurdjevdan"]);
        assert_eq!(slugs(&search, "math 6").len(), 3);
        for nothing in ["", "  —  ", "kendet razlomci", "xyzzy"] {
            assert_eq!(slugs(&search, nothing), Vec::<String>::new(), "{nothing}");
        }
        assert_eq!(search.query("math", 2).len(), 2);
    }

    #[test]
    fn hostile_queries_are_bounded() {
        let search = Search::in_memory();
        search.replace_all(&some());
        assert_eq!(slugs(&search, &"a".repeat(100_000)), Vec::<String>::new());
        assert_eq!(slugs(&search, &"math ".repeat(1000)).len(), 3);
        assert_eq!(slugs(&search, "title:* AND (\"").len(), 0);
    }

    #[test]
    fn withdrawn_and_changed_lessons_are_not_found_by_their_old_text() {
        let search = Search::in_memory();
        search.put(&some());
        search.remove(&[some()[0].id.clone()]);
        search.put(&lessons(&[("kendet", &[("sq", "Rrethi")], "")]));
        assert_eq!(slugs(&search, "trekendesh"), Vec::<String>::new());
        assert_eq!(slugs(&search, "rrethi"), ["kendet"]);
        search.replace_all(&some()[1..]);
        assert_eq!(slugs(&search, "rrethi"), Vec::<String>::new());
        assert_eq!(slugs(&search, "math").len(), 2);
    }

    #[test]
    fn the_index_survives_a_restart_and_damage() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("search");
        let search = Search::open(&folder).unwrap();
        search.replace_all(&some());
        drop(search);
        let search = Search::open(&folder).unwrap();
        assert_eq!(slugs(&search, "razlomci"), ["thyesat"]);
        drop(search);

        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let size = fs::metadata(&path).unwrap().len();
            fs::OpenOptions::new()
                .write(true)
                .open(&path)
                .unwrap()
                .set_len(size / 2)
                .unwrap();
        }
        let search = Search::open(&folder).unwrap();
        search.replace_all(&some());
        assert_eq!(slugs(&search, "razlomci"), ["thyesat"]);
    }
}
