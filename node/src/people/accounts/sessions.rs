//! Who is signed in: a random id in the browser, its hash here.

use std::{collections::BTreeMap, fmt, time::Duration};

use pishtar_mesh::Now;
use serde::{Deserialize, Serialize};

use super::{AccountId, Accounts, Role, SignInError, State, StoreError, store};

/// Sessions kept altogether; beyond it the one unused for longest ends.
const MAX_SESSIONS: usize = 5_000;
/// Learners on one family device.
const MAX_SEATS: usize = 12;
/// Use is written down so often: what a power cut takes is a shorter idle time.
const TOUCH_EVERY: i64 = 300;

/// How long a session lasts without use, and altogether.
#[derive(Debug, Clone, Copy)]
struct Limits {
    idle: i64,
    absolute: i64,
}

const fn days(days: u64) -> i64 {
    Duration::from_secs(days * 86_400).as_secs() as i64
}

/// Staff see other people's data: an hour, a working day.
const STAFF: Limits = Limits {
    idle: 3_600,
    absolute: 10 * 3_600,
};
/// A tablet at school goes from hand to hand: two lessons, a school day.
const AT_SCHOOL: Limits = Limits {
    idle: 2 * 3_600,
    absolute: 8 * 3_600,
};
/// A family's own device: a month, a term.
const FAMILY: Limits = Limits {
    idle: days(30),
    absolute: days(120),
};

/// The id of a session, as the browser keeps it: 256 random bits. Hidden from `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl Token {
    /// Reads what [`Token::text`] wrote.
    pub fn parse(text: &str) -> Option<Token> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Token(bytes))
    }

    /// For the cookie.
    pub fn text(&self) -> String {
        hex::encode(self.0)
    }

    /// What forms of this session carry, so that no other page can make one: it follows from the id and does not
    /// tell it.
    pub fn form_key(&self) -> String {
        hex::encode(&blake3::keyed_hash(&self.0, b"form").as_bytes()[..16])
    }

    fn key(&self) -> [u8; 32] {
        blake3::derive_key("pishtar 2026 session id", &self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

/// One who is signed in in a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// Whose account.
    pub account: AccountId,
    /// Their role.
    pub role: Role,
}

/// Who is signed in in one browser. Always true: there is at least one seat and `current` is one of them; several
/// only where all are learners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Everybody who is.
    pub seats: Vec<Seat>,
    /// Which of them is here now.
    pub current: usize,
    /// A family's own device: several learners, longer limits.
    pub family: bool,
}

impl Session {
    /// Who is here now.
    pub fn seat(&self) -> &Seat {
        &self.seats[self.current]
    }

    /// Whether this learner is signed in here.
    pub fn has_learner(&self, id: &AccountId) -> bool {
        let learner = |seat: &Seat| seat.role == Role::Learner && seat.account == *id;
        self.seats.iter().any(learner)
    }
}

/// A session as it is stored. Times are Unix seconds of this device's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row {
    seats: Vec<Seat>,
    current: u32,
    family: bool,
    made: i64,
    used: i64,
}

impl Row {
    fn limits(&self) -> Limits {
        let staff = self.seats.iter().any(|seat| seat.role != Role::Learner);
        match (staff, self.family) {
            (true, _) => STAFF,
            (false, true) => FAMILY,
            (false, false) => AT_SCHOOL,
        }
    }

    /// Over when it is unused or old; and when the clock went back behind it, for then nobody knows.
    fn is_over(&self, now: i64) -> bool {
        let limits = self.limits();
        let (idle, age) = (now - self.used, now - self.made);
        idle < -TOUCH_EVERY || age < -TOUCH_EVERY || idle > limits.idle || age > limits.absolute
    }

    fn session(&self) -> Option<Session> {
        let current = usize::try_from(self.current).ok()?;
        self.seats.get(current)?;
        Some(Session {
            seats: self.seats.clone(),
            current,
            family: self.family,
        })
    }
}

/// The rows by the hash of their id.
pub(super) struct Sessions {
    rows: BTreeMap<[u8; 32], Row>,
}

type Changed = Vec<([u8; 32], Option<Row>)>;

impl Sessions {
    pub(super) fn new(rows: Vec<([u8; 32], Row)>) -> Sessions {
        Sessions {
            rows: rows.into_iter().collect(),
        }
    }

    /// Takes out what is over, and what is too much.
    fn tidy(&mut self, now: i64) -> Changed {
        let over = self.rows.iter().filter(|(_, row)| row.is_over(now));
        let mut ended: Vec<[u8; 32]> = over.map(|(key, _)| *key).collect();
        if ended.is_empty() && self.rows.len() >= MAX_SESSIONS {
            ended.extend(
                self.rows
                    .iter()
                    .min_by_key(|(_, row)| row.used)
                    .map(|(key, _)| *key),
            );
        }
        for key in &ended {
            self.rows.remove(key);
        }
        ended.into_iter().map(|key| (key, None)).collect()
    }

    fn put(&mut self, key: [u8; 32], row: Row) -> ([u8; 32], Option<Row>) {
        self.rows.insert(key, row.clone());
        (key, Some(row))
    }
}

impl Accounts {
    /// Opens a session for somebody whose secret or card was right. On a family's device a learner joins the learners
    /// of the session `beside`, if there is one; any other session of this browser ends.
    ///
    /// # Errors
    /// The disk's fault.
    pub fn open_session(
        &self,
        seat: Seat,
        family: bool,
        beside: Option<&Token>,
        now: Now,
    ) -> Result<Token, SignInError> {
        let token = Token(store::random()?);
        let family = family && seat.role == Role::Learner;
        let mut state = self.state();
        let mut changed = state.sessions.tidy(now.wall);
        let before = beside.and_then(|token| state.sessions.rows.remove(&token.key()));
        changed.extend(beside.map(|token| (token.key(), None)));
        let mut seats = match before {
            Some(before) if family && before.family => before.seats,
            _ => Vec::new(),
        };
        seats.retain(|other| other.account != seat.account);
        seats.truncate(MAX_SEATS - 1);
        seats.push(seat);
        let row = Row {
            current: (seats.len() - 1) as u32,
            seats,
            family,
            made: now.wall,
            used: now.wall,
        };
        changed.push(state.sessions.put(token.key(), row));
        self.store.put_sessions(&changed)?;
        Ok(token)
    }

    /// Who is signed in with this id; nobody once it is over.
    pub fn session(&self, token: &Token, now: Now) -> Option<Session> {
        let key = token.key();
        let mut state = self.state();
        let row = state.sessions.rows.get_mut(&key)?;
        if row.is_over(now.wall) {
            state.sessions.rows.remove(&key);
            drop(self.store.put_sessions(&[(key, None)]));
            return None;
        }
        if now.wall - row.used > TOUCH_EVERY {
            row.used = now.wall;
            let row = row.clone();
            // Not written is a shorter idle time after a restart, and no more.
            drop(self.store.put_sessions(&[(key, Some(row))]));
        }
        state.sessions.rows.get(&key)?.session()
    }

    /// Makes another learner of a family's device the one who is here. `false`: they are not signed in.
    ///
    /// # Errors
    /// The disk's fault.
    pub fn choose_seat(&self, token: &Token, id: &AccountId) -> Result<bool, StoreError> {
        self.change_session(token, |row| {
            let seat = row.seats.iter().position(|seat| seat.account == *id)?;
            row.current = seat as u32;
            Some(())
        })
    }

    /// Signs one out; the session ends with the last.
    ///
    /// # Errors
    /// The disk's fault.
    pub fn leave_seat(&self, token: &Token, id: &AccountId) -> Result<bool, StoreError> {
        self.change_session(token, |row| {
            let seat = row.seats.iter().position(|seat| seat.account == *id)?;
            row.seats.remove(seat);
            row.current = 0;
            Some(())
        })
    }

    fn change_session(
        &self,
        token: &Token,
        change: impl FnOnce(&mut Row) -> Option<()>,
    ) -> Result<bool, StoreError> {
        let key = token.key();
        let mut state = self.state();
        let Some(mut row) = state.sessions.rows.get(&key).cloned() else {
            return Ok(false);
        };
        if change(&mut row).is_none() {
            return Ok(false);
        }
        let row = (!row.seats.is_empty()).then_some(row);
        self.store.put_sessions(&[(key, row.clone())])?;
        match row {
            Some(row) => state.sessions.rows.insert(key, row),
            None => state.sessions.rows.remove(&key),
        };
        Ok(true)
    }

    /// Ends a session for everybody in it.
    ///
    /// # Errors
    /// The disk's fault.
    pub fn end_session(&self, token: &Token) -> Result<(), StoreError> {
        let key = token.key();
        let mut state = self.state();
        self.store.put_sessions(&[(key, None)])?;
        state.sessions.rows.remove(&key);
        Ok(())
    }

    /// Takes somebody out of every session.
    pub(super) fn end_sessions(&self, state: &mut State, id: &AccountId) -> Result<(), StoreError> {
        let of_them = |row: &Row| row.seats.iter().any(|seat| seat.account == *id);
        let rows = state.sessions.rows.iter().filter(|(_, row)| of_them(row));
        let ended: Changed = rows.map(|(key, _)| (*key, None)).collect();
        self.store.put_sessions(&ended)?;
        for (key, _) in ended {
            state.sessions.rows.remove(&key);
        }
        Ok(())
    }
}
