//! A ministry with lessons of a chosen size, one for each grade, published one after the other.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::lab::{LabError, pishtar};

pub(super) struct Ministry {
    folder: PathBuf,
    table: String,
}

impl Ministry {
    /// Opens a workshop with one small lesson that nobody has to follow, so that a first version is there.
    pub(super) fn open(folder: &Path) -> Result<Ministry, LabError> {
        let mut ministry = Ministry {
            folder: folder.to_owned(),
            table: "file,id,title,lang,grade,subject\n".to_owned(),
        };
        fs::create_dir_all(ministry.lessons()).map_err(|e| io("the lessons' folder", e))?;
        pishtar(&["ministry", "init", &ministry.workshop()])?;
        ministry.publish(9, 2_000)?;
        Ok(ministry)
    }

    /// Publishes a further lesson for this grade; no layer can make it smaller.
    pub(super) fn publish(&mut self, grade: usize, bytes: u64) -> Result<(), LabError> {
        let name = format!("g{grade}");
        let file = self.lessons().join(format!("{name}.pdf"));
        let mut state = 0x9E37_79B9_7F4A_7C15_u64 ^ grade as u64;
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
        Ok(())
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
