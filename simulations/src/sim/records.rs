//! What carriers hold: records and acknowledgements, under the rules of the program's record store.
//!
//! A record is interned once for a run; carriers hold numbers. Its bytes are either really sealed, or a stand-in that the
//! run counts with the length of a sealed one.

use std::collections::{BTreeMap, HashMap};

use pishtar_mesh::records::{Entry, SetDigest, SetKind, Snapshot, Stored};
use pishtar_signing::{
    ack::Ack,
    record::{CollectionSecret, LogKey, Record},
};

/// Number of a record in a run.
pub type RecIx = u32;
/// Number of a log in a run.
pub type LogIx = u32;

/// The source of own records.
const OWN: u32 = u32::MAX;

/// One record.
#[derive(Debug, Clone)]
pub struct Rec {
    /// BLAKE3 of its bytes.
    pub id: [u8; 32],
    /// Its log.
    pub log: LogIx,
    /// Position in the log, from 1.
    pub sequence: u32,
    /// Hour by the device's clock.
    pub hour: u32,
    /// Length that is counted.
    pub bytes: u32,
    /// When it was saved, in microseconds.
    pub saved: u64,
    /// When the collector counted it.
    pub counted: Option<u64>,
    /// Nobody can open it: an adversary's.
    pub junk: bool,
    /// Its log key's signature was checked.
    verified: bool,
    /// The sealed bytes, or the stand-in's.
    pub item: Box<[u8]>,
}

/// One log of one device.
#[derive(Debug, Clone)]
pub struct Log {
    /// Public key, or the stand-in's.
    pub key: [u8; 32],
    /// The device.
    pub host: u32,
    /// Its records by sequence.
    pub records: Vec<RecIx>,
    /// The collector holds everything up to this sequence.
    pub collected: u32,
}

/// The id and the bytes of a signed acknowledgement.
type Item = ([u8; 32], Box<[u8]>);

/// Every record and log of a run.
#[derive(Debug, Default)]
pub struct Book {
    /// Records by number.
    pub records: Vec<Rec>,
    /// Logs by number.
    pub logs: Vec<Log>,
    by_id: HashMap<[u8; 32], RecIx>,
    by_key: HashMap<[u8; 32], LogIx>,
    /// Acknowledgements that the collector signed: their ids and bytes, and the way back from the id.
    signed: HashMap<(LogIx, HeldAck), Item>,
    signed_ids: HashMap<[u8; 32], (LogIx, HeldAck)>,
    /// The collector's key, where records are really sealed.
    pub secret: Option<CollectionSecret>,
}

/// An acknowledgement as carriers hold it: everything of a log up to a sequence, by the collector's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeldAck {
    /// Sequence.
    pub up_to: u32,
    /// Hours since 1970.
    pub hour: u32,
}

/// Why a carrier no longer holds a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// The collector has it.
    Acknowledged,
    /// Others had more right to the room.
    OverQuota,
    /// Carried for too long.
    Old,
}

impl Book {
    /// A new log of a device.
    pub fn log(&mut self, key: [u8; 32], host: u32) -> LogIx {
        let ix = self.logs.len() as LogIx;
        self.logs.push(Log {
            key,
            host,
            records: Vec::new(),
            collected: 0,
        });
        self.by_key.insert(key, ix);
        ix
    }

    /// A new record, the next of its log.
    pub fn record(
        &mut self,
        log: LogIx,
        hour: u32,
        bytes: u32,
        saved: u64,
        item: Vec<u8>,
    ) -> RecIx {
        let ix = self.records.len() as RecIx;
        let of = &mut self.logs[log as usize];
        of.records.push(ix);
        let id = *blake3::hash(&item).as_bytes();
        self.by_id.insert(id, ix);
        self.records.push(Rec {
            id,
            log,
            sequence: of.records.len() as u32,
            hour,
            bytes,
            saved,
            counted: None,
            junk: false,
            verified: false,
            item: item.into(),
        });
        ix
    }

    /// A record by its id.
    pub fn find(&self, id: &[u8; 32]) -> Option<RecIx> {
        self.by_id.get(id).copied()
    }

    /// The collector signs an acknowledgement.
    pub fn sign(&mut self, log: LogIx, ack: HeldAck) {
        let item = self.ack_bytes(log, ack);
        let id = *blake3::hash(&item).as_bytes();
        self.signed_ids.insert(id, (log, ack));
        self.signed.insert((log, ack), (id, item.into()));
    }

    /// The id and the bytes of an acknowledgement.
    fn ack_item(&self, log: LogIx, ack: HeldAck) -> ([u8; 32], Vec<u8>) {
        match self.signed.get(&(log, ack)) {
            Some((id, item)) => (*id, item.to_vec()),
            None => {
                let item = self.ack_bytes(log, ack);
                (*blake3::hash(&item).as_bytes(), item)
            }
        }
    }

    fn ack_bytes(&self, log: LogIx, ack: HeldAck) -> Vec<u8> {
        match &self.secret {
            Some(secret) => {
                let key = LogKey(self.logs[log as usize].key);
                let signed = secret.acknowledge(ack.hour, key, u64::from(ack.up_to));
                signed.to_bytes().to_vec()
            }
            None => [log, ack.up_to, ack.hour]
                .iter()
                .flat_map(|number| number.to_be_bytes())
                .collect(),
        }
    }

    /// Reads a record's bytes as a node does; `None` for what is malformed or forged. Each record is verified once: the
    /// same bytes verify again.
    fn parse_record(&mut self, item: &[u8]) -> Option<RecIx> {
        let ix = self.find(blake3::hash(item).as_bytes())?;
        if self.secret.is_some() && !self.records[ix as usize].verified {
            Record::parse(item.to_vec()).ok()?;
            self.records[ix as usize].verified = true;
        }
        Some(ix)
    }

    fn parse_ack(&self, item: &[u8]) -> Option<(LogIx, HeldAck)> {
        if let Some(known) = self.signed_ids.get(blake3::hash(item).as_bytes()) {
            return Some(*known);
        }
        let (log, up_to, hour) = match &self.secret {
            Some(secret) => {
                let ack = Ack::parse(item).ok()?;
                ack.verify(&secret.public().ack).ok()?;
                let log = *self.by_key.get(&ack.log_key.0)?;
                (log, u32::try_from(ack.up_to).ok()?, ack.hour)
            }
            None => {
                let number = |at: usize| {
                    let bytes = item.get(at..at + 4)?.try_into().ok()?;
                    Some(u32::from_be_bytes(bytes))
                };
                (number(0)?, number(4)?, number(8)?)
            }
        };
        ((log as usize) < self.logs.len()).then_some((log, HeldAck { up_to, hour }))
    }

    /// The collector takes a record; the new end of what it has of the log, when that moved. `None` for one that it had.
    pub fn collect(&mut self, ix: RecIx, now: u64) -> Option<Option<u32>> {
        let record = &mut self.records[ix as usize];
        if record.counted.is_some() {
            return None;
        }
        record.counted = Some(now);
        let log = &mut self.logs[record.log as usize];
        let before = log.collected;
        while let Some(next) = log.records.get(log.collected as usize)
            && self.records[*next as usize].counted.is_some()
        {
            log.collected += 1;
        }
        Some((log.collected > before).then_some(log.collected))
    }
}

/// How many records a carrier holds, and a digest of all that it holds.
pub type CarrierDigest = (u64, [u8; 32]);

/// What one node holds.
#[derive(Debug, Clone, Default)]
pub struct Carrier {
    /// Records by number, with whom they came from and the hour of their arrival.
    held: BTreeMap<RecIx, (u32, u32)>,
    usage: BTreeMap<u32, u64>,
    acks: BTreeMap<LogIx, HeldAck>,
    /// Logs in the order in which their acknowledgements changed.
    changes: Vec<LogIx>,
    /// Records dropped for their age, until that hour.
    dropped: BTreeMap<RecIx, u32>,
    /// Sum over the ids of records, and over acknowledgements.
    sums: [u64; 4],
}

impl Carrier {
    /// Records that are held.
    pub fn records(&self) -> impl Iterator<Item = RecIx> + '_ {
        self.held.keys().copied()
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Holds it nothing?
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Is this record here?
    pub fn holds(&self, ix: RecIx) -> bool {
        self.held.contains_key(&ix)
    }

    /// Up to where a log is acknowledged here.
    pub fn acked(&self, log: LogIx) -> u32 {
        self.acks.get(&log).map_or(0, |ack| ack.up_to)
    }

    /// Acknowledgements that are held.
    pub fn acks(&self) -> impl Iterator<Item = (LogIx, HeldAck)> + '_ {
        self.acks.iter().map(|(log, ack)| (*log, *ack))
    }

    /// How often an acknowledgement changed so far.
    pub fn ack_changes(&self) -> usize {
        self.changes.len()
    }

    /// Acknowledgements that changed after so many changes; some more than once.
    pub fn acks_since(&self, changes: usize) -> impl Iterator<Item = (LogIx, HeldAck)> + '_ {
        let logs = self.changes.iter().skip(changes);
        logs.filter_map(|log| Some((*log, *self.acks.get(log)?)))
    }

    /// Bytes carried for others.
    pub fn carried_bytes(&self) -> u64 {
        self.usage.values().sum()
    }

    /// Count and digest, as the mesh is told.
    pub fn digest(&self) -> CarrierDigest {
        let mut digest = [0; 32];
        for (at, sum) in self.sums.iter().enumerate() {
            digest[at * 8..at * 8 + 8].copy_from_slice(&sum.to_le_bytes());
        }
        (self.held.len() as u64, digest)
    }

    /// A learner's record of this device.
    pub fn add_own(&mut self, book: &Book, ix: RecIx) {
        self.insert(book, ix, OWN, 0);
    }

    /// Loses a record without any reason; for tests of the invariants only.
    pub(super) fn lose(&mut self, book: &Book, ix: RecIx) {
        self.remove(book, ix);
    }

    /// What a peer gave.
    pub fn take(&mut self, book: &Book, ix: RecIx, from: u32, hour: u32, quota: u64) -> Taken {
        let record = &book.records[ix as usize];
        let acked = self.acked(record.log) >= record.sequence;
        if self.held.contains_key(&ix) || acked || self.dropped.contains_key(&ix) {
            return Taken::Known;
        }
        if !self.make_room(book, u64::from(record.bytes), from, quota) {
            return Taken::Refused;
        }
        self.insert(book, ix, from, hour);
        Taken::Kept
    }

    /// An acknowledgement; the records that it freed, or `None` where it is not news.
    pub fn acknowledge(&mut self, book: &Book, log: LogIx, ack: HeldAck) -> Option<Vec<RecIx>> {
        let old = self.acks.get(&log).copied();
        if old.is_some_and(|old| old >= ack) {
            return None;
        }
        if let Some(old) = old {
            self.mix_ack(log, old, false);
        }
        self.acks.insert(log, ack);
        self.changes.push(log);
        self.mix_ack(log, ack, true);
        let from = old.map_or(0, |old| old.up_to) as usize;
        let covered = book.logs[log as usize].records.iter();
        let covered: Vec<RecIx> = covered
            .take(ack.up_to as usize)
            .skip(from.min(ack.up_to as usize))
            .copied()
            .collect();
        let freed = covered.into_iter().filter(|ix| self.remove(book, *ix));
        Some(freed.collect())
    }

    /// Drops what was carried for too long.
    pub fn expire(&mut self, book: &Book, hour: u32, carry_hours: u32) -> Vec<RecIx> {
        self.dropped.retain(|_, until| *until > hour);
        let old = self.held.iter().filter(|(_, (from, arrived))| {
            *from != OWN && arrived.saturating_add(carry_hours) < hour
        });
        let old: Vec<RecIx> = old.map(|(ix, _)| *ix).collect();
        for ix in &old {
            self.remove(book, *ix);
            self.dropped.insert(*ix, hour + carry_hours);
        }
        old
    }

    /// Bytes that it has and another lacks, at most so many records.
    pub fn lacks(&self, book: &Book, other: &Carrier, most: usize) -> (Vec<RecIx>, u64) {
        let given: Vec<RecIx> = self
            .held
            .keys()
            .filter(|ix| {
                let record = &book.records[**ix as usize];
                !other.held.contains_key(ix)
                    && other.acked(record.log) < record.sequence
                    && self.acked(record.log) < record.sequence
            })
            .take(most)
            .copied()
            .collect();
        let bytes = given
            .iter()
            .map(|ix| u64::from(book.records[*ix as usize].bytes));
        let bytes = bytes.sum();
        (given, bytes)
    }

    fn make_room(&mut self, book: &Book, bytes: u64, from: u32, quota: u64) -> bool {
        while self.carried_bytes() + bytes > quota {
            let largest = self.usage.iter().max_by_key(|(_, used)| **used);
            let Some((&largest, &used)) = largest else {
                return false;
            };
            if self.usage.get(&from).copied().unwrap_or(0) + bytes >= used {
                return false;
            }
            let of_largest = self
                .held
                .iter()
                .filter(|(_, (source, _))| *source == largest);
            let newest = of_largest.max_by_key(|(ix, (_, arrived))| (*arrived, **ix));
            let Some((&victim, _)) = newest else {
                return false;
            };
            self.remove(book, victim);
        }
        true
    }

    fn insert(&mut self, book: &Book, ix: RecIx, from: u32, hour: u32) {
        let record = &book.records[ix as usize];
        self.held.insert(ix, (from, hour));
        if from != OWN {
            *self.usage.entry(from).or_default() += u64::from(record.bytes);
        }
        self.mix(&record.id);
    }

    fn remove(&mut self, book: &Book, ix: RecIx) -> bool {
        let Some((from, _)) = self.held.remove(&ix) else {
            return false;
        };
        let record = &book.records[ix as usize];
        if let Some(used) = self.usage.get_mut(&from) {
            *used -= u64::from(record.bytes);
            if *used == 0 {
                self.usage.remove(&from);
            }
        }
        self.mix(&record.id);
        true
    }

    /// Exclusive or: the same set has the same sum, in whatever order it came.
    fn mix(&mut self, id: &[u8; 32]) {
        for (sum, bytes) in self.sums.iter_mut().zip(id.chunks_exact(8)) {
            let bytes = bytes.try_into().expect("chunks of eight bytes");
            *sum ^= u64::from_le_bytes(bytes);
        }
    }

    fn mix_ack(&mut self, log: LogIx, ack: HeldAck, add: bool) {
        let number = (u64::from(log) << 32 | u64::from(ack.up_to)) ^ (u64::from(ack.hour) << 17);
        let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.sums[3] = match add {
            true => self.sums[3].wrapping_add(mixed),
            false => self.sums[3].wrapping_sub(mixed),
        };
    }
}

/// What became of a record that a peer gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is kept.
    Kept,
    /// It was here, is acknowledged, or was dropped before.
    Known,
    /// There is no room.
    Refused,
}

/// The side of a store that the program's exchange sessions see.
impl Carrier {
    /// The set as the protocol compares it.
    pub fn snapshot(&self, book: &Book, kind: SetKind) -> Snapshot {
        let entry = |stamp: u32, id: [u8; 32]| Entry {
            stamp: u64::from(stamp),
            id,
        };
        let records = self.held.keys().map(|ix| &book.records[*ix as usize]);
        Snapshot::new(match kind {
            SetKind::Records => records
                .map(|record| entry(record.hour, record.id))
                .collect(),
            SetKind::Acks => self
                .acks()
                .map(|(log, ack)| entry(ack.hour, book.ack_item(log, ack).0))
                .collect(),
        })
    }

    /// The digest that both sides compare.
    pub fn set_digest(&self, book: &Book, kind: SetKind) -> SetDigest {
        self.snapshot(book, kind).digest()
    }

    /// Items that are still here.
    pub fn load(&self, book: &Book, kind: SetKind, ids: &[[u8; 32]]) -> Vec<Vec<u8>> {
        match kind {
            SetKind::Records => {
                let found = ids.iter().filter_map(|id| book.find(id));
                let here = found.filter(|ix| self.holds(*ix));
                here.map(|ix| book.records[ix as usize].item.to_vec())
                    .collect()
            }
            SetKind::Acks => {
                let all = self.acks().map(|(log, ack)| book.ack_item(log, ack));
                let found = all.filter(|(id, _)| ids.contains(id));
                found.map(|(_, item)| item).collect()
            }
        }
    }

    /// Checks and keeps items; says which records are new and which an acknowledgement freed.
    pub fn store(
        &mut self,
        book: &mut Book,
        (kind, items): (SetKind, &[Vec<u8>]),
        (from, hour, quota): (u32, u32, u64),
    ) -> (Stored, Vec<RecIx>) {
        let (mut stored, mut new) = (Stored::default(), Vec::new());
        for item in items {
            let taken = match kind {
                SetKind::Records => match book.parse_record(item) {
                    Some(ix) => {
                        let taken = self.take(book, ix, from, hour, quota);
                        new.extend((taken == Taken::Kept).then_some(ix));
                        taken
                    }
                    None => Taken::Refused,
                },
                SetKind::Acks => match book.parse_ack(item) {
                    Some((log, ack)) => match self.acknowledge(book, log, ack) {
                        Some(_) => Taken::Kept,
                        None => Taken::Known,
                    },
                    None => Taken::Refused,
                },
            };
            match taken {
                Taken::Kept => stored.accepted += 1,
                Taken::Known => stored.known += 1,
                Taken::Refused => stored.refused += 1,
            }
        }
        (stored, new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(logs: u32, each: u32) -> Book {
        let mut book = Book::default();
        for log in 0..logs {
            let log = book.log([log as u8; 32], log);
            for sequence in 0..each {
                book.record(log, 1, 512, 0, vec![log as u8, sequence as u8]);
            }
        }
        book
    }

    #[test]
    fn a_flood_displaces_only_itself() {
        let book = book(2, 40);
        let mut carrier = Carrier::default();
        let quota = 20 * 512;
        for ix in 40..60 {
            assert_eq!(carrier.take(&book, ix, 9, 1, quota), Taken::Kept);
        }
        assert_eq!(carrier.take(&book, 60, 9, 1, quota), Taken::Refused);
        for ix in 0..5 {
            assert_eq!(carrier.take(&book, ix, 1, 1, quota), Taken::Kept);
        }
        assert_eq!(carrier.carried_bytes(), quota);
        assert!(!carrier.holds(59) && carrier.holds(40));
    }

    #[test]
    fn an_acknowledgement_frees_what_it_covers_and_equal_sets_have_equal_digests() {
        let mut book = book(1, 3);
        let (mut a, mut b) = (Carrier::default(), Carrier::default());
        (0..3).for_each(|ix| a.add_own(&book, ix));
        (0..3).rev().for_each(|ix| {
            b.take(&book, ix, 0, 7, 1 << 20);
        });
        assert_eq!(a.digest(), b.digest());
        assert_eq!(book.collect(1, 5), Some(None), "the first lacks");
        assert_eq!(book.collect(0, 6), Some(Some(2)));
        assert_eq!(book.collect(0, 7), None, "counted once");
        let ack = HeldAck { up_to: 2, hour: 3 };
        assert_eq!(a.acknowledge(&book, 0, ack), Some(vec![0, 1]));
        assert_eq!(a.acknowledge(&book, 0, ack), None);
        assert_ne!(a.digest(), b.digest());
        b.acknowledge(&book, 0, ack);
        assert_eq!((a.digest(), a.len()), (b.digest(), 1));
        assert_eq!(b.take(&book, 0, 0, 7, 1 << 20), Taken::Known);
    }
}
