//! The attacks of TUF 1.5.2 and of our own list, as files.

use crate::publication::*;

mod age;
mod forged;
mod malformed;
mod mixed;

/// What the client holds when the attack begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Client {
    /// The first root only.
    Fresh,
    /// Everything but the course, which it never asked for.
    UpToDate,
}

/// The specification to the letter, or the policy of a device that is offline for months.
#[derive(Clone, Copy)]
enum Rule {
    Strict,
    Offline,
}

/// One attack: its name, what it is, and the exact error, or `none` where nothing bad comes of it.
struct Attack {
    name: &'static str,
    what: &'static str,
    client: Client,
    rule: Rule,
    error: &'static str,
    /// What the attacker does to an honest publication.
    act: fn(&mut Publication),
}

/// The course that exists in every publication.
const COURSE: &str = "math-6-sq";

/// Every file of every attack, by its path.
pub(crate) fn all() -> Vec<(String, Vec<u8>)> {
    let attacks = [
        forged::ATTACKS,
        mixed::ATTACKS,
        age::ATTACKS,
        malformed::ATTACKS,
    ]
    .concat();
    attacks.iter().flat_map(files).collect()
}

/// Root 1; timestamp, snapshot and targets 2; one course in version 1 with one file.
fn honest() -> Publication {
    let mut honest = Publication::new(Box::new(|_, _| {}));
    honest.delegate("targets", COURSE, &["ministry/math-6-sq/*/*"], false);
    honest.file(COURSE, "ministry/math-6-sq/1/video.mp4", b"one");
    honest.publish(COURSE);
    honest.next("targets");
    honest
}

fn files(attack: &&Attack) -> Vec<(String, Vec<u8>)> {
    let mut publication = honest();
    let holds = match attack.client {
        Client::Fresh => &["1.root"][..],
        Client::UpToDate => &["1.root", "timestamp", "2.snapshot", "2.targets"],
    };
    let plain = |name: &str| {
        name.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.')
            .to_owned()
    };
    let trusted: Vec<_> = holds
        .iter()
        .map(|name| {
            (
                plain(name),
                publication.files[&format!("metadata/{name}.json")].clone(),
            )
        })
        .collect();
    (attack.act)(&mut publication);
    let policy = match attack.rule {
        Rule::Strict => "strict",
        Rule::Offline => "offline",
    };
    let Attack {
        name, what, error, ..
    } = attack;
    let text = format!("attack: {what}\npolicy: {policy}\nerror: {error}\n");
    let mut made = vec![(format!("{name}/attack.txt"), text.into_bytes())];
    for (role, bytes) in trusted {
        made.push((format!("{name}/trusted/{role}.json"), bytes));
    }
    for (path, bytes) in publication.files {
        if let Some(file) = path.strip_prefix("metadata/") {
            made.push((format!("{name}/repository/{file}"), bytes));
        }
    }
    made
}
