//! The session table (R7): which requests of each client took effect, and what they were answered.
//!
//! The table is replicated state: it changes only when a committed entry is executed, so it is equal
//! at every member that has executed the same entries, and it is part of every checkpoint. The idea
//! is Lampson's and RIFL's: an answer is remembered until the client can no longer ask for it.
//!
//! Guarantees: a (session, number) takes effect at most once; its answer is always the same (I9). A
//! session id is the sequence of its registration, so an evicted or replaced session is refused for
//! ever and never executed anew.
//!
//! Not here: connections, and requests that are not executed yet.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use node::mutant::{Mutant, is_off, lowered};
use wire::{ClientName, RequestNumber, Sequence, SessionId};
use xxhash_rust::xxh3::xxh3_64;

/// The fewest answers that a session keeps, whatever its window.
const FEWEST_ANSWERS: usize = 16;
/// The widest window that a session may ask for.
pub const WIDEST_WINDOW: u32 = 4096;
/// How many sessions are kept; part of the replicated behaviour, so equal at every member.
pub const CAPACITY: usize = 16_384;

/// An answered request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    number: RequestNumber,
    /// A hash of what was asked; told apart only for implicit sessions, 0 for the others.
    asked: u64,
    reply: Bytes,
}

/// One client's session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The sequence of its registration.
    pub id: SessionId,
    /// The client's own mark; 0 for the implicit session of a short-form client.
    pub nonce: u64,
    window: u32,
    /// Numbers below this may have been answered and forgotten.
    floor: u64,
    /// Sorted by number.
    answers: VecDeque<Answer>,
    used: Sequence,
}

/// What the table knows of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// It took effect; this was the answer.
    Answered(Bytes),
    /// It is new in its session.
    New,
    /// It is so old that its answer is forgotten.
    Stale,
    /// Its session is not the client's (any more).
    Expired,
}

impl Session {
    /// Whether the client speaks the short form.
    #[must_use]
    pub fn implicit(&self) -> bool {
        self.nonce == 0
    }

    /// The highest number that was answered.
    #[must_use]
    pub fn last(&self) -> Option<RequestNumber> {
        self.answers.back().map(|a| a.number)
    }

    fn find(&self, number: RequestNumber) -> Result<&Answer, usize> {
        // The common question is about a number after all others.
        if self.last().is_none_or(|last| last < number) {
            return Err(self.answers.len());
        }
        self.answers.binary_search_by_key(&number, |a| a.number).map(|at| &self.answers[at])
    }

    /// What is known of a number of this session.
    #[must_use]
    pub fn known(&self, number: RequestNumber) -> Known {
        match self.find(number) {
            Ok(_) if is_off(Mutant::SkipSessions) => Known::New,
            Ok(answer) => Known::Answered(answer.reply.clone()),
            Err(_) if number.0 < self.floor && !is_off(Mutant::WrongEviction) => Known::Stale,
            Err(_) => Known::New,
        }
    }

    /// Whether a number was answered for exactly this question.
    #[must_use]
    pub fn asked(&self, number: RequestNumber, body: &[u8]) -> bool {
        self.find(number).is_ok_and(|answer| answer.asked == xxh3_64(body))
    }

    /// Records the answer of a request that has just taken effect.
    pub(crate) fn answered(
        &mut self,
        number: RequestNumber,
        asked: &Bytes,
        reply: Bytes,
        sequence: Sequence,
    ) {
        let asked = if self.implicit() { xxh3_64(asked) } else { 0 };
        self.used = sequence;
        self.keep(Answer { number, asked, reply });
    }

    fn keep(&mut self, answer: Answer) {
        if let Err(place) = self.find(answer.number) {
            self.answers.insert(place, answer);
        }
        while self.answers.len() > FEWEST_ANSWERS.max(self.window as usize) {
            if let Some(oldest) = self.answers.pop_front() {
                self.floor = self.floor.max(oldest.number.0 + 1);
            }
        }
    }
}

/// All sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sessions {
    table: BTreeMap<ClientName, Session>,
}

impl Sessions {
    /// The session of a client.
    #[must_use]
    pub fn session(&self, client: ClientName) -> Option<&Session> {
        self.table.get(&client)
    }

    /// Every session, in the order of the clients' names.
    pub(crate) fn all(&self) -> impl Iterator<Item = (ClientName, &Session)> {
        self.table.iter().map(|(client, session)| (*client, session))
    }

    /// What is known of a request.
    #[must_use]
    pub fn known(&self, client: ClientName, id: SessionId, number: RequestNumber) -> Known {
        match self.table.get(&client) {
            Some(session) if session.id == id => session.known(number),
            _ => Known::Expired,
        }
    }

    /// The client's session, if it is the one that is meant.
    pub(crate) fn meant(&mut self, client: ClientName, id: SessionId) -> Option<&mut Session> {
        self.table.get_mut(&client).filter(|session| session.id == id)
    }

    /// Executes a registration at `sequence`. A repeated one (same nonce) gives the same session; one
    /// of an older start of the client gives `None`.
    pub fn register(
        &mut self,
        client: ClientName,
        nonce: u64,
        window: u32,
        sequence: Sequence,
    ) -> Option<SessionId> {
        if let Some(session) = self.table.get_mut(&client).filter(|_| nonce != 0) {
            if session.nonce == nonce {
                session.used = sequence;
                return Some(session.id);
            }
            if session.nonce > nonce {
                return None;
            }
        } else if self.table.len() >= lowered(CAPACITY) {
            self.evict();
        }
        let id = SessionId(sequence.0);
        let session = Session {
            id,
            nonce,
            window: window.clamp(1, WIDEST_WINDOW),
            floor: 0,
            answers: VecDeque::new(),
            used: sequence,
        };
        self.table.insert(client, session);
        Some(id)
    }

    /// Forgets the eighth of the sessions that was used longest ago. A function of the table alone,
    /// so every member forgets the same ones.
    fn evict(&mut self) {
        let mut used: Vec<Sequence> = self.table.values().map(|s| s.used).collect();
        used.sort_unstable();
        let bound = used[used.len() / 8];
        self.table.retain(|_, session| session.used > bound);
    }

    /// Writes the table as text: numbers end with a blank, byte strings have their length before
    /// them.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        put(out, self.table.len() as u64);
        for (client, s) in &self.table {
            put_bytes(out, client.as_str().as_bytes());
            for n in [s.id.0, s.nonce, u64::from(s.window), s.floor, s.used.0] {
                put(out, n);
            }
            put(out, s.answers.len() as u64);
            for answer in &s.answers {
                put(out, answer.number.0);
                put(out, answer.asked);
                put_bytes(out, &answer.reply);
            }
        }
    }

    /// Reads what [`Sessions::write`] wrote; `None` when it is something else.
    pub(crate) fn read(input: &mut &[u8]) -> Option<Self> {
        let mut table = BTreeMap::new();
        for _ in 0..take(input)? {
            let client = ClientName::from_bytes(take_bytes(input)?).ok()?;
            let (id, nonce) = (SessionId(take(input)?), take(input)?);
            let window = u32::try_from(take(input)?).ok()?;
            let (floor, used) = (take(input)?, Sequence(take(input)?));
            let mut answers = VecDeque::new();
            for _ in 0..take(input)? {
                let (number, asked) = (RequestNumber(take(input)?), take(input)?);
                let reply = Bytes::copy_from_slice(take_bytes(input)?);
                answers.push_back(Answer { number, asked, reply });
            }
            table.insert(client, Session { id, nonce, window, floor, answers, used });
        }
        Some(Self { table })
    }
}

fn put(out: &mut Vec<u8>, number: u64) {
    // No formatting: checkpoints and digests are made of these.
    let (mut digits, mut rest, mut at) = ([b' '; 21], number, 20);
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn take(input: &mut &[u8]) -> Option<u64> {
    let end = input.iter().position(|b| *b == b' ')?;
    let number = std::str::from_utf8(&input[..end]).ok()?.parse().ok()?;
    *input = &input[end + 1..];
    Some(number)
}

fn take_bytes<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take(input)?).ok()?;
    let (bytes, rest) = input.split_at_checked(length)?;
    *input = rest;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(name: &str) -> ClientName {
        name.parse().expect("a name")
    }

    fn answer(sessions: &mut Sessions, name: &str, number: u64) {
        let body = Bytes::from(format!("b{number}"));
        let session = sessions.table.get_mut(&client(name)).expect("a session");
        session.answered(RequestNumber(number), &body, body.clone(), Sequence(100 + number));
    }

    #[test]
    fn a_repeated_number_gets_the_same_answer_and_a_forgotten_one_is_stale() {
        let mut sessions = Sessions::default();
        let id = sessions.register(client("C1"), 7, 4, Sequence(1)).expect("a session");
        for number in 1..=20 {
            assert_eq!(sessions.known(client("C1"), id, RequestNumber(number)), Known::New);
            answer(&mut sessions, "C1", number);
        }
        let known = |n| sessions.known(client("C1"), id, RequestNumber(n));
        assert_eq!(known(20), Known::Answered(Bytes::from_static(b"b20")));
        assert_eq!(known(5), Known::Answered(Bytes::from_static(b"b5")));
        assert_eq!(known(4), Known::Stale);
        assert_eq!(known(21), Known::New);
    }

    #[test]
    fn an_older_start_of_a_client_is_refused_and_a_newer_one_ends_the_session() {
        let mut sessions = Sessions::default();
        let first = sessions.register(client("C1"), 7, 1, Sequence(1)).expect("a session");
        assert_eq!(sessions.register(client("C1"), 7, 1, Sequence(2)), Some(first));
        assert_eq!(sessions.register(client("C1"), 6, 1, Sequence(3)), None);
        assert_eq!(sessions.register(client("C1"), 8, 1, Sequence(4)), Some(SessionId(4)));
        assert_eq!(sessions.known(client("C1"), first, RequestNumber(1)), Known::Expired);
    }

    #[test]
    fn the_table_survives_its_text_form() {
        let mut sessions = Sessions::default();
        sessions.register(client("C1"), 7, 4, Sequence(1));
        sessions.register(client("C9"), 0, 1, Sequence(2));
        answer(&mut sessions, "C1", 1);
        answer(&mut sessions, "C9", 0);
        let mut text = Vec::new();
        sessions.write(&mut text);
        assert_eq!(Sessions::read(&mut &text[..]), Some(sessions));
        assert_eq!(Sessions::read(&mut &b"1 2 C1"[..]), None);
    }

    #[test]
    fn a_full_table_forgets_those_used_longest_ago() {
        let mut sessions = Sessions::default();
        for n in 0..=CAPACITY as u64 {
            sessions.register(client(&format!("C{n}")), 1, 1, Sequence(n + 1));
        }
        assert!(sessions.table.len() <= CAPACITY);
        assert!(sessions.session(client("C0")).is_none());
        assert!(sessions.session(client(&format!("C{CAPACITY}"))).is_some());
    }
}
