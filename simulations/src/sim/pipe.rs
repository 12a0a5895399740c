//! A line, or the air of a room, that everything on it shares fairly.
//!
//! Each of n transfers gets 1/n of the rate (processor sharing). A virtual clock counts the bytes that every transfer got
//! so far; a transfer ends when that clock has moved by its size. One event per start and end, whatever the number of
//! transfers, and whole numbers only.

use std::collections::BTreeSet;

use super::Micros;

/// Parts of a byte in which shares are counted.
const PARTS: u128 = 1 << 20;

/// Number of a transfer.
pub type FlowId = u32;

/// One shared line.
#[derive(Debug, Clone)]
pub struct Pipe {
    /// Bytes per second; 0 while it is down.
    rate: u64,
    /// Parts of bytes that every transfer got so far.
    given: u128,
    at: Micros,
    flows: BTreeSet<(u128, FlowId)>,
    /// When the world looks here next.
    pub(super) due: Option<Micros>,
}

/// A transfer's place in its pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(u128);

impl Pipe {
    /// An idle line of so many bytes per second.
    pub fn new(rate: u64) -> Self {
        Pipe {
            rate,
            given: 0,
            at: 0,
            flows: BTreeSet::new(),
            due: None,
        }
    }

    /// What a further transfer would get, in bytes per second.
    pub fn share(&self) -> u64 {
        self.rate / (self.flows.len() as u64 + 1)
    }

    /// Changes the rate from now on.
    pub fn set_rate(&mut self, now: Micros, rate: u64) {
        self.advance(now);
        self.rate = rate;
    }

    /// A transfer begins.
    pub fn add(&mut self, now: Micros, flow: FlowId, bytes: u64) -> Ticket {
        self.advance(now);
        let end = self.given + u128::from(bytes.max(1)) * PARTS;
        self.flows.insert((end, flow));
        Ticket(end)
    }

    /// Bytes that a transfer still has to get.
    pub fn left(&mut self, now: Micros, ticket: Ticket) -> u64 {
        self.advance(now);
        u64::try_from(ticket.0.saturating_sub(self.given).div_ceil(PARTS)).unwrap_or(u64::MAX)
    }

    /// A transfer is taken off.
    pub fn remove(&mut self, now: Micros, flow: FlowId, ticket: Ticket) {
        self.advance(now);
        self.flows.remove(&(ticket.0, flow));
    }

    /// When the next transfer ends, if nothing changes.
    pub fn next_end(&self) -> Option<Micros> {
        let (end, _) = self.flows.first()?;
        if self.rate == 0 {
            return None;
        }
        let lacks = end.saturating_sub(self.given) * self.flows.len() as u128 * 1_000_000;
        let wait = lacks.div_ceil(u128::from(self.rate) * PARTS);
        Some(self.at + u64::try_from(wait).unwrap_or(u64::MAX / 2))
    }

    /// Takes off a transfer that has ended by now.
    pub fn pop_ended(&mut self, now: Micros) -> Option<FlowId> {
        self.advance(now);
        let &(end, flow) = self.flows.first()?;
        (end <= self.given).then(|| {
            self.flows.pop_first();
            flow
        })
    }

    fn advance(&mut self, now: Micros) {
        let passed = u128::from(now.saturating_sub(self.at));
        self.at = self.at.max(now);
        let count = self.flows.len() as u128;
        if count > 0 && passed > 0 {
            self.given += passed * u128::from(self.rate) * PARTS / (1_000_000 * count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_transfers_share_a_line_and_the_second_goes_on_alone() {
        let mut pipe = Pipe::new(1_000_000);
        pipe.add(0, 1, 1_000_000);
        assert_eq!(pipe.next_end(), Some(1_000_000));
        let second = pipe.add(500_000, 2, 1_000_000);
        assert_eq!(pipe.next_end(), Some(1_500_000), "half a line for the rest");
        assert_eq!(pipe.pop_ended(1_400_000), None);
        assert_eq!(pipe.pop_ended(1_500_000), Some(1));
        assert_eq!(pipe.left(1_500_000, second), 500_000);
        assert_eq!(pipe.next_end(), Some(2_000_000));
    }

    #[test]
    fn a_line_that_is_down_moves_nothing() {
        let mut pipe = Pipe::new(1_000);
        let ticket = pipe.add(0, 1, 1_000);
        pipe.set_rate(500_000, 0);
        assert_eq!((pipe.next_end(), pipe.left(9_000_000, ticket)), (None, 500));
        pipe.set_rate(9_000_000, 500);
        assert_eq!(pipe.next_end(), Some(10_000_000));
        pipe.remove(9_000_000, 1, ticket);
        assert_eq!((pipe.next_end(), pipe.share()), (None, 500));
    }
}
