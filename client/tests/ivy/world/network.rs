//! Connections: each keeps its order, and which of them goes on next is chance.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use node::{Conn, Input, Output, Peer};
use wire::Message;

use super::World;

/// What is on its way.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    Opened,
    Message(Message),
    Closed,
}

/// Who is at the other end of a connection that a process dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Far {
    Rm,
    /// The manager of this epoch.
    Manager(u64),
    /// A process, under this number of its own.
    Node(usize, Conn),
    /// Nobody listens there.
    Nobody,
}

#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) node: usize,
    pub(crate) conn: Conn,
    pub(crate) far: Far,
    pub(crate) there: VecDeque<Item>,
    pub(crate) back: VecDeque<Item>,
}

/// All connections; a pipe that is over is removed.
#[derive(Debug, Default)]
pub(crate) struct Network {
    pub(crate) pipes: BTreeMap<u64, Pipe>,
    next: u64,
    odd: u64,
}

impl Network {
    fn find(&self, node: usize, conn: Conn) -> Option<u64> {
        let ours = |pipe: &Pipe| {
            (pipe.node, pipe.conn) == (node, conn) || pipe.far == Far::Node(node, conn)
        };
        self.pipes.iter().find(|(_, pipe)| ours(pipe)).map(|(id, _)| *id)
    }
}

impl World {
    /// Performs what a process wants done.
    pub(crate) fn perform(&mut self, node: usize, outputs: Vec<Output>) -> Result<(), String> {
        for output in outputs {
            match output {
                Output::Dial(conn, address) => self.dial(node, conn, address),
                Output::Send(conn, message) => {
                    let Some(id) = self.network.find(node, conn) else { continue };
                    let Some(pipe) = self.network.pipes.get_mut(&id) else { continue };
                    let dialled = (pipe.node, pipe.conn) == (node, conn);
                    let queue = if dialled { &mut pipe.there } else { &mut pipe.back };
                    queue.push_back(Item::Message(message));
                }
                Output::Close(conn) => {
                    if let Some(id) = self.network.find(node, conn) {
                        self.close_far(id, Some(node));
                    }
                }
                Output::Note(event) => self.noted(node, event)?,
                Output::Exit(code) => {
                    return Err(format!("{} ended with code {code}", self.nodes[node].name));
                }
                other => return Err(format!("a process has no use for {other:?}")),
            }
        }
        Ok(())
    }

    fn dial(&mut self, node: usize, conn: Conn, address: SocketAddr) {
        let far = self.far(address);
        self.network.next += 1;
        let mut pipe = Pipe { node, conn, far, there: VecDeque::new(), back: VecDeque::new() };
        pipe.back.push_back(if far == Far::Nobody { Item::Closed } else { Item::Opened });
        if let Far::Node(..) = far {
            pipe.there.push_back(Item::Opened);
        }
        self.network.pipes.insert(self.network.next, pipe);
    }

    fn far(&mut self, address: SocketAddr) -> Far {
        if address.ip().to_string() == "127.0.0.110" {
            return Far::Rm;
        }
        if let Some(epoch) = self.managers.listens(address) {
            return Far::Manager(epoch);
        }
        let place = self.nodes.iter().position(|node| node.up && node.address == address);
        match place {
            Some(place) => {
                self.network.odd += 2;
                Far::Node(place, Conn(self.network.odd - 1))
            }
            None => Far::Nobody,
        }
    }

    /// One end closes; the other is told, after what is on its way to it.
    pub(crate) fn close_far(&mut self, id: u64, closer: Option<usize>) {
        let Some(mut pipe) = self.network.pipes.remove(&id) else { return };
        if let Far::Manager(_) = pipe.far {
            self.managers.disconnected(id);
        }
        if closer != Some(pipe.node) {
            pipe.back.push_back(Item::Closed);
            pipe.there.clear();
            pipe.far = if matches!(pipe.far, Far::Node(..)) { Far::Nobody } else { pipe.far };
            self.network.pipes.insert(id, pipe);
        } else if let Far::Node(..) = pipe.far {
            pipe.there.push_back(Item::Closed);
            pipe.back.clear();
            pipe.node = usize::MAX;
            self.network.pipes.insert(id, pipe);
        }
    }

    /// A process is dead: all its connections close.
    pub(crate) fn hang_up(&mut self, node: usize) {
        let ids: Vec<u64> = self.network.pipes.keys().copied().collect();
        for id in ids {
            let pipe = &self.network.pipes[&id];
            if pipe.node == node {
                self.close_far(id, Some(node));
            } else if matches!(pipe.far, Far::Node(far, _) if far == node) {
                self.close_far(id, None);
            }
        }
    }

    /// A connection breaks, with what is on its way.
    pub(crate) fn cut_one(&mut self) {
        let live: Vec<u64> = self.network.pipes.keys().copied().collect();
        if live.is_empty() {
            return;
        }
        let id = live[self.random.below(live.len())];
        self.seen.cuts += 1;
        let Some(mut pipe) = self.network.pipes.remove(&id) else { return };
        if let Far::Manager(_) = pipe.far {
            self.managers.disconnected(id);
        }
        pipe.there.clear();
        pipe.back.clear();
        if let Far::Node(far, conn) = pipe.far
            && self.nodes[far].up
        {
            let there = VecDeque::from([Item::Closed]);
            let far = Pipe { node: usize::MAX, conn, far: pipe.far, there, back: VecDeque::new() };
            self.network.next += 1;
            self.network.pipes.insert(self.network.next, far);
        }
        if pipe.node != usize::MAX {
            pipe.far = Far::Nobody;
            pipe.back.push_back(Item::Closed);
            self.network.pipes.insert(id, pipe);
        }
    }

    /// Something arrives somewhere. False if nothing is on its way to anyone who is awake.
    pub(crate) fn deliver_one(&mut self) -> Result<bool, String> {
        let awake = |node: usize| {
            self.nodes.get(node).is_some_and(|node| node.up && node.frozen_until <= self.now)
        };
        let mut ready = Vec::new();
        for (id, pipe) in &self.network.pipes {
            if !pipe.back.is_empty() && awake(pipe.node) {
                ready.push((*id, false));
            }
            let hears = match pipe.far {
                Far::Node(far, _) => awake(far),
                Far::Rm | Far::Manager(_) => true,
                Far::Nobody => false,
            };
            if !pipe.there.is_empty() && hears {
                ready.push((*id, true));
            }
        }
        if ready.is_empty() {
            return Ok(false);
        }
        let (id, there) = ready[self.random.below(ready.len())];
        let Some(pipe) = self.network.pipes.get_mut(&id) else { return Ok(true) };
        let item = if there { pipe.there.pop_front() } else { pipe.back.pop_front() };
        let (node, conn, far) = (pipe.node, pipe.conn, pipe.far);
        let Some(item) = item else { return Ok(true) };
        match (there, far) {
            (false, _) => self.arrives(id, node, conn, item)?,
            (true, Far::Node(node, conn)) => self.arrives(id, node, conn, item)?,
            (true, Far::Rm) => self.rm_hears(id, item),
            (true, Far::Manager(epoch)) => self.manager_hears(id, epoch, item),
            (true, Far::Nobody) => {}
        }
        Ok(true)
    }

    fn arrives(&mut self, id: u64, node: usize, conn: Conn, item: Item) -> Result<(), String> {
        let remote = SocketAddr::from(([127, 0, 0, 1], 1));
        let input = match item {
            Item::Opened => Input::Opened(conn, Peer { remote, door: None }),
            Item::Message(message) => Input::Received(conn, message),
            Item::Closed => {
                self.network.pipes.remove(&id);
                Input::Closed(conn)
            }
        };
        self.input(node, input)
    }
}
