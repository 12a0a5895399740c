//! `pishtar school enrol`, `classes`, `learners`, `progress`, `assign`, `card`, `export`, `erase`, `devices`.
//!
//! A running node is asked through its local socket; otherwise the book in the data folder is opened.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use pishtar_mesh::people::RawRegistration;
use serde_json::Value;

use super::{
    About, LearnerView, LearnerWork, People, PeopleRequest, TableReport, accounts::Accounts,
    add_sign_in,
};
use crate::{
    cli::DataArg,
    control::{self, AskError, Request},
    engine::clock::Clock,
    school,
    store::{
        lock::FolderLock,
        records::{RecordOptions, RecordStore},
    },
};

/// What a school does with its classes and learners.
#[derive(Debug, Clone, Subcommand)]
pub enum PeopleCommand {
    /// Register learners: a table with --csv, or one with --name, --surname, --parent
    Enrol(EnrolArgs),
    /// List the classes
    Classes(AskArgs),
    /// List the learners of the school, or of a class
    Learners {
        /// Only this class
        #[arg(long)]
        class: Option<String>,
        #[command(flatten)]
        #[expect(missing_docs, reason = "the options of every question")]
        ask: AskArgs,
    },
    /// Show who of a class did what, and who needs help
    Work {
        /// The class
        class: String,
        #[command(flatten)]
        #[expect(missing_docs, reason = "the options of every question")]
        ask: AskArgs,
    },
    /// Assign a lesson to a class
    Assign {
        /// The lesson's id
        lesson: String,
        /// The class
        #[arg(long)]
        class: String,
        /// The last day for it, for example 2026-12-15
        #[arg(long, value_name = "DAY")]
        due: Option<String>,
        #[command(flatten)]
        #[expect(missing_docs, reason = "the options of every question")]
        ask: AskArgs,
    },
    /// Print a learner's card, or with --class those of a class: to a file that ends in .svg or .html
    Card {
        /// The learner: id, login, or name and surname
        #[arg(required_unless_present = "class")]
        learner: Option<String>,
        /// The cards of this class
        #[arg(long, conflicts_with = "learner")]
        class: Option<String>,
        /// Where to; an earlier file is replaced
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Make a new card: the old one was lost and counts no more
        #[arg(long, conflicts_with = "class")]
        new: bool,
        #[command(flatten)]
        #[expect(missing_docs, reason = "the options of every question")]
        ask: AskArgs,
    },
    /// Print all that is held on a learner, as JSON
    Export {
        /// The learner: id, login, or name and surname
        learner: String,
        #[command(flatten)]
        #[expect(missing_docs, reason = "the options of every question")]
        ask: AskArgs,
    },
    /// Forget a learner here and at the ministry, for good
    Erase {
        /// The learner: id, login, or name and surname
        learner: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        #[expect(missing_docs, reason = "the options of every question")]
        ask: AskArgs,
    },
    /// List the school's own computers; add one or take a lost one out
    Devices {
        /// Add the computer with this key (`pishtar school devices` prints it there)
        #[arg(long, value_name = "KEY", conflicts_with = "withdraw")]
        add: Option<String>,
        /// Take the computer with this key out for good
        #[arg(long, value_name = "KEY")]
        withdraw: Option<String>,
        #[command(flatten)]
        #[expect(missing_docs, reason = "the options of every question")]
        ask: AskArgs,
    },
}

/// Options of every question.
#[derive(Debug, Clone, Args)]
pub struct AskArgs {
    /// The data folder
    #[command(flatten)]
    data: DataArg,
    /// Print JSON for machines
    #[arg(long)]
    json: bool,
}

/// Options of `pishtar school enrol`.
#[derive(Debug, Clone, Args)]
pub struct EnrolArgs {
    /// A table in UTF-8 with the columns name, surname, parent, and school, municipality, phone, class, born as wanted.
    /// All of it is taken or, with one row wrong, nothing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "surname", "parent"])]
    csv: Option<PathBuf>,
    /// The learner's first name
    #[arg(long, required_unless_present_any = ["csv", "school", "municipality"], requires_all = ["surname", "parent", "class"])]
    name: Option<String>,
    /// The learner's family name
    #[arg(long)]
    surname: Option<String>,
    /// A parent's name
    #[arg(long)]
    parent: Option<String>,
    /// The class; for a table: of rows without one
    #[arg(long)]
    class: Option<String>,
    /// The family's telephone
    #[arg(long, default_value = "")]
    phone: String,
    /// The year of birth
    #[arg(long, default_value = "")]
    born: String,
    /// The school's name, remembered for all that are registered later
    #[arg(long, default_value = "")]
    school: String,
    /// The municipality, remembered likewise
    #[arg(long, default_value = "")]
    municipality: String,
    #[command(flatten)]
    ask: AskArgs,
}

/// Carries out one command.
///
/// # Errors
/// A sentence that names the remedy.
pub fn run(command: PeopleCommand) -> anyhow::Result<()> {
    match command {
        PeopleCommand::Enrol(args) => enrol(args),
        PeopleCommand::Classes(ask) => {
            let classes = asked(&ask, PeopleRequest::Classes)?;
            tell(&ask, &classes, |out, classes: Vec<super::ClassView>| {
                for class in classes {
                    writeln!(out, "{:<10} {} learners", class.name, class.learners)?;
                }
                Ok(())
            })
        }
        PeopleCommand::Learners { class, ask } => {
            let learners = asked(&ask, PeopleRequest::Learners { class })?;
            tell(&ask, &learners, print_learners)
        }
        PeopleCommand::Work { class, ask } => {
            let work = asked(&ask, PeopleRequest::Progress { class })?;
            tell(&ask, &work, print_work)
        }
        PeopleCommand::Assign {
            lesson,
            class,
            due,
            ask,
        } => {
            let done = asked(&ask, PeopleRequest::Assign { class, lesson, due })?;
            tell(&ask, &done, |out, assignment: super::Assignment| {
                let lesson = assignment.lesson.as_str();
                writeln!(out, "{lesson} is assigned to {}.", assignment.class)
            })
        }
        PeopleCommand::Card {
            learner,
            class,
            out,
            new,
            ask,
        } => card(&ask, learner, class, &out, new),
        PeopleCommand::Export { learner, ask } => {
            let export = asked(&ask, PeopleRequest::Export { learner })?;
            Ok(writeln!(io::stdout(), "{export:#}")?)
        }
        PeopleCommand::Erase { learner, yes, ask } => erase(&ask, learner, yes),
        PeopleCommand::Devices { add, withdraw, ask } => {
            let request = match (add, withdraw) {
                (Some(key), _) => PeopleRequest::Device {
                    key,
                    withdraw: false,
                },
                (None, Some(key)) => PeopleRequest::Device {
                    key,
                    withdraw: true,
                },
                (None, None) => PeopleRequest::Devices,
            };
            let devices = asked(&ask, request)?;
            tell(&ask, &devices, |out, keys: Vec<String>| {
                keys.iter().try_for_each(|key| writeln!(out, "{key}"))
            })
        }
    }
}

fn enrol(args: EnrolArgs) -> anyhow::Result<()> {
    let about = About {
        school: args.school,
        municipality: args.municipality,
    };
    if about != About::default() {
        asked(&args.ask, PeopleRequest::About { about })?;
    }
    if let Some(path) = &args.csv {
        let csv = fs::read(path)
            .map_err(|error| anyhow::anyhow!("cannot read {}: {error}", path.display()))?;
        let csv = String::from_utf8(csv).map_err(|_| {
            anyhow::anyhow!("{} is not UTF-8; save it as “CSV UTF-8”", path.display())
        })?;
        let class = args.class;
        let report = asked(&args.ask, PeopleRequest::EnrolTable { csv, class })?;
        return tell(&args.ask, &report, |out, report: TableReport| {
            let (new, known) = (report.new.len(), report.known);
            writeln!(out, "{new} learners registered, {known} were known.")
        });
    }
    let Some(name) = args.name else {
        return Ok(());
    };
    let raw = RawRegistration {
        name,
        surname: args.surname.unwrap_or_default(),
        parent: args.parent.unwrap_or_default(),
        phone: args.phone,
        class: args.class.unwrap_or_default(),
        born: args.born,
        ..RawRegistration::default()
    };
    let raw = Box::new(raw);
    let done = asked(&args.ask, PeopleRequest::Enrol { raw })?;
    tell(&args.ask, &done, |out, done: Value| {
        let id = done["learner"]["id"].as_str().unwrap_or_default();
        match done["new"].as_bool() {
            Some(true) => writeln!(out, "Registered: {id}"),
            _ => writeln!(out, "Known already: {id}"),
        }
    })
}

fn card(
    ask: &AskArgs,
    learner: Option<String>,
    class: Option<String>,
    out: &Path,
    new: bool,
) -> anyhow::Result<()> {
    let form = out.extension().and_then(|form| form.to_str());
    let form = match (form, &class) {
        (Some("svg"), None) => "svg",
        (Some("html"), _) => "html",
        (_, None) => anyhow::bail!("give --out a file that ends in .svg or .html"),
        (_, Some(_)) => anyhow::bail!("give --out a file that ends in .html"),
    };
    let request = match (learner, class) {
        (_, Some(class)) => PeopleRequest::Cards { class },
        (learner, None) => PeopleRequest::Card {
            learner: learner.unwrap_or_default(),
            new,
        },
    };
    let made = asked(ask, request)?;
    write_private(out, made[form].as_str().unwrap_or_default())?;
    match ask.json {
        true => writeln!(io::stdout(), "{made}")?,
        false => writeln!(
            io::stdout(),
            "{} is ready to be printed. Whoever has a card can work in its learner's name: keep the file as you keep the cards.",
            out.display()
        )?,
    }
    Ok(())
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let write = || -> io::Result<()> {
        let mut options = fs::OpenOptions::new();
        let options = options.create(true).truncate(true).write(true).mode(0o600);
        options.open(path)?.write_all(text.as_bytes())
    };
    write().map_err(|error| anyhow::anyhow!("cannot write {}: {error}", path.display()))
}

fn erase(ask: &AskArgs, learner: String, yes: bool) -> anyhow::Result<()> {
    if !yes {
        eprint!("Forget {learner} here and at the ministry, for good? Write yes: ");
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        if answer.trim() != "yes" {
            anyhow::bail!("nothing was erased");
        }
    }
    let erased = asked(ask, PeopleRequest::Erase { learner })?;
    tell(ask, &erased, |out, erased: Value| {
        let id = erased["erased"].as_str().unwrap_or_default();
        writeln!(
            out,
            "{id} is forgotten here. The ministry is told as soon as a way there opens; what carriers still have cannot be read by them."
        )
    })
}

/// Asks the running node, or the book of a stopped one.
fn asked(ask: &AskArgs, request: PeopleRequest) -> anyhow::Result<Value> {
    let folder = &ask.data.data;
    match control::ask(
        folder,
        &Request::People {
            request: request.clone(),
        },
    ) {
        Err(AskError::NotRunning { .. }) => stopped(folder, request),
        answer => Ok(answer?),
    }
}

fn stopped(folder: &Path, request: PeopleRequest) -> anyhow::Result<Value> {
    let school = school::own_id(folder);
    if school.is_none() {
        return Err(super::PeopleError::NoSchool.into());
    }
    let _lock = FolderLock::take(&folder.join("lock")).map_err(|_| {
        anyhow::anyhow!(
            "{} is in use by another command; wait for it",
            folder.display()
        )
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let records = RecordStore::open(&folder.join("records.redb"), RecordOptions::default())?;
        let people = People::open(folder, records.device())?;
        people.set_school(school);
        let now = jiff::Timestamp::now().as_second();
        let exports = matches!(request, PeopleRequest::Export { .. });
        let answer = people.answer(request, now).await;
        records.close().await;
        let mut answer = answer?;
        if exports {
            let accounts = Accounts::open(&folder.join("accounts.redb"), Clock::start().now())?;
            add_sign_in(&mut answer, &accounts);
        }
        Ok(answer)
    })
}

fn tell<T: serde::de::DeserializeOwned>(
    ask: &AskArgs,
    value: &Value,
    print: impl FnOnce(&mut dyn Write, T) -> io::Result<()>,
) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match ask.json {
        true => writeln!(out, "{value}")?,
        false => print(&mut out, serde_json::from_value(value.clone())?)?,
    }
    Ok(())
}

fn print_learners(out: &mut dyn Write, learners: Vec<LearnerView>) -> io::Result<()> {
    for learner in learners {
        let login = learner
            .login
            .as_ref()
            .map_or("(no login yet)", |login| login.as_str());
        writeln!(
            out,
            "{}  {:<6} {:<32} {login}",
            learner.id.as_str(),
            learner.registration.class.as_str(),
            learner.registration.full_name(),
        )?;
    }
    Ok(())
}

fn print_work(out: &mut dyn Write, rows: Vec<LearnerWork>) -> io::Result<()> {
    for row in rows {
        let mark = if row.needs_help { "! " } else { "  " };
        writeln!(out, "{mark}{}", row.learner.registration.full_name())?;
        for lesson in &row.lessons {
            let done = if lesson.completed { "done" } else { "" };
            write!(
                out,
                "    {:<44} {:>3} % {done:<4}",
                lesson.lesson.as_str(),
                lesson.progress_permille / 10
            )?;
            if lesson.points_of > 0 {
                write!(out, "  {}/{} points", lesson.points, lesson.points_of)?;
            }
            match &lesson.help {
                Some(help) => writeln!(out, "  needs help: {help}")?,
                None => writeln!(out)?,
            }
        }
    }
    Ok(())
}
