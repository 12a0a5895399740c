//! The local socket on which a running node answers its own machine: one JSON line in, one JSON line out.
//!
//! The socket lies in the data folder (mode 0600), so whoever may read the folder may ask, and nobody else.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Write},
    os::{
        fd::AsRawFd,
        unix::{
            fs::PermissionsExt,
            net::{UnixListener as StdListener, UnixStream as StdStream},
        },
    },
    path::{Path, PathBuf},
    time::Duration,
};

use pishtar_catalog::LessonId;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    sync::Semaphore,
};

use crate::{
    handle::{Change, Choice, ChooseError, Chosen, Handle},
    people::PeopleRequest,
};

/// Longest request line, in bytes: a table of all learners of a school.
const MAX_REQUEST_BYTES: u64 = 16 * 1024 * 1024;
/// Longest answer, in bytes: 14,000 lessons at about 1 KiB each, four times over.
const MAX_ANSWER_BYTES: u64 = 64 * 1024 * 1024;
/// Questions answered at the same time; protects a small board from a runaway script.
const MAX_CONCURRENT: usize = 16;
/// A local question is answered at once or not at all.
const DEADLINE: Duration = Duration::from_secs(10);
/// `sun_path` holds 108 bytes; longer paths go through the folder's descriptor.
const MAX_SOCKET_PATH_BYTES: usize = 100;

/// A question to a running node.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Request {
    /// The node in one page.
    Status,
    /// Every neighbour known.
    Peers,
    /// Followed lessons.
    Lessons,
    /// Lessons of the catalogues, followed or not.
    LessonsOf {
        /// What a person typed; absent for all.
        text: Option<String>,
        /// Whether lessons come too that this device does not keep.
        all: bool,
    },
    /// Why a lesson or a peer is in the state it is in; with no subject, what happened lately.
    Why {
        /// Lesson id or peer id.
        subject: Option<String>,
    },
    /// What is to happen with one lesson.
    Choose {
        /// Lesson id.
        lesson: String,
        /// What.
        change: Change,
    },
    /// Begin to verify every stored byte again, unless that is being done.
    Scrub {
        /// Most bytes per second.
        bytes_per_second: Option<u64>,
    },
    /// How far the last scrub is.
    ScrubStatus,
    /// The schools that the ministry lists, with the keys that their own signed metadata names.
    Schools,
    /// About a school's classes and learners.
    People {
        /// What.
        request: PeopleRequest,
    },
    /// Events numbered `since` and later.
    Events {
        /// First event number wanted.
        since: u64,
    },
}

/// The answer: the asked-for value, or a sentence that says what is wrong.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer<T> {
    Ok(T),
    Error(String),
}

/// Why a question got no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No node runs on that data folder.
    #[error(
        "no node is running on {folder}: start one with `pishtar run --data {folder}`, or name another folder with --data"
    )]
    NotRunning {
        /// The data folder asked about.
        folder: PathBuf,
    },
    /// The socket is there but cannot be used.
    #[error("cannot talk to the node on {folder}: {cause}")]
    Io {
        /// The data folder asked about.
        folder: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// The node understood the question and has no such thing.
    #[error("{0}")]
    Refused(String),
    /// The node speaks another version.
    #[error(
        "the running node answers in a form that this command does not know ({0}); use the same version of pishtar for both"
    )]
    Unintelligible(serde_json::Error),
}

/// Asks the node that runs on `folder` and waits for its answer.
///
/// # Errors
/// [`AskError::NotRunning`] where no node listens; [`AskError::Refused`] where it knows no such lesson or peer.
pub fn ask<T: DeserializeOwned>(folder: &Path, request: &Request) -> Result<T, AskError> {
    let io_error = |cause| AskError::Io {
        folder: folder.to_owned(),
        cause,
    };
    let stream = match connect(folder) {
        Ok(stream) => stream,
        Err(cause)
            if matches!(
                cause.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Err(AskError::NotRunning {
                folder: folder.to_owned(),
            });
        }
        Err(cause) => return Err(io_error(cause)),
    };
    stream.set_read_timeout(Some(DEADLINE)).map_err(io_error)?;
    let mut line = serde_json::to_vec(request).map_err(AskError::Unintelligible)?;
    line.push(b'\n');
    (&stream).write_all(&line).map_err(io_error)?;
    let mut answer = String::new();
    BufReader::new(stream)
        .take(MAX_ANSWER_BYTES)
        .read_line(&mut answer)
        .map_err(io_error)?;
    match serde_json::from_str(&answer).map_err(AskError::Unintelligible)? {
        Answer::Ok(value) => Ok(value),
        Answer::Error(sentence) => Err(AskError::Refused(sentence)),
    }
}

fn socket_file(folder: &Path) -> PathBuf {
    folder.join("control.sock")
}

/// Runs `act` with a path to the socket that fits `sun_path`, however deep the folder lies.
fn with_short_path<T>(folder: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let direct = socket_file(folder);
    if direct.as_os_str().len() <= MAX_SOCKET_PATH_BYTES {
        return act(&direct);
    }
    let held = File::open(folder)?;
    act(&PathBuf::from(format!(
        "/proc/self/fd/{}/control.sock",
        held.as_raw_fd()
    )))
}

fn connect(folder: &Path) -> io::Result<StdStream> {
    with_short_path(folder, |path| StdStream::connect(path))
}

/// The listening end; the socket file goes when it is dropped.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    file: PathBuf,
}

impl ControlSocket {
    /// Listens in `folder`. The caller holds the folder's lock, so a socket file found there is a dead node's.
    ///
    /// # Errors
    /// What the operating system says where the folder cannot hold a socket.
    pub fn bind(folder: &Path) -> io::Result<Self> {
        let file = socket_file(folder);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = with_short_path(folder, |path| StdListener::bind(path))?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener: UnixListener::from_std(listener)?,
            file,
        })
    }

    /// Answers until dropped.
    pub async fn serve(self, handle: Handle) {
        let places = std::sync::Arc::new(Semaphore::new(MAX_CONCURRENT));
        loop {
            let Ok(place) = places.clone().acquire_owned().await else {
                return;
            };
            let Ok((stream, _)) = self.listener.accept().await else {
                continue;
            };
            let handle = handle.clone();
            tokio::spawn(async move {
                let _place = place;
                // A caller that hung up needs no answer.
                let _ = tokio::time::timeout(DEADLINE, answer_one(stream, handle)).await;
            });
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

async fn answer_one(mut stream: UnixStream, handle: Handle) -> io::Result<()> {
    let (read, mut write) = stream.split();
    let mut line = String::new();
    tokio::io::BufReader::new(read.take(MAX_REQUEST_BYTES))
        .read_line(&mut line)
        .await?;
    let mut answer = match serde_json::from_str(&line) {
        Ok(request) => reply(request, &handle).await,
        Err(error) => encode::<()>(&Answer::Error(format!(
            "this node does not know that question ({error}); use the same version of pishtar for both"
        ))),
    };
    answer.push(b'\n');
    write.write_all(&answer).await
}

async fn reply(request: Request, handle: &Handle) -> Vec<u8> {
    match request {
        Request::Status => encode(&Answer::Ok(handle.status())),
        Request::Peers => encode(&Answer::Ok(handle.peers())),
        Request::Lessons => encode(&Answer::Ok(handle.lesson_rows(None, false))),
        Request::LessonsOf { text, all } => {
            encode(&Answer::Ok(handle.lesson_rows(text.as_deref(), all)))
        }
        Request::Why { subject } => encode(&match handle.why(subject.as_deref()) {
            Ok(why) => Answer::Ok(why),
            Err(error) => Answer::Error(error.to_string()),
        }),
        Request::Choose { lesson, change } => {
            let handle = handle.clone();
            let done = tokio::task::spawn_blocking(move || choose(&handle, &lesson, change)).await;
            encode(&match done {
                Ok(Ok(chosen)) => Answer::Ok(chosen),
                Ok(Err(error)) => Answer::Error(error.to_string()),
                Err(error) => Answer::Error(format!("the node failed at it: {error}")),
            })
        }
        Request::Scrub { bytes_per_second } => encode(&Answer::Ok(handle.scrub(bytes_per_second))),
        Request::ScrubStatus => encode(&Answer::Ok(handle.scrub_status())),
        Request::Schools => encode(&Answer::Ok(handle.schools())),
        Request::People { request } => encode(&match handle.ask_people(request).await {
            Ok(value) => Answer::Ok(value),
            Err(error) => Answer::Error(error.to_string()),
        }),
        Request::Events { since } => encode(&Answer::Ok(handle.events_since(since))),
    }
}

fn choose(handle: &Handle, lesson: &str, change: Change) -> Result<Chosen, ChooseError> {
    let unknown = || ChooseError::Unknown(lesson.to_owned());
    let id = LessonId::new(lesson).map_err(|_| unknown())?;
    handle.choose(&Choice::Lesson(id.clone(), change))?;
    handle.chosen(&id).ok_or_else(unknown)
}

fn encode<T: Serialize>(answer: &Answer<T>) -> Vec<u8> {
    serde_json::to_vec(answer).expect("answers hold only strings, numbers and lists of them")
}
