//! From one answer of the RM to the next: what whoever asks servers has to do about it.
//!
//! Shared by the client, the load generator and the Ivy process, which differ in whose sessions and
//! links they are.

use node::Event;
use wire::ClusterId;

use crate::directory::Target;

/// Why a session is opened anew after [`Switch::is_new_cluster`], for people.
pub(crate) const NEW_CLUSTER: &str = "the RM has begun a new cluster, without the old one's state";

/// Other servers are asked from now on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Switch<'a> {
    /// What was asked before, if anything.
    pub(crate) before: Option<&'a Target>,
    /// What is asked from now on.
    pub(crate) target: &'a Target,
}

impl Switch<'_> {
    /// What a person is told; `None` where it says the same as before.
    pub(crate) fn event(self) -> Option<Event> {
        let (mode, servers) = self.target.described();
        let told = self.before.is_some_and(|before| before.described() == (mode, servers.clone()));
        (!told).then_some(Event::ClientSwitched { mode, servers })
    }

    /// The state is another one: no server knows the sessions of before.
    pub(crate) fn is_new_cluster(self) -> bool {
        let old = self.before.and_then(cluster);
        old.is_some() && cluster(self.target) != old
    }

    /// A link that is kept from the other mode may have brought its server requests that it left to
    /// another one. What is unanswered is sent on it again; a repetition does no harm.
    pub(crate) fn is_new_mode(self) -> bool {
        self.before.is_some_and(|before| before.mode != self.target.mode)
    }
}

fn cluster(target: &Target) -> Option<ClusterId> {
    target.version.map(|(cluster, _)| cluster)
}
