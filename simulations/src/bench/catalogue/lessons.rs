//! What the courses and lessons of the made-up ministry say.

use std::collections::BTreeMap;

use pishtar_catalog::{LessonId, MINISTRY, Part, target::LessonDraft};
use pishtar_signing::metadata::RoleName;

use super::text::Text;

/// Lessons of one course; a country's 14,000 lessons are 200 courses.
const LESSONS_PER_COURSE: usize = 70;
/// Files of one lesson.
pub(super) const FILES: usize = 4;
/// Kind, name, media type, and length in bytes from and to, of the files of a lesson.
pub(super) const PARTS: [(Part, &str, &str, u64, u64); FILES] = [
    (Part::Main, "main.mp4", "video/mp4", 40_000_000, 160_000_000),
    (Part::Captions, "captions.vtt", "text/vtt", 4_000, 20_000),
    (
        Part::Worksheet,
        "worksheet.pdf",
        "application/pdf",
        50_000,
        900_000,
    ),
    (
        Part::Thumbnail,
        "thumbnail.jpg",
        "image/jpeg",
        9_000,
        40_000,
    ),
];

const GRADES: u8 = 13;
const SUBJECTS: [&str; 12] = [
    "math",
    "language",
    "science",
    "history",
    "geography",
    "physics",
    "chemistry",
    "biology",
    "music",
    "art",
    "civics",
    "informatics",
];
const LANGUAGES: [&str; 3] = ["sq", "sr-Cyrl", "en"];

/// One course.
#[derive(Debug, Clone)]
pub(super) struct Course {
    pub(super) role: RoleName,
    pub(super) subject: String,
    pub(super) grade: u8,
    pub(super) language: &'static str,
    pub(super) lessons: usize,
}

/// Courses for so many lessons: every grade of a subject in a language before the next subject.
pub(super) fn courses(lessons: usize) -> Vec<Course> {
    let every = LANGUAGES.into_iter().flat_map(|language| {
        SUBJECTS.into_iter().flat_map(move |subject| {
            (1..=GRADES).map(move |grade| (subject.to_owned(), grade, language))
        })
    });
    // Beyond all grades of all subjects, subjects get numbers.
    let more = (2..).map(|number: usize| (format!("elective{number}"), (number % 13) as u8, "sq"));
    let mut left = lessons;
    let count = lessons.div_ceil(LESSONS_PER_COURSE);
    every
        .chain(more)
        .take(count)
        .map(|(subject, grade, language)| {
            let lessons = left.min(LESSONS_PER_COURSE);
            left -= lessons;
            let draft = LessonDraft {
                subject: subject.clone(),
                grade,
                language: language.into(),
                ..Default::default()
            };
            let role = RoleName::new(draft.course()).expect("made of words, digits and hyphens");
            Course {
                role,
                subject,
                grade,
                language,
                lessons,
            }
        })
        .collect()
}

/// A lesson with titles in three languages, and a description in its own and in English.
pub(super) fn lesson(course: &Course, number: usize, text: &mut Text) -> (LessonId, LessonDraft) {
    let id = LessonId::new(&format!("{MINISTRY}/{}/lesson-{number:03}", course.role))
        .expect("made of small letters, digits and hyphens");
    let described = [course.language, "en"];
    let draft = LessonDraft {
        version: 1,
        title: titles(text),
        description: described
            .map(|language| (language.to_owned(), text.sentence(language, 18)))
            .into(),
        grade: course.grade,
        subject: course.subject.clone(),
        language: course.language.to_owned(),
        duration_s: text.between(200, 1_500) as u32,
        licence: "CC-BY-4.0".to_owned(),
        author: "Ministria e Arsimit".to_owned(),
        code: format!("{}.{}.{number}", course.subject, course.grade),
        keywords: (0..5).map(|_| text.word(course.language)).collect(),
        ..LessonDraft::default()
    };
    (id, draft)
}

/// The lesson's next version, with other titles.
pub(super) fn reworded(draft: LessonDraft, text: &mut Text) -> LessonDraft {
    LessonDraft {
        version: draft.version + 1,
        title: titles(text),
        ..draft
    }
}

fn titles(text: &mut Text) -> BTreeMap<String, String> {
    LANGUAGES
        .map(|language| (language.to_owned(), text.sentence(language, 5)))
        .into()
}
