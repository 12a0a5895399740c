//! Roles replaced and removed, malformed entries, shared blobs, positions in holdings bitmaps.

use pishtar_signing::metadata::{Hashes, TargetFile, TargetPath, Targets};
use serde_json::{Map, Value, json};

use super::*;
use crate::lesson::Part;
use crate::target::{FileDraft, LessonDraft, custom};

const COURSE: &str = "math-6-sq";

/// A role under construction: course `math-6-sq` of the ministry unless a path says otherwise.
struct World(Targets);

impl World {
    fn new() -> World {
        World(Targets::empty(1, 0))
    }

    fn raw(mut self, path: &str, custom: Value) -> World {
        let Value::Object(custom) = custom else {
            panic!("custom is an object")
        };
        let file = TargetFile {
            length: 100,
            hashes: Hashes::of(b"bytes"),
            custom,
            extra: Map::new(),
        };
        self.0.targets.insert(TargetPath::new(path).unwrap(), file);
        self
    }

    fn file(self, id: &str, name: &str, part: Part, content: &str) -> World {
        let file = FileDraft {
            part,
            lang: (part == Part::Captions).then(|| "sr-Cyrl".into()),
            media_type: "video/mp4".into(),
            blake3: BlobHash::of(content.as_bytes()),
            head_bytes: 4000,
            tail_bytes: 0,
        };
        let lesson = LessonDraft {
            version: 1,
            title: [("sq", "Thyesë e çuditshme"), ("sr-Cyrl", "Разломци")]
                .map(|(l, t)| (l.into(), t.into()))
                .into(),
            grade: 6,
            subject: "math".into(),
            language: "sq".into(),
            ..LessonDraft::default()
        };
        let id = LessonId::new(id).unwrap();
        let custom = custom(&file, &id, &lesson);
        self.raw(&format!("{id}/{name}"), Value::Object(custom))
    }

    fn lesson(self, slug: &str, content: &str) -> World {
        self.file(
            &format!("ministry/{COURSE}/{slug}"),
            "main.mp4",
            Part::Main,
            content,
        )
    }
}

fn id(slug: &str) -> LessonId {
    LessonId::new(&format!("ministry/{COURSE}/{slug}")).unwrap()
}

#[test]
fn lessons_survive_the_way_through_targets() {
    let world = World::new().lesson("a", "video").file(
        id("a").as_str(),
        "captions.vtt",
        Part::Captions,
        "captions",
    );
    let mut catalog = Catalog::new();
    let (diff, problems) = catalog.replace_role("ministry", COURSE, 1, &world.0);
    assert_eq!((diff.added, problems), (vec![id("a")], vec![]));
    let lesson = catalog.lesson(&id("a")).unwrap();
    assert_eq!(lesson.title.get(&["sr"]), Some("Разломци"));
    assert_eq!(lesson.title.get(&["sq"]), Some("Thyesë e çuditshme"));
    assert_eq!(
        (lesson.grade, &*lesson.subject, &*lesson.course),
        (6, "math", COURSE)
    );
    assert_eq!(lesson.main().blake3, BlobHash::of(b"video"));
    assert_eq!(
        lesson.main().head_bytes,
        100,
        "never beyond the signed length"
    );
    assert_eq!(lesson.files[1].part, Part::Captions);
    assert_eq!(lesson.files[1].lang.as_deref(), Some("sr-Cyrl"));
    assert_eq!(lesson.files[1].name(), "captions.vtt");
    assert_eq!(lesson.total_bytes(), 200);
}

#[test]
fn a_new_version_tells_what_changed_and_what_was_withdrawn() {
    let mut catalog = Catalog::new();
    let first = World::new()
        .lesson("a", "1")
        .lesson("b", "1")
        .lesson("c", "1")
        .0;
    catalog.replace_role("ministry", COURSE, 1, &first);
    let second = World::new()
        .lesson("a", "1")
        .lesson("b", "2")
        .lesson("d", "1")
        .0;
    let (diff, _) = catalog.replace_role("ministry", COURSE, 2, &second);
    assert_eq!(
        diff,
        Diff {
            added: vec![id("d")],
            changed: vec![id("b")],
            withdrawn: vec![id("c")]
        }
    );
    assert!(
        catalog
            .file(&BlobHash::of(b"2"))
            .is_some_and(|(lesson, _)| lesson.id == id("b"))
    );
    assert!(
        catalog
            .replace_role("ministry", COURSE, 3, &second)
            .0
            .is_empty()
    );

    let diff = catalog.remove_role("ministry", COURSE);
    assert_eq!(diff.withdrawn, [id("a"), id("b"), id("d")]);
    assert_eq!(
        (catalog.lessons().len(), catalog.file(&BlobHash::of(b"1"))),
        (0, None)
    );
    assert_eq!(catalog.role_files("ministry", COURSE), None);
}

#[test]
fn a_blob_of_several_lessons_stays_until_the_last_is_gone() {
    let mut catalog = Catalog::new();
    let both = World::new().lesson("a", "same").lesson("b", "same").0;
    catalog.replace_role("ministry", COURSE, 1, &both);
    let hash = BlobHash::of(b"same");
    assert_eq!(catalog.files(&hash).count(), 2);
    catalog.replace_role("ministry", COURSE, 2, &World::new().lesson("b", "same").0);
    assert_eq!(catalog.file(&hash).unwrap().0.id, id("b"));
}

#[test]
fn the_ministry_speaks_for_a_blob_that_others_list_too() {
    let mut catalog = listing(json!([listed("a-school", "a-school/")]));
    let school = World::new()
        .file("a-school/math-6-sq/x", "main.mp4", Part::Main, "same")
        .0;
    catalog.replace_role("a-school", COURSE, 1, &school);
    catalog.replace_role("ministry", COURSE, 1, &World::new().lesson("x", "same").0);
    assert_eq!(
        catalog.file(&BlobHash::of(b"same")).unwrap().0.publisher,
        "ministry"
    );
}

#[test]
fn malformed_entries_are_left_out_and_named_but_keep_their_place() {
    let world = World::new()
        .lesson("good", "good")
        .raw(
            "ministry/math-6-sq/bare/main.mp4",
            json!({"blake3": BlobHash::of(b"bare").to_string()}),
        )
        .raw(
            "ministry/math-6-sq/bad/main.mp4",
            json!({"blake3": "xyz", "media_type": "video/mp4"}),
        )
        .file(
            "ministry/math-6-sq/orphan",
            "captions.vtt",
            Part::Captions,
            "orphan",
        )
        .file(
            "ministry/math-7-sq/other",
            "main.mp4",
            Part::Main,
            "other course",
        )
        .file(
            "school/math-6-sq/other",
            "main.mp4",
            Part::Main,
            "other publisher",
        )
        .raw("ministry/math-6-sq/../x/main.mp4", json!({}))
        .raw(
            "ministry/math-6-sq/good/worksheet.pdf",
            json!({
                "blake3": BlobHash::of(b"w").to_string(), "media_type": "application/pdf",
                "part": {"lesson": "ministry/math-6-sq/bare", "kind": "worksheet"},
            }),
        );
    let mut catalog = Catalog::new();
    let (diff, problems) = catalog.replace_role("ministry", COURSE, 4, &world.0);
    assert_eq!(diff.added, [id("good")]);
    let named: Vec<_> = problems
        .iter()
        .map(|problem| problem.path.as_str())
        .collect();
    assert_eq!(
        named,
        [
            "ministry/math-6-sq/../x/main.mp4",
            "ministry/math-7-sq/other/main.mp4",
            "school/math-6-sq/other/main.mp4",
            "ministry/math-6-sq/bad",
            "ministry/math-6-sq/bare",
            "ministry/math-6-sq/good/worksheet.pdf",
            "ministry/math-6-sq/orphan",
        ]
    );
    assert!(
        problems[5]
            .to_string()
            .contains("it says that it belongs to ministry/math-6-sq/bare")
    );
    let (version, files) = catalog.role_files("ministry", COURSE).unwrap();
    assert_eq!(
        (version, files.len(), files[0], files[1]),
        (4, 8, BlobHash::NONE, BlobHash::NONE)
    );
    assert_eq!(files[3], BlobHash::of(b"good"));
    assert_eq!(catalog.file(&BlobHash::NONE), None);
}

#[test]
fn titles_are_needed_and_bounded() {
    for (title, reason) in [
        (json!({"sq": " "}), "no title"),
        (json!({"sq": "ë".repeat(4000)}), "longer than 4096"),
    ] {
        let lesson = json!({"title": title, "grade": 6, "subject": "math", "language": "sq"});
        let custom = json!({"blake3": BlobHash::of(b"x").to_string(), "media_type": "video/mp4", "lesson": lesson});
        let world = World::new().raw("ministry/math-6-sq/x/main.mp4", custom);
        let (_, problems) = Catalog::new().replace_role("ministry", COURSE, 1, &world.0);
        assert!(problems[0].reason.contains(reason), "{problems:?}");
    }
}

#[test]
fn the_collection_key_comes_from_the_top_level_role_only() {
    let key = json!({"epoch": 3, "seal": "07".repeat(32), "ack": "08".repeat(32)});
    let mut catalog = Catalog::new();
    let top = World::new()
        .raw("ministry/collection.json", json!({"collection": key}))
        .0;
    assert_eq!(
        catalog.replace_role("ministry", "targets", 1, &top),
        (Diff::default(), vec![])
    );
    let expected: CollectionKey = serde_json::from_value(key.clone()).unwrap();
    assert_eq!(catalog.collection_key("ministry"), Some(&expected));
    assert_eq!(catalog.collection_key("school"), None);

    let bad = World::new()
        .raw(
            "ministry/collection.json",
            json!({"collection": {"epoch": 4}}),
        )
        .0;
    let (_, problems) = catalog.replace_role("ministry", "targets", 2, &bad);
    assert!(problems[0].reason.contains("malformed"), "{problems:?}");
    assert_eq!(catalog.collection_key("ministry"), None);

    let elsewhere = World::new()
        .raw("ministry/collection.json", json!({"collection": key}))
        .0;
    catalog.replace_role("ministry", COURSE, 1, &elsewhere);
    assert_eq!(catalog.collection_key("ministry"), None);
}

#[test]
fn lengths_and_media_types_that_would_do_harm_are_refused() {
    let custom = |media_type: &str| {
        let lesson = json!({"title": {"sq": "T"}, "grade": 6, "subject": "math", "language": "sq"});
        json!({"blake3": BlobHash::of(b"x").to_string(), "media_type": media_type, "lesson": lesson})
    };
    let path = "ministry/math-6-sq/x/main.mp4";
    for media_type in [
        "",
        "video",
        "video/",
        "a/b\r\nSet-Cookie: x",
        "text/html; charset=x",
        "a/b/c",
        "a/<script>",
    ] {
        let world = World::new().raw(path, custom(media_type));
        let (_, problems) = Catalog::new().replace_role("ministry", COURSE, 1, &world.0);
        assert!(
            problems[0].reason.contains("media type"),
            "{media_type}: {problems:?}"
        );
    }
    for length in [0, u64::MAX] {
        let mut world = World::new().raw(path, custom("video/mp4"));
        world
            .0
            .targets
            .values_mut()
            .for_each(|file| file.length = length);
        let (_, problems) = Catalog::new().replace_role("ministry", COURSE, 1, &world.0);
        assert!(
            problems[0].reason.contains("its length is"),
            "{length}: {problems:?}"
        );
    }
}

#[test]
fn parts_of_a_later_format_are_kept_as_other() {
    let part = json!({"lesson": "ministry/math-6-sq/a", "kind": "hologram"});
    let custom = json!({"blake3": BlobHash::of(b"h").to_string(), "media_type": "model/x", "part": part, "new": {"x": 1}});
    let world = World::new()
        .lesson("a", "video")
        .raw("ministry/math-6-sq/a/hologram.bin", custom);
    let mut catalog = Catalog::new();
    let (_, problems) = catalog.replace_role("ministry", COURSE, 1, &world.0);
    assert_eq!(problems, []);
    assert_eq!(catalog.lesson(&id("a")).unwrap().files[1].part, Part::Other);
}

/// An entry of `ministry/publishers.json`.
fn listed(id: &str, prefix: &str) -> Value {
    json!({"id": id, "name": {"sq": "Shkolla"}, "first_root": "07".repeat(32), "prefix": prefix})
}

fn list(publishers: Value) -> Targets {
    World::new()
        .raw(
            "ministry/publishers.json",
            json!({"publishers": publishers}),
        )
        .0
}

/// A catalogue whose ministry lists these publishers.
fn listing(publishers: Value) -> Catalog {
    let mut catalog = Catalog::new();
    catalog.replace_role("ministry", "targets", 1, &list(publishers));
    catalog
}

fn school_lesson(world: World, id: &str) -> World {
    world.file(id, "main.mp4", Part::Main, id)
}

#[test]
fn a_path_outside_the_prefix_is_refused_by_name_and_the_rest_counts() {
    let mut catalog = listing(json!([
        listed("school", "school/"),
        listed("other", "other/math-6-sq/")
    ]));
    catalog.replace_role("ministry", COURSE, 1, &World::new().lesson("x", "x").0);
    let ids = [
        "ministry/math-6-sq/x",
        "other/math-6-sq/x",
        "school/math-6-sq/own",
    ];
    let world = ids.into_iter().fold(World::new(), school_lesson);
    let (diff, problems) = catalog.replace_role("school", COURSE, 1, &world.0);
    assert_eq!(diff.added, [id_of("school/math-6-sq/own")]);
    let owners: Vec<_> = problems.iter().map(|p| p.owner.as_deref()).collect();
    assert_eq!(owners, [Some("ministry"), Some("other")]);
    assert_eq!(
        problems[0].to_string(),
        "ministry/math-6-sq/x/main.mp4 in role math-6-sq of school is left out: it is a path of ministry, and school may publish at school/ only"
    );
    let (count, kept) = catalog.problems("school");
    assert_eq!((count, kept.count()), (2, 2));
    let ministrys = catalog.lesson(&id_of("ministry/math-6-sq/x")).unwrap();
    assert_eq!(ministrys.main().blake3, BlobHash::of(b"x"));

    let elsewhere = school_lesson(World::new(), "other/bio-6-sq/x").0;
    let (diff, problems) = catalog.replace_role("other", "bio-6-sq", 1, &elsewhere);
    assert!(diff.is_empty() && problems[0].is_scope_violation());
}

#[test]
fn the_list_and_the_revoked_keys_are_the_ministrys_word_alone() {
    let key = "09".repeat(32);
    let raw = |world: World, whose: &str| {
        world
            .raw(
                &format!("{whose}/publishers.json"),
                json!({"publishers": [listed("thief", "thief/")]}),
            )
            .raw(
                &format!("{whose}/revoked.json"),
                json!({"revoked": [{"key": key, "kind": "node"}]}),
            )
    };
    let mut catalog = listing(json!([listed("school", "school/")]));
    for whose in ["school", "ministry"] {
        let top = raw(World::new(), whose).0;
        let (_, problems) = catalog.replace_role("school", "targets", 1, &top);
        assert_eq!(
            problems.iter().any(Problem::is_scope_violation),
            whose == "ministry"
        );
        assert!(catalog.publishers().get("thief").is_none());
        assert!(!catalog.is_revoked(&[9; 32]));
    }
    catalog.replace_role("ministry", "targets", 2, &raw(World::new(), "ministry").0);
    assert!(catalog.publishers().active("thief").is_some());
    assert!(catalog.is_revoked(&[9; 32]));
}

#[test]
fn a_publisher_that_is_revoked_or_narrowed_loses_its_lessons() {
    let mut catalog = listing(json!([listed("school", "school/")]));
    let ids = ["school/math-6-sq/a", "school/bio-6-sq/b"].map(id_of);
    for (id, role) in ids.iter().zip([COURSE, "bio-6-sq"]) {
        let world = school_lesson(World::new(), id.as_str()).0;
        catalog.replace_role("school", role, 1, &world);
    }
    let narrowed = list(json!([listed("school", "school/bio-6-sq/")]));
    catalog.replace_role("ministry", "targets", 2, &narrowed);
    assert_eq!(catalog.apply_prefix("school").withdrawn, [ids[0].clone()]);
    assert_eq!(catalog.lessons().len(), 1);
    assert_eq!(
        catalog.remove_publisher("school").withdrawn,
        [ids[1].clone()]
    );
    assert_eq!(
        catalog.files(&BlobHash::of(b"school/bio-6-sq/b")).count(),
        0
    );

    let mut entry = listed("school", "school/");
    entry["revoked"] = json!("its keys were stolen");
    let revoked = list(json!([entry]));
    catalog.replace_role("ministry", "targets", 3, &revoked);
    let world = school_lesson(World::new(), ids[0].as_str()).0;
    let (diff, problems) = catalog.replace_role("school", COURSE, 2, &world);
    assert!(diff.is_empty() && problems[0].to_string().contains("does not list school"));
}

fn id_of(text: &str) -> LessonId {
    LessonId::new(text).unwrap()
}

proptest::proptest! {
    /// Whatever other publishers sign, in whatever order, a ministry lesson id means what the ministry signed.
    #[test]
    fn no_sequence_of_catalogues_shadows_a_ministry_lesson(
        steps in proptest::collection::vec((0..3usize, 0..3usize, proptest::collection::vec(0..6usize, 0..4)), 1..12)
    ) {
        let mut catalog = listing(json!([
            listed("school", "school/"),
            listed("a-town", "a-town/math-6-sq/")
        ]));
        let ministry = ["x", "y"].into_iter().fold(World::new(), |world, slug| world.lesson(slug, slug)).0;
        catalog.replace_role("ministry", COURSE, 1, &ministry);
        let expected: Vec<_> = catalog.lessons().cloned().collect();
        let paths = [
            "ministry/math-6-sq/x", "ministry/math-6-sq/y", "ministry/math-6-sq/z",
            "school/math-6-sq/x", "a-town/math-6-sq/x", "stranger/math-6-sq/x",
        ];
        for (version, (whose, role, listed)) in (2..).zip(&steps) {
            let whose = ["school", "a-town", "stranger"][*whose];
            let role = [COURSE, "targets", "bio-6-sq"][*role];
            let world = listed.iter().fold(World::new(), |world, at| {
                world.file(paths[*at], "main.mp4", Part::Main, "x")
            });
            catalog.replace_role(whose, role, version, &world.0);
            let ministrys: Vec<_> = catalog.lessons().filter(|l| &*l.publisher == "ministry").cloned().collect();
            proptest::prop_assert_eq!(&ministrys, &expected);
            let strangers = catalog.lessons().filter(|l| !l.id.starts_with(&format!("{}/", &*l.publisher))).count();
            proptest::prop_assert_eq!(strangers, 0);
            proptest::prop_assert!(!catalog.lessons().any(|l| &*l.publisher == "stranger"));
            proptest::prop_assert_eq!(&*catalog.file(&BlobHash::of(b"x")).unwrap().0.publisher, "ministry");
        }
    }
}
