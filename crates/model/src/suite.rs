//! The scopes that are checked: each was searched to its end.

use crate::scope::Scope;

/// From the smallest to the largest; the last has sixteen million worlds.
#[must_use]
pub fn always() -> Vec<Scope> {
    let base = Scope { launches: 0, ..Scope::default() };
    vec![
        Scope { crashes: 0, launches: 1, ..base.clone() },
        Scope { formed: 3, requests: 1, ..base.clone() },
        Scope { requests: 1, ..base.clone() },
        Scope { formed: 3, ..base },
    ]
}
