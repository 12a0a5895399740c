//! Every step of section 5 of the TUF specification 1.0.34 is cited where it is carried out.

use std::path::{Path, PathBuf};

/// Steps of the detailed client workflow, as the specification numbers them.
fn steps() -> Vec<String> {
    let mut steps = vec!["5.1".to_owned(), "5.2".to_owned()];
    for (section, count) in [("5.3", 12), ("5.4", 5), ("5.5", 7), ("5.6", 7), ("5.7", 3)] {
        steps.extend((1..=count).map(|step| format!("{section}.{step}")));
    }
    let inner = [
        "5.4.3.1",
        "5.4.3.2",
        "5.6.7.1",
        "5.6.7.2",
        "5.6.7.2.1",
        "5.6.7.2.2",
    ];
    steps.extend(inner.map(str::to_owned));
    steps
}

fn sources() -> Vec<PathBuf> {
    let signing = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![signing.join("src/client.rs")];
    let mut folders = vec![signing.join("src/client"), signing.join("tuf-client")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("tests") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}

/// Numbers such as `5.3.10` that comments name; `5.3.3 to 5.3.8` names those in between as well.
fn cited(text: &str) -> Vec<String> {
    let comments = text.lines().filter_map(|line| line.split_once("//"));
    let words: Vec<String> = comments
        .flat_map(|(_, comment)| comment.split_whitespace())
        .map(|word| word.trim_matches(|c: char| !c.is_ascii_digit()).to_owned())
        .collect();
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        found.push(word.clone());
        let parts = |word: &str| {
            let (section, step) = word.rsplit_once('.')?;
            Some((section.to_owned(), step.parse::<u32>().ok()?))
        };
        // The word between, `to`, is empty once only digits are kept.
        let last = words.get(at + 2).filter(|_| words[at + 1].is_empty());
        if let (Some((section, from)), Some((other, to))) =
            (parts(word), last.and_then(|last| parts(last)))
            && section == other
        {
            found.extend((from..to).map(|step| format!("{section}.{step}")));
        }
    }
    found
}

#[test]
fn every_step_of_section_five_is_cited() {
    let sources = sources();
    assert!(sources.len() > 12);
    let texts = sources
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap());
    let cited: Vec<String> = texts.flat_map(|text| cited(&text)).collect();
    let missing: Vec<String> = steps()
        .into_iter()
        .filter(|step| !cited.contains(step))
        .collect();
    assert_eq!(missing, [""; 0]);
}
