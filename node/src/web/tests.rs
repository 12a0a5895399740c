//! The pages as a browser asks for them.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use pishtar_mesh::learner::What;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{
    locale::Lang,
    testing::{Answer, BYTES, World, lesson},
};

const LESSON: &str = "/lesson/ministry/math-6-sq/fractions";

fn file_path(index: usize) -> String {
    let lesson = lesson("ministry/math-6-sq/fractions");
    let file = &lesson.files[index];
    format!("/file/{}/{}", file.blake3, file.name())
}

async fn file(headers: &[(&str, &str)]) -> Answer {
    let request = headers
        .iter()
        .fold(Request::get(file_path(0)), |request, (name, value)| {
            request.header(*name, *value)
        });
    World::new().ask(request, Body::empty()).await
}

#[tokio::test]
async fn home_lists_followed_lessons_by_grade_and_subject() {
    let page = World::new().get("/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let text = page.text();
    for expected in [
        "<html lang=\"en\">",
        "Grade 6",
        "Mathematics <small>3</small>",
        "Arriving: 43%",
        "On its way",
        "Thyesat &#38; pjesët",
        "lang=\"sq\"",
        "3 lessons",
        "1 on this device",
        "1 is arriving",
        "4:05",
        "<span>never checked</span>",
        "data-every=\"4\"",
    ] {
        assert!(text.contains(expected), "no {expected:?} in {text}");
    }
}

#[tokio::test]
async fn filters_narrow_the_list() {
    let world = World::new();
    assert!(
        world
            .get("/?grade=6&subject=math")
            .await
            .text()
            .contains("Thyesat")
    );
    let none = world.get("/?grade=7").await;
    assert!(!none.text().contains("Thyesat"));
    assert!(none.text().contains("No lesson here for this choice"));
}

#[tokio::test]
async fn an_empty_node_says_what_to_do() {
    let world = World::default();
    assert!(
        world
            .get("/")
            .await
            .text()
            .contains("The lessons have not arrived yet")
    );
    let world = World {
        known: 40,
        ..World::default()
    };
    let page = world.get("/").await;
    assert!(
        page.text()
            .contains("The catalogue has 40 lessons, but none")
    );
    assert!(page.text().contains("pishtar run --follow"));
}

#[tokio::test]
async fn a_country_of_lessons_stays_one_small_page() {
    let mut world = World::new();
    let one = world.lessons[0].clone();
    world.lessons = (0..14_000)
        .map(|number| {
            let mut view = one.clone();
            let mut lesson = (*view.lesson).clone();
            lesson.id = format!("ministry/math-6-sq/lesson-{number:05}")
                .parse()
                .unwrap();
            lesson.grade = 1 + (number % 9) as u8;
            view.lesson = lesson.into();
            view
        })
        .collect();
    let page = world.get("/").await;
    assert!(page.body.len() < 200_000, "{} bytes", page.body.len());
    assert!(page.text().contains("Show all 1,556"));
    let last = world.get("/?grade=1&subject=math&page=32").await;
    assert!(last.text().contains("page=31\" rel=\"prev\""));
    assert!(!last.text().contains("rel=\"next\""));
    let beyond = world
        .get("/?grade=1&subject=math&page=18446744073709551615")
        .await;
    assert_eq!(beyond.status, StatusCode::OK);
}

#[tokio::test]
async fn every_page_comes_in_every_language() {
    let world = World::new();
    for lang in Lang::ALL {
        for path in [
            "/",
            LESSON,
            "/search?q=fractions",
            "/search?q=zz",
            "/search",
            "/status",
            "/no",
        ] {
            let path = format!(
                "{path}{}lang={}",
                if path.contains('?') { '&' } else { '?' },
                lang.tag()
            );
            let page = world.get(&path).await;
            let text = page.text();
            assert!(
                text.contains(&format!("<html lang=\"{}\">", lang.tag())),
                "{path}"
            );
            assert_eq!(page.header("content-language"), lang.tag());
            assert!(
                page.header("set-cookie")
                    .starts_with(&format!("lang={};", lang.tag()))
            );
            assert!(text.contains(&*lang.texts().get("footer-note")), "{path}");
            assert!(
                !text.contains("<script>") && !text.contains("style=") && !text.contains("onclick")
            );
        }
    }
    let request = Request::get("/")
        .header("cookie", "a=b; lang=sr-Latn")
        .header("accept-language", "en");
    let page = world.ask(request, Body::empty()).await;
    assert_eq!(page.header("content-language"), "sr-Latn");
    assert!(
        page.text().contains("Razlomci"),
        "titles are transliterated for readers of Latin script"
    );
}

#[tokio::test]
async fn a_full_disk_is_said_where_somebody_waits_in_every_language() {
    let world = World {
        disk_full: true,
        ..World::new()
    };
    let waiting = world.lessons.iter().filter(|view| !view.complete);
    let waiting = waiting.map(|view| format!("/lesson/{}", view.lesson.id));
    let waiting: Vec<String> = waiting.collect();
    assert_eq!(waiting.len(), 2, "one arrives, one is not here at all");
    for lang in Lang::ALL {
        let full = lang.texts().get("status-disk-full").to_string();
        let promise = lang.texts().get("lesson-waiting").to_string();
        for path in waiting.iter().map(String::as_str).chain(["/", "/status"]) {
            let page = world.get(&format!("{path}?lang={}", lang.tag())).await;
            assert!(page.text().contains(&full), "{path} in {}", lang.tag());
            assert!(
                !page.text().contains(&promise),
                "{path}: pressing play does not help"
            );
        }
        let whole = world.get(&format!("{LESSON}?lang={}", lang.tag())).await;
        assert!(!whole.text().contains(&full), "what is here is watched");
    }
}

#[tokio::test]
async fn the_lesson_page_has_player_captions_and_worksheet() {
    let page = World::new().get(&format!("{LESSON}?lang=sr")).await;
    let text = page.text();
    assert!(text.contains(&format!(
        "<source src=\"{}\" type=\"video/mp4\">",
        file_path(0)
    )));
    assert!(text.contains("srclang=\"sr-Cyrl\" label=\"Српски\" default>"));
    assert!(
        text.contains("srclang=\"sq\" label=\"Shqip\">"),
        "only one track is shown from the start"
    );
    assert!(text.contains(&format!(
        "href=\"{}\" download=\"worksheet.pdf\"",
        file_path(4)
    )));
    assert!(text.contains("Једна") || text.contains("Një pite, &#60;katër&#62; pjesë."));
    assert!(
        text.contains("/lesson/ministry/math-6-sq/angles"),
        "other lessons of the course"
    );
    assert!(text.contains("data-complete-percent=\"90\""));
    let state = World::new()
        .get("/api/lesson/ministry/math-6-sq/angles/state")
        .await;
    assert_eq!(
        state.text(),
        r#"{"complete":false,"held_bytes":430,"percent":43,"total_bytes":1000}"#
    );
}

#[tokio::test]
async fn readers_of_latin_script_get_serbian_captions_in_it() {
    let world = World::new();
    let page = world.get(&format!("{LESSON}?lang=sr-Latn")).await;
    let path = file_path(2).replace("/file/", "/latin/");
    let track = format!("src=\"{path}\" srclang=\"sr-Latn\" label=\"Srpski\" default>");
    assert!(page.text().contains(&track));
    let captions = world.get(&path).await;
    assert_eq!(captions.header("content-type"), "text/vtt; charset=utf-8");
    let expected = "WEBVTT\n\n00:01.000 --> 00:02.000 align:start\nNjegoš i Ljubav\n";
    assert_eq!(captions.text(), expected);
    let video = file_path(0).replace("/file/", "/latin/");
    assert_eq!(world.get(&video).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn missing_and_withdrawn_lessons_say_so() {
    let world = World::new();
    let missing = world.get("/lesson/ministry/math-6-sq/nothing").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert!(missing.text().contains("This page does not exist"));
    let withdrawn = world.get("/lesson/ministry/math-6-sq/old?lang=sq").await;
    assert_eq!(withdrawn.status, StatusCode::NOT_FOUND);
    assert!(withdrawn.text().contains("Ky mësim është tërhequr"));
}

#[tokio::test]
async fn a_dead_clock_is_named_and_no_age_is_made_up() {
    let world = World {
        dead_clock: true,
        ..World::new()
    };
    for (lang, date, age) in [
        ("en", "it says 1970-01-01", "checked at an unknown time"),
        (
            "sq",
            "tregon 1.1.1970",
            "kontrolluar në një kohë të panjohur",
        ),
        ("sr", "показује 1.1.1970", "проверено, не зна се када"),
        ("sr-Latn", "pokazuje 1.1.1970", "provereno, ne zna se kada"),
    ] {
        let status = world.get(&format!("/status?lang={lang}")).await;
        let home = world.get(&format!("/?lang={lang}")).await;
        assert!(status.text().contains(date), "{lang}: no {date:?}");
        assert!(
            status.text().contains(age) && home.text().contains(age),
            "{lang}: no {age:?}"
        );
    }
    let right = World::new().get("/status").await;
    assert!(!right.text().contains("seems wrong"));
}

#[tokio::test]
async fn search_and_status() {
    let world = World {
        checked_age_s: Some(41 * 86_400),
        ..World::new()
    };
    let found = world.get("/search?q=angles").await;
    assert!(found.text().contains("1 lesson found") && found.text().contains("value=\"angles\""));
    let nothing = world.get("/search?q=%3Cscript%3E").await;
    assert!(
        nothing
            .text()
            .contains("Nothing found for “&#60;script&#62;”")
    );
    let status = world.get("/status").await;
    for expected in [
        "1.4 GB used",
        "14",
        "3 records are waiting to travel",
        "http://192.168.1.20:8080",
        "1 fault",
        "…eighbour",
        "1 of 3 followed lessons are here",
        "checked 41 days ago",
        "Works; news may be waiting",
        "2.5 MB",
        "Ministry of Education",
    ] {
        assert!(status.text().contains(expected), "no {expected:?}");
    }
    let json: serde_json::Value =
        serde_json::from_slice(&world.get("/api/status").await.body).unwrap();
    assert_eq!(json["records"]["own_unacked"], 3);
}

#[tokio::test]
async fn a_whole_file() {
    let answer = file(&[]).await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &BYTES[..]));
    assert_eq!(answer.header("content-length"), "11");
    assert_eq!(answer.header("content-type"), "video/mp4");
    assert_eq!(answer.header("accept-ranges"), "bytes");
    assert!(answer.header("cache-control").contains("immutable"));
}

#[tokio::test]
async fn ranges_of_a_file() {
    for (range, part, content_range) in [
        ("bytes=0-3", "0123", "bytes 0-3/11"),
        ("bytes=4-", "456789a", "bytes 4-10/11"),
        ("bytes=-2", "9a", "bytes 9-10/11"),
        ("bytes=-99", "0123456789a", "bytes 0-10/11"),
        ("bytes=8-99", "89a", "bytes 8-10/11"),
    ] {
        let answer = file(&[("range", range)]).await;
        assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(answer.text(), part, "{range}");
        assert_eq!(answer.header("content-range"), content_range);
        assert_eq!(answer.header("content-length"), part.len().to_string());
    }
    for range in ["bytes=11-", "bytes=40-50", "bytes=-0"] {
        let answer = file(&[("range", range)]).await;
        assert_eq!(answer.status, StatusCode::RANGE_NOT_SATISFIABLE, "{range}");
        assert_eq!(
            (answer.header("content-range"), answer.text()),
            ("bytes */11", "")
        );
    }
    let several = file(&[("range", "bytes=0-1,4-5")]).await;
    assert_eq!(
        (several.status, &*several.body),
        (StatusCode::OK, &BYTES[..])
    );
}

#[tokio::test]
async fn conditional_requests_and_head() {
    let tag = file(&[]).await.header("etag").to_owned();
    assert_eq!(
        file(&[("if-none-match", &tag)]).await.status,
        StatusCode::NOT_MODIFIED
    );
    let part = file(&[("range", "bytes=0-1"), ("if-range", &tag)]).await;
    assert_eq!(part.text(), "01");
    let changed = file(&[("range", "bytes=0-1"), ("if-range", "\"other\"")]).await;
    assert_eq!(changed.status, StatusCode::OK);
    let request = Request::head(file_path(0)).header("range", "bytes=2-4");
    let head = World::new().ask(request, Body::empty()).await;
    assert_eq!(
        (head.status, head.text()),
        (StatusCode::PARTIAL_CONTENT, "")
    );
    assert_eq!(
        (head.header("content-length"), head.header("content-range")),
        ("3", "bytes 2-4/11")
    );
}

#[tokio::test]
async fn only_files_of_the_catalogue_and_no_script_of_theirs() {
    let world = World::new();
    let upper = file_path(0).replace("/file/", "").to_uppercase();
    for path in [
        format!("/file/{}/video.mp4", "0".repeat(64)),
        "/file/abc/video.mp4".to_owned(),
        format!("/file/{upper}"),
        "/file/%2e%2e/%2e%2e".to_owned(),
        "/file/..%5c..%5c/etc".to_owned(),
        "/assets/../Cargo.toml".to_owned(),
        "/assets/%2e%2e%2f/Cargo.toml".to_owned(),
        "/assets/0/style.css".to_owned(),
    ] {
        assert_eq!(
            world.get(&path).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    let html = world.get(&file_path(3)).await;
    assert_eq!(html.header("content-type"), "application/octet-stream");
    assert_eq!(html.header("content-disposition"), "attachment");
    let captions = world.get(&file_path(1)).await;
    assert_eq!(captions.header("content-type"), "text/vtt; charset=utf-8");
}

#[tokio::test]
async fn captions_that_are_still_on_their_way_hold_no_connection_and_go_on_arriving() {
    let world = World {
        stalled: true,
        ..World::new()
    };
    // As they are, and in Latin script: who asks again is to find them, so they go on arriving.
    let latin = file_path(1).replace("/file/", "/latin/");
    for (waiting, path) in [(1, file_path(1)), (2, latin)] {
        let captions = world.get(&path).await;
        assert_eq!(captions.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(captions.header("retry-after"), "5");
        assert_eq!(captions.header("cache-control"), "no-store");
        assert_eq!(Arc::strong_count(&world.waiting) - 1, waiting, "{path}");
    }
}

#[tokio::test]
async fn every_answer_carries_the_safe_headers() {
    let world = World::new();
    for path in [
        "/",
        "/nothing",
        "/api/status",
        &file_path(0),
        "/favicon.ico",
    ] {
        let answer = world.get(path).await;
        assert!(
            answer
                .header("content-security-policy")
                .starts_with("default-src 'self';"),
            "{path}"
        );
        assert!(
            answer
                .header("content-security-policy")
                .contains("frame-ancestors 'none'")
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
    }
    let home = world.get("/").await;
    let style = home
        .text()
        .split("href=\"")
        .find(|part| part.contains("style.css\""))
        .unwrap();
    let style = world.get(style.split('"').next().unwrap()).await;
    assert_eq!(style.status, StatusCode::OK);
    assert!(style.header("cache-control").contains("immutable"));
}

#[tokio::test]
async fn another_host_is_refused() {
    let world = World::new();
    for host in [
        "evil.example",
        "evil.example:8080",
        "192.168.1.20.evil.example",
    ] {
        let answer = world
            .ask(Request::get("/").header("host", host), Body::empty())
            .await;
        assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST, "{host}");
        assert!(!answer.text().contains("fractions"));
    }
    let absolute = Request::get("http://evil.example/");
    assert_eq!(
        world.ask(absolute, Body::empty()).await.status,
        StatusCode::MISDIRECTED_REQUEST
    );
}

const REPORT: &str = r#"{"events":[{"learner":"00ff","name":"Arta","lesson":"ministry/math-6-sq/fractions",
    "played":[[4.2,9.75],[0,4.25]],"position":9.75,"duration":10.5,"completed":true}]}"#;

async fn post(world: &World, origin: Option<&str>, kind: &str, body: &str) -> Answer {
    let mut request = Request::post("/api/progress").header("content-type", kind);
    if let Some(origin) = origin {
        request = request.header("origin", origin);
    }
    world.ask(request, Body::from(body.to_owned())).await
}

const OURS: Option<&str> = Some("http://127.0.0.1:8080");

#[tokio::test]
async fn progress_is_answered_201_only_when_saved() {
    let world = World::new();
    let answer = post(&world, OURS, "application/json", REPORT).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let saved = world.saved.lock().unwrap().clone();
    let [watched, completed] = saved.as_slice() else {
        panic!("{saved:?}")
    };
    let What::Watched(what) = &watched.what else {
        panic!("{watched:?}")
    };
    assert_eq!(what.played.intervals(), [(0, 9750)]);
    assert_eq!((what.furthest_ms, what.duration_ms), (9750, 10_500));
    assert_eq!(watched.lesson.as_str(), "ministry/math-6-sq/fractions");
    assert_eq!(completed.what, What::Completed);

    let early = World {
        no_key: true,
        ..World::new()
    };
    let answer = post(&early, OURS, "application/json", REPORT).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_single_report_needs_no_list() {
    let world = World::new();
    let one =
        r#"{"learner":"00ff","lesson":"ministry/math-6-sq/fractions","played":[],"position":0}"#;
    let answer = post(&world, OURS, "application/json", one).await;
    assert_eq!(answer.status, StatusCode::CREATED);
}

#[tokio::test]
async fn progress_from_another_site_is_refused() {
    let world = World::new();
    for origin in [
        None,
        Some("http://evil.example"),
        Some("null"),
        Some("http://127.0.0.1"),
    ] {
        let answer = post(&world, origin, "application/json", REPORT).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin:?}");
    }
    let form = post(&world, OURS, "text/plain", REPORT).await;
    assert_eq!(form.status, StatusCode::FORBIDDEN);
    assert!(world.saved.lock().unwrap().is_empty());
}

#[tokio::test]
async fn bad_reports_are_refused_with_a_reason() {
    let world = World::new();
    for (from, to) in [
        ("math-6-sq/fractions", "math-6-sq/unknown"),
        ("[4.2,9.75]", "[9.75,4.2]"),
        ("9.75,\"dur", "-1,\"dur"),
        ("10.5", "1e300"),
        ("00ff", ""),
    ] {
        let answer = post(&world, OURS, "application/json", &REPORT.replace(from, to)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{to}");
        assert!(answer.text().starts_with("{\"error\":\""));
    }
    let huge = format!("{{\"events\":[],\"pad\":\"{}\"}}", "x".repeat(600_000));
    let answer = post(&world, OURS, "application/json", &huge).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(world.saved.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_node_that_stops_does_not_wait_for_open_downloads() {
    let world = World {
        stalled: true,
        ..World::new()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let shutdown = async { drop(stopped.await) };
    let server = tokio::spawn(super::serve(listener, world, shutdown));
    let mut browser = TcpStream::connect(address).await.unwrap();
    let path = file_path(0);
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    browser.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    browser.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_schools_own_lesson_says_whose_it_is() {
    let mut world = World::new();
    let names = [("sq", "Shkolla <Dardania>"), ("sr-Cyrl", "Школа Дарданија")];
    world.lessons[0].publisher = Some(pishtar_catalog::Localized::from_pairs(names));
    let id = world.lessons[0].lesson.id.to_string();
    for (lang, name, made) in [
        (
            "en",
            "Shkolla &#60;Dardania&#62;",
            "not one of the ministry’s",
        ),
        (
            "sq",
            "Shkolla &#60;Dardania&#62;",
            "nuk është mësim i ministrisë",
        ),
        ("sr", "Школа Дарданија", "она није министарска"),
        ("sr-Latn", "Škola Dardanija", "ona nije ministarska"),
    ] {
        let lesson = world.get(&format!("/lesson/{id}?lang={lang}")).await;
        assert!(
            lesson.text().contains(name) && lesson.text().contains(made),
            "{lang}"
        );
        let list = world.get(&format!("/?lang={lang}")).await;
        assert_eq!(list.text().matches(name).count(), 1, "{lang}");
    }
}

#[tokio::test]
async fn the_status_page_names_faults_of_a_catalogue_and_revoked_publishers() {
    let world = World {
        catalog_faults: vec!["ministry/x is a path of ministry".to_owned()],
        ..World::new()
    };
    let page = world.get("/status?lang=en").await;
    assert!(
        page.text()
            .contains("<li>ministry/x is a path of ministry</li>")
    );
    assert!(
        page.text()
            .contains("Shkolla &#38; tjetër may publish no more")
    );
}
