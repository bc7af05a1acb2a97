//! What the detectors and the Replication Manager say and are told.

use super::{Parsed, counted, extended, mode, phase, role, view, view_in};
use crate::fields::Fields;
use crate::message::Message;
use crate::names::ReplicaName;
use crate::parts::{Change, Gone, Health, LaunchOrder, Reported, Urgency, Why};

pub(super) fn heartbeat(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[3, 8])?;
    Ok(Message::Heartbeat {
        from: f.node("FROM")?,
        to: f.node("TO")?,
        count: f.counter("COUNT")?,
        health: extended(f, f.count() == 8, |f| {
            Ok(Health {
                incarnation: f.mark("INCARNATION")?,
                pid: f.small("PID")?,
                cluster: f.mark("CLUSTER")?,
                epoch: f.counter("EPOCH")?,
                phase: phase(f)?,
            })
        })?,
    })
}

pub(super) fn membership(f: &mut Fields<'_>) -> Parsed<Message> {
    #[derive(Clone, Copy)]
    enum Word {
        Add,
        Delete,
        Unmonitored,
    }
    let as_str = |word| match word {
        Word::Add => "add",
        Word::Delete => "delete",
        Word::Unmonitored => "unmonitored",
    };
    counted(f, &[3, 5, 8])?;
    let (from, server) = (f.node("FROM")?, f.replica("SERVER")?);
    let word = f.word("CHANGE", &[Word::Add, Word::Delete, Word::Unmonitored], as_str)?;
    let change = match (word, f.count()) {
        (Word::Add, 3) => Change::Add(None),
        (Word::Add, 8) => Change::Add(Some(reported(f)?)),
        (Word::Delete, 3) => Change::Delete(None),
        (Word::Delete, 5) => Change::Delete(Some((f.mark("INCARNATION")?, gone(f)?))),
        (Word::Unmonitored, 3) => Change::Unmonitored,
        _ => return f.wrong_count(),
    };
    Ok(Message::Membership { from, server, change })
}

fn reported(f: &mut Fields<'_>) -> Parsed<Reported> {
    Ok(Reported {
        incarnation: f.mark("INCARNATION")?,
        address: f.address("ADDRESS")?,
        cluster: f.mark("CLUSTER")?,
        epoch: f.counter("EPOCH")?,
        phase: phase(f)?,
    })
}

fn gone(f: &mut Fields<'_>) -> Parsed<Gone> {
    f.word("GONE", &[Gone::Exited, Gone::Closed, Gone::Silent], Gone::as_str)
}

/// Two messages share this kind: to a server the third field is its role, to a client it is a list.
pub(super) fn ready(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[1, 3, 7])?;
    if f.count() == 1 {
        return Ok(Message::Ready { server: f.replica("SERVER")?, role: None, view: None });
    }
    let has_view = f.count() == 7;
    if matches!(f.peek(2), b"primary" | b"backup") {
        let (server, mode, role) = (f.replica("SERVER")?, mode(f)?, role(f)?);
        let view = extended(f, has_view, |f| view_in(mode, f))?;
        return Ok(Message::Ready { server, role: Some((mode, role)), view });
    }
    let (client, mode) = (f.client("CLIENT")?, mode(f)?);
    let name = |item: &[u8]| ReplicaName::from_bytes(item).map_err(|why| why.to_string());
    let servers = f.list("SERVERS", name)?;
    let view = extended(f, has_view, |f| view_in(mode, f))?;
    Ok(Message::ClientReady { client, mode, servers, view })
}

pub(super) fn launch(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[1, 3])?;
    Ok(Message::Launch {
        server: f.replica("SERVER")?,
        order: extended(f, f.count() == 3, |f| {
            Ok(LaunchOrder {
                incarnation: f.mark("INCARNATION")?,
                urgency: f.word("URGENCY", &[Urgency::Grace, Urgency::Now], Urgency::as_str)?,
            })
        })?,
    })
}

pub(super) fn view_told(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[6])?;
    Ok(Message::View { to: f.node("TO")?, view: view(f)? })
}

pub(super) fn suspect(f: &mut Fields<'_>) -> Parsed<Message> {
    const WHY: [Why; 4] = [Why::Slow, Why::Unreachable, Why::Diverged, Why::Abandoned];
    counted(f, &[3, 5])?;
    Ok(Message::Suspect {
        from: f.replica("FROM")?,
        suspect: f.replica("SUSPECT")?,
        epoch: f.counter("EPOCH")?,
        detail: extended(f, f.count() == 5, |f| {
            Ok((f.mark("INCARNATION")?, f.word("WHY", &WHY, Why::as_str)?))
        })?,
    })
}

pub(super) fn join(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[4])?;
    Ok(Message::Join {
        from: f.replica("FROM")?,
        joiner: f.replica("JOINER")?,
        epoch: f.counter("EPOCH")?,
        incarnation: f.mark("INCARNATION")?,
    })
}

pub(super) fn handover(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[3])?;
    let (from, to, epoch) = (f.replica("FROM")?, f.replica("TO")?, f.counter("EPOCH")?);
    Ok(Message::Handover { from, to, epoch })
}

pub(super) fn drained(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[3])?;
    let (from, to, epoch) = (f.replica("FROM")?, f.replica("TO")?, f.counter("EPOCH")?);
    Ok(Message::Drained { from, to, epoch })
}

pub(super) fn hello(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[1, 2])?;
    Ok(Message::Hello {
        from: f.node("FROM")?,
        server: extended(f, f.count() == 2, |f| f.replica("SERVER"))?,
    })
}

pub(super) fn inspect(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[1])?;
    Ok(Message::Inspect { from: f.node("FROM")? })
}

pub(super) fn state(mut f: Fields<'_>) -> Parsed<Message> {
    counted(&f, &[10])?;
    Ok(Message::State {
        from: f.replica("FROM")?,
        cluster: f.mark("CLUSTER")?,
        epoch: f.counter("EPOCH")?,
        mode: mode(&mut f)?,
        phase: phase(&mut f)?,
        last: f.counter("LAST")?,
        committed: f.counter("COMMITTED")?,
        executed: f.counter("EXECUTED")?,
        digest: f.digest("DIGEST")?,
        state: f.rest(),
    })
}

pub(super) fn switch(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[2])?;
    Ok(Message::Switch { from: f.node("FROM")?, mode: mode(f)? })
}
