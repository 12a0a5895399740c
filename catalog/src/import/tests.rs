//! Tables as people write them, and everything that may be wrong with them.

use proptest::prelude::*;

use super::*;
use crate::lesson::Completion;

fn folder(names: &[&str]) -> Vec<FoundFile> {
    names
        .iter()
        .map(|name| FoundFile {
            name: (*name).into(),
            length: 10,
        })
        .collect()
}

fn errors(table: &str, names: &[&str]) -> Vec<(usize, String)> {
    let errors = plan(table.as_bytes(), &folder(names), "ministry").unwrap_err();
    errors
        .0
        .into_iter()
        .map(|error| (error.row, error.message))
        .collect()
}

const FULL: &str = "\u{feff}File;Title;title_sr-cyrl;lang;grade;subject;captions;worksheet;thumbnail;keywords;\
prerequisites;duration;completion;licence
thyesat.mp4;Thyesat e përziera;Разломци;sq;6;Math;\"sq:thyesat.vtt;sr-latn:razlomci.vtt\";fletë/pune.pdf;\
foto.JPG;\"pjesa; numri\";numrat;1:05;80%;CC0-1.0
numrat.mp4;Numrat;;sq;6;math;;;;;;;opened;
";

#[test]
fn a_full_table_becomes_lessons() {
    // The folder has ë as two code points, as macOS writes it.
    let names = [
        "thyesat.mp4",
        "thyesat.vtt",
        "razlomci.vtt",
        "flete\u{308}/pune.pdf",
        "foto.JPG",
        "numrat.mp4",
        "shënime.odt",
    ];
    let plan = plan(FULL.as_bytes(), &folder(&names), "ministry").unwrap();
    assert_eq!(plan.unused, ["shënime.odt"]);
    let [first, second] = &plan.lessons[..] else {
        panic!("two rows are two lessons")
    };
    assert_eq!(first.id.as_str(), "ministry/math-6-sq/thyesat");
    assert_eq!((first.row, second.row), (2, 3));
    let title: Vec<_> = first
        .draft
        .title
        .iter()
        .map(|(lang, text)| (lang.as_str(), text.as_str()))
        .collect();
    assert_eq!(
        title,
        [("sq", "Thyesat e përziera"), ("sr-Cyrl", "Разломци")]
    );
    assert_eq!(first.draft.keywords, ["pjesa", "numri"]);
    assert_eq!(first.draft.prerequisites, ["ministry/math-6-sq/numrat"]);
    assert_eq!(
        (first.draft.duration_s, first.draft.completion),
        (65, Completion::WatchedPercent(80))
    );
    assert_eq!(second.draft.completion, Completion::Opened);
    let files: Vec<_> = first
        .files
        .iter()
        .map(|file| (file.name.as_str(), file.media_type, &*file.source))
        .collect();
    assert_eq!(
        files,
        [
            ("main.mp4", "video/mp4", "thyesat.mp4"),
            ("captions.sq.vtt", "text/vtt", "thyesat.vtt"),
            ("captions.sr-latn.vtt", "text/vtt", "razlomci.vtt"),
            ("worksheet.pdf", "application/pdf", "flete\u{308}/pune.pdf"),
            ("thumbnail.jpg", "image/jpeg", "foto.JPG"),
        ]
    );
    assert_eq!(first.files[2].lang.as_deref(), Some("sr-Latn"));
}

#[test]
fn every_bad_row_is_named_at_once_with_its_remedy() {
    let table = "file,title,lang,grade,subject,captions\n\
        a.mp4,A,albanian,6,math,\n\
        b.mp4,,sq,six,,x.srt\n\
        ../c.mp4,C,sq,6,math,\n\
        D.mp4,D,sq,6,math,\n\
        a.mp4,A,sq,6,math,\n\
        a.mp4,A,sq,6,math,\n\
        a.odt,A,sq,6,math,\n";
    let found = errors(table, &["a.mp4", "d.mp4", "x.srt", "a.odt"]);
    let expected = [
        (2, "“albanian” is not a language tag: write sq,"),
        (3, "the column “subject” is empty"),
        (3, "the file “b.mp4” is not in the folder"),
        (3, "the lesson has no title"),
        (3, "“six” is not a grade"),
        (
            3,
            "“x.srt” cannot be used as captions: use vtt; ffmpeg -i in.srt out.vtt converts it",
        ),
        (4, "the file “../c.mp4” must lie inside the folder"),
        (5, "the file is called “d.mp4”, not “D.mp4”"),
        (7, "the lesson ministry/math-6-sq/a is already in row 6"),
        (8, "“a.odt” cannot be used as main: use mp4,"),
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for ((row, message), (wanted_row, beginning)) in found.iter().zip(expected) {
        assert!(
            *row == wanted_row && message.starts_with(beginning),
            "{row}: {message}"
        );
    }
}

#[test]
fn paths_cannot_leave_the_folder() {
    for name in ["/etc/passwd.pdf", "..\\x.mp4", "C:/x.mp4", "a/../../x.mp4"] {
        let table = format!("file,title,lang,grade,subject\n{name},A,sq,6,math\n");
        assert!(
            errors(&table, &[name])[0]
                .1
                .contains("must lie inside the folder"),
            "{name}"
        );
    }
}

#[test]
fn other_encodings_are_refused_with_the_row() {
    let mut table =
        b"file,title,lang,grade,subject\na.mp4,A,sq,6,math\nb.mp4,P\xebr,sq,6,math\n".to_vec();
    let error = plan(&table, &folder(&["a.mp4"]), "ministry").unwrap_err();
    assert_eq!(error.0[0].row, 3);
    assert!(
        error.to_string().starts_with("row 3: it is not UTF-8"),
        "{error}"
    );
    table.splice(0..0, [0xff, 0xfe]);
    let error = plan(&table, &[], "ministry").unwrap_err();
    assert!(error.to_string().contains("UTF-16"), "{error}");
}

#[test]
fn headers_say_what_is_missing_or_unknown() {
    assert!(errors("", &[])[0].1.contains("the table is empty"));
    assert!(
        errors("file,title\n", &[])[0]
            .1
            .starts_with("the column “lang” is missing")
    );
    assert!(
        errors("file,colour\n", &[])[0]
            .1
            .starts_with("there is no column “colour”")
    );
    assert!(
        errors("file,lang,grade,subject,file\n", &[])[0]
            .1
            .contains("there twice")
    );
    assert!(
        errors("file,lang,grade,subject\n", &[])[0]
            .1
            .contains("no rows")
    );
    let wide = "file\tlang\tgrade\tsubject\na.mp4\tsq\t6\tmath\tmore\n";
    assert!(errors(wide, &["a.mp4"])[0].1.contains("more cells"));
}

#[test]
fn ids_come_from_the_column_or_the_file_name() {
    let table = "file,title,lang,grade,subject,id\n\
        sub/01 Разломци.mp4,Р,sr-cyrl,6,math,\nx.mp4,X,sr_Cyrl,6,math,Moj razlomak\n数.mp4,X,sq,6,math,\n";
    let names = ["sub/01 Разломци.mp4", "x.mp4", "数.mp4"];
    assert!(
        errors(table, &names)[0]
            .1
            .starts_with("no address can be made from “数”")
    );
    let table = table.rsplit_once("数").unwrap().0;
    let plan = plan(table.as_bytes(), &folder(&names), "ministry").unwrap();
    let ids: Vec<_> = plan
        .lessons
        .iter()
        .map(|lesson| lesson.id.as_str())
        .collect();
    assert_eq!(
        ids,
        [
            "ministry/math-6-sr-cyrl/01-razlomci",
            "ministry/math-6-sr-cyrl/moj-razlomak"
        ]
    );
}

proptest! {
    #[test]
    fn no_table_makes_the_importer_panic(table in prop::collection::vec(any::<u8>(), 0..200), cells in "[a-z.é,;:/|\"\n -]{0,200}") {
        let names = folder(&["a.mp4"]);
        let _ = plan(&table, &names, "ministry");
        let _ = plan(format!("file,title_sq,lang,grade,subject,captions,duration\n{cells}").as_bytes(), &names, "ministry");
    }
}
