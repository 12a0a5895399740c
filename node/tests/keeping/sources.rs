//! Neighbours that lie, fall silent, are busy, leave, or send without end, over real sockets: the file comes all the same, and
//! who did what is said.

use std::{fs, path::PathBuf};

use pishtar::{
    engine::Node,
    handle::{Change, Choice, Handle},
};

use super::{
    MIB,
    neighbour::{Manners, Neighbour},
    world::{World, complete, content, id, until},
};

const FILM: &str = "ministry/art-1-en/film/main.pdf";

/// A source that holds a film, and a home that keeps nothing yet and knows the film and these neighbours' holdings.
struct Meeting {
    world: World,
    source: Node,
    home: Node,
    bytes: usize,
}

impl Meeting {
    /// Begun by [`Meeting::follow`].
    async fn of(
        world: World,
        source: Node,
        bytes: usize,
        others: &[&Neighbour],
        with_source: bool,
    ) -> Meeting {
        let home = world
            .home("home", source.handle(), |options| {
                let at = options.peers.pop().expect("the source");
                options.peers.extend(with_source.then_some(at));
                options
                    .peers
                    .extend(others.iter().map(|other| other.address.clone()));
            })
            .await;
        until("the catalogue", || {
            home.handle().status().lessons.known == 1
        })
        .await;
        let meeting = Meeting {
            world,
            source,
            home,
            bytes,
        };
        let mut holders: Vec<String> = others.iter().map(|other| other.id()).collect();
        holders.extend(with_source.then(|| meeting.source.handle().status().peer_id));
        for holder in holders {
            until("what a neighbour holds", || {
                let why = meeting.why(&holder);
                why.iter().any(|said| said.contains("holds 1 files"))
            })
            .await;
        }
        meeting
    }

    fn node(&self) -> &Handle {
        self.home.handle()
    }

    fn follow(&self) {
        let choice = Choice::Lesson(id("film"), Change::Follow);
        self.node().choose(&choice).expect("a known lesson");
    }

    fn why(&self, what: &str) -> Vec<String> {
        let why = self.node().why(Some(what));
        why.map(|why| why.sentences).unwrap_or_default()
    }

    /// What a neighbour did wrong, and how many bytes came from it.
    fn row(&self, neighbour: &str) -> (Vec<String>, u64) {
        let rows = self.node().status().peers.into_iter();
        let mut rows = rows.filter(|row| row.peer_id == neighbour);
        let row = rows.next().expect("a known neighbour");
        (row.faults, row.rx_bytes)
    }

    fn received(&self) -> u64 {
        let rows = self.node().status().peers;
        rows.iter().map(|row| row.rx_bytes).sum()
    }

    async fn arrives(&self) {
        until("the film", || complete(self.node(), "film")).await;
        let lesson = self
            .node()
            .lesson(id("film").as_str())
            .expect("known")
            .lesson;
        let path = format!("home/blobs/data/{}.data", lesson.main().blake3);
        let path: PathBuf = self.world.path(&path);
        // The last bytes are counted a moment before they are on the disk.
        let expected = content("film", self.bytes);
        until("the film on the disk", || {
            fs::read(&path).is_ok_and(|stored| stored == expected)
        })
        .await;
    }

    async fn end(self) {
        self.home.stop().await;
        self.source.stop().await;
    }
}

async fn world_of(bytes: usize) -> (World, Node) {
    let world = World::publish(&[("film", bytes)]);
    let source = world.source().await;
    (world, source)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_liar_is_named_and_left_alone_and_the_honest_give_the_film() {
    let (world, source) = world_of(24 * MIB).await;
    let liar = Neighbour::start(1, source.handle(), vec![], Manners::Lies).await;
    let meeting = Meeting::of(world, source, 24 * MIB, &[&liar], true).await;
    meeting.follow();
    meeting.arrives().await;
    let (faults, _) = meeting.row(&liar.id());
    let wrong = format!("sent wrong bytes for {FILM}");
    assert!(
        !faults.is_empty() && faults.iter().all(|fault| fault.contains(&wrong)),
        "{faults:?}"
    );
    let why = meeting.why(&liar.id());
    assert!(
        why.iter()
            .any(|said| said.ends_with("it sent wrong bytes.")),
        "{why:?}"
    );
    assert!(why.iter().any(|said| said.contains(&wrong)), "{why:?}");
    // What was on its way from it when it was found out, and nothing after.
    assert!(
        (1..=4).contains(&liar.asked()),
        "{} ranges were asked of a liar",
        liar.asked()
    );
    let told = meeting.node().events_since(0).into_iter();
    let mut told = told.filter(|event| event.kind == "wrong_bytes");
    assert!(told.any(|event| event.text.contains(&liar.id())));
    let (faults, _) = meeting.row(&meeting.source.handle().status().peer_id);
    assert_eq!(faults, Vec::<String>::new(), "the honest one is blamed");
    liar.leave().await;
    meeting.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_falls_silent_in_mid_file_is_named_and_replaced() {
    let (world, source) = world_of(8 * MIB).await;
    // In the midst of the shortest range that anybody is asked for.
    let silent = Neighbour::start(1, source.handle(), vec![], Manners::Silent(100_000)).await;
    let meeting = Meeting::of(world, source, 8 * MIB, &[&silent], false).await;
    meeting.follow();
    until("a word about silence", || {
        let why = meeting.why(id("film").as_str());
        why.iter()
            .any(|said| said.contains(&silent.id()) && said.ends_with("it stopped sending."))
    })
    .await;
    let (faults, received) = meeting.row(&silent.id());
    assert!(
        faults.iter().any(|fault| fault.contains("stopped sending")),
        "{faults:?}"
    );
    assert!(received > 90_000 && !complete(meeting.node(), "film"));
    let home = super::world::address(meeting.node()).await;
    let other = Neighbour::start(2, meeting.source.handle(), vec![home], Manners::Honest).await;
    meeting.arrives().await;
    // The silent one may have brought a little more after it was looked at.
    let given = other.given();
    assert!(
        given >= 6 * MIB as u64,
        "{given} of {}",
        8 * MIB as u64 - received
    );
    silent.leave().await;
    other.leave().await;
    meeting.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_one_is_said_to_be_busy_is_not_blamed_and_is_asked_again() {
    let (world, source) = world_of(4 * MIB).await;
    let busy = Neighbour::start(1, source.handle(), vec![], Manners::Busy).await;
    let meeting = Meeting::of(world, source, 4 * MIB, &[&busy], false).await;
    meeting.follow();
    until("a word about it", || {
        let why = meeting.why(id("film").as_str());
        busy.asked() >= 3 && why.iter().any(|said| said.ends_with("it is busy."))
    })
    .await;
    busy.set(Manners::Honest);
    meeting.arrives().await;
    let (faults, _) = meeting.row(&busy.id());
    assert_eq!(faults, Vec::<String>::new());
    busy.leave().await;
    meeting.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_leaves_in_mid_file_is_replaced_and_nothing_comes_twice() {
    let bytes = 32 * MIB;
    let (world, source) = world_of(bytes).await;
    let leaving = Neighbour::start(1, source.handle(), vec![], Manners::Honest).await;
    let staying = Neighbour::start(2, source.handle(), vec![], Manners::Honest).await;
    let meeting = Meeting::of(world, source, bytes, &[&leaving, &staying], false).await;
    meeting.follow();
    until("some of the film", || leaving.given() > 2 * MIB as u64).await;
    leaving.leave().await;
    assert!(!complete(meeting.node(), "film"), "too fast for this test");
    meeting.arrives().await;
    let received = meeting.received();
    println!("{received} bytes came for {bytes}");
    assert!(
        received < (bytes + bytes / 20) as u64,
        "{received} bytes came for {bytes}"
    );
    staying.leave().await;
    meeting.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_is_cut_at_its_range() {
    let (world, source) = world_of(3 * MIB).await;
    let endless = Neighbour::start(1, source.handle(), vec![], Manners::Endless).await;
    let meeting = Meeting::of(world, source, 3 * MIB, &[&endless], false).await;
    meeting.follow();
    meeting.arrives().await;
    // What fits the windows of the streams until they are closed.
    let (beyond, asked) = (endless.beyond(), endless.asked());
    println!("{beyond} bytes were taken after the ends of {asked} ranges");
    assert!(
        beyond <= asked * 2 * MIB as u64,
        "{beyond} after {asked} ranges"
    );
    endless.leave().await;
    meeting.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_length_than_the_signed_one_costs_nothing_but_the_claim() {
    let (world, source) = world_of(6 * MIB).await;
    let huge = Neighbour::start(1, source.handle(), vec![], Manners::Huge).await;
    let meeting = Meeting::of(world, source, 6 * MIB, &[&huge], true).await;
    meeting.follow();
    meeting.arrives().await;
    let (faults, _) = meeting.row(&huge.id());
    assert!(
        faults
            .iter()
            .any(|fault| fault.contains("sent wrong bytes")),
        "{faults:?}"
    );
    assert!((1..=4).contains(&huge.asked()), "{} ranges", huge.asked());
    huge.leave().await;
    meeting.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn noise_about_holdings_is_bounded_and_named() {
    let (world, source) = world_of(2 * MIB).await;
    let noise = Neighbour::start(1, source.handle(), vec![], Manners::Noise).await;
    let meeting = Meeting::of(world, source, 2 * MIB, &[], true).await;
    let home = super::world::address(meeting.node()).await;
    let noise_too = Neighbour::start(2, meeting.source.handle(), vec![home], Manners::Noise).await;
    until("the noise to be named", || {
        let why = meeting.why(&noise_too.id());
        why.iter().any(|said| said.contains("broke the protocol"))
    })
    .await;
    meeting.follow();
    meeting.arrives().await;
    assert_eq!(
        noise_too.asked() + noise.asked(),
        0,
        "it said nothing that one could ask for"
    );
    noise.leave().await;
    noise_too.leave().await;
    meeting.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn why_says_from_whom_at_what_rate_and_both_ledgers_agree() {
    let world = World::publish(&[("film", 6 * MIB)]);
    let mut options = world.options("source");
    options.publish = vec![world.path("out")];
    options.up_bytes_per_second = Some(2 * MIB as u64);
    let source = world.source_with(options).await;
    let meeting = Meeting::of(world, source, 6 * MIB, &[], true).await;
    let giver = meeting.source.handle().status().peer_id;
    let why = || meeting.why(id("film").as_str());
    let held_by = format!("{FILM} is held by {giver}.");
    assert!(why().contains(&held_by), "{:?}", why());
    assert!(
        why()
            .iter()
            .any(|said| said.starts_with("This node does not follow it")),
        "{:?}",
        why()
    );
    meeting.follow();
    let comes = format!("{FILM} comes from {giver} at ");
    until("a rate", || {
        let why = why();
        let mut rates = why.iter().filter_map(|said| said.strip_prefix(&comes));
        rates.any(|said| !said.starts_with("0 B") && said.contains("/s ("))
    })
    .await;
    meeting.arrives().await;
    assert!(
        why()
            .iter()
            .any(|said| said.starts_with("It is all here: 6.2 MB")),
        "{:?}",
        why()
    );
    let (home, bytes) = (meeting.node().status().peer_id, 6 * MIB as u64);
    let given = meeting.source.handle().status().peers;
    let given = given
        .iter()
        .find(|row| row.peer_id == home)
        .expect("known")
        .tx_bytes;
    let (_, taken) = meeting.row(&giver);
    for counted in [given, taken] {
        assert!(
            (bytes..bytes + bytes / 50).contains(&counted),
            "{given} given, {taken} taken"
        );
    }
    let why = meeting.why(&giver);
    assert!(
        why.iter()
            .any(|said| said.contains("is connected: 6.2 MB received from it")),
        "{why:?}"
    );
    meeting.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_comes_before_who_fills() {
    let (film, song) = (24 * MIB, 4 * MIB);
    let world = World::publish(&[("film", film), ("song", song)]);
    let mut options = world.options("source");
    options.publish = vec![world.path("out")];
    options.up_bytes_per_second = Some(4 * MIB as u64);
    let source = world.source_with(options).await;
    let filling = world.home("filling", source.handle(), |_| {}).await;
    let watching = world.home("watching", source.handle(), |_| {}).await;
    for home in [&filling, &watching] {
        until("the catalogue", || {
            home.handle().status().lessons.known == 2
        })
        .await;
    }
    let received = |home: &Node| {
        let rows = home.handle().status().peers;
        rows.iter().map(|row| row.rx_bytes).sum::<u64>()
    };
    let choice = Choice::Lesson(id("film"), Change::Follow);
    filling.handle().choose(&choice).expect("a known lesson");
    until("it to fill", || received(&filling) > MIB as u64).await;
    let before = received(&filling);
    let lesson = watching
        .handle()
        .lesson(id("song").as_str())
        .expect("known")
        .lesson;
    let reader = watching
        .handle()
        .open_file(lesson.main().blake3)
        .expect("known");
    let watched = super::read_all(reader.stream(0..song as u64)).await;
    let meanwhile = received(&filling) - before;
    assert!(watched == content("song", song));
    println!("{meanwhile} bytes went to who fills while {song} went to who watches");
    assert!(
        meanwhile < song as u64 / 2,
        "{meanwhile} bytes while {song} were watched"
    );
    for node in [filling, watching, source] {
        node.stop().await;
    }
}

/// Frames of a film.
const FRAMES: usize = 12 * MIB;

fn part(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 8).expect("short");
    [&length.to_be_bytes()[..], kind, body].concat()
}

/// A film of ten seconds (ISO/IEC 14496-12: `ftyp`, `mdat`, `moov` with an `mvhd` and some padding).
fn film(index_last: bool) -> Vec<u8> {
    let begin = part(b"ftyp", b"isom\0\0\0\0isom");
    let mut header = vec![0; 100];
    header[12..16].copy_from_slice(&1_000u32.to_be_bytes());
    header[16..20].copy_from_slice(&10_000u32.to_be_bytes());
    let index = [part(b"mvhd", &header), part(b"free", &[0; 200_000])].concat();
    let (index, frames) = (
        part(b"moov", &index),
        part(b"mdat", &content("frames", FRAMES)),
    );
    match index_last {
        true => [begin, frames, index].concat(),
        false => [begin, index, frames].concat(),
    }
}

/// The first ranges that are asked for when somebody presses play and nothing is here.
async fn first_ranges(index_last: bool) -> (u64, Vec<std::ops::Range<u64>>) {
    use futures::StreamExt;
    let film = film(index_last);
    let length = film.len() as u64;
    let world = World::publish_files(&[("film", "mp4", film)]);
    let source = world.source().await;
    let giver = Neighbour::start(1, source.handle(), vec![], Manners::Honest).await;
    let meeting = Meeting::of(world, source, 0, &[&giver], false).await;
    let lesson = meeting
        .node()
        .lesson(id("film").as_str())
        .expect("known")
        .lesson;
    let reader = meeting
        .node()
        .open_file(lesson.main().blake3)
        .expect("known");
    let mut stream = std::pin::pin!(reader.stream(0..length));
    stream
        .next()
        .await
        .expect("it arrives")
        .expect("it arrives");
    let ranges = giver.requests();
    giver.leave().await;
    meeting.end().await;
    (length, ranges)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_at_the_end_is_asked_for_with_the_first_bytes() {
    let (length, ranges) = first_ranges(true).await;
    let tail = length - 200_000;
    let first = &ranges[..2.min(ranges.len())];
    assert!(first.iter().any(|range| range.start == 0), "{ranges:?}");
    assert!(
        first.iter().any(|range| range.contains(&tail)),
        "{ranges:?} of {length}"
    );
    let (_, ranges) = first_ranges(false).await;
    assert!(ranges[0].start == 0, "{ranges:?}");
    assert!(
        ranges
            .iter()
            .take(2)
            .all(|range| range.start < FRAMES as u64 / 2),
        "{ranges:?}"
    );
}
