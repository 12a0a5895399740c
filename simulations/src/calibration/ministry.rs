//! A ministry with lessons of a chosen size, published one after the other.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::lab::{LabError, pishtar};

/// Grade of the lesson that is there from the beginning; nobody has to follow it.
pub(super) const FIRST_GRADE: usize = 9;

pub(super) struct Ministry {
    folder: PathBuf,
    table: String,
    version: u64,
}

impl Ministry {
    /// Opens a workshop with one small lesson that nobody has to follow, so that a first version is there.
    pub(super) fn open(folder: &Path) -> Result<Ministry, LabError> {
        let mut ministry = Ministry {
            folder: folder.to_owned(),
            table: "file,id,title,lang,grade,subject\n".to_owned(),
            version: 0,
        };
        fs::create_dir_all(ministry.lessons()).map_err(|e| io("the lessons' folder", e))?;
        pishtar(&["ministry", "init", &ministry.workshop()])?;
        ministry.publish(FIRST_GRADE, 2_000)?;
        Ok(ministry)
    }

    /// Publishes a further lesson for this grade, `gGRADE-VERSION`; no layer can make it smaller. The catalogue's version.
    pub(super) fn publish(&mut self, grade: usize, bytes: u64) -> Result<u64, LabError> {
        self.version += 1;
        let name = format!("g{grade}-{}", self.version);
        let file = self.lessons().join(format!("{name}.pdf"));
        let mut state = 0x9E37_79B9_7F4A_7C15_u64 ^ self.version;
        let words = (0..bytes / 8).flat_map(|_| {
            // xorshift64: chance is not needed, only that it does not repeat.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()
        });
        fs::write(&file, words.collect::<Vec<u8>>()).map_err(|e| io("a lesson", e))?;
        self.table += &format!("{name}.pdf,{name},Lesson {name},en,{grade},art\n");
        let table = self.lessons().join("lessons.csv");
        fs::write(&table, &self.table).map_err(|e| io("the lessons' table", e))?;
        let (workshop, from, table) = (self.workshop(), text(&self.lessons()), text(&table));
        pishtar(&[
            "ministry", "add", &workshop, "--from", &from, "--csv", &table,
        ])?;
        pishtar(&["ministry", "sign", &workshop])?;
        pishtar(&["ministry", "publish", &workshop])?;
        Ok(self.version)
    }

    pub(super) fn published(&self) -> String {
        text(&self.folder.join("workshop/published"))
    }

    pub(super) fn root(&self) -> String {
        text(&self.folder.join("workshop/published/metadata/1.root.json"))
    }

    fn lessons(&self) -> PathBuf {
        self.folder.join("lessons")
    }

    fn workshop(&self) -> String {
        text(&self.folder.join("workshop"))
    }
}

pub(super) fn text(path: &Path) -> String {
    path.display().to_string()
}

fn io(what: &str, source: std::io::Error) -> LabError {
    LabError::Io {
        what: what.to_owned(),
        source,
    }
}
