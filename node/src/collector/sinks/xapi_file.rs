//! A file of xAPI statements.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{Feed, Sink, SinkError, Written};

/// A file of xAPI statements, one JSON object a line.
///
/// Its mark is the file's length: what stands beyond it was cut off by a crash and comes again. A file that
/// someone moved away or emptied is begun anew.
#[derive(Debug)]
pub struct XapiFile {
    path: PathBuf,
}

impl XapiFile {
    /// Appends to this file; it is made, readable by its owner only, with the first statement.
    pub fn new(path: &Path) -> Self {
        Self {
            path: std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
        }
    }

    fn append(&self, mark: u64, items: &[Vec<u8>]) -> io::Result<u64> {
        use std::os::unix::fs::OpenOptionsExt;
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&self.path)?;
        if file.metadata()?.len() > mark {
            file.set_len(mark)?;
        }
        let mut text = Vec::with_capacity(items.iter().map(|line| line.len() + 1).sum());
        for line in items {
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        file.write_all(&text)?;
        file.sync_all()?;
        if mark == 0
            && let Some(folder) = self.path.parent()
        {
            fs::File::open(folder)?.sync_all()?;
        }
        Ok(file.metadata()?.len())
    }
}

impl Sink for XapiFile {
    fn name(&self) -> String {
        format!("xapi:{}", self.path.display())
    }

    fn feed(&self) -> Feed {
        Feed::Statements
    }

    fn write(&mut self, mark: u64, items: &[Vec<u8>]) -> Result<Written, SinkError> {
        let mark = self.append(mark, items).map_err(|error| {
            SinkError::new(format!(
                "{} cannot be written: {error}",
                self.path.display()
            ))
        })?;
        Ok(Written {
            mark,
            refused: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_crash_left_half_written_is_written_again_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.jsonl");
        let mut sink = XapiFile::new(&path);
        let lines = |lines: &[&str]| -> Vec<Vec<u8>> {
            lines.iter().map(|line| line.as_bytes().to_vec()).collect()
        };
        let mark = sink.write(0, &lines(&["one"])).unwrap().mark;
        sink.write(mark, &lines(&["two", "thr"])).unwrap();
        let mark = sink.write(mark, &lines(&["two", "three"])).unwrap().mark;
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\nthree\n");
        fs::remove_file(&path).unwrap();
        let mark = sink.write(mark, &lines(&["four"])).unwrap().mark;
        assert_eq!(
            (mark, fs::read_to_string(&path).unwrap().as_str()),
            (5, "four\n")
        );
    }
}
