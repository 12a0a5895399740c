//! Prints how much memory a country's catalogue takes: 14,000 lessons of 4 files in 200 courses.
//!
//! `cargo run --release -p pishtar-catalog --example memory`

use pishtar_catalog::target::{FileDraft, LessonDraft, custom};
use pishtar_catalog::{BlobHash, Catalog, LessonId, Part};
use pishtar_signing::metadata::{Hashes, TargetFile, TargetPath, Targets};

const COURSES: usize = 200;
const LESSONS_PER_COURSE: usize = 70;

fn main() {
    let before = resident_bytes();
    let mut catalog = Catalog::new();
    for course in 0..COURSES {
        let name = format!("subject-{}-{}-sq", course / 10, course % 10);
        let (_, problems) = catalog.replace_role("ministry", &name, 1, &role(&name));
        assert!(problems.is_empty(), "{problems:?}");
    }
    let bytes = resident_bytes().saturating_sub(before);
    let lessons = catalog.lessons().len();
    println!(
        "{lessons} lessons: {bytes} bytes resident, {} per lesson",
        bytes / lessons as u64
    );
}

fn role(course: &str) -> Targets {
    let mut targets = Targets::empty(1, 0);
    for number in 0..LESSONS_PER_COURSE {
        let id = LessonId::new(&format!("ministry/{course}/lesson-{number:03}"))
            .expect("made of digits and letters");
        for (name, part) in [
            ("main.mp4", Part::Main),
            ("captions.sq.vtt", Part::Captions),
            ("worksheet.pdf", Part::Worksheet),
            ("thumbnail.jpg", Part::Thumbnail),
        ] {
            let path = format!("{id}/{name}");
            let file = FileDraft {
                part,
                lang: (part == Part::Captions).then(|| "sq".into()),
                media_type: "video/mp4".into(),
                blake3: BlobHash::of(path.as_bytes()),
                head_bytes: 40_000,
                tail_bytes: 0,
            };
            let custom = custom(&file, &id, &lesson(course, number));
            let hashes = Hashes::of(path.as_bytes());
            let file = TargetFile {
                length: 100_000_000,
                hashes,
                custom,
                extra: Default::default(),
            };
            targets
                .targets
                .insert(TargetPath::new(path).expect("short"), file);
        }
    }
    targets
}

fn lesson(course: &str, number: usize) -> LessonDraft {
    let texts = |text: &str| {
        ["sq", "sr-Cyrl", "en"]
            .map(|lang| (lang.to_owned(), format!("{text} {number} në gjuhën {lang}")))
            .into()
    };
    LessonDraft {
        version: 1,
        title: texts("Mësimi i thyesave të përziera"),
        description: texts(
            "Një përshkrim prej rreth njëqind shkronjash që tregon se çfarë mësohet në këtë mësim",
        ),
        grade: 6,
        subject: course.into(),
        language: "sq".into(),
        duration_s: 600,
        licence: "CC-BY-4.0".into(),
        author: "Ministria e Arsimit".into(),
        code: format!("MAT.6.{number}"),
        keywords: vec!["thyesa".into(), "numra".into()],
        ..LessonDraft::default()
    }
}

/// Resident memory of this process, 0 where the system does not tell.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .unwrap_or(0);
    pages * 4096
}
