//! The text form of each message: how it is written.
//!
//! [`encode`] appends one frame to a buffer without allocating anything but the buffer's own room.
//! Bytes that would end a field, and blanks that a reader would trim, are percent-encoded in
//! bodies; all other fields cannot hold such bytes.
//!
//! Not here: limits (the codec knows them), reading (see `parse`), and how bytes get to the buffer
//! (see `draft` and `escape`).

use std::fmt::{self, Write};
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};

use crate::draft::Draft;
use crate::ivy::Page;
use crate::message::Message;
use crate::names::{ClientName, Name, NodeName, ReplicaName};
use crate::parts::{Change, Entry, Op, Transfer};
use crate::view::{Mode, Role, View};

/// The longest text of an `error` frame, in bytes; what is longer is cut and ends with `…`.
pub const ERROR_TEXT_LIMIT: usize = 512;

/// The longest field that [`Message`]'s `Display` shows whole, in characters.
const SHOWN: usize = 128;

/// Appends the frame of `message` to `target`.
pub fn encode(message: &Message, target: &mut BytesMut) {
    let mut fields = Writer(Draft::new(target));
    fields.0.byte(b'<');
    documented(message, &mut fields);
    fields.0.name(message.kind().word(), b'>');
    fields.0.flush();
}

/// The fields of the documents' kinds; the others go on to [`replicated`].
fn documented(message: &Message, w: &mut Writer<'_>) {
    match message {
        Message::Request { client, server, number, body, session } => {
            w.client(client).replica(server).number(number.0).body(body);
            w.extra(session.as_ref(), |w, session| w.number(session.0));
        }
        Message::Reply { client, server, number, body, session } => {
            w.client(client).replica(server).number(number.0);
            // A session can only stand behind a body, so an absent body is then an empty one.
            w.extra(body.as_deref(), Writer::body);
            w.extra(session.as_ref(), |w, session| {
                if body.is_none() { w.body(&[]) } else { w }.number(session.0)
            });
        }
        Message::Heartbeat { from, to, count, health } => {
            w.node(from).node(to).number(*count);
            w.extra(health.as_ref(), |w, h| {
                w.number(h.incarnation.0).number(u64::from(h.pid)).number(h.cluster.0);
                w.number(h.epoch.0).word(h.phase.as_str())
            });
        }
        Message::Membership { from, server, change } => {
            change_of(w.node(from).replica(server), change)
        }
        Message::Ready { server, role, view } => ready(w, server, *role, view.as_ref()),
        Message::ClientReady { client, mode, servers, view } => {
            w.client(client).word(mode.as_str()).list(servers);
            w.extra(view.as_ref(), |w, view| w.view_tail(view));
        }
        Message::SendCheckpoint { donor, joiner, order } => {
            w.replica(donor).replica(joiner);
            w.extra(order.as_ref(), |w, (epoch, incarnation, address)| {
                w.number(epoch.0).number(incarnation.0).address(*address)
            });
        }
        Message::Recovery { from, to, mode, role, request, state, transfer } => {
            w.replica(from).replica(to).word(mode.as_str()).word(role.as_str());
            w.number(*request).body(state).extra(transfer.as_ref(), Writer::transfer);
        }
        Message::Checkpoint { from, to, count, state, transfer } => {
            w.replica(from).replica(to).number(*count).body(state);
            w.extra(transfer.as_ref(), Writer::transfer);
        }
        Message::Launch { server, order } => {
            w.replica(server);
            w.extra(order.as_ref(), |w, order| {
                w.number(order.incarnation.0).word(order.urgency.as_str())
            });
        }
        Message::Client { client, known } => {
            w.client(client).extra(known.as_ref(), |w, epoch| w.number(epoch.0));
        }
        Message::Error { from, code, text } => {
            w.node(from).word(code.as_str()).text(text);
        }
        other => {
            replicated(other, w);
        }
    }
}

/// The fields of the kinds of sessions and between replicas; the others go on to [`carried`].
fn replicated<'w, 'b>(message: &Message, w: &'w mut Writer<'b>) -> &'w mut Writer<'b> {
    match message {
        Message::Register { client, server, nonce, window } => {
            w.client(client).replica(server).number(*nonce).number(u64::from(*window))
        }
        Message::Notice { client, server, body } => w.client(client).replica(server).body(body),
        Message::Registered { client, server, nonce, session } => {
            w.client(client).replica(server).number(*nonce).number(session.0)
        }
        Message::Sync { from, to, incarnation, committed, last, view } => {
            w.replica(from).replica(to).number(incarnation.0);
            w.number(committed.0).number(last.0).view(view)
        }
        Message::Have { from, to, epoch, incarnation, cluster, committed, last } => {
            w.replica(from).replica(to).number(epoch.0).number(incarnation.0);
            w.number(cluster.0).number(committed.0).number(last.0)
        }
        Message::Append { from, epoch, entry } => w.replica(from).number(epoch.0).entry(entry),
        Message::Ack { from, to, epoch, incarnation, sequence } => {
            w.replica(from).replica(to).number(epoch.0).number(incarnation.0).number(sequence.0)
        }
        Message::Commit { from, epoch, sequence } => {
            w.replica(from).number(epoch.0).number(sequence.0)
        }
        Message::Forward { from, to, epoch, client, session, number, body, fresh } => {
            w.replica(from).replica(to).number(epoch.0).client(client);
            w.number(session.0).number(number.0).body(body).number(u64::from(*fresh))
        }
        Message::ForwardRegister { from, to, epoch, client, nonce, window } => {
            w.replica(from).replica(to).number(epoch.0);
            w.client(client).number(*nonce).number(u64::from(*window))
        }
        Message::Received { from, to, epoch, incarnation, offset } => {
            w.replica(from).replica(to).number(epoch.0).number(incarnation.0).number(*offset)
        }
        Message::Fenced { from, to, cluster, epoch } => {
            w.replica(from).replica(to).number(cluster.0).number(epoch.0)
        }
        Message::Digest { from, to, epoch, sequence, digest } => {
            w.replica(from).replica(to).number(epoch.0).number(sequence.0).display(digest)
        }
        other => carried(other, w),
    }
}

/// The fields of the kinds that the detectors carry and of those for people.
fn carried<'w, 'b>(message: &Message, w: &'w mut Writer<'b>) -> &'w mut Writer<'b> {
    match message {
        Message::View { to, view } => w.node(to).view(view),
        Message::Suspect { from, suspect, epoch, detail } => {
            w.replica(from).replica(suspect).number(epoch.0);
            w.extra(detail.as_ref(), |w, (run, why)| w.number(run.0).word(why.as_str()))
        }
        Message::Join { from, joiner, epoch, incarnation } => {
            w.replica(from).replica(joiner).number(epoch.0).number(incarnation.0)
        }
        Message::Handover { from, to, epoch } | Message::Drained { from, to, epoch } => {
            w.replica(from).replica(to).number(epoch.0)
        }
        Message::Hello { from, server } => w.node(from).extra(server.as_ref(), Writer::replica),
        Message::Inspect { from } => w.node(from),
        Message::State {
            from,
            cluster,
            epoch,
            mode,
            phase,
            last,
            committed,
            executed,
            digest,
            state,
        } => {
            w.replica(from).number(cluster.0).number(epoch.0);
            w.word(mode.as_str()).word(phase.as_str());
            w.number(last.0).number(committed.0).number(executed.0).display(digest).body(state)
        }
        Message::Switch { from, mode } => w.node(from).word(mode.as_str()),
        Message::Page(page) => w.page(page),
        // Spelled out, so that a kind that is added to `Message` must find its place here.
        Message::Request { .. }
        | Message::Reply { .. }
        | Message::Heartbeat { .. }
        | Message::Membership { .. }
        | Message::Ready { .. }
        | Message::ClientReady { .. }
        | Message::SendCheckpoint { .. }
        | Message::Recovery { .. }
        | Message::Checkpoint { .. }
        | Message::Launch { .. }
        | Message::Client { .. }
        | Message::Error { .. } => unreachable!("written by `documented`"),
        Message::Register { .. }
        | Message::Notice { .. }
        | Message::Registered { .. }
        | Message::Sync { .. }
        | Message::Have { .. }
        | Message::Append { .. }
        | Message::Ack { .. }
        | Message::Commit { .. }
        | Message::Forward { .. }
        | Message::ForwardRegister { .. }
        | Message::Received { .. }
        | Message::Fenced { .. }
        | Message::Digest { .. } => unreachable!("written by `replicated`"),
    }
}

fn change_of(w: &mut Writer<'_>, change: &Change) {
    match change {
        Change::Add(reported) => w.word("add").extra(reported.as_ref(), |w, r| {
            w.number(r.incarnation.0).address(r.address);
            w.number(r.cluster.0).number(r.epoch.0).word(r.phase.as_str())
        }),
        Change::Delete(detail) => w
            .word("delete")
            .extra(detail.as_ref(), |w, (run, gone)| w.number(run.0).word(gone.as_str())),
        Change::Unmonitored => w.word("unmonitored"),
    };
}

fn ready(
    w: &mut Writer<'_>,
    server: &ReplicaName,
    role: Option<(Mode, Role)>,
    view: Option<&View>,
) {
    w.replica(server);
    // With a view, mode and role follow from it; a stranger to the view is told that it is a
    // backup.
    let role = view.map(|v| (v.mode, v.role(*server).unwrap_or(Role::Backup))).or(role);
    w.extra(role.as_ref(), |w, (mode, role)| w.word(mode.as_str()).word(role.as_str()));
    w.extra(view, |w, view| w.view_tail(view));
}

/// Appends fields, each with the comma behind it; calls are chained in the order of the fields.
struct Writer<'a>(Draft<'a>);

impl Writer<'_> {
    /// Fields that are there only in the extended form.
    fn extra<T>(
        &mut self,
        part: Option<T>,
        write: impl for<'w> FnOnce(&'w mut Self, T) -> &'w mut Self,
    ) -> &mut Self {
        match part {
            Some(part) => write(self, part),
            None => self,
        }
    }

    fn raw(&mut self, field: &[u8]) -> &mut Self {
        self.0.put(field);
        self.0.byte(b',');
        self
    }

    fn word(&mut self, word: &str) -> &mut Self {
        self.raw(word.as_bytes())
    }

    fn name(&mut self, name: &Name) -> &mut Self {
        self.0.name(name, b',');
        self
    }

    fn node(&mut self, name: &NodeName) -> &mut Self {
        self.name(name.inner())
    }

    fn replica(&mut self, name: &ReplicaName) -> &mut Self {
        self.name(name.inner())
    }

    fn client(&mut self, name: &ClientName) -> &mut Self {
        self.name(name.inner())
    }

    fn number(&mut self, value: u64) -> &mut Self {
        self.0.number(value, b',');
        self
    }

    /// For fields of rare kinds.
    fn display(&mut self, value: impl fmt::Display) -> &mut Self {
        // A draft takes every write.
        let _ = write!(self.0, "{value},");
        self
    }

    fn address(&mut self, address: SocketAddr) -> &mut Self {
        self.display(address)
    }

    fn body(&mut self, body: &[u8]) -> &mut Self {
        self.0.body(body);
        self.0.byte(b',');
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        if text.len() <= ERROR_TEXT_LIMIT {
            return self.body(text.as_bytes());
        }
        let kept = text.floor_char_boundary(ERROR_TEXT_LIMIT - '…'.len_utf8());
        self.0.body(text[..kept].trim_end().as_bytes());
        self.word("…")
    }

    fn list(&mut self, servers: &[ReplicaName]) -> &mut Self {
        for (place, server) in servers.iter().enumerate() {
            if place > 0 {
                self.0.byte(b';');
            }
            self.0.put(server.as_bytes());
        }
        // A server of such a name would be read as the role of a server's `ready`; the trailing
        // `;`, which every reader ignores, says that this is a list.
        if matches!(servers, [one] if matches!(one.as_str(), "primary" | "backup")) {
            self.0.byte(b';');
        }
        self.0.byte(b',');
        self
    }

    fn members(&mut self, view: &View) -> &mut Self {
        for (place, member) in view.members.iter().enumerate() {
            if place > 0 {
                self.0.byte(b';');
            }
            self.0.name(member.name.inner(), b'/');
            self.0.number(member.incarnation.0, b'/');
            // As in `display`.
            let _ = write!(self.0, "{}", member.address);
        }
        self.0.byte(b',');
        self
    }

    fn view(&mut self, view: &View) -> &mut Self {
        self.number(view.cluster.0).number(view.epoch.0).word(view.mode.as_str());
        self.replica(&view.primary).members(view)
    }

    /// The view in a `ready`, whose mode stands among the documents' fields.
    fn view_tail(&mut self, view: &View) -> &mut Self {
        self.number(view.cluster.0).number(view.epoch.0).replica(&view.primary).members(view)
    }

    fn transfer(&mut self, t: &Transfer) -> &mut Self {
        self.number(t.epoch.0).number(t.sequence.0).number(t.offset).number(t.total);
        self.display(t.digest)
    }

    fn page(&mut self, p: &Page) -> &mut Self {
        self.client(&p.from).client(&p.to).number(p.page.0.into());
        self.number(p.operation).number(p.grant).number(p.clock).body(&p.contents)
    }

    fn entry(&mut self, entry: &Entry) -> &mut Self {
        self.number(entry.sequence.0).number(entry.epoch.0);
        match &entry.op {
            Op::Request { client, session, number, body } => {
                self.client(client).number(session.0).number(number.0).body(body)
            }
            Op::Register { client, nonce, window } => {
                self.client(client).number(*nonce).number(u64::from(*window))
            }
            Op::Mark => self,
            Op::Absent { client, session } => self.client(client).number(session.0),
        }
    }
}

/// The frame as a person reads it: a blank after each comma, long fields cut, other bytes than text
/// replaced.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut frame = BytesMut::new();
        encode(self, &mut frame);
        let frame = Bytes::from(frame);
        for (place, field) in String::from_utf8_lossy(&frame).split(',').enumerate() {
            if place > 0 {
                f.write_str(", ")?;
            }
            match field.char_indices().nth(SHOWN) {
                Some((end, _)) => write!(f, "{}…", &field[..end])?,
                None => f.write_str(field)?,
            }
        }
        Ok(())
    }
}
