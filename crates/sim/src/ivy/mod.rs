//! Ivy in a simulated world: the central manager that ships on the servers, Ivy's processes that ship
//! as their clients, and what must hold of them (docs/IVY.md).
//!
//! One file each: a single writer or many readers at every instant ([`one_writer`]); the manager knows
//! of everyone with access ([`copyset`]); no page is lost that somebody holds ([`no_lost_page`]); what
//! is lost is said by name ([`lost_by_name`]); an operation takes effect once, in the log, before its
//! process goes on ([`once`]); one order of all operations explains the whole history
//! ([`sequential`]). That every operation ends once faults have stopped is asked by the swarm.
//!
//! By which mechanism: [`agreed`] is the order that the servers agreed on, executed once more outside
//! of them all; the properties compare the processes that run with it.
//!
//! Not here: the faults (`swarm`), and the replication of the manager (`properties`), which is judged
//! in the same runs.

mod agreed;
mod copyset;
mod lost_by_name;
mod no_lost_page;
mod once;
mod one_writer;
mod sequential;
mod workload;

use std::cell::RefCell;
use std::rc::Rc;

use node::ivy::Access;
use wire::ClientName;
use wire::ivy::PageNumber;

pub use workload::Workload;

use crate::world::World;
use agreed::Agreed;

/// The agreed order, shared by those who compare with it. It watches first.
type Shared = Rc<RefCell<Agreed>>;

/// Lets every property of Ivy watch a world.
pub fn watch(world: &mut World) {
    let agreed = Shared::default();
    world.watch(Box::new(agreed::Follower(Rc::clone(&agreed))));
    world.watch(Box::new(one_writer::OneWriter(Rc::clone(&agreed))));
    world.watch(Box::new(copyset::Copyset(Rc::clone(&agreed))));
    world.watch(Box::new(no_lost_page::NoLostPage(Rc::clone(&agreed))));
    world.watch(Box::new(lost_by_name::LostByName::new(Rc::clone(&agreed))));
    world.watch(Box::new(once::Once::new(Rc::clone(&agreed))));
    world.watch(Box::new(sequential::Sequential::new(agreed)));
}

/// Who has access to a page, of the processes that the manager has not given up.
fn with_access(world: &World, agreed: &Agreed, page: PageNumber) -> Vec<(ClientName, Access)> {
    let processes = world.running().filter_map(|process| {
        let role = process.actor.ivy()?;
        let name: ClientName = process.name.as_str().parse().ok()?;
        let access = role.access(page);
        let known = role.life() != 0 && agreed.manager().life(name) == Some(role.life());
        (known && access != Access::Nil).then_some((name, access))
    });
    processes.collect()
}

/// The pages of a world.
fn pages(world: &World) -> impl Iterator<Item = PageNumber> {
    (1..=world.plan.pages).map(PageNumber)
}
