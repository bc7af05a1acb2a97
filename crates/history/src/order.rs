//! A history as the search walks it: its answers in the order of time, and who was open at each.
//!
//! Not here: what the operations mean.

use crate::Operation;

/// An answer.
#[derive(Debug)]
pub(crate) struct Return {
    /// The operation that is answered.
    pub(crate) operation: usize,
    /// Every operation that was asked before this answer and was not answered before it; this one is
    /// the last.
    pub(crate) open: Vec<usize>,
}

/// The answers of a history.
#[derive(Debug)]
pub(crate) struct Order {
    /// In the order of time.
    pub(crate) returns: Vec<Return>,
    /// The place of each operation among those that are open at the same time. A place is used again
    /// when its operation was answered, so there are as many as operations were ever open at once.
    pub(crate) places: Vec<usize>,
    /// How many places there are.
    pub(crate) width: usize,
}

impl Order {
    /// The order of a history in which nobody was answered before it asked.
    pub(crate) fn new(history: &[&Operation]) -> Self {
        let mut events = Vec::with_capacity(2 * history.len());
        for (index, operation) in history.iter().enumerate() {
            // At one moment, all that is asked is open before anything is answered.
            events.push((operation.invoked, false, index));
            events.extend(operation.answered.as_ref().map(|(at, _)| (*at, true, index)));
        }
        events.sort_unstable();
        let mut order = Self { returns: Vec::new(), places: vec![0; history.len()], width: 0 };
        let (mut open, mut free) = (Vec::new(), Vec::new());
        for (_, answer, index) in events {
            if answer {
                open.retain(|other| *other != index);
                let open = open.iter().copied().chain([index]).collect();
                order.returns.push(Return { operation: index, open });
                free.push(order.places[index]);
            } else {
                open.push(index);
                order.places[index] = free.pop().unwrap_or_else(|| {
                    order.width += 1;
                    order.width - 1
                });
            }
        }
        order
    }
}
