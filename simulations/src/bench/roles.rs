//! The processes of a benchmark: a seed and a receiver, each started from this same program.
//!
//! A seed prints one line, where it is, and runs until its standard input ends; then it prints its
//! [`Usage`]. A receiver prints one line, its [`Transfer`](super::measure::Transfer).

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::measure::Usage;

/// Where a seed is and what it has: what a receiver needs to know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Offer {
    /// The address with the peer id.
    pub address: String,
    /// BLAKE3 of the file, in hex.
    pub hash: String,
    /// Its length in bytes.
    pub length: u64,
}

/// A running seed.
pub struct Seed {
    child: Child,
    lines: BufReader<ChildStdout>,
    /// What it offers.
    pub offer: Offer,
}

impl Seed {
    /// Starts this program as the seed `role` of a file, with `folder` for its own data.
    ///
    /// # Errors
    /// When the seed does not come up.
    pub fn start(role: &str, file: &Path, folder: &Path) -> Result<Seed> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([role, "--file"])
            .arg(file)
            .arg("--folder")
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start a seed")?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        let mut lines = BufReader::new(stdout);
        let offer =
            read_line(&mut lines).with_context(|| format!("the seed {role} did not come up"))?;
        Ok(Seed {
            child,
            lines,
            offer,
        })
    }

    /// CPU time that the seed has used so far, in seconds: what its start cost.
    ///
    /// # Errors
    /// Where there is no `/proc`.
    pub fn cpu_s(&self) -> Result<f64> {
        Ok(Usage::of_process(&self.child.id().to_string())?.cpu_s)
    }

    /// Ends the seed and says what it used.
    ///
    /// # Errors
    /// When the seed failed.
    pub fn stop(mut self) -> Result<Usage> {
        drop(self.child.stdin.take());
        let usage = read_line(&mut self.lines).context("the seed failed")?;
        self.child.wait()?;
        Ok(usage)
    }
}

/// Runs this program as the receiver `role` and gives what it prints.
///
/// # Errors
/// When the receiver fails.
pub fn receive<T: DeserializeOwned>(
    role: &str,
    offer: &Offer,
    folder: &Path,
    streams: usize,
) -> Result<T> {
    let output = Command::new(std::env::current_exe()?)
        .args([role, "--offer", &serde_json::to_string(offer)?, "--folder"])
        .arg(folder)
        .args(["--streams", &streams.to_string()])
        .stdout(Stdio::piped())
        .spawn()?
        .wait_with_output()?;
    anyhow::ensure!(output.status.success(), "the receiver {role} failed");
    read_line(&mut output.stdout.as_slice()).context("the receiver said nothing")
}

fn read_line<T: DeserializeOwned>(lines: &mut impl BufRead) -> Result<T> {
    let mut line = String::new();
    lines.read_line(&mut line)?;
    serde_json::from_str(&line).with_context(|| format!("not what was expected: {line:?}"))
}

/// In a seed: says where it is, waits until it may end, says what it used.
///
/// # Errors
/// When standard input or output fail.
pub async fn offer_until_told(offer: &Offer) -> Result<()> {
    println!("{}", serde_json::to_string(offer)?);
    let waiting = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    waiting.await??;
    println!("{}", serde_json::to_string(&Usage::of_this_process()?)?);
    Ok(())
}
