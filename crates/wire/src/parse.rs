//! From the fields of a frame to a message: which fields each kind has, in which order.
//!
//! A kind is split by its number of fields into its short and its extended form; every short form
//! of the documents is accepted. Not here: how a field is read (see `fields`).

use crate::digits::decimal;
use crate::fields::{FieldError, Fields, address};
use crate::ivy::{Page, PageNumber, Want};
use crate::kind::Kind;
use crate::message::{
    Change, Entry, ErrorCode, Gone, Health, LaunchOrder, Message, Op, Reported, Transfer, Urgency,
    Why,
};
use crate::names::{Incarnation, ReplicaName};
use crate::view::{Member, Mode, Phase, Role, View};

type Parsed<T> = Result<T, FieldError>;

/// The message of that kind with those fields.
pub(crate) fn message(kind: Kind, mut fields: Fields<'_>) -> Parsed<Message> {
    let f = &mut fields;
    match kind {
        Kind::Request => request(fields),
        Kind::Reply => reply(fields),
        Kind::Heartbeat => heartbeat(f),
        Kind::Membership => membership(f),
        Kind::Ready => ready(f),
        Kind::SendCheckpoint => send_checkpoint(f),
        Kind::Recovery => recovery(fields),
        Kind::Checkpoint => checkpoint(fields),
        Kind::Launch => launch(f),
        Kind::Client => client(f),
        Kind::Error => error(f),
        Kind::Register => register(f),
        Kind::Notice => notice(fields),
        Kind::Registered => registered(f),
        Kind::Sync => sync(f),
        Kind::Have => have(f),
        Kind::Append => append(fields),
        Kind::AppendRegister => append_register(fields),
        Kind::AppendMark => append_mark(fields),
        Kind::AppendAbsent => append_absent(fields),
        Kind::Ack => ack(f),
        Kind::Commit => commit(f),
        Kind::Forward => forward(fields),
        Kind::ForwardRegister => forward_register(f),
        Kind::Received => received(f),
        Kind::Fenced => fenced(f),
        Kind::Digest => digest(f),
        Kind::View => view_told(f),
        Kind::Suspect => suspect(f),
        Kind::Join => join(f),
        Kind::Handover => handover(f),
        Kind::Drained => drained(f),
        Kind::Hello => hello(f),
        Kind::Inspect => inspect(f),
        Kind::State => state(fields),
        Kind::Switch => switch(f),
        Kind::ReadPage => page(fields, Want::Read),
        Kind::WritePage => page(fields, Want::Write),
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

fn request(mut f: Fields<'_>) -> Parsed<Message> {
    counted(&f, &[4, 5])?;
    let is_long = f.count() == 5;
    let (client, server) = (f.client("CLIENT")?, f.replica("SERVER")?);
    let (number, body) = (f.counter("NUMBER")?, f.take());
    let session = extended(&mut f, is_long, |f| f.counter("SESSION"))?;
    Ok(Message::Request { client, server, number, body: f.body(body), session })
}

fn reply(mut f: Fields<'_>) -> Parsed<Message> {
    counted(&f, &[3, 4, 5])?;
    let (client, server, number) =
        (f.client("CLIENT")?, f.replica("SERVER")?, f.counter("NUMBER")?);
    let (has_body, has_session) = (f.count() >= 4, f.count() == 5);
    let body = has_body.then(|| f.take());
    let session = extended(&mut f, has_session, |f| f.counter("SESSION"))?;
    let body = body.map(|body| f.body(body));
    Ok(Message::Reply { client, server, number, body, session })
}

fn heartbeat(f: &mut Fields<'_>) -> Parsed<Message> {
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

fn membership(f: &mut Fields<'_>) -> Parsed<Message> {
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
fn ready(f: &mut Fields<'_>) -> Parsed<Message> {
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

fn send_checkpoint(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[2, 5])?;
    Ok(Message::SendCheckpoint {
        donor: f.replica("DONOR")?,
        joiner: f.replica("JOINER")?,
        order: extended(f, f.count() == 5, |f| {
            Ok((f.counter("EPOCH")?, f.mark("INCARNATION")?, f.address("ADDRESS")?))
        })?,
    })
}

fn recovery(mut f: Fields<'_>) -> Parsed<Message> {
    counted(&f, &[6, 11])?;
    let is_long = f.count() == 11;
    let (from, to) = (f.replica("FROM")?, f.replica("TO")?);
    let (mode, role) = (mode(&mut f)?, role(&mut f)?);
    let (request, state) = (f.counter("REQUEST")?, f.take());
    let transfer = extended(&mut f, is_long, transfer)?;
    Ok(Message::Recovery { from, to, mode, role, request, state: f.body(state), transfer })
}

fn checkpoint(mut f: Fields<'_>) -> Parsed<Message> {
    counted(&f, &[4, 9])?;
    let is_long = f.count() == 9;
    let (from, to) = (f.replica("FROM")?, f.replica("TO")?);
    let (count, state) = (f.counter("COUNT")?, f.take());
    let transfer = extended(&mut f, is_long, transfer)?;
    Ok(Message::Checkpoint { from, to, count, state: f.body(state), transfer })
}

fn launch(f: &mut Fields<'_>) -> Parsed<Message> {
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

fn client(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[1, 2])?;
    Ok(Message::Client {
        client: f.client("CLIENT")?,
        known: extended(f, f.count() == 2, |f| f.counter("EPOCH"))?,
    })
}

/// Never refused for its code: a later version may have more of them.
fn error(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[3])?;
    let from = f.node("FROM")?;
    let code = ErrorCode::from_bytes(&f.copied());
    let text = String::from_utf8_lossy(&f.copied()).into_owned();
    Ok(Message::Error { from, code, text })
}

fn register(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[4])?;
    Ok(Message::Register {
        client: f.client("CLIENT")?,
        server: f.replica("SERVER")?,
        nonce: f.mark("NONCE")?,
        window: f.small("WINDOW")?,
    })
}

fn notice(mut f: Fields<'_>) -> Parsed<Message> {
    counted(&f, &[3])?;
    let (client, server) = (f.client("CLIENT")?, f.replica("SERVER")?);
    Ok(Message::Notice { client, server, body: f.rest() })
}

fn registered(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[4])?;
    Ok(Message::Registered {
        client: f.client("CLIENT")?,
        server: f.replica("SERVER")?,
        nonce: f.mark("NONCE")?,
        session: f.counter("SESSION")?,
    })
}

fn sync(f: &mut Fields<'_>) -> Parsed<Message> {
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

fn have(f: &mut Fields<'_>) -> Parsed<Message> {
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

fn append(f: Fields<'_>) -> Parsed<Message> {
    counted(&f, &[8])?;
    appended(f, |mut f| {
        let client = f.client("CLIENT")?;
        let (session, number) = (f.counter("SESSION")?, f.counter("NUMBER")?);
        Ok(Op::Request { client, session, number, body: f.rest() })
    })
}

fn append_register(f: Fields<'_>) -> Parsed<Message> {
    counted(&f, &[7])?;
    appended(f, |mut f| {
        Ok(Op::Register {
            client: f.client("CLIENT")?,
            nonce: f.mark("NONCE")?,
            window: f.small("WINDOW")?,
        })
    })
}

fn append_mark(f: Fields<'_>) -> Parsed<Message> {
    counted(&f, &[4])?;
    appended(f, |_| Ok(Op::Mark))
}

fn append_absent(f: Fields<'_>) -> Parsed<Message> {
    counted(&f, &[6])?;
    appended(f, |mut f| {
        Ok(Op::Absent { client: f.client("CLIENT")?, session: f.counter("SESSION")? })
    })
}

fn ack(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[5])?;
    Ok(Message::Ack {
        from: f.replica("FROM")?,
        to: f.replica("TO")?,
        epoch: f.counter("EPOCH")?,
        incarnation: f.mark("INCARNATION")?,
        sequence: f.counter("SEQUENCE")?,
    })
}

fn commit(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[3])?;
    Ok(Message::Commit {
        from: f.replica("FROM")?,
        epoch: f.counter("EPOCH")?,
        sequence: f.counter("SEQUENCE")?,
    })
}

fn forward(mut f: Fields<'_>) -> Parsed<Message> {
    counted(&f, &[8])?;
    let (from, to, epoch) = (f.replica("FROM")?, f.replica("TO")?, f.counter("EPOCH")?);
    let client = f.client("CLIENT")?;
    let (session, number) = (f.counter("SESSION")?, f.counter("NUMBER")?);
    let (body, fresh) = (f.take(), f.flag("FRESH")?);
    let body = f.body(body);
    Ok(Message::Forward { from, to, epoch, client, session, number, body, fresh })
}

fn forward_register(f: &mut Fields<'_>) -> Parsed<Message> {
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

fn received(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[5])?;
    Ok(Message::Received {
        from: f.replica("FROM")?,
        to: f.replica("TO")?,
        epoch: f.counter("EPOCH")?,
        incarnation: f.mark("INCARNATION")?,
        offset: f.counter("OFFSET")?,
    })
}

fn fenced(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[4])?;
    Ok(Message::Fenced {
        from: f.replica("FROM")?,
        to: f.replica("TO")?,
        cluster: f.mark("CLUSTER")?,
        epoch: f.counter("EPOCH")?,
    })
}

fn digest(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[5])?;
    Ok(Message::Digest {
        from: f.replica("FROM")?,
        to: f.replica("TO")?,
        epoch: f.counter("EPOCH")?,
        sequence: f.counter("SEQUENCE")?,
        digest: f.digest("DIGEST")?,
    })
}

fn view_told(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[6])?;
    Ok(Message::View { to: f.node("TO")?, view: view(f)? })
}

fn suspect(f: &mut Fields<'_>) -> Parsed<Message> {
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

fn join(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[4])?;
    Ok(Message::Join {
        from: f.replica("FROM")?,
        joiner: f.replica("JOINER")?,
        epoch: f.counter("EPOCH")?,
        incarnation: f.mark("INCARNATION")?,
    })
}

fn handover(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[3])?;
    let (from, to, epoch) = (f.replica("FROM")?, f.replica("TO")?, f.counter("EPOCH")?);
    Ok(Message::Handover { from, to, epoch })
}

fn drained(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[3])?;
    let (from, to, epoch) = (f.replica("FROM")?, f.replica("TO")?, f.counter("EPOCH")?);
    Ok(Message::Drained { from, to, epoch })
}

fn hello(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[1, 2])?;
    Ok(Message::Hello {
        from: f.node("FROM")?,
        server: extended(f, f.count() == 2, |f| f.replica("SERVER"))?,
    })
}

fn inspect(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[1])?;
    Ok(Message::Inspect { from: f.node("FROM")? })
}

fn state(mut f: Fields<'_>) -> Parsed<Message> {
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

fn page(mut f: Fields<'_>, want: Want) -> Parsed<Message> {
    counted(&f, &[7])?;
    Ok(Message::Page(Page {
        want,
        from: f.client("FROM")?,
        to: f.client("TO")?,
        page: PageNumber(f.small("PAGE")?),
        operation: f.counter("OPERATION")?,
        grant: f.counter("GRANT")?,
        clock: f.counter("CLOCK")?,
        contents: f.rest(),
    }))
}

fn switch(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[2])?;
    Ok(Message::Switch { from: f.node("FROM")?, mode: mode(f)? })
}
