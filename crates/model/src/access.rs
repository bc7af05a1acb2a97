//! How one searcher uses the library: it may only look things up, which several may do at once, or
//! it may also add, which only one may.
//!
//! Guarantees: a searcher that may only look up stops with [`Stop::Unknown`] where something would
//! have to be added, having changed nothing; whoever may add plays the same move again.

use std::ops::Deref;

use wire::Message;

use crate::library::{Cause, ItemId, Library, LocalId, Newborn, Outcome, Usual};
use crate::local::Local;
use crate::properties::Violation;

/// Why a move is not played to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Something is wrong.
    Violation(Violation),
    /// What comes of something is not in the library, and must not be added by this searcher.
    Unknown,
}

impl Stop {
    /// The same, at that server.
    pub(crate) fn of(self, server: usize) -> Self {
        match self {
            Self::Violation(violation) => Self::Violation(violation.of(server)),
            Self::Unknown => Self::Unknown,
        }
    }

    /// What is wrong, for a searcher that may add: nothing is unknown to it.
    pub(crate) fn violation(self) -> Violation {
        match self {
            Self::Violation(violation) => violation,
            Self::Unknown => unreachable!("whoever may add finds everything"),
        }
    }
}

impl From<Violation> for Stop {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) enum Access<'a> {
    /// It looks things up.
    Reading(&'a Library),
    /// It adds what is missing.
    Adding(&'a mut Library),
}

impl Deref for Access<'_> {
    type Target = Library;

    fn deref(&self) -> &Library {
        match self {
            Self::Reading(library) => library,
            Self::Adding(library) => library,
        }
    }
}

impl Access<'_> {
    fn adding(&mut self) -> Result<&mut Library, Stop> {
        match self {
            Self::Reading(_) => Err(Stop::Unknown),
            Self::Adding(library) => Ok(library),
        }
    }

    /// Forgets what comes of what, because the rules are other ones from now on.
    ///
    /// # Panics
    /// When this searcher may only look up.
    pub(crate) fn forget_outcomes(&mut self) {
        self.adding().expect("whoever changes the rules may add").forget_outcomes();
    }

    /// What comes of something that happens to a process at the moment after so many steps of time.
    ///
    /// # Errors
    /// When the role broke a rule of its host, or it is unknown.
    pub(crate) fn step(&mut self, id: LocalId, cause: Cause, time: u16) -> Result<Outcome, Stop> {
        if let Some(outcome) = self.outcome(id, cause, time) {
            return Ok(outcome);
        }
        let broken = |text| Violation { property: "obligations of a role", text };
        Ok(self.adding()?.play(id, cause, time).map_err(broken)?)
    }

    /// The number of a frame that is made again and again; `of` says which one it is.
    ///
    /// # Errors
    /// When it was not made before, and must not be added.
    pub(crate) fn usual(
        &mut self,
        of: Usual,
        make: impl FnOnce(&Library) -> Message,
    ) -> Result<ItemId, Stop> {
        if let Some(id) = Library::usual(self, of) {
            return Ok(id);
        }
        let library = self.adding()?;
        let message = make(library);
        Ok(library.keep_usual(of, message))
    }

    /// The state of a process that has not started yet.
    ///
    /// # Errors
    /// When there was none like it before, and it must not be added.
    pub(crate) fn newborn(
        &mut self,
        of: Newborn,
        make: impl FnOnce(&Library) -> Local,
    ) -> Result<LocalId, Stop> {
        if let Some(id) = Library::newborn(self, of) {
            return Ok(id);
        }
        let library = self.adding()?;
        let local = make(library);
        Ok(library.keep_newborn(of, local))
    }
}
