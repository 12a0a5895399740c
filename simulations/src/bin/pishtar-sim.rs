//! `pishtar-sim`: runs scenarios of the mesh in a simulated country.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand, ValueEnum};
use pishtar_simulations::{
    calibration,
    sim::{
        self,
        outcome::{Outcome, Violation},
        scenario::{Scenario, Variant},
        swarm::Case,
        world::Options,
    },
};

/// Where kept results lie, seen from the repository's root.
const BASELINES: &str = "simulations/baselines";
/// Where scenarios lie.
const SCENARIOS: &str = "simulations/scenarios";

/// Runs the mesh that ships in a simulated country.
#[derive(Debug, Parser)]
#[command(name = "pishtar-sim", version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a scenario once.
    Run {
        /// Scenario file.
        scenario: PathBuf,
        /// Seed of all chance.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Folder for report.json and report.html.
        #[arg(long)]
        out: Option<PathBuf>,
        /// What the country is compared with.
        #[arg(long, value_enum, default_value_t = Way::Mesh)]
        variant: Way,
        /// Shows the last events of a node that violates an invariant.
        #[arg(long)]
        trace: bool,
        /// How much of the scenario is simulated, and for how long.
        #[command(flatten)]
        part: PartOf,
        /// Runs so many seeds with random faults instead, as `swarm` does.
        #[arg(long)]
        swarm: Option<u64>,
    },
    /// Runs many seeds of a scenario with random faults, and makes failures short.
    Swarm {
        /// Scenario file, or the name of one in simulations/scenarios.
        scenario: PathBuf,
        /// How many.
        #[arg(long, default_value_t = 100)]
        seeds: u64,
        /// The first.
        #[arg(long, default_value_t = 1)]
        first: u64,
        /// Appends failures to this file of kept seeds.
        #[arg(long)]
        keep: Option<PathBuf>,
    },
    /// Compares two runs and writes compare.html.
    Compare {
        /// Folder of the first run, or its report.json.
        a: PathBuf,
        /// Folder of the second run, or its report.json.
        b: PathBuf,
        /// Folder for compare.html; that of the second run when not given.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Runs the kept scenarios twice each; exit 1 when something is worse than what was accepted.
    Gate {
        /// Folder of the kept results.
        #[arg(long, default_value = BASELINES)]
        baselines: PathBuf,
    },
    /// Accepts what a scenario gives now as what later changes are compared with.
    Accept {
        /// Name of a scenario in simulations/scenarios.
        scenario: String,
        /// Seed of all chance.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Folder of the kept results.
        #[arg(long, default_value = BASELINES)]
        baselines: PathBuf,
    },
    /// Measures in the simulator what the lab measures with real nodes.
    Calibrate,
    /// Runs kept seeds again, with the trace of what fails.
    Replay {
        /// File of kept seeds, or a line of one in quotes.
        seeds: String,
    },
}

/// What differs from the scenario's file.
#[derive(Debug, Clone, Default, clap::Args)]
struct PartOf {
    /// One home device stands for so many.
    #[arg(long)]
    homes_one_in: Option<u64>,
    /// So many lessons are one file of their joint length.
    #[arg(long)]
    lessons_together: Option<u64>,
    /// Days that pass.
    #[arg(long)]
    days: Option<u64>,
}

impl PartOf {
    fn of(&self, mut scenario: Scenario) -> Result<Scenario> {
        let scale = &mut scenario.scale;
        scale.homes_one_in = self.homes_one_in.unwrap_or(scale.homes_one_in);
        scale.lessons_together = self.lessons_together.unwrap_or(scale.lessons_together);
        scenario.days = self.days.unwrap_or(scenario.days);
        scenario.check()?;
        Ok(scenario)
    }
}

/// How lessons and records travel.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Way {
    /// The mesh.
    Mesh,
    /// A central server only.
    Central,
    /// Couriers with sticks only.
    Sticks,
    /// Whole files from one neighbour.
    SingleSource,
}

impl From<Way> for Variant {
    fn from(way: Way) -> Variant {
        match way {
            Way::Mesh => Variant::Mesh,
            Way::Central => Variant::Central,
            Way::Sticks => Variant::Sticks,
            Way::SingleSource => Variant::SingleSource,
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    match execute(args.command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("pishtar-sim: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether every invariant held.
fn execute(command: Command) -> Result<bool> {
    match command {
        Command::Run {
            scenario,
            seed,
            swarm: Some(seeds),
            ..
        } => swarm(&scenario, seed, seeds, None),
        Command::Run {
            scenario,
            seed,
            out,
            variant,
            trace,
            part,
            ..
        } => {
            let options = Options {
                variant: variant.into(),
                trace,
                ..Options::default()
            };
            let scenario = part.of(Scenario::load(&found(&scenario))?)?;
            run(&scenario, seed, out.as_deref(), &options)
        }
        Command::Swarm {
            scenario,
            seeds,
            first,
            keep,
        } => swarm(&scenario, first, seeds, keep.as_deref()),
        Command::Compare { a, b, out } => {
            let folder = out.unwrap_or_else(|| match b.is_dir() {
                true => b.clone(),
                false => b.parent().map_or(PathBuf::new(), Path::to_owned),
            });
            print!("{}", sim::compare::write(&a, &b, &folder)?);
            Ok(true)
        }
        Command::Gate { baselines } => gate(&baselines),
        Command::Accept {
            scenario,
            seed,
            baselines,
        } => {
            let kept = sim::gate::measure(&scenario, seed, Path::new(SCENARIOS))?;
            println!("{}", kept.accept(&baselines)?.display());
            Ok(true)
        }
        Command::Calibrate => calibrate(),
        Command::Replay { seeds } => replay(&seeds),
    }
}

fn run(scenario: &Scenario, seed: u64, out: Option<&Path>, options: &Options) -> Result<bool> {
    let outcome = sim::run(scenario, seed, options)?;
    tell(&outcome);
    if let Some(out) = out {
        sim::report::write(&outcome, out)?;
    }
    Ok(outcome.violations.is_empty())
}

/// The file itself, or the scenario of that name.
fn found(scenario: &Path) -> PathBuf {
    match scenario.extension() {
        Some(_) => scenario.to_owned(),
        None => Path::new(SCENARIOS).join(scenario).with_extension("toml"),
    }
}

/// Whether every kept scenario is as good as it was.
fn gate(baselines: &Path) -> Result<bool> {
    let mut good = true;
    for kept in sim::gate::Kept::read_all(baselines)? {
        let checked = sim::gate::check(&kept, Path::new(SCENARIOS))?;
        let outcome = &checked.outcome;
        println!(
            "{} seed {}: {} events in {:.2} s, twice; digest {}",
            checked.scenario, outcome.seed, outcome.events, outcome.wall_s, outcome.digest
        );
        for problem in &checked.problems {
            good = false;
            println!("  {problem}");
        }
        if !checked.problems.is_empty() {
            println!(
                "  If that is wanted: pishtar-sim accept {} --seed {}",
                checked.scenario, kept.seed
            );
        }
    }
    Ok(good)
}

fn calibrate() -> Result<bool> {
    let measured = calibration::measure_model(&calibration::Setup::default());
    for (name, seconds) in measured.map_err(anyhow::Error::msg)? {
        println!("{name:26} {seconds:8.3} s");
    }
    println!("The same with real nodes, side by side: ./check calibration");
    Ok(true)
}

fn swarm(scenario: &Path, first: u64, seeds: u64, keep: Option<&Path>) -> Result<bool> {
    let file = found(scenario);
    let name = file
        .file_stem()
        .map_or(String::new(), |name| name.to_string_lossy().into());
    let scenario = Scenario::load(&file)?;
    let began = Instant::now();
    let found = sim::swarm::swarm(&scenario, &name, first, seeds);
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{} seeds of {name} with random faults in {seconds:.1} s, {} events, {:.0} events/s",
        found.seeds,
        found.events,
        found.events as f64 / seconds
    );
    for failure in &found.failures {
        println!("{}", failure.case);
        tell_violation(&failure.violation);
    }
    if let Some(keep) = keep.filter(|_| !found.failures.is_empty()) {
        let mut text = std::fs::read_to_string(keep).unwrap_or_default();
        for failure in &found.failures {
            text.push_str(&format!("{}\n", failure.case));
        }
        std::fs::write(keep, text).with_context(|| format!("cannot write {}", keep.display()))?;
    }
    Ok(found.failures.is_empty())
}

fn replay(seeds: &str) -> Result<bool> {
    let text = match seeds.contains("seed=") {
        true => seeds.to_owned(),
        false => std::fs::read_to_string(seeds)
            .with_context(|| format!("cannot read the kept seeds {seeds}"))?,
    };
    let mut held = true;
    let lines = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    for line in lines {
        let case: Case = line.parse()?;
        let scenario = Scenario::load(&found(Path::new(&case.scenario)))?;
        let outcome = sim::swarm::replay(&scenario, &case, true);
        println!(
            "{case}: {} events, digest {}",
            outcome.events, outcome.digest
        );
        outcome.violations.iter().for_each(tell_violation);
        held &= outcome.violations.is_empty();
    }
    Ok(held)
}

fn tell_violation(violation: &Violation) {
    println!(
        "VIOLATED {} at {} after {} s (seed {})",
        violation.invariant, violation.node, violation.time_s, violation.seed
    );
    violation.trace.iter().for_each(|line| println!("  {line}"));
}

fn tell(outcome: &Outcome) {
    println!(
        "{} seed {}: {} hosts, {} learners, {} lessons, {:.1} days; {} events in {:.2} s, {:.0} events/s",
        outcome.scenario,
        outcome.seed,
        outcome.hosts,
        outcome.learners,
        outcome.lessons,
        outcome.simulated_days,
        outcome.events,
        outcome.wall_s,
        outcome.events as f64 / outcome.wall_s.max(1e-9),
    );
    println!("digest {}", outcome.digest);
    let delay = &outcome.progress_delay_s;
    println!(
        "records: {} collected, {} on their way; half within {} s, nine in ten within {} s",
        delay.count, delay.pending, delay.p50, delay.p90
    );
    for line in sim::report::lines(outcome) {
        println!("- {line}");
    }
    for (link, bytes) in &outcome.bytes_by_link_kind {
        println!("{link}: {:.3} GB", *bytes as f64 / 1e9);
    }
    outcome.violations.iter().for_each(tell_violation);
}
