//! `follow`, `unfollow`, `pin`, `unpin`: what the running node keeps, lesson by lesson.

use std::io::{self, Write};

use super::ask::{AskArgs, answer, human_bytes};
use crate::{
    control::Request,
    handle::{Change, Chosen},
};

/// Options of `pishtar follow`, `pin` and `unpin`.
#[derive(Debug, clap::Args)]
pub(super) struct LessonArgs {
    /// A lesson id (`pishtar lessons --all` lists them)
    #[arg(value_name = "LESSON")]
    lesson: String,
    #[command(flatten)]
    ask: AskArgs,
}

/// Options of `pishtar unfollow`.
#[derive(Debug, clap::Args)]
pub(super) struct UnfollowArgs {
    #[command(flatten)]
    lesson: LessonArgs,
    /// Give its room back now; without this its files stay until room is needed
    #[arg(long)]
    remove: bool,
}

pub(super) fn follow(args: &LessonArgs) -> anyhow::Result<()> {
    choose(args, Change::Follow)
}

pub(super) fn unfollow(args: &UnfollowArgs) -> anyhow::Result<()> {
    let change = if args.remove {
        Change::Remove
    } else {
        Change::Unfollow
    };
    choose(&args.lesson, change)
}

pub(super) fn pin(args: &LessonArgs) -> anyhow::Result<()> {
    choose(args, Change::Pin)
}

pub(super) fn unpin(args: &LessonArgs) -> anyhow::Result<()> {
    choose(args, Change::Unpin)
}

fn choose(args: &LessonArgs, change: Change) -> anyhow::Result<()> {
    let request = Request::Choose {
        lesson: args.lesson.clone(),
        change,
    };
    answer(&args.ask, &request, |out, chosen: &Chosen| {
        print(out, chosen, change)
    })
}

fn print(out: &mut dyn Write, chosen: &Chosen, change: Change) -> io::Result<()> {
    let lesson = &chosen.lesson;
    let to_come = human_bytes(chosen.total_bytes - chosen.held_bytes);
    match (chosen.pinned, chosen.followed) {
        (true, _) => writeln!(
            out,
            "{lesson} is kept here and is never removed to make room; {to_come} are still to come."
        )?,
        (false, true) => writeln!(out, "{lesson} is kept here; {to_come} are still to come.")?,
        (false, false) if change == Change::Remove => {
            writeln!(out, "{lesson} is no longer kept here and is being removed.")?;
        }
        (false, false) => writeln!(
            out,
            "{lesson} is no longer kept here; what is held of it goes when room is needed."
        )?,
    }
    let quota = chosen.quota.map_or_else(
        || "no quota".to_owned(),
        |quota| format!("quota {}", human_bytes(quota)),
    );
    let free = chosen.free.map_or_else(
        || "free space unknown".to_owned(),
        |free| format!("free {}", human_bytes(free)),
    );
    writeln!(
        out,
        "This device follows {} lessons, {}; {free}, {quota}.",
        chosen.all.lessons,
        human_bytes(chosen.all.bytes)
    )
}
