//! A school's own lessons (`pishtar school …`): published from its node's data folder, offline, with a key that lies there.
//!
//! The workshop is the ministry's in small: one key with threshold 1 for every role, signed and published in one step.
//! The running node seeds what is published here as soon as the ministry lists the school.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use pishtar_signing::record::CollectionSecret;

use crate::{
    cli::DataArg,
    ministry::{MinistryError, collection, small},
    people::{self, PeopleCommand},
};

/// What a school does with its own lessons.
#[derive(Debug, Clone, Subcommand)]
pub enum SchoolCommand {
    /// Make the school's key, and the file that the ministry needs to list the school
    Init {
        /// The data folder
        #[command(flatten)]
        data: DataArg,
        /// The school's id: 1 to 40 of a-z, 0-9 and -; the ministry agrees to it
        #[arg(long)]
        id: String,
        /// Its name as people see it, by language: sq=Shkolla Dardania (may be given more than once), or just the name
        #[arg(long, value_name = "[LANG=]NAME", required = true)]
        name: Vec<String>,
        /// Also write the file for the ministry here, for example onto a stick
        #[arg(long, value_name = "FOLDER")]
        to: Option<PathBuf>,
    },
    /// Add or change lessons, sign and publish them
    #[command(after_help = crate::ministry::TABLE_HELP)]
    Publish {
        /// The data folder
        #[command(flatten)]
        data: DataArg,
        /// The folder with videos, captions, worksheets and pictures
        #[arg(long)]
        from: PathBuf,
        /// The table (CSV in UTF-8); without it lessons.csv in the folder
        #[arg(long)]
        csv: Option<PathBuf>,
    },
    /// Take one of the school's lessons out, and publish that
    Withdraw {
        /// The data folder
        #[command(flatten)]
        data: DataArg,
        /// The lesson's id, for example shkolla-1/art-6-sq/our-village
        lesson: String,
    },
    /// Classes, learners and their cards
    #[command(flatten)]
    People(PeopleCommand),
    /// The keys that open the records of the school's learners, one for each term
    #[command(subcommand)]
    Collection(CollectionCommand),
    /// Show the code that makes the first administrator of the pages, while there is none
    Code {
        /// The data folder
        #[command(flatten)]
        data: DataArg,
    },
    /// Say what is published and what expires when
    Status {
        /// The data folder
        #[command(flatten)]
        data: DataArg,
    },
}

/// What a school does with the keys that open its learners' records.
#[derive(Debug, Clone, Subcommand)]
pub enum CollectionCommand {
    /// Begin a new term: from now on records are sealed to a new key
    Rotate {
        /// The data folder
        #[command(flatten)]
        data: DataArg,
    },
    /// Destroy the secret of an earlier term: nobody can open records sealed to it any more
    Destroy {
        /// The data folder
        #[command(flatten)]
        data: DataArg,
        /// Which term, as `list` counts them
        #[arg(long, value_name = "N")]
        epoch: u32,
    },
    /// Which terms' keys lie here
    List {
        /// The data folder
        #[command(flatten)]
        data: DataArg,
    },
}

/// The id of the school whose own node has this data folder.
pub fn own_id(data: &Path) -> Option<String> {
    small::id(&workshop(data))
}

/// The secrets with which the school's own node opens its learners' records, newest first.
///
/// # Errors
/// [`MinistryError`] for a key file that is damaged.
pub fn secrets(data: &Path) -> Result<Vec<CollectionSecret>, MinistryError> {
    collection::secrets(&workshop(data).join("keys"))
}

/// Where a school's workshop lies in a data folder.
fn workshop(data: &Path) -> PathBuf {
    data.join("school")
}

/// Where a school's lessons are published in a data folder, once there are any.
pub fn published(data: &Path) -> PathBuf {
    workshop(data).join("published")
}

/// The code of the first administrator, in a sentence.
fn first_code(data: &Path) -> String {
    match std::fs::read_to_string(crate::people::accounts::code_file(data)) {
        Ok(code) => format!("Open /first on the pages and type {}", code.trim()),
        Err(_) => "There is no code: the pages have an administrator already, or the node never ran on this folder."
            .to_owned(),
    }
}

/// Carries out one command; what people should read goes to standard output.
///
/// # Errors
/// A sentence that names the remedy; [`MinistryError`] where it is about the workshop.
pub fn run(command: SchoolCommand) -> anyhow::Result<()> {
    let now = jiff::Timestamp::now().as_second();
    let said = match command {
        SchoolCommand::Init { data, id, name, to } => {
            small::init(&workshop(&data.data), &id, &name, to.as_deref(), now)
        }
        SchoolCommand::Publish { data, from, csv } => {
            small::publish(&workshop(&data.data), &from, csv.as_deref(), now)
        }
        SchoolCommand::Withdraw { data, lesson } => {
            small::withdraw(&workshop(&data.data), &lesson, now)
        }
        SchoolCommand::People(command) => return people::cli::run(command),
        SchoolCommand::Collection(command) => match command {
            CollectionCommand::Rotate { data } => {
                small::rotate_collection(&workshop(&data.data), now)
            }
            CollectionCommand::Destroy { data, epoch } => {
                small::destroy_collection(&workshop(&data.data), epoch)
            }
            CollectionCommand::List { data } => small::list_collection(&workshop(&data.data)),
        },
        SchoolCommand::Code { data } => Ok(first_code(&data.data)),
        SchoolCommand::Status { data } => small::status(&workshop(&data.data), now),
    }?;
    println!("{}", said.trim_end());
    Ok(())
}
