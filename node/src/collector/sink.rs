//! Where statements go.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Takes statements, durably and each once.
pub trait Sink: Send {
    /// Names this sink among all that the collector has written to.
    fn name(&self) -> String;

    /// Writes the lines durably. `mark` is what the last completed write returned, 0 before the first;
    /// anything that the sink holds beyond it was cut off by a crash and comes again now.
    ///
    /// # Errors
    /// The sink's; the same lines are given again later.
    fn write(&mut self, mark: u64, lines: &[String]) -> io::Result<u64>;
}

/// A file of xAPI statements, one JSON object a line.
///
/// Its mark is the file's length. A file that someone moved away or emptied is begun anew.
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
}

impl Sink for XapiFile {
    fn name(&self) -> String {
        format!("xapi:{}", self.path.display())
    }

    fn write(&mut self, mark: u64, lines: &[String]) -> io::Result<u64> {
        use std::os::unix::fs::OpenOptionsExt;
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&self.path)?;
        if file.metadata()?.len() > mark {
            file.set_len(mark)?;
        }
        let mut text = String::with_capacity(lines.iter().map(|line| line.len() + 1).sum());
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        if mark == 0
            && let Some(folder) = self.path.parent()
        {
            fs::File::open(folder)?.sync_all()?;
        }
        Ok(file.metadata()?.len())
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
        let mark = sink.write(0, &["one".into()]).unwrap();
        sink.write(mark, &["two".into(), "thr".into()]).unwrap();
        let mark = sink.write(mark, &["two".into(), "three".into()]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\nthree\n");
        fs::remove_file(&path).unwrap();
        let mark = sink.write(mark, &["four".into()]).unwrap();
        assert_eq!(
            (mark, fs::read_to_string(&path).unwrap().as_str()),
            (5, "four\n")
        );
    }
}
