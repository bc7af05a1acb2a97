//! Bugs on purpose: rules of the roles that a checker's test can switch off, one at a time, so that
//! it is known which checker notices (mutation testing).
//!
//! Guarantees: without the feature `mutants`, which only the simulator asks for, every rule is on
//! and the question costs nothing.
//!
//! Not here: what each rule is; it stands where it is asked for.

macro_rules! mutants {
    ($($list:ident { $($(#[$doc:meta])* $name:ident = $word:literal,)* })*) => {
        /// A rule that can be switched off.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Mutant {
            $($($(#[$doc])* $name,)*)*
        }

        impl Mutant {
            $(
                #[doc = concat!("Every rule of this list: ", stringify!($list), ".")]
                pub const $list: &[Self] = &[$(Self::$name,)*];
            )*

            /// Its name on the command line of the simulator.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($(Self::$name => $word,)*)*
                }
            }
        }
    };
}

mutants! {
ALL {
    /// R1: the primary commits and answers without waiting for acknowledgements.
    AnswerBeforeAcks = "answer-before-acks",
    /// R2: an active backup takes an entry for committed when it receives it.
    ExecuteOnReceipt = "execute-on-receipt",
    /// R1: acknowledgements are counted by name only, whatever their epoch and run.
    AcksByName = "acks-by-name",
    /// R3: the RM takes a join for any epoch.
    JoinWithoutCompare = "join-without-compare",
    /// R3: a joiner is asked for without being required.
    ForgetJoint = "forget-joint",
    /// R3: a joiner is asked for when it has what is committed, not the whole log.
    JointAtCommit = "joint-at-commit",
    /// I12: the RM announces a view before it is on disk.
    AnnounceFirst = "announce-first",
    /// R4: the RM promotes a server that is no member.
    PromoteUnready = "promote-unready",
    /// R5: a member answers from its own state, past the log.
    LocalRead = "local-read",
    /// R7: a repeated request takes effect again.
    SkipSessions = "skip-sessions",
    /// R7: a number whose answer is forgotten counts as new.
    WrongEviction = "wrong-eviction",
    /// R7: a checkpoint is restored without its sessions.
    ForgetSessions = "forget-sessions",
    /// R4: an entry of another epoch stays where the primary's should be.
    KeepConflict = "keep-conflict",
    /// R4: a tail that is not known to be committed is cut at every new view.
    CutAtView = "cut-at-view",
    /// R6: a primary that hears of a higher epoch goes on.
    IgnoreFence = "ignore-fence",
    /// R6: a replica goes back to a lower epoch than its own.
    AcceptLower = "accept-lower",
    /// R8: a joiner forgets what its clients asked when it becomes a member.
    LoseBuffer = "lose-buffer",
    /// R8: a joiner takes its checkpoint to stand one entry further than it does.
    SkipEntry = "skip-entry",
    /// R9: a replica's state differs, and nobody compares digests.
    SkipDigest = "skip-digest",
    /// R10: a backup that begins to execute goes on from what is committed, without replaying it.
    SwitchWithoutReplay = "switch-without-replay",
    /// R13: a server starts although one of its name runs: the lock of the programs.
    TwoOfAName = "two-of-a-name",
    /// R11: the role is given back to a server that is still joining.
    FailBackInJoin = "fail-back-in-join",
    /// R12: a server that holds old state begins the new cluster with it.
    KeepLostState = "keep-lost-state",
    /// R13: the RM takes everybody for dead when the GFD is gone.
    DeleteOnGfdRestart = "delete-on-gfd-restart",
    /// R13: an LFD launches its server without looking whether it runs.
    AdoptNothing = "adopt-nothing",
    /// R3: a primary drops a silent member by itself.
    DropByItself = "drop-by-itself",
}
// Those of Ivy, which only a world with Ivy's processes can notice.
IVY {
    /// A write goes on while others have copies.
    ForgetToInvalidate = "forget-to-invalidate",
    /// The first confirmed invalidation is taken for all of them.
    ForwardAfterOne = "forward-after-one",
    /// An owner that gives a copy goes on writing.
    KeepWriteAccess = "keep-write-access",
    /// A process confirms twice, and the manager takes every confirmation, whatever its grant.
    ConfirmTwice = "confirm-twice",
    /// A new primary begins with its last checkpoint, without the metadata that came after it.
    HandBackEarly = "hand-back-early",
    /// A restored manager has no queues and nothing in flight.
    LoseQueues = "lose-queues",
}
}

#[cfg(feature = "mutants")]
mod switch {
    use super::Mutant;
    use std::cell::Cell;

    thread_local! {
        static OFF: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    /// Switches this rule off in this thread, and all others on.
    pub fn switch_off(mutant: Option<Mutant>) {
        OFF.set(mutant);
    }

    /// Whether this rule is switched off.
    pub fn is_off(mutant: Mutant) -> bool {
        OFF.get() == Some(mutant)
    }

    thread_local! {
        static AT_MOST: Cell<usize> = const { Cell::new(usize::MAX) };
    }

    /// Lowers limits of replicated tables in this thread, so that a short run reaches them.
    pub fn lower(at_most: usize) {
        AT_MOST.set(at_most);
    }

    /// A limit, unless it was lowered.
    pub fn lowered(limit: usize) -> usize {
        limit.min(AT_MOST.get())
    }
}

#[cfg(not(feature = "mutants"))]
mod switch {
    use super::Mutant;

    /// Whether this rule is switched off: never.
    pub const fn is_off(_: Mutant) -> bool {
        false
    }

    /// A limit, which nobody has lowered.
    pub const fn lowered(limit: usize) -> usize {
        limit
    }
}

pub use switch::*;
