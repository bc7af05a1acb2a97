//! What clients and servers say to each other, Ivy's processes among them.

use super::{Parsed, counted, extended};
use crate::fields::Fields;
use crate::ivy::{Page, PageNumber, Want};
use crate::message::Message;
use crate::parts::ErrorCode;

pub(super) fn request(mut f: Fields<'_>) -> Parsed<Message> {
    counted(&f, &[4, 5])?;
    let is_long = f.count() == 5;
    let (client, server) = (f.client("CLIENT")?, f.replica("SERVER")?);
    let (number, body) = (f.counter("NUMBER")?, f.take());
    let session = extended(&mut f, is_long, |f| f.counter("SESSION"))?;
    Ok(Message::Request { client, server, number, body: f.body(body), session })
}

pub(super) fn reply(mut f: Fields<'_>) -> Parsed<Message> {
    counted(&f, &[3, 4, 5])?;
    let (client, server, number) =
        (f.client("CLIENT")?, f.replica("SERVER")?, f.counter("NUMBER")?);
    let (has_body, has_session) = (f.count() >= 4, f.count() == 5);
    let body = has_body.then(|| f.take());
    let session = extended(&mut f, has_session, |f| f.counter("SESSION"))?;
    let body = body.map(|body| f.body(body));
    Ok(Message::Reply { client, server, number, body, session })
}

pub(super) fn client(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[1, 2])?;
    Ok(Message::Client {
        client: f.client("CLIENT")?,
        known: extended(f, f.count() == 2, |f| f.counter("EPOCH"))?,
    })
}

/// Never refused for its code: a later version may have more of them.
pub(super) fn error(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[3])?;
    let from = f.node("FROM")?;
    let code = ErrorCode::from_bytes(&f.copied());
    let text = String::from_utf8_lossy(&f.copied()).into_owned();
    Ok(Message::Error { from, code, text })
}

pub(super) fn register(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[4])?;
    Ok(Message::Register {
        client: f.client("CLIENT")?,
        server: f.replica("SERVER")?,
        nonce: f.mark("NONCE")?,
        window: f.small("WINDOW")?,
    })
}

pub(super) fn notice(mut f: Fields<'_>) -> Parsed<Message> {
    counted(&f, &[3])?;
    let (client, server) = (f.client("CLIENT")?, f.replica("SERVER")?);
    Ok(Message::Notice { client, server, body: f.rest() })
}

pub(super) fn registered(f: &mut Fields<'_>) -> Parsed<Message> {
    counted(f, &[4])?;
    Ok(Message::Registered {
        client: f.client("CLIENT")?,
        server: f.replica("SERVER")?,
        nonce: f.mark("NONCE")?,
        session: f.counter("SESSION")?,
    })
}

pub(super) fn page(mut f: Fields<'_>, want: Want) -> Parsed<Message> {
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
