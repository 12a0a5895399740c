//! `status`, `peers`, `lessons`, `why`: ask the running node, print for people or for machines.

use std::io::{self, Write};

use anyhow::Context;
use pishtar_signing::metadata::format_utc;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    cli::DataArg,
    control::{Request, ask},
    handle::status::{
        Age, CatalogStatus, ClockStatus, ClockWord, EventRow, FreshnessWord, LessonRow, PeerStatus,
        RevokedPublisher, Status, Why,
    },
};

/// Options of every question.
#[derive(Debug, clap::Args)]
pub(super) struct AskArgs {
    #[command(flatten)]
    data: DataArg,
    /// Print JSON for machines
    #[arg(long)]
    json: bool,
}

/// Options of `pishtar lessons`.
#[derive(Debug, clap::Args)]
pub(super) struct LessonsArgs {
    #[command(flatten)]
    ask: AskArgs,
    /// Only lessons that match this text, in any language or script
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Also lessons that this device does not keep; `pishtar follow LESSON` keeps one
    #[arg(long)]
    all: bool,
}

/// Options of `pishtar why`.
#[derive(Debug, clap::Args)]
pub(super) struct WhyArgs {
    /// A lesson id (`pishtar lessons` lists them) or a peer id (`pishtar peers`); without it, what happened lately
    #[arg(value_name = "LESSON|PEER")]
    subject: Option<String>,
    #[command(flatten)]
    ask: AskArgs,
}

pub(super) fn status(args: &AskArgs) -> anyhow::Result<()> {
    answer(args, &Request::Status, print_status)
}

pub(super) fn peers(args: &AskArgs) -> anyhow::Result<()> {
    answer(args, &Request::Peers, |out, peers: &Vec<PeerStatus>| {
        if peers.is_empty() {
            writeln!(
                out,
                "No neighbour found yet. Is another node on this network? Give an address with --peer where multicast is blocked."
            )?;
        }
        peers.iter().try_for_each(|peer| print_peer(out, peer))
    })
}

pub(super) fn lessons(args: &LessonsArgs) -> anyhow::Result<()> {
    let request = Request::LessonsOf {
        text: args.search.clone(),
        all: args.all,
    };
    answer(&args.ask, &request, |out, lessons: &Vec<LessonRow>| {
        if lessons.is_empty() {
            writeln!(
                out,
                "No lesson. `pishtar lessons --all` lists what the catalogues have; follow some with `pishtar follow LESSON` or `pishtar run --follow 'grade=6,lang=sq'`."
            )?;
        }
        lessons
            .iter()
            .try_for_each(|lesson| print_lesson(out, lesson))
    })
}

pub(super) fn why(args: &WhyArgs) -> anyhow::Result<()> {
    if args.subject.is_none() && !args.ask.json {
        return answer(
            &args.ask,
            &Request::Events { since: 0 },
            |out, events: &Vec<EventRow>| {
                events.iter().try_for_each(|event| {
                    writeln!(
                        out,
                        "{:>8.1} s  {}",
                        event.at_ms as f64 / 1000.0,
                        event.text
                    )
                })
            },
        );
    }
    let request = Request::Why {
        subject: args.subject.clone(),
    };
    answer(&args.ask, &request, |out, why: &Why| {
        why.sentences
            .iter()
            .try_for_each(|sentence| writeln!(out, "{sentence}"))
    })
}

pub(super) fn answer<T: DeserializeOwned + Serialize>(
    args: &AskArgs,
    request: &Request,
    print: impl FnOnce(&mut dyn Write, &T) -> io::Result<()>,
) -> anyhow::Result<()> {
    let value: T = ask(&args.data.data, request)?;
    let mut out = io::stdout().lock();
    let written = if args.json {
        serde_json::to_writer_pretty(&mut out, &value)
            .map_err(io::Error::from)
            .and_then(|()| writeln!(out))
    } else {
        print(&mut out, &value)
    };
    match written {
        // The reader of a pipe (`head`) has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot print the answer"),
    }
}

fn print_status(out: &mut dyn Write, status: &Status) -> io::Result<()> {
    for address in status.page_addresses() {
        writeln!(out, "Pages       {address}")?;
    }
    for address in &status.listen {
        writeln!(out, "Neighbours  {address}/p2p/{}", status.peer_id)?;
    }
    for catalog in &status.catalogs {
        writeln!(
            out,
            "Catalogue   {} version {}, {}",
            catalog.publisher,
            catalog.version,
            checked(catalog)
        )?;
    }
    if status.catalogs.is_empty() {
        writeln!(out, "Catalogue   none yet")?;
    }
    for catalog in &status.catalogs {
        for fault in &catalog.faults {
            writeln!(out, "    fault of {}: {fault}", catalog.publisher)?;
        }
    }
    for revoked in &status.revoked_publishers {
        let RevokedPublisher {
            publisher, reason, ..
        } = revoked;
        writeln!(out, "Revoked     {publisher}: {reason}")?;
    }
    if let Some(reason) = &status.revoked {
        writeln!(
            out,
            "This device was revoked by the ministry: others take no records from it. {reason}"
        )?;
    }
    if let Some(warning) = clock_warning(&status.clock) {
        writeln!(out, "Clock       {warning}")?;
    }
    let lessons = status.lessons;
    writeln!(
        out,
        "Lessons     {} known, {} followed, {} complete",
        lessons.known, lessons.followed, lessons.complete
    )?;
    let blobs = status.blobs;
    let quota = blobs.quota.map_or_else(
        || "no limit set".to_owned(),
        |quota| format!("of {} allowed", human_bytes(quota)),
    );
    writeln!(
        out,
        "Storage     {} {quota}, {} files whole, {} in part",
        human_bytes(blobs.bytes),
        blobs.complete,
        blobs.partial
    )?;
    if blobs.disk_full {
        writeln!(
            out,
            "            The disk is full: nothing is fetched until there is space. Everything that is here can be watched."
        )?;
    }
    let connected = status.peers.iter().filter(|peer| peer.connected).count();
    writeln!(
        out,
        "Peers       {connected} connected, {} known",
        status.peers.len()
    )?;
    let records = status.records;
    writeln!(
        out,
        "Records     {} of this node wait for the ministry, {} carried for others, {} acknowledged",
        records.own_unacked, records.carried, records.acked
    )
}

fn checked(catalog: &CatalogStatus) -> String {
    let words = match catalog.age() {
        Age::Never => return "never checked against a source".to_owned(),
        Age::Unknown => "checked, but the clock does not allow to tell when".to_owned(),
        Age::Seconds(age @ 0..=89) => format!("checked {age} seconds ago"),
        Age::Seconds(age @ 90..=5399) => format!("checked {} minutes ago", (age + 30) / 60),
        Age::Seconds(age @ 5400..=129_599) => format!("checked {} hours ago", (age + 1800) / 3600),
        Age::Seconds(age) => format!("checked {} days ago", (age + 43_200) / 86_400),
    };
    match catalog.freshness {
        FreshnessWord::Fresh => words,
        FreshnessWord::Stale if catalog.no_fresh_source => {
            format!("{words}, a newer one is due and no neighbour gives one: no fresh source")
        }
        FreshnessWord::Stale => format!("{words}, a newer one is due"),
        FreshnessWord::Unknown => format!("{words}; whether a newer one is due cannot be told"),
    }
}

/// One line about a clock that is not believed.
fn clock_warning(clock: &ClockStatus) -> Option<String> {
    let day = |seconds| format_utc(seconds).chars().take(10).collect::<String>();
    (clock.verdict != ClockWord::Sane).then(|| {
        format!(
            "seems wrong: it says {}, and something was signed on {}. Lessons work all the same; set date and time to \
             see how old they are",
            day(clock.says),
            day(clock.at_least)
        )
    })
}

fn print_peer(out: &mut dyn Write, peer: &PeerStatus) -> io::Result<()> {
    let state = if peer.connected { "connected" } else { "away" };
    let address = peer.address.as_deref().unwrap_or("address unknown");
    writeln!(
        out,
        "{}  {state}  {address}  received {}  sent {}",
        peer.peer_id,
        human_bytes(peer.rx_bytes),
        human_bytes(peer.tx_bytes)
    )?;
    if let Some(reason) = &peer.revoked {
        writeln!(
            out,
            "    revoked by the ministry: no records are exchanged with it. {reason}"
        )?;
    }
    peer.faults
        .iter()
        .try_for_each(|fault| writeln!(out, "    fault: {fault}"))
}

fn print_lesson(out: &mut dyn Write, lesson: &LessonRow) -> io::Result<()> {
    let title = lesson
        .title
        .get(&lesson.lang)
        .or_else(|| lesson.title.values().next())
        .map_or("", String::as_str);
    let here = if lesson.complete {
        "here".to_owned()
    } else {
        let percent = lesson
            .held_bytes
            .saturating_mul(100)
            .checked_div(lesson.total_bytes)
            .unwrap_or(0);
        format!("{percent} %")
    };
    let kept = match (lesson.pinned, lesson.followed) {
        (true, _) => "  pinned",
        (false, true) => "",
        (false, false) => "  not kept",
    };
    writeln!(
        out,
        "{here:>6}  grade {}  {:<10} {:<8} {title}  [{}]{kept}",
        lesson.grade, lesson.subject, lesson.lang, lesson.id
    )
}

/// Bytes in decimal units, as disks and data plans are sold.
pub(crate) fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64;
    let mut unit = "B";
    for next in UNITS {
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    if value < 10.0 {
        format!("{value:.1} {unit}")
    } else {
        format!("{value:.0} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_as_people_say_them() {
        assert_eq!(human_bytes(999), "999 B");
        assert_eq!(human_bytes(1000), "1.0 kB");
        assert_eq!(human_bytes(999_600), "1.0 MB");
        assert_eq!(human_bytes(20_000_000_000), "20 GB");
    }
}
