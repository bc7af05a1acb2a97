//! The service as one process would run it: the specification that a history is held against.
//!
//! A state is that of one part ([`Model::part`]), the one that the requests asked so far are about.

use std::fmt::Debug;

/// A sequential specification.
pub trait Model {
    /// All that the service remembers.
    type State: Clone + Ord + Debug;

    /// What it remembers at first.
    fn initial(&self) -> Self::State;

    /// Executes a request. Gives the state after it, or `None` if the service, in this state, would
    /// not have given this reply. The reply of a pending operation is not known (`None`).
    fn step(
        &self,
        state: &Self::State,
        request: &[u8],
        reply: Option<&[u8]>,
    ) -> Option<Self::State>;

    /// The only state in which the service gives this reply, if there is one such state. With it, a
    /// search knows what it has to keep. A model that says this also says [`Model::after`] of every
    /// request that can change the state.
    fn before(&self, _request: &[u8], _reply: &[u8]) -> Option<Self::State> {
        None
    }

    /// The state after this request, if it is the same whatever was before.
    fn after(&self, _request: &[u8]) -> Option<Self::State> {
        None
    }

    /// Which of several independent objects a request is about. Requests of different parts must
    /// neither see nor change each other's state.
    fn part<'a>(&self, _request: &'a [u8]) -> &'a [u8] {
        b""
    }
}
