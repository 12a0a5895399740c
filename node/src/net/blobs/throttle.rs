//! A limit on what a node uploads, and who goes first under it.

use std::{
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use pishtar_mesh::NodeId;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::turns::{Ticket, Turns};

/// Bytes that may go out at once after a pause.
const BURST: Duration = Duration::from_millis(50);

/// Lets bytes out at a bounded rate: playback first, the rest fairly between peers. Without a limit there is no line:
/// each peer has a connection of its own, and the system shares the link between connections.
#[derive(Debug, Default)]
pub struct Throttle {
    bytes_per_second: Option<u64>,
    line: Mutex<Line>,
    moved: Notify,
}

#[derive(Debug, Default)]
struct Line {
    turns: Turns,
    /// When the bytes let out so far will have gone at the rate.
    spent_until: Option<Instant>,
}

/// A place in the line; given back when whoever waits gives up.
struct Place<'a> {
    throttle: &'a Throttle,
    peer: NodeId,
    playback: bool,
    ticket: Ticket,
}

impl Throttle {
    /// At most `bytes_per_second`; `None` is no limit.
    pub fn new(bytes_per_second: Option<u64>) -> Throttle {
        Throttle {
            bytes_per_second: bytes_per_second.map(|rate| rate.max(1)),
            ..Throttle::default()
        }
    }

    /// Waits until `bytes` may go out to a peer.
    pub(super) async fn take(&self, peer: NodeId, playback: bool, bytes: usize) {
        let Some(rate) = self.bytes_per_second else {
            return;
        };
        let place = Place {
            throttle: self,
            peer,
            playback,
            ticket: self.line().turns.join(peer, playback),
        };
        let cost = Duration::from_secs_f64(bytes as f64 / rate as f64);
        loop {
            // Enabled before the look at the line, so that no move is missed.
            let mut moved = pin!(self.moved.notified());
            moved.as_mut().enable();
            let Some(free_at) = self.try_take(place.ticket, cost) else {
                return;
            };
            match free_at {
                Some(free_at) => tokio::select! {
                    () = sleep_until(free_at) => {}
                    () = moved => {}
                },
                None => moved.await,
            }
        }
    }

    /// Takes the turn if it has come: `None`. Otherwise when it will come, as far as that is known.
    fn try_take(&self, ticket: Ticket, cost: Duration) -> Option<Option<Instant>> {
        let mut line = self.line();
        if line.turns.first() != Some(ticket) {
            return Some(None);
        }
        let now = Instant::now();
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let start = line.spent_until.map_or(now, |at| at.max(earliest));
        if start > now {
            return Some(Some(start));
        }
        line.spent_until = Some(start + cost);
        line.turns.take_first();
        drop(line);
        self.moved.notify_waiters();
        None
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.throttle
            .line()
            .turns
            .leave(self.peer, self.playback, self.ticket);
        self.throttle.moved.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, future::join_all};

    use super::*;

    fn peer(number: u8) -> NodeId {
        NodeId([number; 32])
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_kept() {
        let throttle = Throttle::new(Some(1_000_000));
        let began = Instant::now();
        for _ in 0..101 {
            throttle.take(peer(1), false, 10_000).await;
        }
        let took = began.elapsed().as_millis();
        assert!((950..=1010).contains(&took), "{took} ms");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_asks_for_much_does_not_starve_one_that_asks_for_little() {
        let throttle = Throttle::new(Some(100_000));
        let began = Instant::now();
        let ended = |who: NodeId, playback, turns: usize| {
            let throttle = &throttle;
            async move {
                for _ in 0..turns {
                    throttle.take(who, playback, 10_000).await;
                }
                began.elapsed().as_millis()
            }
        };
        let mut all = Vec::new();
        for _ in 0..8 {
            all.push(ended(peer(1), false, 10).boxed_local());
        }
        all.push(ended(peer(2), false, 10).boxed_local());
        all.push(ended(peer(3), true, 10).boxed_local());
        let times = join_all(all).await;
        assert!(times[9] < 1_200, "a player waited {} ms", times[9]);
        assert!(times[8] < 3_300, "the modest one took {} ms", times[8]);
        assert!(times[..8].iter().all(|time| *time > 3_300), "{times:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_gives_up_does_not_hold_the_others() {
        let throttle = Throttle::new(Some(1_000));
        throttle.take(peer(1), false, 1_000).await;
        let gives_up =
            tokio::time::timeout(Duration::from_millis(10), throttle.take(peer(1), true, 1));
        let (given_up, ()) = tokio::join!(gives_up, throttle.take(peer(2), false, 1));
        assert!(given_up.is_err());
    }
}
