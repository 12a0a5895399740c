//! What waits for each sink: durable queues, one for each, in the collector's own file.
//!
//! An item leaves its queue in the transaction that notes that the sink holds it, so a crash at any point
//! only repeats items, which every sink recognises. A sink that was once given keeps its queue until someone
//! says that it is to be forgotten.

use redb::{ReadableTable, Table, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::{CollectError, delta::Delta, sinks::Feed, state::State};

/// Sink name -> [`SinkRow`].
const SINKS: TableDefinition<'_, &str, (u32, u8, u64, u64)> = TableDefinition::new("sinks");
/// (sink, running number) -> item.
const QUEUE: TableDefinition<'_, (u32, u64), &[u8]> = TableDefinition::new("queue");
/// (sink, running number) -> [`Refused`] as CBOR.
const REFUSED: TableDefinition<'_, (u32, u64), &[u8]> = TableDefinition::new("refused");

/// An item that a sink refuses for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The sink's name.
    pub sink: String,
    /// Why, in the sink's words.
    pub reason: String,
    /// The item as it was offered.
    #[serde(with = "hex::serde")]
    pub item: Vec<u8>,
}

impl Refused {
    /// The item for people: a statement as it is, a change without names.
    pub fn shown(&self) -> String {
        match Delta::parse(&self.item) {
            Some(delta) => format!("{delta:?}"),
            None => String::from_utf8_lossy(&self.item).into_owned(),
        }
    }
}

/// A sink as the collector's file knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SinkRow {
    pub(super) id: u32,
    pub(super) feed: Feed,
    /// Number of the next item.
    pub(super) next: u64,
    /// What the sink made of how far it got.
    pub(super) mark: u64,
}

/// Items of one sink, oldest first.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) items: Vec<Vec<u8>>,
    /// Their numbers; what was erased leaves gaps.
    pub(super) numbers: Vec<u64>,
    /// Before this number nothing waits but these items.
    pub(super) head: u64,
    /// The sink's mark.
    pub(super) mark: u64,
}

/// The queues within one transaction.
pub(super) struct Queues<'txn> {
    table: Table<'txn, &'static str, (u32, u8, u64, u64)>,
    queue: Table<'txn, (u32, u64), &'static [u8]>,
    refused: Table<'txn, (u32, u64), &'static [u8]>,
    rows: Vec<(String, SinkRow)>,
}

impl<'txn> Queues<'txn> {
    pub(super) fn open(txn: &'txn WriteTransaction) -> Result<Self, redb::Error> {
        let table = txn.open_table(SINKS)?;
        let rows = rows(&table)?;
        Ok(Self {
            table,
            queue: txn.open_table(QUEUE)?,
            refused: txn.open_table(REFUSED)?,
            rows,
        })
    }

    /// Whether any sink is fed like this.
    pub(super) fn feeds(&self, feed: Feed) -> bool {
        self.rows.iter().any(|(_, row)| row.feed == feed)
    }

    /// For each sink the number that its next item gets.
    pub(super) fn heads(&self) -> impl Iterator<Item = (u32, u64)> {
        self.rows.iter().map(|(_, row)| (row.id, row.next))
    }

    /// Puts an item at the end of the queue of every sink that is fed like this.
    pub(super) fn push(&mut self, feed: Feed, item: &[u8]) -> Result<(), redb::Error> {
        for (_, row) in self.rows.iter_mut().filter(|(_, row)| row.feed == feed) {
            self.queue.insert((row.id, row.next), item)?;
            row.next += 1;
        }
        Ok(())
    }

    /// Puts an item at the end of one sink's queue.
    pub(super) fn push_to(&mut self, id: u32, item: &[u8]) -> Result<(), redb::Error> {
        for (_, row) in self.rows.iter_mut().filter(|(_, row)| row.id == id) {
            self.queue.insert((row.id, row.next), item)?;
            row.next += 1;
        }
        Ok(())
    }

    /// Writes what changed of the sinks' rows; to be called before the commit.
    pub(super) fn finish(mut self) -> Result<(), redb::Error> {
        for (name, row) in &self.rows {
            let cells = (row.id, row.feed.code(), row.next, row.mark);
            self.table.insert(name.as_str(), cells)?;
        }
        Ok(())
    }

    /// The sink's row, and whether it was made now.
    pub(super) fn register(&mut self, name: &str, feed: Feed) -> (SinkRow, bool) {
        if let Some((_, row)) = self.rows.iter().find(|(held, _)| held == name) {
            return (*row, false);
        }
        let ids = self.rows.iter().map(|(_, row)| row.id);
        let row = SinkRow {
            id: ids.max().map_or(0, |id| id + 1),
            feed,
            next: 0,
            mark: 0,
        };
        self.rows.push((name.to_owned(), row));
        (row, true)
    }

    fn forget(&mut self, name: &str) -> Result<bool, redb::Error> {
        let Some(at) = self.rows.iter().position(|(held, _)| held == name) else {
            return Ok(false);
        };
        let (_, row) = self.rows.remove(at);
        self.table.remove(name)?;
        let all = (row.id, 0)..=(row.id, u64::MAX);
        self.queue.retain_in(all.clone(), |_, _| false)?;
        self.refused.retain_in(all, |_, _| false)?;
        Ok(true)
    }

    fn sent(&mut self, id: u32, head: u64, mark: u64) -> Result<(), redb::Error> {
        self.queue.retain_in((id, 0)..(id, head), |_, _| false)?;
        for (_, row) in self.rows.iter_mut().filter(|(_, row)| row.id == id) {
            row.mark = mark;
        }
        Ok(())
    }

    fn set_aside(&mut self, id: u32, at: u64, reason: &str) -> Result<(), redb::Error> {
        let name = self.rows.iter().find(|(_, row)| row.id == id);
        let Some((sink, _)) = name else { return Ok(()) };
        let Some(item) = self.queue.get((id, at))?.map(|item| item.value().to_vec()) else {
            return Ok(());
        };
        let refused = Refused {
            sink: sink.clone(),
            reason: reason.to_owned(),
            item,
        };
        let mut bytes = Vec::new();
        ciborium::into_writer(&refused, &mut bytes).expect("a vector takes all bytes");
        self.refused.insert((id, at), bytes.as_slice())?;
        Ok(())
    }

    /// Drops what waits for sinks or was refused by them and is about somebody who is forgotten.
    pub(super) fn drop_about(&mut self, gone: impl Fn(&[u8]) -> bool) -> Result<(), redb::Error> {
        self.queue.retain(|_, item| !gone(item))?;
        let mut refused = Vec::new();
        for row in self.refused.iter()? {
            let (key, value) = row?;
            if gone(&decode(value.value())?.item) {
                refused.push(key.value());
            }
        }
        for key in refused {
            self.refused.remove(key)?;
        }
        Ok(())
    }

    /// How many items that wait for sinks are about somebody, and how many that were refused.
    pub(super) fn count_about(
        &self,
        about: impl Fn(&[u8]) -> bool,
    ) -> Result<(usize, usize), redb::Error> {
        let (mut waiting, mut refused) = (0, 0);
        for row in self.queue.iter()? {
            waiting += usize::from(about(row?.1.value()));
        }
        for row in self.refused.iter()? {
            refused += usize::from(about(&decode(row?.1.value())?.item));
        }
        Ok((waiting, refused))
    }

    /// Puts refused statements back into their queues.
    fn retry(&mut self) -> Result<usize, redb::Error> {
        let mut again = Vec::new();
        for row in self.refused.iter()? {
            let (key, value) = row?;
            again.push((key.value(), decode(value.value())?));
        }
        for ((id, at), refused) in &again {
            let Refused { item, .. } = refused;
            self.push_to(*id, item)?;
            self.refused.remove((*id, *at))?;
        }
        Ok(again.len())
    }
}

impl State {
    /// The oldest items that wait for a sink, at most `max_items` and about `max_bytes`, at least one if any.
    pub(super) fn waiting(
        &self,
        sink: &str,
        max_items: usize,
        max_bytes: usize,
    ) -> Result<Waiting, CollectError> {
        self.read(|txn| {
            let Some(row) = txn.open_table(SINKS)?.get(sink)?.map(|row| row.value()) else {
                return Ok(Waiting::default());
            };
            let (id, _, next, mark) = row;
            let mut waiting = Waiting {
                mark,
                head: next,
                ..Waiting::default()
            };
            let mut bytes = 0;
            let queue = txn.open_table(QUEUE)?;
            for item in queue.range((id, 0)..=(id, u64::MAX))?.take(max_items) {
                let (key, value) = item?;
                bytes += value.value().len();
                if bytes > max_bytes && !waiting.items.is_empty() {
                    break;
                }
                waiting.numbers.push(key.value().1);
                waiting.items.push(value.value().to_vec());
            }
            if let Some(last) = waiting.numbers.last() {
                waiting.head = last + 1;
            }
            Ok(waiting)
        })
    }

    /// How many items wait for a sink, and the number before which it holds all.
    pub(super) fn backlog(&self, sink: &str) -> Result<(u64, u64), CollectError> {
        self.read(|txn| {
            let Some(row) = txn.open_table(SINKS)?.get(sink)?.map(|row| row.value()) else {
                return Ok((0, 0));
            };
            let (id, _, next, _) = row;
            let queue = txn.open_table(QUEUE)?;
            let first = match queue.range((id, 0)..=(id, u64::MAX))?.next() {
                Some(item) => item?.0.value().1,
                None => next,
            };
            Ok((next - first, first))
        })
    }

    /// The sink durably holds, or refused for good, all items before `head`.
    pub(super) fn sent(
        &self,
        id: u32,
        head: u64,
        mark: u64,
        refused: &[(u64, String)],
    ) -> Result<(), CollectError> {
        self.write(|tables| {
            for (at, reason) in refused {
                tables.queues.set_aside(id, *at, reason)?;
            }
            tables.queues.sent(id, head, mark)
        })
    }

    /// Names of all sinks that were ever given and not forgotten.
    pub(super) fn sinks(&self) -> Result<Vec<String>, CollectError> {
        self.read(|txn| {
            let table = txn.open_table(SINKS)?;
            Ok(rows(&table)?.into_iter().map(|(name, _)| name).collect())
        })
    }

    /// Drops a sink with all that waits for it; `false` when there is none of this name.
    pub(super) fn forget(&self, sink: &str) -> Result<bool, CollectError> {
        self.write(|tables| tables.queues.forget(sink))
    }

    /// What sinks refused for good.
    pub(super) fn refused(&self) -> Result<Vec<Refused>, CollectError> {
        self.read(|txn| {
            let table = txn.open_table(REFUSED)?;
            let rows = table.iter()?;
            rows.map(|row| decode(row?.1.value())).collect()
        })
    }

    /// Offers all refused items again; returns how many.
    pub(super) fn retry_refused(&self) -> Result<usize, CollectError> {
        self.write(|tables| tables.queues.retry())
    }
}

fn rows(
    table: &impl ReadableTable<&'static str, (u32, u8, u64, u64)>,
) -> Result<Vec<(String, SinkRow)>, redb::Error> {
    let mut rows = Vec::new();
    for row in table.iter()? {
        let (name, cells) = row?;
        let (id, feed, next, mark) = cells.value();
        let feed = Feed::of_code(feed)
            .ok_or_else(|| redb::Error::Corrupted("a sink of an unknown kind".into()))?;
        let row = SinkRow {
            id,
            feed,
            next,
            mark,
        };
        rows.push((name.value().to_owned(), row));
    }
    Ok(rows)
}

fn decode(bytes: &[u8]) -> Result<Refused, redb::Error> {
    ciborium::from_reader(bytes)
        .map_err(|error| redb::Error::Corrupted(format!("a refused item does not parse: {error}")))
}
