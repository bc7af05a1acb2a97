//! A history as the search walks it: its answers in the order of time, and who was open at each.
//!
//! Not here: what the operations mean.

use crate::Operation;

/// An answer.
#[derive(Debug)]
pub(crate) struct Return {
    /// The operation that is answered.
    pub(crate) operation: usize,
    /// The others that are answered later and were asked before this.
    pub(crate) open: Vec<usize>,
    /// How many of [`Order::pending`] were asked before this.
    pub(crate) pending: usize,
}

/// The answers of a history.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// In the order of time.
    pub(crate) returns: Vec<Return>,
    /// The operations that are never answered, in the order in which they were asked.
    pub(crate) pending: Vec<usize>,
    /// The place of each operation's own answer, after which it cannot be executed any more.
    pub(crate) last: Vec<usize>,
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
        let (mut order, mut open) = (Self::default(), Vec::new());
        order.last = vec![usize::MAX; history.len()];
        for (_, answer, operation) in events {
            if answer {
                open.retain(|other| *other != operation);
                let pending = order.pending.len();
                order.last[operation] = order.returns.len();
                order.returns.push(Return { operation, open: open.clone(), pending });
                continue;
            }
            let list = match history[operation].answered {
                Some(_) => &mut open,
                None => &mut order.pending,
            };
            list.push(operation);
        }
        order
    }
}
