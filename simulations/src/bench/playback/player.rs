//! A player: asks for ranges over HTTP as a browser does, and holds what comes against the video's own clock.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::video::{RATE, Video};

/// How often the clock is looked at while nothing comes.
const LOOK: Duration = Duration::from_millis(5);
/// Frames that are there before playing starts or goes on; Chromium's renderer waits for as many.
const START_FRAMES: u64 = 4;
/// A player reads no further ahead than so many seconds.
const AHEAD_S: u64 = 10;
/// Nothing comes for so long: the player gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is played.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Playing {
    /// Who serves it.
    pub server: SocketAddr,
    /// The path in its URL.
    pub path: String,
    /// The video.
    pub video: Video,
    /// Played so long from the start and after each seek, in seconds.
    pub play_s: u64,
    /// Where is jumped to, as shares of the whole.
    pub seeks: Vec<f64>,
}

/// What was seen.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Played {
    /// From the first request until the first frame is there, in seconds.
    pub first_s: f64,
    /// The same for each seek: until the wanted frame and all from its key frame on are there.
    pub seeks_s: Vec<f64>,
    /// How often the clock had to wait for frames.
    pub stalls: u32,
    /// How long in all, in seconds.
    pub stalled_s: f64,
}

/// The player of a run, as a process of its own on the learner's host.
#[derive(Debug, clap::Args)]
pub struct Player {
    /// A [`Playing`] as JSON
    #[arg(long)]
    playing: String,
}

impl Player {
    /// Plays, and prints a [`Played`] as JSON.
    ///
    /// # Errors
    /// When the server does not give what it was asked for.
    pub fn run(&self) -> Result<()> {
        let playing: Playing = serde_json::from_str(&self.playing)?;
        let mut played = Played::default();
        let began = Instant::now();
        let source = playing.begin()?;
        played.first_s = Show::new(&playing, source, 0, began).run(&mut played)?;
        for share in &playing.seeks {
            let began = Instant::now();
            let video = &playing.video;
            let wanted = ((video.frames as f64 * share) as u64).min(video.frames - 1);
            let source = playing.open(video.offset(video.key_before(wanted)))?;
            let seek = Show::new(&playing, source, wanted, began).run(&mut played)?;
            played.seeks_s.push(seek);
        }
        println!("{}", serde_json::to_string(&played)?);
        Ok(())
    }
}

impl Playing {
    /// Reads what describes the video, and goes on to its first frame.
    fn begin(&self) -> Result<Source> {
        let mut source = self.open(0)?;
        if self.video.moov.start > self.video.media_from {
            // The browser sees from the first boxes that `moov` is behind the frames, and asks for it instead.
            source.read_to(self.video.media_from)?;
            source = self.open(self.video.moov.start)?;
            source.read_to(self.video.moov.end)?;
            source = self.open(self.video.media_from)?;
        }
        source.read_to(self.video.media_from)?;
        Ok(source)
    }

    fn open(&self, from: u64) -> Result<Source> {
        let mut stream = TcpStream::connect_timeout(&self.server, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let (path, server) = (&self.path, self.server);
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {server}\r\nRange: bytes={from}-\r\nAccept: */*\r\n\r\n"
        );
        stream.write_all(request.as_bytes())?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).context("an answer's head")?;
            head.extend(byte);
        }
        let head = String::from_utf8_lossy(&head);
        ensure!(head.starts_with("HTTP/1.1 206"), "not a range: {head}");
        Ok(Source { stream, at: from })
    }
}

/// An answer that is being read.
struct Source {
    stream: TcpStream,
    /// The place in the file of the byte that comes next.
    at: u64,
}

impl Source {
    /// Reads up to this place and no further.
    fn read_to(&mut self, end: u64) -> Result<()> {
        let mut bytes = vec![0; usize::try_from(end - self.at)?];
        self.stream.read_exact(&mut bytes)?;
        self.at = end;
        Ok(())
    }

    /// Reads what has come, waiting for it a moment at most; false when the answer has ended.
    fn read_some(&mut self, buffer: &mut [u8]) -> Result<bool> {
        match self.stream.read(buffer) {
            Ok(0) => Ok(false),
            Ok(count) => {
                self.at += count as u64;
                Ok(true)
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(true),
            Err(e) => Err(e.into()),
        }
    }
}

/// The video's clock. It runs from `since` on while it runs.
enum Clock {
    Waits { since: Instant },
    Runs { since: Instant, from: u64 },
}

/// Playing from one place on.
struct Show<'a> {
    playing: &'a Playing,
    source: Source,
    wanted: u64,
    began: Instant,
    clock: Clock,
    /// The frame to be shown when the clock last stopped.
    position: u64,
    first_s: Option<f64>,
}

impl<'a> Show<'a> {
    fn new(playing: &'a Playing, source: Source, wanted: u64, began: Instant) -> Self {
        Self {
            playing,
            source,
            wanted,
            began,
            clock: Clock::Waits { since: began },
            position: wanted,
            first_s: None,
        }
    }

    /// Plays as long as asked; until the wanted frame was there, in seconds.
    fn run(mut self, played: &mut Played) -> Result<f64> {
        let video = &self.playing.video;
        let last = (self.wanted + self.playing.play_s * RATE).min(video.frames);
        let mut buffer = vec![0; 64 << 10];
        self.source.stream.set_read_timeout(Some(LOOK))?;
        let (mut came_at, mut place) = (Instant::now(), self.source.at);
        loop {
            let now = Instant::now();
            let complete = video.complete_before(self.source.at);
            self.tick(now, complete, played);
            if self.shown(now) >= last {
                return self.first_s.context("nothing was shown");
            }
            if self.source.at > place {
                (came_at, place) = (now, self.source.at);
            }
            if complete >= video.frames || complete > self.shown(now) + AHEAD_S * RATE {
                came_at = now;
                sleep(LOOK);
                continue;
            }
            ensure!(
                came_at.elapsed() < PATIENCE,
                "nothing comes at byte {place}"
            );
            if !self.source.read_some(&mut buffer)? {
                self.source = self.playing.open(self.source.at)?;
                self.source.stream.set_read_timeout(Some(LOOK))?;
            }
            // What ran out before these bytes came counts, also when they end the want at once.
            self.tick(Instant::now(), complete, played);
        }
    }

    /// The frame that is shown now.
    fn shown(&self, now: Instant) -> u64 {
        match self.clock {
            Clock::Waits { .. } => self.position,
            Clock::Runs { since, from } => {
                from + ((now - since).as_secs_f64() * RATE as f64) as u64
            }
        }
    }

    /// Stops the clock at a frame that is not there, starts it when enough are.
    fn tick(&mut self, now: Instant, complete: u64, played: &mut Played) {
        let all = self.playing.video.frames;
        if self.first_s.is_none() && complete > self.wanted {
            self.first_s = Some((now - self.began).as_secs_f64());
        }
        match self.clock {
            Clock::Runs { .. } if complete < all && self.shown(now) >= complete => {
                self.position = complete;
                self.clock = Clock::Waits { since: now };
                played.stalls += 1;
            }
            Clock::Waits { since } if complete >= (self.position + START_FRAMES).min(all) => {
                if self.position > self.wanted {
                    played.stalled_s += (now - since).as_secs_f64();
                }
                let from = self.position;
                self.clock = Clock::Runs { since: now, from };
            }
            _ => {}
        }
    }
}
