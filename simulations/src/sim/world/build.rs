//! A world as a scenario describes it.

use std::{
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    sync::Arc,
};

use pishtar_catalog::Selection;
use pishtar_signing::record::CollectionSecret;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use super::{
    Checks, History, Options, Plant, Sessions, Tally, World,
    event::{Act, Event},
    host::{Disk, Host, HostIx, Kind},
    lines::Cell,
    sticks::Courier,
};
use crate::sim::{
    DAY, HOUR, MINUTE, Micros, SECOND,
    chance::{Chance, seed_of},
    editions::Editions,
    pipe::Pipe,
    records::{Book, Carrier},
    scenario::Scenario,
};

/// Bytes per second of one Mbit/s.
const MBIT: u64 = 125_000;
/// Bytes of one GB.
const GB: u64 = 1_000_000_000;
/// Clocks go wrong like this: dead, years ahead, days behind, hours ahead; in seconds.
const WRONG_CLOCKS: [i64; 4] = [-1_795_392_000, 3 * 365 * 86_400, -4 * 86_400, 7 * 3_600];

/// Which part of a scenario a world is: some municipalities, each a world of its own in large scenarios.
#[derive(Debug, Clone)]
pub struct Part {
    /// Numbers of municipalities.
    pub municipalities: Vec<usize>,
    /// The ministry's line for this part in thousandths of all.
    pub share_per_mille: u64,
}

impl World {
    /// The world of one part at its first moment.
    pub fn new(
        scenario: &Arc<Scenario>,
        editions: &Arc<Editions>,
        part: &Part,
        seed: u64,
        options: Options,
    ) -> Self {
        let first = part.municipalities.first().copied().unwrap_or(0) as u64;
        let forged = (options.plant == Some(Plant::ShowUnsigned))
            .then(|| Editions::of_another(scenario, seed));
        let mut book = Book::default();
        if scenario.records.sealed {
            let mut rng = ChaCha20Rng::from_seed(seed_of(seed, "collector", 0));
            book.secret = Some(CollectionSecret::generate(1, &mut rng));
        }
        let mut world = World {
            scenario: scenario.clone(),
            editions: editions.clone(),
            end: scenario.seconds() * SECOND,
            options,
            seed,
            now: 0,
            serial: 0,
            queue: BinaryHeap::new(),
            hosts: Vec::new(),
            cells: Vec::new(),
            pipes: Vec::new(),
            rates: Vec::new(),
            flows: Vec::new(),
            free_flows: Vec::new(),
            sessions: Sessions::default(),
            exchanges: BTreeMap::new(),
            agreed: BTreeMap::new(),
            couriers: Vec::new(),
            book,
            counted: Vec::new(),
            chance: Chance::new(seed, "world", first),
            edition: 0,
            stolen: false,
            forged,
            schools: 0,
            checks: Checks::default(),
            tally: Tally::default(),
            history: History {
                hasher: blake3::Hasher::new(),
                waiting: Vec::new(),
                events: 0,
            },
            traces: BTreeMap::new(),
        };
        world.populate(part);
        world.begin();
        world
    }

    fn populate(&mut self, part: &Part) {
        let scenario = self.scenario.clone();
        self.ministry(part.share_per_mille);
        for &number in &part.municipalities {
            let municipality = &scenario.municipality[number];
            let first_school = self.hosts.len() as HostIx;
            let mut cells = Vec::new();
            for school in 0..municipality.schools {
                let share = municipality.learners / municipality.schools;
                let more = u64::from(school < municipality.learners % municipality.schools);
                cells.push(self.school(number, school, share + more));
            }
            if municipality.schools == 0 {
                let cell = self.cell(scenario.school.air_mbit);
                cells.push(cell);
                if scenario.ministry.in_class {
                    self.hosts[0].place = Some(cell);
                    self.hosts[0].school_cell = Some(cell);
                }
            }
            self.homes(number, &cells);
            self.adversaries(number, &cells);
            let schools: Vec<HostIx> = (first_school..)
                .take(municipality.schools as usize)
                .collect();
            self.courier_plan(number, &schools);
            self.schools += municipality.schools;
        }
    }

    fn pipe(&mut self, rate: u64) -> u32 {
        self.pipes.push(Pipe::new(rate));
        self.rates.push(rate);
        (self.pipes.len() - 1) as u32
    }

    fn cell(&mut self, mbit: u64) -> u32 {
        let pipe = self.pipe(mbit * MBIT);
        self.cells.push(Cell {
            pipe,
            hosts: BTreeSet::new(),
            school: None,
        });
        (self.cells.len() - 1) as u32
    }

    fn host(&mut self, name: String, kind: Kind, municipality: usize) -> HostIx {
        let ix = self.hosts.len() as HostIx;
        let chance_id = seed_of(self.seed, &name, 1 << 42);
        self.hosts.push(Host {
            chance: Chance::new(self.seed, &name, 0),
            name,
            kind,
            chance_id,
            municipality,
            mesh: None,
            boot: 0,
            booted: 0,
            awake: false,
            alarm: None,
            clock_ahead: 0,
            follow: Vec::new(),
            quota: u64::MAX,
            disk: Disk::default(),
            place: None,
            school_cell: None,
            home_cell: None,
            line: None,
            line_up: false,
            links: BTreeMap::new(),
            waiting: Vec::new(),
            flights: BTreeMap::new(),
            small: BTreeMap::new(),
            untold: Vec::new(),
            writing: None,
            folder: None,
            carrier: Carrier::default(),
            log: None,
            learners: 0,
            saved: Vec::new(),
            swept: None,
            shown: (0, 0),
            evening: None,
            carried: false,
            wanted: 0,
            whole_wanted: 0,
            has: None,
        });
        ix
    }

    fn ministry(&mut self, share_per_mille: u64) {
        let rate = self.scenario.ministry.mbit * MBIT * share_per_mille / 1_000;
        let line = [self.pipe(rate), self.pipe(rate)];
        let ix = self.host("ministry".to_owned(), Kind::Ministry, 0);
        let edition = &self.editions.list[0];
        let host = &mut self.hosts[ix as usize];
        host.line = Some(line);
        host.folder = Some(edition.files.clone());
        host.disk.folder_blobs = Some(edition.blobs.clone());
        if self.scenario.mesh.preinstalled {
            host.disk.meta = edition.files.clone();
        }
    }

    fn school(&mut self, municipality: usize, number: u64, learners: u64) -> u32 {
        let plan = self.scenario.school.clone();
        let cell = self.cell(plan.air_mbit);
        let name = format!(
            "{}/school{number}",
            self.scenario.municipality[municipality].name
        );
        let ix = self.host(name, Kind::School, municipality);
        let has_line = self.hosts[ix as usize].chance.happens(plan.wan_per_mille);
        if has_line {
            let line = [
                self.pipe(plan.wan_down_mbit * MBIT),
                self.pipe(plan.wan_up_mbit * MBIT),
            ];
            self.hosts[ix as usize].line = Some(line);
            self.hosts[ix as usize].line_up = plan.wan_hours[1] - plan.wan_hours[0] >= 24;
        }
        let small = self.scenario.faults.small_disk_per_mille;
        let follow = self.rules(&plan.follow, municipality, 1);
        let host = &mut self.hosts[ix as usize];
        let tight = u64::from(host.chance.happens(small));
        host.quota = (plan.quota_gb * GB) >> tight;
        host.learners = learners;
        host.follow = follow;
        host.place = Some(cell);
        host.school_cell = Some(cell);
        self.cells[cell as usize].school = Some(ix);
        cell
    }

    fn homes(&mut self, municipality: usize, cells: &[u32]) {
        let plan = self.scenario.home.clone();
        let place = self.scenario.municipality[municipality].clone();
        let learners = self.records_at_home(&place);
        let mut street = None;
        for number in 0..place.homes {
            let ix = self.host(
                format!("{}/home{number}", place.name),
                Kind::Home,
                municipality,
            );
            if number % plan.street.max(1) == 0 && !plan.stays {
                street = Some(self.cell(self.scenario.school.air_mbit));
            }
            let grade = 1 + self.hosts[ix as usize]
                .chance
                .below(self.scenario.lessons.grades);
            let follow = self.rules(&plan.follow, municipality, grade);
            let small = self.scenario.faults.small_disk_per_mille;
            let host = &mut self.hosts[ix as usize];
            let tight = u64::from(host.chance.happens(small));
            host.quota = (plan.quota_gb * GB) >> tight;
            host.carried = plan.stays || host.chance.happens(plan.carried_per_mille);
            host.school_cell = Some(cells[number as usize % cells.len()]);
            host.home_cell = street;
            host.follow = follow;
            host.learners = learners / place.homes + u64::from(number < learners % place.homes);
            if plan.stays {
                host.place = host.school_cell;
            }
        }
    }

    /// Learners who make their records on home devices; the school's node has the rest.
    fn records_at_home(&mut self, place: &crate::sim::scenario::Municipality) -> u64 {
        if place.homes == 0 {
            return 0;
        }
        if place.schools == 0 {
            return place.learners;
        }
        let share = u64::from(self.scenario.records.home_per_mille);
        let name = &place.name;
        let schools = self
            .hosts
            .iter_mut()
            .filter(|host| host.kind == Kind::School && host.name.starts_with(&format!("{name}/")));
        let mut moved = 0;
        for school in schools {
            let part = school.learners * share / 1_000;
            school.learners -= part;
            moved += part;
        }
        moved
    }

    fn rules(&self, rules: &[String], municipality: usize, grade: u64) -> Vec<Selection> {
        let lessons = &self.scenario.lessons.languages;
        let of_place = self.scenario.municipality[municipality].language.as_ref();
        let lang = of_place.unwrap_or(&lessons[0]);
        let text = |rule: &String| {
            rule.replace("{lang}", lang)
                .replace("{grade}", &grade.to_string())
                .parse()
        };
        rules.iter().filter_map(|rule| text(rule).ok()).collect()
    }

    fn adversaries(&mut self, municipality: usize, cells: &[u32]) {
        let plan = self.scenario.adversaries.clone();
        let kinds = [
            (Kind::Liar, plan.liars),
            (Kind::Flooder, plan.flooders),
            (Kind::Replayer, plan.replayers),
            (Kind::Freezer, plan.freezers),
            (Kind::Eclipser, plan.eclipsers),
        ];
        let calm = self.calm_from();
        let [from, until] = plan.days.unwrap_or([0, u64::MAX / DAY]);
        let first = self.editions.list[0].clone();
        for (kind, count) in kinds {
            for number in 0..count {
                let name = &self.scenario.municipality[municipality].name;
                let ix = self.host(format!("{name}/{kind:?}{number}"), kind, municipality);
                let host = &mut self.hosts[ix as usize];
                host.folder = Some(first.files.clone());
                host.disk.folder_blobs = Some(first.blobs.clone());
                let cell = cells[host.chance.below(cells.len() as u64) as usize];
                let late = host.chance.below(HOUR);
                self.later(from * DAY + late, Event::Act(ix, Act::Wake(cell)));
                self.later((until * DAY).min(calm), Event::Act(ix, Act::Sleep));
                if kind == Kind::Flooder {
                    self.later(from * DAY + HOUR, Event::Act(ix, Act::Flood));
                }
            }
        }
    }

    fn courier_plan(&mut self, municipality: usize, schools: &[HostIx]) {
        let plan = self.scenario.couriers.clone();
        if schools.is_empty() {
            return;
        }
        for number in 0..plan.each {
            let pipe = self.pipe(plan.stick_mb_s * 1_000_000);
            let name = &self.scenario.municipality[municipality].name;
            let name = format!("{name}, courier {}", number + 1);
            let route = schools.iter().copied().skip(number as usize);
            let route: Vec<HostIx> = route.step_by(plan.each as usize).collect();
            if route.is_empty() {
                continue;
            }
            let at = self.couriers.len();
            self.couriers.push(Courier::new(name, route, pipe));
            self.later(8 * HOUR + number * MINUTE, Event::Courier(at));
        }
    }

    /// Everybody starts, and the timetables with them.
    fn begin(&mut self) {
        let faults = self.scenario.faults.clone();
        for at in 0..self.hosts.len() as HostIx {
            let host = &mut self.hosts[at as usize];
            let plain = matches!(host.kind, Kind::School | Kind::Home);
            if plain && host.chance.happens(faults.wrong_clock_per_mille) {
                let which = host.chance.below(WRONG_CLOCKS.len() as u64) as usize;
                host.clock_ahead = WRONG_CLOCKS[which];
            }
            if plain && self.scenario.mesh.preinstalled {
                self.hosts[at as usize].disk.meta = self.editions.list[0].files.clone();
            }
            let host = &mut self.hosts[at as usize];
            if host.kind == Kind::Ministry || host.place.is_some() {
                let late = host.chance.below(2 * SECOND);
                self.later(late, Event::Act(at, Act::PowerOn));
            }
            if plain {
                self.later(0, Event::Act(at, Act::Day));
            }
        }
        for (number, edition) in self.editions.clone().list.iter().enumerate().skip(1) {
            self.later(edition.at_s * SECOND, Event::Publish(number));
        }
        if let Some(theft) = &self.editions.theft {
            let at = theft.at_s * SECOND;
            self.later(at, Event::Act(0, Act::Stolen));
        }
        if faults.bad_per_mille > 0 {
            for pipe in 2..self.pipes.len() as u32 {
                let wait = self.chance.below(MINUTE);
                self.later(wait, Event::Weather(pipe, false));
            }
        }
        if self.options.random_faults {
            self.random_plan();
        }
        self.later(self.sample_every(), Event::Sample);
    }

    /// Faults at random times and places; those that are spared change nothing for the others.
    fn random_plan(&mut self) {
        let mut chance = Chance::new(self.seed, "faults", 0);
        let calm = self.calm_from();
        let targets: Vec<HostIx> = (1..self.hosts.len() as HostIx)
            .filter(|at| !self.hosts[*at as usize].kind.is_adversary())
            .collect();
        if targets.is_empty() || calm == 0 {
            return;
        }
        let count = chance.between(4, 40) as usize;
        for number in 0..count {
            let at = targets[chance.below(targets.len() as u64) as usize];
            let when = chance.below(calm);
            let lasts = chance.wait(30 * MINUTE).clamp(SECOND, calm - when);
            let acts = self.random_fault(&mut chance, at);
            if self.options.spared.contains(&number) {
                continue;
            }
            self.later(when, Event::Act(at, acts[0]));
            self.later(when + lasts, Event::Act(at, acts[1]));
        }
    }

    /// A fault and its end.
    fn random_fault(&self, chance: &mut Chance, at: HostIx) -> [Act; 2] {
        let host = &self.hosts[at as usize];
        let back = match (host.place, host.school_cell) {
            (Some(cell), _) | (None, Some(cell)) => Act::Wake(cell),
            _ => Act::Damage,
        };
        match chance.below(6) {
            0 | 1 => [Act::PowerOff, Act::PowerOn],
            2 => [Act::LineDown, Act::LineUp],
            3 => [Act::Sleep, back],
            4 => {
                let which = chance.below(WRONG_CLOCKS.len() as u64) as usize;
                [Act::Clock(WRONG_CLOCKS[which]), Act::Clock(0)]
            }
            _ => {
                let room = chance.below(2 * self.scenario.lessons.bytes);
                match chance.happens(500) {
                    true => [Act::Damage, Act::Damage],
                    false => [Act::Room(room), Act::Room(Micros::MAX / 4)],
                }
            }
        }
    }
}
