//! The table as Apache Parquet: plain columns without compression, in groups of rows.
//!
//! Written by hand because the usual crate brings a tree of others for what is one page of format here. Source:
//! apache/parquet-format, README.md and parquet.thrift (format 2.10): the field numbers below are from there.

use std::io::{self, Write};

use super::{
    Row, RowWriter,
    thrift::{Kind, Struct, binary, element, varint},
};

/// Rows held in memory until a group is written: about 10 MB.
const GROUP_ROWS: usize = 50_000;
const MAGIC: &[u8] = b"PAR1";
/// Codes of parquet.thrift: `PLAIN` and `RLE` of Encoding.
const PLAIN: i32 = 0;
const RLE: i32 = 3;

/// Physical types and what they mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Boolean,
    Int32,
    Int64,
    Text,
    /// Milliseconds since 1970 in UTC.
    Time,
}

impl Type {
    /// `Type` of parquet.thrift.
    fn physical(self) -> i32 {
        match self {
            Self::Boolean => 0,
            Self::Int32 => 1,
            Self::Int64 | Self::Time => 2,
            Self::Text => 6,
        }
    }
}

/// One value; `None` of an optional column is no value at all.
enum Cell<'r> {
    Boolean(bool),
    Int32(i32),
    Int64(i64),
    Text(&'r str),
    None,
}

struct Column {
    name: &'static str,
    kind: Type,
    optional: bool,
    cell: for<'r> fn(&'r Row) -> Cell<'r>,
}

const fn column(name: &'static str, kind: Type, cell: for<'r> fn(&'r Row) -> Cell<'r>) -> Column {
    Column {
        name,
        kind,
        optional: false,
        cell,
    }
}

const fn optional(name: &'static str, kind: Type, cell: for<'r> fn(&'r Row) -> Cell<'r>) -> Column {
    Column {
        name,
        kind,
        optional: true,
        cell,
    }
}

/// The columns; docs/src/start/collecting.md explains them.
const COLUMNS: [Column; 13] = [
    column("learner", Type::Text, |row| Cell::Text(&row.learner)),
    column("name", Type::Text, |row| Cell::Text(&row.name)),
    column("lesson", Type::Text, |row| Cell::Text(&row.lesson)),
    column("title", Type::Text, |row| Cell::Text(&row.title)),
    column("subject", Type::Text, |row| Cell::Text(&row.subject)),
    optional("grade", Type::Int32, |row| match row.grade {
        Some(grade) => Cell::Int32(i32::from(grade)),
        None => Cell::None,
    }),
    column("progress_permille", Type::Int32, |row| {
        Cell::Int32(row.progress_permille.cast_signed())
    }),
    column("played_ms", Type::Int64, |row| {
        Cell::Int64(row.played_ms.cast_signed())
    }),
    column("duration_ms", Type::Int64, |row| {
        Cell::Int64(i64::from(row.duration_ms))
    }),
    column("completed", Type::Boolean, |row| {
        Cell::Boolean(row.completed)
    }),
    column("attempts", Type::Int32, |row| {
        Cell::Int32(row.attempts.cast_signed())
    }),
    column("best_results", Type::Text, |row| {
        Cell::Text(&row.best_results)
    }),
    optional("last_worked", Type::Time, |row| match row.last_worked {
        0 => Cell::None,
        seconds => Cell::Int64(seconds * 1000),
    }),
];

pub(super) struct ParquetRows<W: Write> {
    out: W,
    /// Bytes written.
    at: i64,
    rows: Vec<Row>,
    total: i64,
    /// Written `RowGroup` structs.
    groups: Vec<Vec<u8>>,
}

impl<W: Write> ParquetRows<W> {
    pub(super) fn begin(out: W) -> io::Result<Self> {
        let mut file = Self {
            out,
            at: 0,
            rows: Vec::new(),
            total: 0,
            groups: Vec::new(),
        };
        file.put(MAGIC)?;
        Ok(file)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.at += length(bytes);
        Ok(())
    }

    fn write_group(&mut self) -> io::Result<()> {
        let rows = std::mem::take(&mut self.rows);
        let begin = self.at;
        let mut chunks = Vec::with_capacity(COLUMNS.len());
        for column in &COLUMNS {
            chunks.push(self.write_chunk(column, &rows)?);
        }
        let count = i64::try_from(rows.len()).expect("a group has few rows");
        let group = Struct::default()
            .list(1, Kind::Struct, &chunks)
            .i64(2, self.at - begin)
            .i64(3, count);
        self.groups.push(group.end());
        self.total += count;
        Ok(())
    }

    /// One page with all values of a column; returns its `ColumnChunk`.
    fn write_chunk(&mut self, column: &Column, rows: &[Row]) -> io::Result<Vec<u8>> {
        let page = page(column, rows);
        let (values, bytes) = (rows.len() as i32, page.len() as i32);
        let data = Struct::default()
            .i32(1, values)
            .i32(2, PLAIN)
            .i32(3, RLE)
            .i32(4, RLE);
        let header = Struct::default()
            .i32(1, 0)
            .i32(2, bytes)
            .i32(3, bytes)
            .child(5, data)
            .end();
        let begin = self.at;
        self.put(&header)?;
        self.put(&page)?;
        let meta = Struct::default()
            .i32(1, column.kind.physical())
            .list(2, Kind::I32, &[element(PLAIN), element(RLE)])
            .list(3, Kind::Binary, &[binary(column.name)])
            .i32(4, 0)
            .i64(5, i64::from(values))
            .i64(6, self.at - begin)
            .i64(7, self.at - begin)
            .i64(9, begin);
        Ok(Struct::default().i64(2, begin).child(3, meta).end())
    }
}

impl<W: Write> RowWriter for ParquetRows<W> {
    fn row(&mut self, row: Row) -> io::Result<()> {
        self.rows.push(row);
        match self.rows.len() >= GROUP_ROWS {
            true => self.write_group(),
            false => Ok(()),
        }
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        if !self.rows.is_empty() {
            self.write_group()?;
        }
        let footer = Struct::default()
            .i32(1, 2)
            .list(2, Kind::Struct, &schema())
            .i64(3, self.total)
            .list(4, Kind::Struct, &self.groups)
            .text(6, concat!("pishtar ", env!("CARGO_PKG_VERSION")))
            .end();
        self.put(&footer)?;
        let length = u32::try_from(footer.len()).map_err(io::Error::other)?;
        self.put(&length.to_le_bytes())?;
        self.put(MAGIC)?;
        self.out.flush()
    }
}

/// The `SchemaElement`s: the root, then each column.
fn schema() -> Vec<Vec<u8>> {
    let root = Struct::default()
        .text(4, "progress")
        .i32(5, COLUMNS.len() as i32);
    let columns = COLUMNS.iter().map(|column| {
        let element = Struct::default()
            .i32(1, column.kind.physical())
            .i32(3, i32::from(column.optional))
            .text(4, column.name);
        // The converted type for older readers, the logical type for newer ones.
        let element = match column.kind {
            Type::Text => {
                let logical = Struct::default().child(1, Struct::default());
                element.i32(6, 0).child(10, logical)
            }
            Type::Time => {
                let millis = Struct::default().child(1, Struct::default());
                let time = Struct::default().boolean(1, true).child(2, millis);
                element
                    .i32(6, 9)
                    .child(10, Struct::default().child(8, time))
            }
            _ => element,
        };
        element.end()
    });
    std::iter::once(root.end()).chain(columns).collect()
}

/// The body of a data page, version 1: which values are there, for an optional column, then the values.
fn page(column: &Column, rows: &[Row]) -> Vec<u8> {
    let mut page = Vec::new();
    if column.optional {
        let there: Vec<bool> = rows
            .iter()
            .map(|row| !matches!((column.cell)(row), Cell::None))
            .collect();
        let mut levels = Vec::new();
        // One bit-packed run of groups of eight.
        varint(&mut levels, (there.len().div_ceil(8) as u64) << 1 | 1);
        levels.extend(packed(&there));
        page.extend_from_slice(&(levels.len() as u32).to_le_bytes());
        page.extend(levels);
    }
    let mut bits = Vec::new();
    for row in rows {
        match (column.cell)(row) {
            Cell::Boolean(value) => bits.push(value),
            Cell::Int32(value) => page.extend_from_slice(&value.to_le_bytes()),
            Cell::Int64(value) => page.extend_from_slice(&value.to_le_bytes()),
            Cell::Text(text) => {
                page.extend_from_slice(&(text.len() as u32).to_le_bytes());
                page.extend_from_slice(text.as_bytes());
            }
            Cell::None => {}
        }
    }
    page.extend(packed(&bits));
    page
}

/// Eight to a byte, the first in the lowest bit.
fn packed(bits: &[bool]) -> impl Iterator<Item = u8> {
    bits.chunks(8).map(|eight| {
        eight
            .iter()
            .enumerate()
            .fold(0, |byte, (at, bit)| byte | u8::from(*bit) << at)
    })
}

fn length(bytes: &[u8]) -> i64 {
    i64::try_from(bytes.len()).expect("memory holds less than 2^63 bytes")
}
