//! The command line: parse, call one command, turn its outcome into an exit code.
//!
//! 0 = done, 1 = failed (the sentence on standard error says what to do), 2 = the call's words are off.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{
    collector::{self, CollectArgs, ProgressCommand},
    demo::{self, DemoArgs},
    ministry::{self, MinistryCommand, MinistryError},
    school::{self, SchoolCommand},
};

mod ask;
mod choose;
mod run;
mod scrub;

/// Brings a country's school lessons to where there is no internet.
#[derive(Debug, Parser)]
#[command(
    name = "pishtar",
    version,
    about,
    max_term_width = 100,
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// See a ministry, a school and a family on this machine, with sample lessons
    Demo(DemoArgs),
    /// Run a node: find neighbours, fetch and serve lessons, show the pages
    Run(run::RunArgs),
    /// How the node is doing
    Status(ask::AskArgs),
    /// Which neighbours it knows, and what they did
    Peers(ask::AskArgs),
    /// Which lessons it follows, and how much of each is here
    Lessons(ask::LessonsArgs),
    /// Why a lesson or a neighbour is in the state it is in
    Why(ask::WhyArgs),
    /// Keep a lesson on the running node, whatever its rules say
    Follow(choose::LessonArgs),
    /// Stop keeping a lesson
    Unfollow(choose::UnfollowArgs),
    /// Keep a lesson and never remove it to make room
    Pin(choose::LessonArgs),
    /// Verify every stored byte again; what is damaged is fetched again from neighbours
    Scrub(scrub::ScrubArgs),
    /// Let a pinned lesson be removed again when room is needed
    Unpin(choose::LessonArgs),
    /// The ministry's workshop: keys, lessons, signatures, the published folder
    #[command(subcommand)]
    Ministry(MinistryCommand),
    /// A school's own lessons, published from its node's data folder
    #[command(subcommand)]
    School(SchoolCommand),
    /// The ministry's collector: open learners' sealed records, count each once, acknowledge
    Collect(CollectArgs),
    /// What the collector has counted
    #[command(subcommand)]
    Progress(ProgressCommand),
}

/// The data folder, the same for all commands of one node.
#[derive(Debug, Clone, clap::Args)]
pub struct DataArg {
    /// The node's data folder
    #[arg(
        long = "data",
        value_name = "D",
        env = "PISHTAR_DATA",
        default_value = "pishtar-data"
    )]
    pub data: PathBuf,
}

/// Parses the process's arguments and runs the command that they name.
pub fn main() -> ExitCode {
    let command = Cli::parse().command;
    let outcome = match command {
        Command::Demo(args) => demo::run(&args),
        Command::Run(args) => run::run(args),
        Command::Status(args) => ask::status(&args),
        Command::Peers(args) => ask::peers(&args),
        Command::Lessons(args) => ask::lessons(&args),
        Command::Why(args) => ask::why(&args),
        Command::Follow(args) => choose::follow(&args),
        Command::Unfollow(args) => choose::unfollow(&args),
        Command::Pin(args) => choose::pin(&args),
        Command::Scrub(args) => scrub::scrub(&args),
        Command::Unpin(args) => choose::unpin(&args),
        Command::Ministry(command) => ministry::run(command).map_err(Into::into),
        Command::School(command) => school::run(command),
        Command::Collect(args) => run::collect(args),
        Command::Progress(command) => collector::progress(command),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pishtar: {error:#}");
            let usage = error.downcast_ref().is_some_and(MinistryError::is_usage);
            if usage {
                ExitCode::from(2)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}
