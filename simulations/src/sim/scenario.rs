//! What a scenario file says: the country, its lines, its people, and what goes wrong.
//!
//! Every number has a unit in its name and a default; a scenario states what it needs. Shares are per mille.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::scale::Scale;

/// Why a scenario cannot be run.
#[derive(Debug, Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error(
        "cannot read the scenario {path}: {source}; name a file such as simulations/scenarios/class.toml"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML of this form.
    #[error("the scenario {path} does not parse: {reason}; correct that line")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// A number makes no sense.
    #[error("the scenario {name} cannot be run: {reason}")]
    Senseless {
        /// Its name.
        name: String,
        /// What to change.
        reason: String,
    },
}

/// How lessons and records travel: the mesh, or what it is compared with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// Everything that the program does.
    #[default]
    Mesh,
    /// A central server only: every device fetches for itself over its school's or its own line.
    Central,
    /// Couriers only.
    Sticks,
    /// Whole files from one neighbour that has all of them, as Kolibri imports from a peer.
    SingleSource,
}

impl Variant {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Variant::Mesh => "mesh",
            Variant::Central => "central",
            Variant::Sticks => "sticks",
            Variant::SingleSource => "single-source",
        }
    }
}

/// A scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// Days that pass, the first a Monday.
    #[serde(default)]
    pub days: u64,
    /// Hours in place of days: one lesson, or one morning.
    #[serde(default)]
    pub hours: u64,
    /// Hours at the end without faults; with at least one, everything must have arrived at the end.
    #[serde(default)]
    pub calm_hours: u64,
    /// How much of it is simulated.
    #[serde(default)]
    pub scale: Scale,
    /// What the reader of a report must know, one sentence each.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The lessons.
    pub lessons: Lessons,
    /// The ministry's server.
    #[serde(default)]
    pub ministry: Ministry,
    /// Where schools and homes are.
    pub municipality: Vec<Municipality>,
    /// What a school has.
    #[serde(default)]
    pub school: School,
    /// What a home device is.
    #[serde(default)]
    pub home: Home,
    /// Learners' records.
    #[serde(default)]
    pub records: Records,
    /// Those who carry sticks, in each municipality.
    #[serde(default)]
    pub couriers: Couriers,
    /// What breaks.
    #[serde(default)]
    pub faults: Faults,
    /// Who attacks, in each municipality.
    #[serde(default)]
    pub adversaries: Adversaries,
    /// Numbers of the mesh that differ from what ships, with the reason in the file.
    #[serde(default)]
    pub mesh: MeshNumbers,
}

/// The ministry's lessons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lessons {
    /// Grades, numbered from 1.
    pub grades: u64,
    /// Subjects of each grade.
    pub subjects: u64,
    /// Language codes; a course is a subject of a grade in a language.
    pub languages: Vec<String>,
    /// Lessons of each course.
    pub per_course: u64,
    /// Bytes of each.
    pub bytes: u64,
    /// Hours between two editions; 0 for a single one.
    #[serde(default)]
    pub edition_every_h: u64,
    /// Lessons that each further edition adds.
    #[serde(default)]
    pub added: u64,
    /// Lessons that each further edition withdraws.
    #[serde(default)]
    pub withdrawn: u64,
    /// Days after which the timestamp key counts as stolen, the thief publishes, and the ministry takes it away a day later.
    #[serde(default)]
    pub stolen_at_day: Option<u64>,
}

/// The ministry's server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ministry {
    /// What it sends and takes, for the whole country, in Mbit/s.
    pub mbit: u64,
    /// Devices reach it over the school's air, as in a classroom that fills from the teacher's computer.
    pub in_class: bool,
}

impl Default for Ministry {
    fn default() -> Self {
        Ministry {
            mbit: 10_000,
            in_class: false,
        }
    }
}

/// One municipality.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Municipality {
    /// Its name.
    pub name: String,
    /// Schools with a node.
    pub schools: u64,
    /// Learners in these schools.
    pub learners: u64,
    /// Home devices with a node.
    #[serde(default)]
    pub homes: u64,
    /// Language that most schools teach in; one of the lessons'.
    #[serde(default)]
    pub language: Option<String>,
}

/// What a school has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct School {
    /// Lessons that it keeps: rules as for `--follow`; `{lang}` is the municipality's language.
    pub follow: Vec<String>,
    /// Its disk for lessons in GB.
    pub quota_gb: u64,
    /// Air time of its Wi-Fi in Mbit/s, shared by all in the building.
    pub air_mbit: u64,
    /// Time of a message through the air in ms.
    pub air_delay_ms: u64,
    /// Time of a message over the line to the ministry in ms.
    pub wan_delay_ms: u64,
    /// Share of schools with a line.
    pub wan_per_mille: u32,
    /// The line downwards in Mbit/s.
    pub wan_down_mbit: u64,
    /// The line upwards in Mbit/s.
    pub wan_up_mbit: u64,
    /// Hours of the day in which the line is on: from, until.
    pub wan_hours: [u64; 2],
    /// Most neighbours that one device connects to by itself.
    pub neighbours: usize,
}

impl Default for School {
    fn default() -> Self {
        School {
            follow: vec!["all".to_owned()],
            quota_gb: 2_000,
            air_mbit: 120,
            air_delay_ms: 2,
            wan_delay_ms: 40,
            wan_per_mille: 1_000,
            wan_down_mbit: 20,
            wan_up_mbit: 5,
            wan_hours: [0, 24],
            neighbours: 8,
        }
    }
}

/// What a home device is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Home {
    /// Lessons that it keeps; `{grade}` is the child's grade, `{lang}` the municipality's language.
    pub follow: Vec<String>,
    /// Its disk for lessons in GB.
    pub quota_gb: u64,
    /// Share that is taken along to school on school days.
    pub carried_per_mille: u32,
    /// Minutes that it is on at school.
    pub school_minutes: u64,
    /// Minutes that it is on at home, in the afternoon.
    pub home_minutes: u64,
    /// Homes that share one street's air.
    pub street: u64,
    /// Always at school and on: a class of computers.
    pub stays: bool,
}

impl Default for Home {
    fn default() -> Self {
        Home {
            follow: vec!["grade={grade}".to_owned()],
            quota_gb: 32,
            carried_per_mille: 500,
            school_minutes: 60,
            home_minutes: 120,
            street: 1,
            stays: false,
        }
    }
}

/// Learners' records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Records {
    /// Records that a learner makes on a school day, per mille: 1000 is one.
    pub a_day_per_mille: u32,
    /// Share of them made on home devices, where the municipality has any.
    pub home_per_mille: u32,
    /// Records that a class makes at the same moment, when its lesson ends.
    pub together: u64,
    /// Bytes of a record: 512, 2048 or 8192.
    pub bytes: u64,
    /// Really sealed, opened and signed; otherwise a stand-in of 16 bytes with a real id.
    pub sealed: bool,
    /// Carriers compare their sets with the real protocol; otherwise both sides learn the difference at once.
    pub real_exchange: bool,
    /// What was just saved is pushed to the neighbours at once.
    pub push: bool,
    /// What a node carries for others, in KiB.
    pub quota_kib: u64,
    /// Days after which a carried record is dropped.
    pub carry_days: u64,
}

impl Default for Records {
    fn default() -> Self {
        Records {
            a_day_per_mille: 1_000,
            home_per_mille: 0,
            together: 1,
            bytes: 512,
            sealed: false,
            real_exchange: false,
            push: true,
            quota_kib: 64 << 10,
            carry_days: 60,
        }
    }
}

/// Those who carry sticks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Couriers {
    /// How many in each municipality with schools.
    pub each: u64,
    /// Schools that one visits on a working day.
    pub visits_a_day: u64,
    /// Days between two returns to the ministry or to a sync point with a line.
    pub round_days: u64,
    /// Bytes on a stick in GB.
    pub stick_gb: u64,
    /// What a stick reads and writes in MB/s.
    pub stick_mb_s: u64,
    /// Minutes that one stays.
    pub visit_minutes: u64,
}

impl Default for Couriers {
    fn default() -> Self {
        Couriers {
            each: 0,
            visits_a_day: 3,
            round_days: 5,
            stick_gb: 256,
            stick_mb_s: 30,
            visit_minutes: 30,
        }
    }
}

/// What breaks. Means are for one node, waiting times without memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Faults {
    /// Power cuts of a school in a week.
    pub cuts_a_week: u64,
    /// Hours of the day in which the power is off by timetable, every day; equal for none.
    pub cut_hours: [u64; 2],
    /// Mean minutes of a cut.
    pub cut_minutes: u64,
    /// Share of nodes whose clock shows 1970, is years ahead, or drifts by days.
    pub wrong_clock_per_mille: u32,
    /// Share of time in which a line is in its bad state (Gilbert-Elliott).
    pub bad_per_mille: u32,
    /// Mean seconds of a bad state.
    pub bad_seconds: u64,
    /// What a line carries in its bad state, per mille of its rate.
    pub bad_rate_per_mille: u64,
    /// Outages of a line in a week.
    pub outages_a_week: u64,
    /// Mean minutes of an outage.
    pub outage_minutes: u64,
    /// Days from, until, in which no line works.
    pub no_wan_days: Option<[u64; 2]>,
    /// Share of nodes whose disk has less room than their quota says.
    pub small_disk_per_mille: u32,
    /// Damaged bytes that a scrub finds on a node, in a week.
    pub damage_a_week: u64,
}

/// Who attacks. Numbers are for each municipality; days from, until.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Adversaries {
    /// Give wrong lesson bytes and garbled metadata.
    pub liars: u64,
    /// Send hints of versions that do not exist and records without end.
    pub flooders: u64,
    /// Claim new catalogues and serve the first one.
    pub replayers: u64,
    /// Say that nothing is newer than the first catalogue, and give nothing.
    pub freezers: u64,
    /// Take every neighbour's place and answer nothing; so many identities each.
    pub eclipsers: u64,
    /// When they are there.
    pub days: Option<[u64; 2]>,
}

impl Adversaries {
    /// All of them.
    pub fn count(&self) -> u64 {
        self.liars + self.flooders + self.replayers + self.freezers + self.eclipsers
    }
}

/// Numbers of the mesh that differ from what ships; 0 leaves them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MeshNumbers {
    /// Seconds between questions for versions.
    pub versions_s: u64,
    /// Seconds that a question for holdings waits.
    pub holdings_s: u64,
    /// Seconds between exchanges of records.
    pub records_s: u64,
    /// Seconds for which news of records is gathered before neighbours hear of more.
    pub records_news_s: u64,
    /// Seconds for which news of lesson bytes is gathered before neighbours hear of more.
    pub announce_s: u64,
    /// Seconds between looks at slow ranges.
    pub review_s: u64,
    /// Largest range in MiB.
    pub range_mib: u64,
    /// Smallest and first range in MiB.
    pub min_range_mib: u64,
    /// Seconds without a verified byte after which a range counts as stalled.
    pub stall_s: u64,
    /// Ranges in flight per peer.
    pub ranges_per_peer: usize,
    /// Nodes start with the first edition on their disks.
    pub preinstalled: bool,
}

impl Scenario {
    /// Reads a scenario file.
    ///
    /// # Errors
    /// [`ScenarioError`]: the file's fault.
    pub fn load(path: &Path) -> Result<Scenario, ScenarioError> {
        let text = std::fs::read_to_string(path).map_err(|source| ScenarioError::Read {
            path: path.to_owned(),
            source,
        })?;
        Scenario::parse(&text).map_err(|error| match error {
            ScenarioError::Parse { reason, .. } => ScenarioError::Parse {
                path: path.to_owned(),
                reason,
            },
            other => other,
        })
    }

    /// Reads a scenario.
    ///
    /// # Errors
    /// [`ScenarioError`]: the text's fault.
    pub fn parse(text: &str) -> Result<Scenario, ScenarioError> {
        let scenario: Scenario =
            basic_toml::from_str(text).map_err(|error| ScenarioError::Parse {
                path: PathBuf::new(),
                reason: error.to_string(),
            })?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Checks what the types do not express.
    ///
    /// # Errors
    /// [`ScenarioError::Senseless`]: says which number to change.
    pub fn check(&self) -> Result<(), ScenarioError> {
        let fail = |reason: &str| {
            Err(ScenarioError::Senseless {
                name: self.name.clone(),
                reason: reason.to_owned(),
            })
        };
        if (self.days == 0) == (self.hours == 0) || self.calm_hours * 3_600 > self.seconds() {
            return fail(
                "one of `days` and `hours` must be at least 1, and `calm_hours` no longer",
            );
        }
        if self.scale.homes_one_in == 0 || self.scale.lessons_together == 0 {
            return fail("[scale] counts from 1");
        }
        if self.municipality.is_empty() {
            return fail("a [[municipality]] is missing");
        }
        let lessons = &self.lessons;
        if lessons.languages.is_empty() || self.lesson_count() == 0 {
            return fail("[lessons] must make at least one course with one lesson");
        }
        if lessons.bytes == 0 || self.school.air_mbit == 0 || self.ministry.mbit == 0 {
            return fail("lessons, air and the ministry's line must not be 0");
        }
        if ![512, 2048, 8192].contains(&self.records.bytes) {
            return fail("records.bytes must be 512, 2048 or 8192");
        }
        if self.couriers.each > 0 && self.couriers.visits_a_day * self.couriers.round_days == 0 {
            return fail("couriers need visits_a_day and round_days");
        }
        Ok(())
    }

    /// Lessons of the first edition.
    pub fn lesson_count(&self) -> u64 {
        let lessons = &self.lessons;
        lessons.grades * lessons.subjects * lessons.languages.len() as u64 * lessons.per_course
    }

    /// Seconds of the scenario.
    pub fn seconds(&self) -> u64 {
        self.days * 86_400 + self.hours * 3_600
    }

    /// Seconds from the start until the calm.
    pub fn calm_from_s(&self) -> u64 {
        self.seconds() - self.calm_hours * 3_600
    }

    /// Learners in all.
    pub fn learners(&self) -> u64 {
        self.municipality.iter().map(|place| place.learners).sum()
    }
}
