//! What a search has found out.

use std::fmt;

use crate::Operation;

/// Whether a history is linearizable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order.
    Linearizable,
    /// There is none.
    Refuted(Refutation),
    /// The budget was used up before anything was known. This is a failure.
    Undecided(Refutation),
}

/// Why there is no order, or how far the search had come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refutation {
    /// The answer that no order of what came before it explains.
    pub operation: Operation,
    /// How many answers before it could be explained.
    pub explained: usize,
    /// The states in which the search stood there, as text; only the first few.
    pub states: Vec<String>,
}

/// The verdict, and what it cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// How many operations the history has.
    pub operations: usize,
    /// Into how many independent parts it fell.
    pub parts: usize,
    /// How many steps of the model were tried.
    pub steps: u64,
}

impl Judgement {
    /// Whether the history was shown to be linearizable.
    #[must_use]
    pub fn held(&self) -> bool {
        self.verdict == Verdict::Linearizable
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { verdict, operations, parts, steps } = self;
        match verdict {
            Verdict::Linearizable => {
                write!(f, "{operations} operations in {parts} parts have an order ({steps} steps)")
            }
            Verdict::Refuted(refutation) => write!(f, "no order: {refutation}"),
            Verdict::Undecided(furthest) => write!(
                f,
                "undecided: no order of {operations} operations within {steps} steps; so far {furthest}"
            ),
        }
    }
}

impl fmt::Display for Refutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Operation { process, request, invoked, answered } = &self.operation;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (at, reply) = answered.as_ref().map_or((0, String::new()), |(at, r)| (*at, text(r)));
        write!(
            f,
            "nothing explains that {process} asked {:?} at {invoked} and was told {reply:?} at {at}: \
             after {} answers the state could be {}",
            text(request),
            self.explained,
            self.states.join(" or ")
        )
    }
}
