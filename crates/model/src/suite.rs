//! The scopes that are checked: always, and when there is time.

use wire::Mode;

use crate::scope::Scope;

/// What CI checks; minutes on two cores.
#[must_use]
pub fn always() -> Vec<Scope> {
    let base = Scope::default();
    vec![base.clone(), Scope { mode: Mode::Active, requests: 1, ..base.clone() }]
}
