//! The sample lessons, part of the program, so that the demo needs nothing on the disk.

use std::{fs, io, path::Path};

use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "samples/v1"]
struct Version1;

#[derive(RustEmbed)]
#[folder = "samples/v2"]
struct Version2;

/// A version of the demo's catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// All lessons.
    First,
    /// The lesson that the second version changes.
    Second,
}

/// Writes the samples of one catalogue version into `folder`.
///
/// # Errors
/// What the disk said.
pub(super) fn write(version: Version, folder: &Path) -> io::Result<()> {
    match version {
        Version::First => write_all::<Version1>(folder),
        Version::Second => write_all::<Version2>(folder),
    }
}

fn write_all<Files: RustEmbed>(folder: &Path) -> io::Result<()> {
    for name in Files::iter() {
        let path = folder.join(&*name);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        let file = Files::get(&name).expect("the name comes from the list of embedded files");
        fs::write(path, file.data)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_written_with_their_tables() {
        let folder = tempfile::tempdir().unwrap();
        write(Version::First, &folder.path().join("1")).unwrap();
        write(Version::Second, &folder.path().join("2")).unwrap();
        let table = fs::read_to_string(folder.path().join("1/lessons.csv")).unwrap();
        assert_eq!(table.lines().count(), 9);
        let video =
            |version| fs::read(folder.path().join(version).join("thyesat/lesson.mp4")).unwrap();
        assert_ne!(video("1"), video("2"));
    }

    #[test]
    fn the_samples_make_a_catalogue_that_verifies() {
        use crate::ministry::{MinistryCommand as Do, SignArgs, run, verify};
        let folder = tempfile::tempdir().unwrap();
        let (from, dir) = (
            folder.path().join("samples"),
            folder.path().join("workshop"),
        );
        write(Version::First, &from).unwrap();
        let add = Do::Add {
            dir: dir.clone(),
            from,
            csv: None,
            link: false,
        };
        let sign = Do::Sign(SignArgs {
            dir: dir.clone(),
            ..Default::default()
        });
        let publish = Do::Publish {
            dir: dir.clone(),
            to: None,
            repair: false,
            passphrase: Default::default(),
        };
        for command in [
            Do::Init {
                dir: dir.clone(),
                publisher: pishtar_catalog::MINISTRY.into(),
                keys: Default::default(),
            },
            add,
            sign,
            publish,
        ] {
            run(command).unwrap();
        }
        let now = jiff::Timestamp::now().as_second();
        println!("{}", verify(&dir.join("published"), None, now).unwrap());
    }
}
