//! Waits after wrong secrets, for each account and for each address; they grow, and survive a restart.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use pishtar_mesh::Mono;

use super::AccountId;

/// Rows kept altogether; beyond it the one with the fewest wrong tries is forgotten.
const MAX_ROWS: usize = 20_000;

/// How many wrong tries are free, and how the waits after them grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Wrong tries without a wait.
    pub free: u32,
    /// The first wait; each further wrong try doubles it.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

impl Allowance {
    /// Five tries, then 30 s to 1 h: a PIN of four digits holds for more than a year.
    pub const ACCOUNT: Allowance = Allowance {
        free: 5,
        first: Duration::from_secs(30),
        longest: Duration::from_secs(3_600),
    };
    /// A class shares a tablet, so an address gets more; then 30 s to 15 min, whomever it tries.
    pub const CLIENT: Allowance = Allowance {
        free: 20,
        first: Duration::from_secs(30),
        longest: Duration::from_secs(900),
    };

    /// The wait after so many wrong tries.
    pub fn wait_after(self, failures: u32) -> Duration {
        let Some(beyond) = failures.checked_sub(self.free) else {
            return Duration::ZERO;
        };
        let factor = 1_u32.checked_shl(beyond).filter(|&factor| factor > 0);
        let wait = factor.and_then(|factor| self.first.checked_mul(factor));
        wait.map_or(self.longest, |wait| wait.min(self.longest))
    }
}

/// What tells an account or an address, without its text.
pub(super) type Key = [u8; 16];

/// Wrong tries of one key; 0 removes its row.
pub(super) type Failures = Vec<(Key, u32)>;

/// Always true: no row stands here with 0; the file has the same numbers as soon as a try was counted.
pub(super) struct Waits {
    salt: [u8; 32],
    rows: BTreeMap<Key, Row>,
}

#[derive(Clone, Copy)]
struct Row {
    failures: u32,
    /// When the last one was, or when the device started since.
    since: Mono,
}

impl Waits {
    /// What the file says; the waits begin anew at `now`.
    pub(super) fn new(salt: [u8; 32], failures: Failures, now: Mono) -> Waits {
        let row = |(key, failures)| {
            let since = now;
            (key, Row { failures, since })
        };
        Waits {
            salt,
            rows: failures.into_iter().map(row).collect(),
        }
    }

    fn account_key(&self, id: &AccountId) -> Key {
        self.key(b"account", id.as_str().as_bytes())
    }

    /// An address; of IPv6 the network, because one host has all the addresses in it.
    fn client_key(&self, client: IpAddr) -> Key {
        match client.to_canonical() {
            IpAddr::V4(address) => self.key(b"client", &address.octets()),
            IpAddr::V6(Ipv6Addr::LOCALHOST) => self.key(b"client", b"::1"),
            IpAddr::V6(address) => self.key(b"client", &address.octets()[..8]),
        }
    }

    fn key(&self, what: &[u8], text: &[u8]) -> Key {
        let mut hasher = blake3::Hasher::new_keyed(&self.salt);
        hasher.update(what).update(&[0]).update(text);
        let mut key = [0; 16];
        hasher.finalize_xof().fill(&mut key);
        key
    }

    fn left(&self, key: &Key, allowance: Allowance, now: Mono) -> Duration {
        let Some(row) = self.rows.get(key) else {
            return Duration::ZERO;
        };
        let passed = now.0.saturating_sub(row.since.0);
        allowance.wait_after(row.failures).saturating_sub(passed)
    }

    /// Counts a try as wrong, for the account and the address, and says what must be on the disk before it is looked
    /// at; or the seconds to wait, and then nothing is counted.
    pub(super) fn count(
        &mut self,
        id: Option<&AccountId>,
        client: IpAddr,
        now: Mono,
    ) -> Result<Failures, u64> {
        let client = self.client_key(client);
        let account = id.map(|id| self.account_key(id));
        let mut left = self.left(&client, Allowance::CLIENT, now);
        if let Some(account) = &account {
            left = left.max(self.left(account, Allowance::ACCOUNT, now));
        }
        if left > Duration::ZERO {
            return Err(seconds(left));
        }
        let mut changed = Failures::new();
        for key in account.into_iter().chain([client]) {
            let failures = self
                .rows
                .get(&key)
                .map_or(1, |row| row.failures.saturating_add(1));
            self.rows.insert(
                key,
                Row {
                    failures,
                    since: now,
                },
            );
            changed.push((key, failures));
        }
        if self.rows.len() > MAX_ROWS {
            let least = self.rows.iter().min_by_key(|(_, row)| row.failures);
            if let Some((&key, _)) = least {
                self.rows.remove(&key);
                changed.push((key, 0));
            }
        }
        Ok(changed)
    }

    /// The secret was right: the account begins anew, and the address has the one try back. It keeps its older wrong
    /// ones, else somebody with an account of their own could guess for ever.
    pub(super) fn right(&mut self, id: &AccountId, client: IpAddr) -> Failures {
        let mut changed = self.forgive_account(id);
        changed.extend(self.right_client(client));
        changed
    }

    /// Takes one wrong try off an address.
    pub(super) fn right_client(&mut self, client: IpAddr) -> Failures {
        let key = self.client_key(client);
        let Some(row) = self.rows.get_mut(&key) else {
            return Failures::new();
        };
        row.failures -= 1;
        let failures = row.failures;
        if failures == 0 {
            self.rows.remove(&key);
        }
        vec![(key, failures)]
    }

    /// Forgets the wrong tries of an account.
    pub(super) fn forgive_account(&mut self, id: &AccountId) -> Failures {
        let key = self.account_key(id);
        self.rows.remove(&key);
        vec![(key, 0)]
    }

    pub(super) fn wait_of_account(&self, id: &AccountId, now: Mono) -> u64 {
        seconds(self.left(&self.account_key(id), Allowance::ACCOUNT, now))
    }
}

fn seconds(left: Duration) -> u64 {
    left.as_millis()
        .div_ceil(1000)
        .try_into()
        .unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 9));

    fn at(seconds: u64) -> Mono {
        Mono(Duration::from_secs(seconds))
    }

    #[test]
    fn waits_grow_to_the_longest() {
        let waits = [4, 5, 6, 7, 11, 12, 40, u32::MAX];
        let waits = waits.map(|failures| Allowance::ACCOUNT.wait_after(failures).as_secs());
        assert_eq!(waits, [0, 30, 60, 120, 1920, 3600, 3600, 3600]);
    }

    #[test]
    fn an_account_waits_whoever_tries_it_and_others_do_not() {
        let mut waits = Waits::new([7; 32], Failures::new(), at(0));
        let (arta, blerim) = (AccountId::new("a"), AccountId::new("b"));
        for host in 1..=5 {
            let client = IpAddr::from([10, 0, 0, host]);
            assert!(waits.count(Some(&arta), client, at(1)).is_ok());
        }
        assert_eq!(waits.count(Some(&arta), CLIENT, at(1)), Err(30));
        assert_eq!(waits.count(Some(&arta), CLIENT, at(30)), Err(1));
        assert!(waits.count(Some(&blerim), CLIENT, at(1)).is_ok());
        assert!(waits.count(Some(&arta), CLIENT, at(31)).is_ok());
        assert_eq!(waits.count(Some(&arta), CLIENT, at(31)), Err(60));
        waits.right(&arta, CLIENT);
        assert!(waits.count(Some(&arta), CLIENT, at(31)).is_ok());
    }

    #[test]
    fn an_address_waits_whomever_it_tries_even_with_an_account_of_its_own() {
        let mut waits = Waits::new([7; 32], Failures::new(), at(0));
        let own = AccountId::new("own");
        for number in 0..20 {
            let other = AccountId::new(number.to_string());
            assert!(waits.count(Some(&other), CLIENT, at(1)).is_ok());
            if number < 19 {
                assert!(waits.count(Some(&own), CLIENT, at(1)).is_ok());
                waits.right(&own, CLIENT);
            }
        }
        assert_eq!(waits.count(Some(&own), CLIENT, at(1)), Err(30));
        assert_eq!(waits.count(None, CLIENT, at(1)), Err(30));
    }

    #[test]
    fn a_restart_keeps_the_number_and_starts_the_wait_again() {
        let mut waits = Waits::new([7; 32], Failures::new(), at(0));
        let arta = AccountId::new("a");
        let mut stored = BTreeMap::new();
        for _ in 0..5 {
            stored.extend(waits.count(Some(&arta), CLIENT, at(500)).unwrap());
        }
        let mut again = Waits::new([7; 32], stored.into_iter().collect(), at(0));
        assert_eq!(again.wait_of_account(&arta, at(10)), 20);
        assert_eq!(again.count(Some(&arta), CLIENT, at(10)), Err(20));
        assert!(again.count(Some(&arta), CLIENT, at(30)).is_ok());
    }
}
