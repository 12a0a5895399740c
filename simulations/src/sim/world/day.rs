//! Timetables: power, lines, ways to school and home, learners at work, clocks that are wrong.

use ed25519_dalek::SigningKey;
use pishtar_catalog::MINISTRY;
use pishtar_mesh::{Config, FolderId, Held, Input, Mesh, Restored};
use pishtar_signing::record::{LogSigner, Recipients, seal};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use super::{
    Plant, World,
    event::{Act, Event},
    host::{HostIx, Kind, OwnLog},
};
use crate::sim::{DAY, HOUR, MINUTE, Micros, SECOND, WORLD_START, chance::seed_of, records::LogIx};

/// Every learner's name begins so; no carrier may read it in a record.
pub(super) const NAME_MARK: &str = "arta.krasniqi.";
/// When this program was built, by its own word: some weeks before the start.
const BUILT: i64 = WORLD_START - 30 * 86_400;
/// Lessons in the morning: from, until.
const SCHOOL: [Micros; 2] = [8 * HOUR, 13 * HOUR];
/// A chunk group that is damaged.
const DAMAGED: u64 = 16 * 1024;
/// Events that one mesh keeps for people.
const EVENT_RING: usize = 8;

impl World {
    pub(super) fn act(&mut self, at: HostIx, act: Act) {
        self.history.note(self.now, at, 35, act_number(act));
        self.trace(at, || format!("! {act:?}"));
        match act {
            Act::Day => self.plan_day(at),
            Act::PowerOn => self.power_on(at),
            Act::PowerOff => self.power_off(at),
            Act::Sleep => self.sleep(at),
            Act::Wake(cell) => self.wake(at, cell),
            Act::LineUp => self.line_up(at),
            Act::LineDown => self.line_down(at),
            Act::Save(count) => self.save(at, count),
            Act::Clock(ahead) => self.hosts[at as usize].clock_ahead = ahead,
            Act::Flood => self.flood(at),
            Act::Room(bytes) => self.input_if_up(at, Input::DiskRoom(Some(bytes))),
            Act::Damage => self.damage(at),
            Act::Stolen => self.stolen = true,
        }
    }

    fn input_if_up(&mut self, at: HostIx, input: Input) {
        if self.hosts[at as usize].mesh.is_some() {
            self.input(at, input);
        }
    }

    /// A program starts with what lies on its disk.
    pub(super) fn power_on(&mut self, at: HostIx) {
        if self.hosts[at as usize].mesh.is_some() {
            return;
        }
        if self.plants(Plant::CatalogueBack) && self.hosts[at as usize].boot > 0 {
            self.hosts[at as usize].disk.meta = self.editions.list[0].files.clone();
        }
        let host = &mut self.hosts[at as usize];
        host.boot += 1;
        host.booted = self.now;
        host.alarm = None;
        host.awake = true;
        let config = self.config(at);
        let restored = match self.restored(at) {
            Ok(restored) => restored,
            Err(reason) => {
                self.violation(
                    "liveness",
                    at,
                    format!("its own state does not read back: {reason}"),
                );
                return;
            }
        };
        let now = self.clock(at);
        let mesh = Mesh::new(config, now, restored);
        let host = &mut self.hosts[at as usize];
        host.mesh = Some(Box::new(mesh));
        let follow = host.follow.clone();
        self.check_catalog(at);
        self.input(at, Input::SetFollow(follow));
        if self.hosts[at as usize].folder.is_some() {
            let folder = FolderId(0);
            self.input(at, Input::FolderChanged { folder });
        }
        if let Some(cell) = self.hosts[at as usize].place {
            self.arrive(at, cell);
        }
        if self.hosts[at as usize].line_up {
            self.line_up(at);
        }
    }

    fn config(&self, at: HostIx) -> Config {
        let host = &self.hosts[at as usize];
        let numbers = &self.scenario.mesh;
        let seed = seed_of(self.seed, &host.name, u64::from(host.boot));
        let mut config = Config::new(self.id_of(at), seed);
        config.built = BUILT;
        config.attachment = host.kind.attachment();
        config.quota_bytes = Some(host.quota);
        config.event_ring = EVENT_RING;
        if host.kind == Kind::Ministry {
            config.max_peers = 4_096;
            config.quota_bytes = None;
        }
        let seconds = std::time::Duration::from_secs;
        if numbers.versions_s > 0 {
            config.versions_interval = seconds(numbers.versions_s);
        }
        if numbers.holdings_s > 0 {
            config.holdings_wait = seconds(numbers.holdings_s);
        }
        if numbers.records_s > 0 {
            config.records_interval = seconds(numbers.records_s);
        }
        if numbers.records_news_s > 0 {
            config.records_hint_interval = seconds(numbers.records_news_s);
            config.records_visit_after = seconds(numbers.records_news_s);
        }
        if numbers.announce_s > 0 {
            config.holdings_interval = seconds(numbers.announce_s);
            config.holdings_patience = seconds(numbers.announce_s);
        }
        if numbers.review_s > 0 {
            config.review_interval = seconds(numbers.review_s);
        }
        if numbers.range_mib > 0 {
            config.max_range_bytes = numbers.range_mib << 20;
        }
        if numbers.min_range_mib > 0 {
            config.min_range_bytes = numbers.min_range_mib << 20;
            config.first_range_bytes = numbers.min_range_mib << 20;
        }
        if numbers.stall_s > 0 {
            config.stall_after = seconds(numbers.stall_s);
        }
        if numbers.ranges_per_peer > 0 {
            config.ranges_per_peer = numbers.ranges_per_peer;
        }
        config
    }

    /// What the shell finds on the disk and hands over.
    fn restored(&self, at: HostIx) -> Result<Restored, String> {
        let host = &self.hosts[at as usize];
        let (set, catalog) = match host.disk.meta.is_empty() {
            true => (self.editions.pinned(), Default::default()),
            false => self.editions.restore(&host.disk.meta)?,
        };
        let catalog = match self.forged.as_ref().filter(|_| at == 1) {
            Some(forged) => forged.restore(&forged.list[0].files)?.1,
            None => catalog,
        };
        let (mut blobs, mut unnamed) = (Vec::new(), Vec::new());
        for ix in host.disk.any() {
            let (hash, length) = self.editions.blobs[ix as usize];
            match catalog.file(&hash).is_some() {
                true => blobs.push((hash, host.disk.held(ix))),
                false => {
                    let held = host.disk.ranges(ix, length).into_iter();
                    unnamed.push((hash, held.map(|range| range.end - range.start).sum()));
                }
            }
        }
        for ix in host.disk.folder_blobs.iter().flat_map(|blobs| blobs.iter()) {
            blobs.push((self.editions.blobs[*ix as usize].0, Held::Referenced));
        }
        Ok(Restored {
            publishers: vec![(MINISTRY.to_owned(), set)],
            catalog,
            blobs: Some(blobs),
            unnamed,
            records: host.carrier.digest(),
            ..Restored::default()
        })
    }

    /// Everything that is not on the disk is lost.
    pub(super) fn power_off(&mut self, at: HostIx) {
        if self.hosts[at as usize].mesh.is_none() {
            return;
        }
        let place = self.hosts[at as usize].place;
        self.stop(at);
        let host = &mut self.hosts[at as usize];
        host.mesh = None;
        host.writing = None;
        host.flights.clear();
        host.untold.clear();
        host.small.clear();
        host.place = place;
        if self.plants(Plant::DropRecord)
            && let Some(ix) = self.hosts[at as usize].saved.first().copied()
        {
            self.hosts[at as usize].carrier.lose(&self.book, ix);
        }
    }

    /// Out of reach of everybody, still running or about to stop.
    fn stop(&mut self, at: HostIx) {
        self.unlink_all(at);
        let was_up = self.hosts[at as usize].line_up;
        self.line_down(at);
        self.hosts[at as usize].line_up = was_up;
        self.leave(at);
        let host = &mut self.hosts[at as usize];
        host.awake = false;
        host.alarm = None;
        host.waiting.clear();
    }

    fn sleep(&mut self, at: HostIx) {
        if self.is_up(at) {
            self.stop(at);
        }
    }

    fn wake(&mut self, at: HostIx, cell: u32) {
        let host = &mut self.hosts[at as usize];
        if host.mesh.is_none() {
            host.place = Some(cell);
            return self.power_on(at);
        }
        host.awake = true;
        self.set_alarm(at);
        self.arrive(at, cell);
    }

    /// The ministry publishes; its own node reads the folder again.
    pub(super) fn publish(&mut self, number: usize) {
        self.history.note(self.now, 0, 36, number as u64);
        self.edition = number;
        let edition = &self.editions.list[number];
        let host = &mut self.hosts[0];
        host.folder = Some(edition.files.clone());
        host.disk.folder_blobs = Some(edition.blobs.clone());
        let folder = FolderId(0);
        self.input_if_up(0, Input::FolderChanged { folder });
    }

    /// Learners' events are sealed and durable before the page says "saved".
    fn save(&mut self, at: HostIx, count: u64) {
        if !self.is_up(at) {
            return;
        }
        let mut saved = Vec::new();
        for _ in 0..count {
            let name = self.hosts[at as usize].chance.below(1_000_000);
            let text = format!("{NAME_MARK}{name} completed a lesson");
            let ix = self.new_record(at, text.as_bytes());
            let host = &mut self.hosts[at as usize];
            host.carrier.add_own(&self.book, ix);
            host.saved.push(ix);
            saved.push(ix);
        }
        self.records_changed(at);
        if self.scenario.records.push {
            self.push_fresh(at, &saved);
        }
    }

    /// A record that nobody can open and that is never acknowledged.
    pub(super) fn junk(&mut self, at: HostIx) {
        let ix = self.new_record(at, b"junk");
        self.book.records[ix as usize].junk = true;
        self.hosts[at as usize].carrier.add_own(&self.book, ix);
    }

    fn new_record(&mut self, at: HostIx, text: &[u8]) -> u32 {
        let log = self.log_of(at);
        let hour = self.hour_at(at);
        let (now, bytes) = (self.now, self.scenario.records.bytes as u32);
        let sequence = self.book.logs[log as usize].records.len() as u64 + 1;
        let own = self.hosts[at as usize].log.as_ref();
        let signer = own.and_then(|own| own.signer.as_ref());
        let item = match (signer, &self.book.secret) {
            (Some(_), _) if self.plants(Plant::Plaintext) => text.to_vec(),
            (Some(signer), Some(secret)) => {
                let to = Recipients {
                    ministry: secret.public(),
                    school: None,
                };
                let seed = seed_of(self.seed, "seal", u64::from(log) << 32 | sequence);
                let mut rng = ChaCha20Rng::from_seed(seed);
                let sealed = seal(text, signer, sequence, hour, &to, &mut rng);
                sealed.expect("a short text fits a record").into_bytes()
            }
            _ => {
                let number = self.book.records.len() as u64;
                [self.seed.to_be_bytes(), number.to_be_bytes()].concat()
            }
        };
        self.counted.push(0);
        self.book.record(log, hour, bytes, now, item)
    }

    /// A log lives one week.
    fn log_of(&mut self, at: HostIx) -> LogIx {
        let week = self.now / (7 * DAY);
        let host = &self.hosts[at as usize];
        if let Some(own) = host.log.as_ref().filter(|own| own.week == week) {
            return own.ix;
        }
        let seed = seed_of(self.seed, &host.name, 1 << 40 | week);
        let signer = self.book.secret.is_some().then(|| {
            let device = SigningKey::from_bytes(&seed_of(self.seed, &host.name, 1 << 41));
            LogSigner::new(&device, &seed)
        });
        let key = signer.as_ref().map_or(seed, |signer| signer.log_key().0);
        let ix = self.book.log(key, at);
        self.hosts[at as usize].log = Some(OwnLog { ix, week, signer });
        ix
    }

    fn damage(&mut self, at: HostIx) {
        let host = &mut self.hosts[at as usize];
        let files: Vec<u32> = host.disk.whole().collect();
        if files.is_empty() || host.mesh.is_none() {
            return;
        }
        let ix = files[host.chance.below(files.len() as u64) as usize];
        let (hash, length) = self.editions.blobs[ix as usize];
        let groups = length.div_ceil(DAMAGED);
        let start = host.chance.below(groups) * DAMAGED;
        host.disk
            .damage(ix, length, start..(start + DAMAGED).min(length));
        let held = host.disk.held(ix);
        self.input(at, Input::BlobDamaged { hash, held });
    }
}

/// The timetable of one day.
impl World {
    fn plan_day(&mut self, at: HostIx) {
        let kind = self.hosts[at as usize].kind;
        let day = self.now / DAY;
        let school_day = day % 7 < 5;
        self.expire(at);
        match kind {
            Kind::School => self.plan_school(at),
            Kind::Home if !self.scenario.home.stays => self.plan_home(at, school_day),
            _ => {}
        }
        if school_day && matches!(kind, Kind::School | Kind::Home) {
            self.plan_records(at);
        }
        if self.now < self.calm_from() {
            self.plan_faults(at);
        }
        self.later(DAY, Event::Act(at, Act::Day));
    }

    /// What was carried for others for too long goes.
    fn expire(&mut self, at: HostIx) {
        let hour = (self.now / HOUR) as u32;
        let carry_hours = (self.scenario.records.carry_days * 24) as u32;
        let carrier = &mut self.hosts[at as usize].carrier;
        let old = carrier.expire(&self.book, hour, carry_hours);
        if !old.is_empty() && self.is_up(at) {
            self.records_changed(at);
        }
    }

    fn plan_school(&mut self, at: HostIx) {
        let [from, until] = self.scenario.school.wan_hours;
        let always = until - from >= 24;
        if self.hosts[at as usize].line.is_some() && !always {
            let late = self.hosts[at as usize].chance.below(10 * MINUTE);
            self.at_hour(at, from * HOUR + late, Act::LineUp);
            self.at_hour(at, until * HOUR + late, Act::LineDown);
        } else if self.hosts[at as usize].line.is_some() && !self.hosts[at as usize].line_up {
            self.at_hour(at, SECOND, Act::LineUp);
        }
        if let Some([_, until]) = self.scenario.faults.no_wan_days
            && self.now / DAY < until
        {
            self.line_down(at);
        }
        let [off, on] = self.scenario.faults.cut_hours;
        if off < on && self.now < self.calm_from() {
            self.at_hour(at, off * HOUR, Act::PowerOff);
            self.at_hour(at, on * HOUR, Act::PowerOn);
        }
    }

    fn plan_home(&mut self, at: HostIx, school_day: bool) {
        let home = &self.scenario.home;
        let (at_school, at_home) = (home.school_minutes * MINUTE, home.home_minutes * MINUTE);
        let host = &mut self.hosts[at as usize];
        if school_day && host.carried && at_school > 0 {
            let room = (SCHOOL[1] - SCHOOL[0]).saturating_sub(at_school).max(1);
            let arrives = SCHOOL[0] + host.chance.below(room);
            let cell = host.school_cell.or(host.home_cell);
            if let Some(cell) = cell {
                self.at_hour(at, arrives, Act::Wake(cell));
                self.at_hour(at, arrives + at_school, Act::Sleep);
            }
        }
        let host = &mut self.hosts[at as usize];
        if let Some(cell) = host.home_cell.filter(|_| at_home > 0) {
            let comes = 15 * HOUR + host.chance.below(3 * HOUR);
            host.evening = Some([comes, comes + at_home]);
            self.at_hour(at, comes, Act::Wake(cell));
            self.at_hour(at, comes + at_home, Act::Sleep);
        }
    }

    /// Learners' records, spread over the hours in which the device is in use.
    fn plan_records(&mut self, at: HostIx) {
        let a_day = u64::from(self.scenario.records.a_day_per_mille);
        let host = &mut self.hosts[at as usize];
        let whole = host.learners * a_day / 1_000;
        let rest = (host.learners * a_day % 1_000) as u32;
        let count = whole + u64::from(host.chance.happens(rest));
        let stays = host.kind == Kind::School || self.scenario.home.stays;
        let together = self.scenario.records.together.max(1);
        for first in (0..count).step_by(together as usize) {
            let host = &mut self.hosts[at as usize];
            let when = match stays {
                _ if self.scenario.hours > 0 => host.chance.below(self.end / 2),
                true => host.chance.between(SCHOOL[0], SCHOOL[1]),
                false => match host.evening {
                    Some([from, until]) => host.chance.between(from + MINUTE, until),
                    None => continue,
                },
            };
            self.at_hour(at, when, Act::Save(together.min(count - first)));
        }
    }

    fn plan_faults(&mut self, at: HostIx) {
        let faults = self.scenario.faults.clone();
        let kind = self.hosts[at as usize].kind;
        if kind == Kind::School {
            let cuts = self.times_today(at, faults.cuts_a_week);
            for when in cuts {
                let lasts = self.lasts(at, faults.cut_minutes);
                self.at_hour(at, when, Act::PowerOff);
                self.at_hour(at, when + lasts, Act::PowerOn);
            }
            let outages = self.times_today(at, faults.outages_a_week);
            for when in outages {
                let lasts = self.lasts(at, faults.outage_minutes);
                self.at_hour(at, when, Act::LineDown);
                self.at_hour(at, when + lasts, Act::LineUp);
            }
        }
        if matches!(kind, Kind::School | Kind::Home) {
            for when in self.times_today(at, faults.damage_a_week) {
                self.at_hour(at, when, Act::Damage);
            }
        }
    }

    /// Times of something that happens so often a week.
    fn times_today(&mut self, at: HostIx, a_week: u64) -> Vec<Micros> {
        let mut times = Vec::new();
        if a_week == 0 {
            return times;
        }
        let host = &mut self.hosts[at as usize];
        let mut when = host.chance.wait(7 * DAY / a_week);
        while when < DAY {
            times.push(when);
            when += host.chance.wait(7 * DAY / a_week).max(MINUTE);
        }
        times
    }

    fn lasts(&mut self, at: HostIx, minutes: u64) -> Micros {
        let host = &mut self.hosts[at as usize];
        host.chance
            .wait(minutes.max(1) * MINUTE)
            .clamp(SECOND, 2 * DAY)
    }

    fn at_hour(&mut self, at: HostIx, time: Micros, act: Act) {
        self.later(time, Event::Act(at, act));
    }
}

fn act_number(act: Act) -> u64 {
    match act {
        Act::Day => 1,
        Act::PowerOn => 2,
        Act::PowerOff => 3,
        Act::Sleep => 4,
        Act::Wake(cell) => 5 | u64::from(cell) << 8,
        Act::LineUp => 6,
        Act::LineDown => 7,
        Act::Save(count) => 8 | count << 8,
        Act::Clock(_) => 9,
        Act::Flood => 10,
        Act::Room(bytes) => 11 | bytes << 8,
        Act::Damage => 12,
        Act::Stolen => 13,
    }
}
