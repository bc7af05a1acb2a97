//! The scopes that are checked again and again, by name. Each was searched to its end.

use wire::Mode;

use crate::scope::Scope;

/// A scope with a name.
#[derive(Debug, Clone)]
pub struct Named {
    /// What it is about, in a word or two.
    pub name: &'static str,
    /// How many worlds it has, as it was last counted. Another number is no error: it says that the
    /// roles do more, or less, than they did.
    pub worlds: usize,
    /// The bounds.
    pub scope: Scope,
}

fn named(name: &'static str, worlds: usize, scope: Scope) -> Named {
    Named { name, worlds, scope }
}

/// Passive, one request, two views, and no fault.
fn calm() -> Scope {
    Scope { requests: 1, crashes: 0, launches: 0, ..Scope::default() }
}

/// A few seconds in all: every kind of fault, at the smallest scope in which it can do harm.
#[must_use]
pub fn quick() -> Vec<Named> {
    let two = Scope { servers: 2, ..calm() };
    let active = Scope { mode: Mode::Active, ..two.clone() };
    vec![
        named("join", 5_976, calm()),
        named("join, two requests", 54_129, Scope { requests: 2, ..calm() }),
        named("death", 1_764_857, Scope { formed: 3, crashes: 1, ..calm() }),
        named(
            "death and restart",
            6_617,
            Scope { crashes: 1, launches: 1, epochs: 3, ..two.clone() },
        ),
        named("restart unnoticed", 15_080, Scope { replacements: 1, epochs: 3, ..two.clone() }),
        named(
            "sessions",
            54_348,
            Scope {
                requests: 2,
                crashes: 1,
                launches: 1,
                epochs: 3,
                sessions: true,
                ..two.clone()
            },
        ),
        named(
            "new sessions",
            27_549,
            Scope { requests: 2, crashes: 1, sessions: true, newcomers: true, ..two.clone() },
        ),
        named(
            "the RM dies, its disk fails, the GFD goes away",
            563_962,
            Scope { crashes: 1, launches: 1, manager_crashes: 1, resets: 1, disk_errors: 1, ..two },
        ),
        named("active: join", 8_154, Scope { servers: 3, ..active.clone() }),
        named(
            "active: death and restart",
            234_393,
            Scope { requests: 2, crashes: 1, launches: 1, epochs: 3, ..active.clone() },
        ),
        named(
            "active: the state is lost",
            39_166,
            Scope { formed: 1, crashes: 1, launches: 1, ..active },
        ),
    ]
}

/// The scopes of every change, together with [`view_change`], which the tests play.
#[must_use]
pub fn ci() -> Vec<Named> {
    let active = Scope { mode: Mode::Active, formed: 3, crashes: 1, ..calm() };
    let mut all = quick();
    all.extend([
        named("active: death", 834_502, active),
        named("join and death", 1_727_799, Scope { crashes: 1, ..calm() }),
    ]);
    all
}

/// The one that was asked for: three members, two requests, two views, one death. Some minutes on two
/// cores, and 2.5 GB for the worlds.
#[must_use]
pub fn view_change() -> Named {
    let scope = Scope { formed: 3, requests: 2, crashes: 1, ..calm() };
    named("death, two requests", 42_936_025, scope)
}

/// Larger scopes, for a quiet hour and some gigabytes of memory.
#[must_use]
pub fn long() -> Vec<Named> {
    let two = Scope { servers: 2, ..calm() };
    vec![
        view_change(),
        named("join and death, two requests", 24_959_902, {
            Scope { requests: 2, crashes: 1, ..calm() }
        }),
        named("join, death, restart", 9_291_837, Scope { crashes: 1, launches: 1, ..calm() }),
        named("new sessions: join and death", 4_033_352, {
            Scope { crashes: 1, sessions: true, newcomers: true, ..calm() }
        }),
        named("cut and accusation", 1_647_165, {
            Scope { cuts: 1, accusations: 1, epochs: 3, ..two }
        }),
    ]
}
