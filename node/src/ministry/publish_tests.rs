//! Publishing costs what changed, and a published folder keeps what its readers need.

use std::fs;
use std::path::{Path, PathBuf};

use super::files::Storing;
use super::tests::{Bench, NOW};
use super::*;

/// A workshop with two worksheets in two courses, and the folder that they came from.
fn two_courses() -> (Bench, PathBuf) {
    let bench = Bench::empty();
    let folder = bench.dir.parent().unwrap().join("lessons");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.pdf"), "%PDF-1.4 a").unwrap();
    fs::write(folder.join("b.pdf"), "%PDF-1.4 b").unwrap();
    fs::write(
        folder.join("lessons.csv"),
        "file,title,lang,grade,subject\na.pdf,A,sq,1,art\nb.pdf,B,sq,2,art\n",
    )
    .unwrap();
    add::add(&bench.dir, &folder, None, Storing::Copy, NOW).unwrap();
    bench.sign();
    bench.publish(NOW);
    (bench, folder)
}

/// The files of a folder and those below it, by name.
fn tree(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for name in roles::file_names(folder).unwrap() {
        let path = folder.join(&name);
        match path.is_dir() {
            true => names.extend(tree(&path).iter().map(|below| format!("{name}/{below}"))),
            false => names.push(name),
        }
    }
    names
}

#[test]
fn courses_that_did_not_change_are_not_read() {
    let (bench, folder) = two_courses();
    let staged = bench.dir.join("staged/1.art-2-sq.json");
    let there = fs::read(&staged).unwrap();
    fs::write(&staged, "damaged").unwrap();
    fs::write(folder.join("a.pdf"), "%PDF-1.4 new").unwrap();
    let table = folder.join("lessons.csv");
    fs::write(&table, "file,title,lang,grade,subject\na.pdf,A,sq,1,art\n").unwrap();
    add::add(&bench.dir, &folder, None, Storing::Copy, NOW).unwrap();
    bench.sign();
    assert!(
        bench
            .publish(NOW)
            .contains("2 lessons in 2 courses, 1 new files")
    );
    bench.verify().unwrap();

    // What is read is checked against the snapshot, and the message says where to get it back.
    let error = withdraw::withdraw(&bench.dir, "art-2-sq/b", NOW).unwrap_err();
    let words = error.to_string();
    assert!(
        words.contains("1.art-2-sq.json is not the file that the snapshot lists"),
        "{words}"
    );
    fs::remove_file(&staged).unwrap();
    let error = status::status(&bench.dir, status::Form::Words, NOW)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("1.art-2-sq.json is missing from the workshop"),
        "{error}"
    );
    fs::write(&staged, there).unwrap();
    withdraw::withdraw(&bench.dir, "art-2-sq/b", NOW).unwrap();
}

#[test]
fn a_published_folder_keeps_what_readers_and_neighbours_need_and_no_more() {
    let (bench, folder) = two_courses();
    let metadata = || tree(&bench.out.join("metadata"));
    let files = || tree(&bench.out.join("targets/ministry/art-1-sq/a")).len();
    for edition in 2..=11 {
        fs::write(folder.join("a.pdf"), format!("%PDF-1.4 edition {edition}")).unwrap();
        add::add(&bench.dir, &folder, None, Storing::Copy, NOW).unwrap();
        bench.sign();
        bench.publish(NOW);
        assert_eq!(files(), 2, "the present file and the one before");
    }
    bench.verify().unwrap();
    let of = |role: &str| {
        let is_it = |name: &&String| name.ends_with(&format!(".{role}.json"));
        metadata().iter().filter(is_it).count()
    };
    assert_eq!(
        (of("art-1-sq"), of("snapshot")),
        (tidy::KEPT_VERSIONS, tidy::KEPT_VERSIONS)
    );
    assert_eq!((of("art-2-sq"), of("root"), of("targets")), (1, 1, 1));
    assert!(metadata().contains(&"4.art-1-sq.json".to_owned()));

    fs::write(bench.out.join("targets/ministry/art-1-sq/a/left-over"), "x").unwrap();
    bench.repair();
    assert_eq!(files(), 2);
    bench.verify().unwrap();
}

#[test]
fn clean_deletes_stored_bytes_that_nothing_names() {
    let (bench, folder) = two_courses();
    let stored = || tree(&bench.dir.join("files")).len();
    let before = stored();
    for edition in ["two", "three"] {
        fs::write(folder.join("a.pdf"), format!("%PDF-1.4 {edition}")).unwrap();
        add::add(&bench.dir, &folder, None, Storing::Copy, NOW).unwrap();
        bench.sign();
        bench.publish(NOW);
    }
    assert_eq!(stored(), before + 2);
    assert!(
        clean::clean(&bench.dir).unwrap().starts_with("1 files"),
        "the one before is still served"
    );
    bench.repair();
    bench.verify().unwrap();
    assert!(clean::clean(&bench.dir).unwrap().starts_with("0 files"));
}
