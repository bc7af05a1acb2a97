//! What replicas say to each other.

use super::{Parsed, counted, extended, mode, role, transfer, view};
use crate::fields::Fields;
use crate::message::Message;
use crate::parts::{Entry, Op};

pub(super) fn send_checkpoint(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[2, 5])?;
    Ok(Message::SendCheckpoint {
        donor: f.replica("DONOR")?,
        joiner: f.replica("JOINER")?,
        order: extended(f, f.count() == 5, |f| {
            Ok((f.counter("EPOCH")?, f.mark("INCARNATION")?, f.address("ADDRESS")?))
        })?,
    })
}

pub(super) fn recovery(mut f: Fields<'_>) -> Parsed<Message> {
    counted(&f, &[6, 11])?;
    let is_long = f.count() == 11;
    let (from, to) = (f.replica("FROM")?, f.replica("TO")?);
    let (mode, role) = (mode(&mut f)?, role(&mut f)?);
    let (request, state) = (f.counter("REQUEST")?, f.take());
    let transfer = extended(&mut f, is_long, transfer)?;
    Ok(Message::Recovery { from, to, mode, role, request, state: f.body(state), transfer })
}

pub(super) fn checkpoint(mut f: Fields<'_>) -> Parsed<Message> {
    counted(&f, &[4, 9])?;
    let is_long = f.count() == 9;
    let (from, to) = (f.replica("FROM")?, f.replica("TO")?);
    let (count, state) = (f.counter("COUNT")?, f.take());
    let transfer = extended(&mut f, is_long, transfer)?;
    Ok(Message::Checkpoint { from, to, count, state: f.body(state), transfer })
}

pub(super) fn sync(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[10])?;
    Ok(Message::Sync {
        from: f.replica("FROM")?,
        to: f.replica("TO")?,
        incarnation: f.mark("INCARNATION")?,
        committed: f.counter("COMMITTED")?,
        last: f.counter("LAST")?,
        view: view(f)?,
    })
}

pub(super) fn have(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[7])?;
    Ok(Message::Have {
        from: f.replica("FROM")?,
        to: f.replica("TO")?,
        epoch: f.counter("EPOCH")?,
        incarnation: f.mark("INCARNATION")?,
        cluster: f.mark("CLUSTER")?,
        committed: f.counter("COMMITTED")?,
        last: f.counter("LAST")?,
    })
}

/// The fields of all three kinds of `append` around what the entry does.
fn appended<'a>(mut f: Fields<'a>, op: impl FnOnce(Fields<'a>) -> Parsed<Op>) -> Parsed<Message> {
    Ok(Message::Append {
        from: f.replica("FROM")?,
        epoch: f.counter("EPOCH")?,
        entry: Entry {
            sequence: f.counter("SEQUENCE")?,
            epoch: f.counter("ENTRY_EPOCH")?,
            op: op(f)?,
        },
    })
}

pub(super) fn append(f: Fields<'_>) -> Parsed<Message> {
    counted(&f, &[8])?;
    appended(f, |mut f| {
        let client = f.client("CLIENT")?;
        let (session, number) = (f.counter("SESSION")?, f.counter("NUMBER")?);
        Ok(Op::Request { client, session, number, body: f.rest() })
    })
}

pub(super) fn append_register(f: Fields<'_>) -> Parsed<Message> {
    counted(&f, &[7])?;
    appended(f, |mut f| {
        Ok(Op::Register {
            client: f.client("CLIENT")?,
            nonce: f.mark("NONCE")?,
            window: f.small("WINDOW")?,
        })
    })
}

pub(super) fn append_mark(f: Fields<'_>) -> Parsed<Message> {
    counted(&f, &[4])?;
    appended(f, |_| Ok(Op::Mark))
}

pub(super) fn append_absent(f: Fields<'_>) -> Parsed<Message> {
    counted(&f, &[6])?;
    appended(f, |mut f| {
        Ok(Op::Absent { client: f.client("CLIENT")?, session: f.counter("SESSION")? })
    })
}

pub(super) fn ack(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[5])?;
    Ok(Message::Ack {
        from: f.replica("FROM")?,
        to: f.replica("TO")?,
        epoch: f.counter("EPOCH")?,
        incarnation: f.mark("INCARNATION")?,
        sequence: f.counter("SEQUENCE")?,
    })
}

pub(super) fn commit(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[3])?;
    Ok(Message::Commit {
        from: f.replica("FROM")?,
        epoch: f.counter("EPOCH")?,
        sequence: f.counter("SEQUENCE")?,
    })
}

pub(super) fn forward(mut f: Fields<'_>) -> Parsed<Message> {
    counted(&f, &[8])?;
    let (from, to, epoch) = (f.replica("FROM")?, f.replica("TO")?, f.counter("EPOCH")?);
    let client = f.client("CLIENT")?;
    let (session, number) = (f.counter("SESSION")?, f.counter("NUMBER")?);
    let (body, fresh) = (f.take(), f.flag("FRESH")?);
    let body = f.body(body);
    Ok(Message::Forward { from, to, epoch, client, session, number, body, fresh })
}

pub(super) fn forward_register(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[6])?;
    Ok(Message::ForwardRegister {
        from: f.replica("FROM")?,
        to: f.replica("TO")?,
        epoch: f.counter("EPOCH")?,
        client: f.client("CLIENT")?,
        nonce: f.mark("NONCE")?,
        window: f.small("WINDOW")?,
    })
}

pub(super) fn received(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[5])?;
    Ok(Message::Received {
        from: f.replica("FROM")?,
        to: f.replica("TO")?,
        epoch: f.counter("EPOCH")?,
        incarnation: f.mark("INCARNATION")?,
        offset: f.counter("OFFSET")?,
    })
}

pub(super) fn fenced(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[4])?;
    Ok(Message::Fenced {
        from: f.replica("FROM")?,
        to: f.replica("TO")?,
        cluster: f.mark("CLUSTER")?,
        epoch: f.counter("EPOCH")?,
    })
}

pub(super) fn digest(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[5])?;
    Ok(Message::Digest {
        from: f.replica("FROM")?,
        to: f.replica("TO")?,
        epoch: f.counter("EPOCH")?,
        sequence: f.counter("SEQUENCE")?,
        digest: f.digest("DIGEST")?,
    })
}
