//! From the fields of a frame to a message: which fields each kind has, in which order.
//!
//! A kind is split by its number of fields into its short and its extended form; every short form
//! of the documents is accepted. Not here: how a field is read (see `fields`).

mod clients;
mod replicas;
mod suite;

use crate::digits::decimal;
use crate::fields::{FieldError, Fields, address};
use crate::ivy::Want;
use crate::kind::Kind;
use crate::message::Message;
use crate::names::{Incarnation, ReplicaName};
use crate::parts::Transfer;
use crate::view::{Member, Mode, Phase, Role, View};

type Parsed<T> = Result<T, FieldError>;

/// The message of that kind with those fields.
pub(crate) fn message(kind: Kind, mut fields: Fields<'_>) -> Parsed<Message> {
    let f = &mut fields;
    match kind {
        Kind::Request => clients::request(fields),
        Kind::Reply => clients::reply(fields),
        Kind::Heartbeat => suite::heartbeat(f),
        Kind::Membership => suite::membership(f),
        Kind::Ready => suite::ready(f),
        Kind::SendCheckpoint => replicas::send_checkpoint(f),
        Kind::Recovery => replicas::recovery(fields),
        Kind::Checkpoint => replicas::checkpoint(fields),
        Kind::Launch => suite::launch(f),
        Kind::Client => clients::client(f),
        Kind::Error => clients::error(f),
        Kind::Register => clients::register(f),
        Kind::Notice => clients::notice(fields),
        Kind::Registered => clients::registered(f),
        Kind::Sync => replicas::sync(f),
        Kind::Have => replicas::have(f),
        Kind::Append => replicas::append(fields),
        Kind::AppendRegister => replicas::append_register(fields),
        Kind::AppendMark => replicas::append_mark(fields),
        Kind::AppendAbsent => replicas::append_absent(fields),
        Kind::Ack => replicas::ack(f),
        Kind::Commit => replicas::commit(f),
        Kind::Forward => replicas::forward(fields),
        Kind::ForwardRegister => replicas::forward_register(f),
        Kind::Received => replicas::received(f),
        Kind::Fenced => replicas::fenced(f),
        Kind::Digest => replicas::digest(f),
        Kind::View => suite::view_told(f),
        Kind::Suspect => suite::suspect(f),
        Kind::Join => suite::join(f),
        Kind::Handover => suite::handover(f),
        Kind::Drained => suite::drained(f),
        Kind::Hello => suite::hello(f),
        Kind::Inspect => suite::inspect(f),
        Kind::State => suite::state(fields),
        Kind::Switch => suite::switch(f),
        Kind::ReadPage => clients::page(fields, Want::Read),
        Kind::WritePage => clients::page(fields, Want::Write),
    }
}

/// Refuses a frame that has not one of these numbers of fields.
fn counted(f: &Fields<'_>, allowed: &[usize]) -> Parsed<()> {
    if allowed.contains(&f.count()) { Ok(()) } else { f.wrong_count() }
}

/// The extended part of a frame, if it is that long.
fn extended<'a, T>(
    f: &mut Fields<'a>,
    is: bool,
    read: impl FnOnce(&mut Fields<'a>) -> Parsed<T>,
) -> Parsed<Option<T>> {
    if is { read(f).map(Some) } else { Ok(None) }
}

fn mode(f: &mut Fields<'_>) -> Parsed<Mode> {
    f.word("MODE", &[Mode::Active, Mode::Passive], Mode::as_str)
}

fn role(f: &mut Fields<'_>) -> Parsed<Role> {
    f.word("ROLE", &[Role::Primary, Role::Backup], Role::as_str)
}

fn phase(f: &mut Fields<'_>) -> Parsed<Phase> {
    f.word("PHASE", &[Phase::Joiner, Phase::Backup, Phase::Primary], Phase::as_str)
}

/// `S1/83/127.0.0.101:8000;S2/...`
fn members(f: &mut Fields<'_>) -> Parsed<Vec<Member>> {
    f.list("MEMBERS", |item| {
        let mut parts = item.splitn(3, |b| *b == b'/');
        let name = ReplicaName::from_bytes(parts.next().unwrap_or_default());
        let name = name.map_err(|why| why.to_string())?;
        let incarnation = decimal(parts.next().unwrap_or_default()).map(Incarnation);
        let address = address(parts.next().unwrap_or_default());
        match (incarnation, address) {
            (Some(incarnation), Some(address)) => Ok(Member { name, incarnation, address }),
            _ => Err("a member is NAME/INCARNATION/IP:PORT".to_owned()),
        }
    })
}

/// `CLUSTER,EPOCH,MODE,PRIMARY,MEMBERS`
fn view(f: &mut Fields<'_>) -> Parsed<View> {
    Ok(View {
        cluster: f.mark("CLUSTER")?,
        epoch: f.counter("EPOCH")?,
        mode: mode(f)?,
        primary: f.replica("PRIMARY")?,
        members: members(f)?,
    })
}

/// `CLUSTER,EPOCH,PRIMARY,MEMBERS`, where the mode is known already.
fn view_in(mode: Mode, f: &mut Fields<'_>) -> Parsed<View> {
    Ok(View {
        mode,
        cluster: f.mark("CLUSTER")?,
        epoch: f.counter("EPOCH")?,
        primary: f.replica("PRIMARY")?,
        members: members(f)?,
    })
}

fn transfer(f: &mut Fields<'_>) -> Parsed<Transfer> {
    Ok(Transfer {
        epoch: f.counter("EPOCH")?,
        sequence: f.counter("SEQUENCE")?,
        offset: f.counter("OFFSET")?,
        total: f.counter("TOTAL")?,
        digest: f.digest("DIGEST")?,
    })
}
