//! What a role is: a pure state machine, its inputs, its outputs, and what its host owes it.
//!
//! The five roles (server, lfd, gfd, rm, client) implement [`Role`]. A role owns no socket, no clock,
//! no file and no randomness: time and input go in, outputs come out through an out-parameter, and
//! the same state with the same input gives the same output. That is why the roles that ship are the
//! roles that are simulated.
//!
//! # What the host owes a role
//! 1. `now` never goes back, and every call to a role passes the current one.
//! 2. The first input is [`Input::Start`].
//! 3. Outputs are performed in the order in which they were pushed.
//! 4. A [`Conn`] is never used for two connections in the life of a process. The host numbers
//!    accepted connections with odd numbers; a role numbers those that it dials with even ones.
//! 5. For every accepted connection: one `Opened`, then any number of `Received` in the order in
//!    which the peer sent them, then exactly one `Closed`, and nothing after it. For every dialled
//!    one the same, except that `Closed` may come without `Opened` when it was refused. At a door
//!    where half-closed peers are answered, `Ended` may come once before `Closed`. After a role
//!    pushed [`Output::Close`] the host reports nothing more of that connection, not even `Closed`.
//! 6. What is sent on a connection that is not open yet is kept (bounded) until it is; what is sent
//!    on a closed one is dropped.
//! 7. [`Role::settle`] is called after each batch of inputs, before anything is written to a socket.
//! 8. [`Role::wake`] is called as soon as `deadline()` has passed, and not much more often.
//! 9. A connection whose peer does not read is closed when its unsent bytes pass the host's limit.
//! 10. A connection that brings bytes that are no frame is told so by an `error` frame and closed.
//! 11. [`Output::Persist`] is answered by `Persisted` only once the record would survive a power cut.
//!
//! Not here: any rule of replication, and any socket.

mod event;
pub mod ivy;
mod line;
pub mod mutant;
mod role;
mod time;

pub use event::{Event, Stream};
pub use role::{Conn, Input, Output, Peer, RUNS_ALREADY, Role, Tune};
pub use time::Time;
