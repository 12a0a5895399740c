//! Sinks that fail, come later or are left out; tables.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// A sink that can be broken and mended.
struct Fragile(XapiFile, Arc<AtomicBool>);

impl Sink for Fragile {
    fn name(&self) -> String {
        self.0.name()
    }

    fn feed(&self) -> Feed {
        Feed::Statements
    }

    fn write(&mut self, mark: u64, items: &[Vec<u8>]) -> Result<Written, SinkError> {
        if self.1.load(Ordering::SeqCst) {
            self.0.write(mark, &items[..1])?;
            return Err(SinkError::new("no space left"));
        }
        self.0.write(mark, items)
    }
}

#[test]
fn a_sink_that_fails_loses_nothing_and_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let broken = Arc::new(AtomicBool::new(true));
    let sink = Fragile(XapiFile::new(&dir.path().join("out.jsonl")), broken.clone());
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut options = options();
    options.pauses.first = Duration::from_millis(5);
    options.pauses.longest = Duration::from_millis(20);
    let hears = told.clone();
    options.tell = Arc::new(move |words| hears.lock().unwrap().push(words.to_owned()));
    let targets = vec![Target::Queue(Box::new(sink))];
    let mut collector = Collector::open(dir.path(), secret(), targets, &options).unwrap();
    let (records, _) = two_tablets();
    let (acks, report) = collector.ingest(&records, NOW).unwrap();
    assert_eq!((acks.len(), report.counted), (0, 3));
    assert_eq!(
        collector.sinks()[0].trouble.as_deref(),
        Some("no space left")
    );
    broken.store(false, Ordering::SeqCst);
    let mut acks = Vec::new();
    while acks.is_empty() {
        collector.settle(Duration::from_secs(5));
        acks = collector.acknowledge(NOW);
    }
    assert_eq!(acks[0].up_to, 3);
    assert_eq!(
        verbs(&statements(dir.path())),
        ["initialized", "answered", "terminated"]
    );
    let told = told.lock().unwrap();
    assert_eq!(
        told[0],
        "no space left. 3 statements wait; nothing is lost, it is tried again."
    );
    assert!(
        told[1].ends_with("takes statements again; 0 wait."),
        "{told:?}"
    );
}

#[test]
fn a_sink_given_later_is_told_everything_and_one_left_out_misses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = two_tablets();
    let open_with = |targets| Collector::open(dir.path(), secret(), targets, &options()).unwrap();
    open_with(vec![Target::Nothing])
        .ingest(&first, NOW)
        .unwrap();
    open_with(xapi(dir.path())).settle(Duration::from_secs(10));
    assert_eq!(
        verbs(&statements(dir.path())),
        ["initialized", "answered", "terminated"]
    );
    let mut without = open_with(Vec::new());
    let (acks, _) = without.ingest(&second, NOW).unwrap();
    assert_eq!(acks.len(), 1, "a sink that nobody gave holds nothing up");
    let absent = without.absent_sinks().unwrap();
    assert_eq!((absent.len(), absent[0].1), (1, 3));
    drop(without);
    open_with(xapi(dir.path())).settle(Duration::from_secs(10));
    assert_eq!(
        verbs(&statements(dir.path()))[3..],
        ["answered", "terminated", "completed"]
    );
    let again = open_with(Vec::new());
    assert!(again.forget_sink(&absent[0].0).unwrap());
    assert!(!again.forget_sink(&absent[0].0).unwrap());
}

#[test]
fn a_table_is_safe_to_open_and_follows_what_is_collected() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("table.csv");
    let table = TableFile::new(TableFormat::Csv, &path);
    let targets = vec![Target::Table(table)];
    let mut collector = Collector::open(dir.path(), secret(), targets, &options()).unwrap();
    let mut formula = watched(0, 30_000);
    formula.name = Some(DisplayName::new("=cmd|' /C calc'!A0, \"x\"").unwrap());
    collector.ingest(&device(3, &[formula]), NOW).unwrap();
    collector.couriers.notices.drain();
    let text = fs::read_to_string(&path).unwrap();
    let row = text.lines().nth(1).unwrap();
    assert!(
        row.contains(
            ",\"'=cmd|' /C calc'!A0, \"\"x\"\"\",ministry/math-6-sq/kanarina,,,,30.0,30.0,"
        ),
        "{row}"
    );
    collector.ingest(&two_tablets().0, NOW).unwrap();
    collector.couriers.notices.drain();
    assert!(
        fs::read_to_string(&path)
            .unwrap()
            .contains(",60.0,60.0,100.0,false,1,")
    );
}

#[test]
fn parquet_is_framed_as_the_format_says() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).ingest(&two_tablets().0, NOW).unwrap();
    let out = dir.path().join("out.parquet");
    let rows = export(
        dir.path(),
        ExportFormat::Parquet,
        &out,
        HOME,
        &Guide::default(),
        NOW,
    );
    assert_eq!(rows.unwrap(), 1);
    let bytes = fs::read(out).unwrap();
    let (footer, magic) = bytes.split_at(bytes.len() - 4);
    assert_eq!((&bytes[..4], magic), (&b"PAR1"[..], &b"PAR1"[..]));
    let length = u32::from_le_bytes(footer[footer.len() - 4..].try_into().unwrap());
    assert!((100..bytes.len()).contains(&(length as usize)));
}
