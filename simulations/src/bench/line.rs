//! A line between two nodes that counts every byte of TCP's payload and may take its time.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

/// Chunks on their way in one direction: enough that a chunk's delay does not bound the rate.
const CHUNKS_UNDER_WAY: usize = 256;

/// Forwards connections to one address until the process ends.
pub(super) struct Line {
    address: SocketAddr,
    bytes: Arc<AtomicU64>,
}

impl Line {
    /// A line to `far`, each way as slow as `delay`.
    ///
    /// # Errors
    /// When there is no port.
    pub(super) fn to(far: SocketAddr, delay: Duration) -> Result<Line> {
        let listener = TcpListener::bind("127.0.0.1:0").context("a port for the line")?;
        let address = listener.local_addr()?;
        let bytes = Arc::new(AtomicU64::new(0));
        let line = Line {
            address,
            bytes: bytes.clone(),
        };
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if let Ok(far) = TcpStream::connect(far) {
                    join(near, far, &bytes, delay);
                }
            }
        });
        Ok(line)
    }

    /// Where to dial instead.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Bytes so far, both ways.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

fn join(near: TcpStream, far: TcpStream, bytes: &Arc<AtomicU64>, delay: Duration) {
    for stream in [&near, &far] {
        // Without it the relay would add waiting of its own.
        let _ = stream.set_nodelay(true);
    }
    let (Ok(near_in), Ok(far_in)) = (near.try_clone(), far.try_clone()) else {
        return;
    };
    forward(near_in, far, delay, bytes.clone());
    forward(far_in, near, delay, bytes.clone());
}

fn forward(mut from: TcpStream, mut to: TcpStream, delay: Duration, count: Arc<AtomicU64>) {
    let (send, under_way) = mpsc::sync_channel::<(Instant, Vec<u8>)>(CHUNKS_UNDER_WAY);
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(bytes @ 1..) = from.read(&mut buffer) {
            count.fetch_add(bytes as u64, Ordering::Relaxed);
            let due = Instant::now() + delay;
            if send.send((due, buffer[..bytes].to_vec())).is_err() {
                return;
            }
        }
    });
    thread::spawn(move || {
        for (due, chunk) in under_way {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&chunk).is_err() {
                break;
            }
        }
        // Either end closed: the other one hears of it.
        let _ = to.shutdown(Shutdown::Both);
    });
}
