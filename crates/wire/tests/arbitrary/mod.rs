//! Arbitrary messages: every kind, every short and extended form, hostile bodies.
//!
//! Left out is only what has no form on the wire: a `ready` whose mode or role contradicts the view
//! it carries, and a `reply` with a session but without a body.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::strategy::Union;
use wire::ivy::{Page, PageNumber, Want};
use wire::{
    Change, ClientName, ClusterId, Digest, Entry, Epoch, ErrorCode, Gone, Health, Incarnation,
    LaunchOrder, Member, Message, Mode, NodeName, Op, Phase, ReplicaName, Reported, RequestNumber,
    Role, Sequence, SessionId, Transfer, Urgency, View, Why,
};

fn name() -> impl Strategy<Value = String> {
    // `primary` and `backup` are the words that tell the two forms of `ready` apart.
    prop_oneof![8 => "[A-Za-z0-9_.-]{1,23}", 1 => Just("primary".into()), 1 => Just("backup".into())]
}

fn node() -> impl Strategy<Value = NodeName> {
    name().prop_map(|n| n.parse().unwrap())
}

fn replica() -> impl Strategy<Value = ReplicaName> {
    name().prop_map(|n| n.parse().unwrap())
}

fn client() -> impl Strategy<Value = ClientName> {
    name().prop_map(|n| n.parse().unwrap())
}

/// What is counted up: below 2^63.
fn counter<T: From<u64> + std::fmt::Debug>() -> impl Strategy<Value = T> {
    prop_oneof![0..100_u64, Just((1 << 63) - 1), 0..1_u64 << 63].prop_map(T::from)
}

/// What only tells things apart: any number.
fn mark<T: From<u64> + std::fmt::Debug>() -> impl Strategy<Value = T> {
    prop_oneof![0..100_u64, Just(u64::MAX), any::<u64>()].prop_map(T::from)
}

fn digest() -> impl Strategy<Value = Digest> {
    any::<u64>().prop_map(Digest)
}

fn body() -> impl Strategy<Value = Bytes> {
    let hostile = prop::sample::select(b"<>,% \t\r\n;/%2C\0\x7f\xff".to_vec());
    prop_oneof![
        "[ -~]{0,40}".prop_map(String::into_bytes),
        vec(any::<u8>(), 0..60),
        vec(hostile, 0..20),
    ]
    .prop_map(Bytes::from)
}

fn address() -> impl Strategy<Value = SocketAddr> {
    (any::<IpAddr>(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip, port))
}

fn page() -> impl Strategy<Value = Message> {
    let numbers = (any::<u32>(), counter(), counter(), counter());
    (any::<bool>(), client(), client(), numbers, body()).prop_map(
        |(write, from, to, (page, operation, grant, clock), contents)| {
            let want = if write { Want::Write } else { Want::Read };
            let page = PageNumber(page);
            Message::Page(Page { want, from, to, page, operation, grant, clock, contents })
        },
    )
}

fn mode() -> impl Strategy<Value = Mode> {
    prop::sample::select(vec![Mode::Active, Mode::Passive])
}

fn role() -> impl Strategy<Value = Role> {
    prop::sample::select(vec![Role::Primary, Role::Backup])
}

fn phase() -> impl Strategy<Value = Phase> {
    prop::sample::select(vec![Phase::Joiner, Phase::Backup, Phase::Primary])
}

fn view() -> impl Strategy<Value = View> {
    let member = (replica(), mark::<Incarnation>(), address())
        .prop_map(|(name, incarnation, address)| Member { name, incarnation, address });
    (mark::<ClusterId>(), counter::<Epoch>(), mode(), replica(), vec(member, 0..5)).prop_map(
        |(cluster, epoch, mode, primary, members)| View { cluster, epoch, mode, primary, members },
    )
}

fn transfer() -> impl Strategy<Value = Transfer> {
    (counter(), counter(), counter(), counter(), digest()).prop_map(
        |(epoch, sequence, offset, total, digest)| Transfer {
            epoch,
            sequence,
            offset,
            total,
            digest,
        },
    )
}

fn request() -> impl Strategy<Value = Message> {
    (client(), replica(), counter(), body(), option::of(counter())).prop_map(
        |(client, server, number, body, session)| Message::Request {
            client,
            server,
            number,
            body,
            session,
        },
    )
}

fn reply() -> impl Strategy<Value = Message> {
    let answer = option::of((body(), option::of(counter::<SessionId>())));
    (client(), replica(), counter(), answer).prop_map(|(client, server, number, answer)| {
        let (body, session) = answer.map_or((None, None), |(body, session)| (Some(body), session));
        Message::Reply { client, server, number, body, session }
    })
}

fn heartbeat() -> impl Strategy<Value = Message> {
    let health = (mark(), any::<u32>(), mark(), counter(), phase()).prop_map(
        |(incarnation, pid, cluster, epoch, phase)| Health {
            incarnation,
            pid,
            cluster,
            epoch,
            phase,
        },
    );
    (node(), node(), counter(), option::of(health))
        .prop_map(|(from, to, count, health)| Message::Heartbeat { from, to, count, health })
}

fn membership() -> impl Strategy<Value = Message> {
    let reported = (mark(), address(), mark(), counter(), phase()).prop_map(
        |(incarnation, address, cluster, epoch, phase)| Reported {
            incarnation,
            address,
            cluster,
            epoch,
            phase,
        },
    );
    let gone = prop::sample::select(vec![Gone::Exited, Gone::Closed, Gone::Silent]);
    let change = prop_oneof![
        option::of(reported).prop_map(Change::Add),
        option::of((mark(), gone)).prop_map(Change::Delete),
        Just(Change::Unmonitored),
    ];
    (node(), replica(), change).prop_map(|(from, server, change)| Message::Membership {
        from,
        server,
        change,
    })
}

fn ready() -> impl Strategy<Value = Message> {
    let plain = (replica(), option::of((mode(), role())))
        .prop_map(|(server, role)| Message::Ready { server, role, view: None });
    let full = (replica(), view()).prop_map(|(server, view)| {
        let role = Some((view.mode, view.role(server).unwrap_or(Role::Backup)));
        Message::Ready { server, role, view: Some(view) }
    });
    prop_oneof![plain, full]
}

fn client_ready() -> impl Strategy<Value = Message> {
    (client(), mode(), vec(replica(), 0..5), option::of(view())).prop_map(
        |(client, mode, servers, view)| {
            let view = view.map(|view| View { mode, ..view });
            Message::ClientReady { client, mode, servers, view }
        },
    )
}

fn orders() -> Vec<BoxedStrategy<Message>> {
    let urgency = prop::sample::select(vec![Urgency::Grace, Urgency::Now]);
    let order =
        (mark(), urgency).prop_map(|(incarnation, urgency)| LaunchOrder { incarnation, urgency });
    vec![
        (replica(), replica(), option::of((counter(), mark(), address())))
            .prop_map(|(donor, joiner, order)| Message::SendCheckpoint { donor, joiner, order })
            .boxed(),
        (replica(), option::of(order))
            .prop_map(|(server, order)| Message::Launch { server, order })
            .boxed(),
        (client(), option::of(counter()))
            .prop_map(|(client, known)| Message::Client { client, known })
            .boxed(),
    ]
}

fn checkpoints() -> Vec<BoxedStrategy<Message>> {
    let from_to = || (replica(), replica());
    let recovery = (from_to(), mode(), role(), counter(), body(), option::of(transfer()));
    let checkpoint = (from_to(), counter(), body(), option::of(transfer()));
    vec![
        recovery
            .prop_map(|((from, to), mode, role, request, state, transfer)| Message::Recovery {
                from,
                to,
                mode,
                role,
                request,
                state,
                transfer,
            })
            .boxed(),
        checkpoint
            .prop_map(|((from, to), count, state, transfer)| Message::Checkpoint {
                from,
                to,
                count,
                state,
                transfer,
            })
            .boxed(),
    ]
}

fn error() -> impl Strategy<Value = Message> {
    (node(), prop::sample::select(&ErrorCode::ALL[..]), "\\PC{0,80}|[ -~\n\t]{0,80}")
        .prop_map(|(from, code, text)| Message::Error { from, code, text })
}

fn sessions() -> Vec<BoxedStrategy<Message>> {
    vec![
        (client(), replica(), mark(), any::<u32>())
            .prop_map(|(client, server, nonce, window)| Message::Register {
                client,
                server,
                nonce,
                window,
            })
            .boxed(),
        (client(), replica(), mark(), counter())
            .prop_map(|(client, server, nonce, session)| Message::Registered {
                client,
                server,
                nonce,
                session,
            })
            .boxed(),
        (client(), replica(), body())
            .prop_map(|(client, server, body)| Message::Notice { client, server, body })
            .boxed(),
    ]
}

fn entry() -> impl Strategy<Value = Entry> {
    let op = prop_oneof![
        (client(), counter(), counter(), body()).prop_map(|(client, session, number, body)| {
            Op::Request { client, session, number, body }
        }),
        (client(), mark(), any::<u32>()).prop_map(|(client, nonce, window)| Op::Register {
            client,
            nonce,
            window
        }),
        Just(Op::Mark),
        (client(), counter()).prop_map(|(client, session)| Op::Absent { client, session }),
    ];
    (counter(), counter(), op).prop_map(|(sequence, epoch, op)| Entry { sequence, epoch, op })
}

fn log() -> Vec<BoxedStrategy<Message>> {
    vec![
        ((replica(), replica()), mark(), counter(), counter(), view())
            .prop_map(|((from, to), incarnation, committed, last, view)| Message::Sync {
                from,
                to,
                incarnation,
                committed,
                last,
                view,
            })
            .boxed(),
        ((replica(), replica()), counter(), mark(), mark(), counter(), counter())
            .prop_map(|((from, to), epoch, incarnation, cluster, committed, last)| Message::Have {
                from,
                to,
                epoch,
                incarnation,
                cluster,
                committed,
                last,
            })
            .boxed(),
        (replica(), counter(), entry())
            .prop_map(|(from, epoch, entry)| Message::Append { from, epoch, entry })
            .boxed(),
        ((replica(), replica()), counter(), mark(), counter())
            .prop_map(|((from, to), epoch, incarnation, sequence)| Message::Ack {
                from,
                to,
                epoch,
                incarnation,
                sequence,
            })
            .boxed(),
        (replica(), counter(), counter())
            .prop_map(|(from, epoch, sequence)| Message::Commit { from, epoch, sequence })
            .boxed(),
    ]
}

fn forwards() -> Vec<BoxedStrategy<Message>> {
    let number = counter::<RequestNumber>();
    vec![
        ((replica(), replica()), counter(), client(), counter(), number, body(), any::<bool>())
            .prop_map(|((from, to), epoch, client, session, number, body, fresh)| {
                Message::Forward { from, to, epoch, client, session, number, body, fresh }
            })
            .boxed(),
        ((replica(), replica()), counter(), client(), mark(), any::<u32>())
            .prop_map(|((from, to), epoch, client, nonce, window)| Message::ForwardRegister {
                from,
                to,
                epoch,
                client,
                nonce,
                window,
            })
            .boxed(),
        ((replica(), replica()), counter(), mark(), counter())
            .prop_map(|((from, to), epoch, incarnation, offset)| Message::Received {
                from,
                to,
                epoch,
                incarnation,
                offset,
            })
            .boxed(),
        (replica(), replica(), mark(), counter())
            .prop_map(|(from, to, cluster, epoch)| Message::Fenced { from, to, cluster, epoch })
            .boxed(),
        ((replica(), replica()), counter(), counter::<Sequence>(), digest())
            .prop_map(|((from, to), epoch, sequence, digest)| Message::Digest {
                from,
                to,
                epoch,
                sequence,
                digest,
            })
            .boxed(),
    ]
}

fn carried() -> Vec<BoxedStrategy<Message>> {
    let why = vec![Why::Slow, Why::Unreachable, Why::Diverged, Why::Abandoned];
    let detail = option::of((mark(), prop::sample::select(why)));
    vec![
        (node(), view()).prop_map(|(to, view)| Message::View { to, view }).boxed(),
        (replica(), replica(), counter(), detail)
            .prop_map(|(from, suspect, epoch, detail)| Message::Suspect {
                from,
                suspect,
                epoch,
                detail,
            })
            .boxed(),
        (replica(), replica(), counter(), mark())
            .prop_map(|(from, joiner, epoch, incarnation)| Message::Join {
                from,
                joiner,
                epoch,
                incarnation,
            })
            .boxed(),
        (replica(), replica(), counter())
            .prop_map(|(from, to, epoch)| Message::Handover { from, to, epoch })
            .boxed(),
        (replica(), replica(), counter())
            .prop_map(|(from, to, epoch)| Message::Drained { from, to, epoch })
            .boxed(),
    ]
}

fn for_people() -> Vec<BoxedStrategy<Message>> {
    let places = (counter(), counter(), counter());
    vec![
        (node(), option::of(replica()))
            .prop_map(|(from, server)| Message::Hello { from, server })
            .boxed(),
        node().prop_map(|from| Message::Inspect { from }).boxed(),
        (node(), mode()).prop_map(|(from, mode)| Message::Switch { from, mode }).boxed(),
        page().boxed(),
        ((replica(), mark(), counter()), mode(), phase(), places, digest(), body())
            .prop_map(|((from, cluster, epoch), mode, phase, places, digest, state)| {
                let (last, committed, executed) = places;
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
                }
            })
            .boxed(),
    ]
}

/// Any message that has a form on the wire.
pub(crate) fn message() -> impl Strategy<Value = Message> {
    let documented = vec![
        request().boxed(),
        reply().boxed(),
        heartbeat().boxed(),
        membership().boxed(),
        ready().boxed(),
        client_ready().boxed(),
        error().boxed(),
    ];
    let all = [
        documented,
        orders(),
        checkpoints(),
        sessions(),
        log(),
        forwards(),
        carried(),
        for_people(),
    ];
    Union::new(all.into_iter().flatten())
}
