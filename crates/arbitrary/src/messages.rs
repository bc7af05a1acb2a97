//! Every kind of frame, in every short and extended form, with hostile bodies.
//!
//! Left out is only what has no form on the wire: a `ready` whose mode or role contradicts the view
//! it carries, and a `reply` with a session but without a body.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::strategy::Union;
use wire::{
    Change, Entry, ErrorCode, Gone, Health, LaunchOrder, Message, Op, Reported, RequestNumber,
    Role, Sequence, SessionId, Urgency, View, Why,
};

use crate::Domain;

impl Domain {
    pub(crate) fn request(self) -> impl Strategy<Value = Message> {
        (self.client(), self.replica(), self.counter(), self.body(), option::of(self.counter()))
            .prop_map(|(client, server, number, body, session)| Message::Request {
                client,
                server,
                number,
                body,
                session,
            })
    }

    pub(crate) fn reply(self) -> impl Strategy<Value = Message> {
        let answer = option::of((self.body(), option::of(self.counter::<SessionId>())));
        (self.client(), self.replica(), self.counter(), answer).prop_map(
            |(client, server, number, answer)| {
                let (body, session) =
                    answer.map_or((None, None), |(body, session)| (Some(body), session));
                Message::Reply { client, server, number, body, session }
            },
        )
    }

    pub(crate) fn heartbeat(self) -> impl Strategy<Value = Message> {
        let health = (self.mark(), self.pid(), self.mark(), self.counter(), self.phase()).prop_map(
            |(incarnation, pid, cluster, epoch, phase)| Health {
                incarnation,
                pid,
                cluster,
                epoch,
                phase,
            },
        );
        (self.node(), self.node(), self.counter(), option::of(health))
            .prop_map(|(from, to, count, health)| Message::Heartbeat { from, to, count, health })
    }

    pub(crate) fn membership(self) -> impl Strategy<Value = Message> {
        let reported = (self.mark(), self.address(), self.mark(), self.counter(), self.phase())
            .prop_map(|(incarnation, address, cluster, epoch, phase)| Reported {
                incarnation,
                address,
                cluster,
                epoch,
                phase,
            });
        let gone = prop::sample::select(vec![Gone::Exited, Gone::Closed, Gone::Silent]);
        let change = prop_oneof![
            option::of(reported).prop_map(Change::Add),
            option::of((self.mark(), gone)).prop_map(Change::Delete),
            Just(Change::Unmonitored),
        ];
        (self.node(), self.replica(), change)
            .prop_map(|(from, server, change)| Message::Membership { from, server, change })
    }

    pub(crate) fn ready(self) -> impl Strategy<Value = Message> {
        let plain = (self.replica(), option::of((self.mode(), self.role())))
            .prop_map(|(server, role)| Message::Ready { server, role, view: None });
        let full = (self.replica(), self.view()).prop_map(|(server, view)| {
            let role = Some((view.mode, view.role(server).unwrap_or(Role::Backup)));
            Message::Ready { server, role, view: Some(view) }
        });
        prop_oneof![plain, full]
    }

    pub(crate) fn client_ready(self) -> impl Strategy<Value = Message> {
        (self.client(), self.mode(), vec(self.replica(), 0..5), option::of(self.view())).prop_map(
            |(client, mode, servers, view)| {
                let view = view.map(|view| View { mode, ..view });
                Message::ClientReady { client, mode, servers, view }
            },
        )
    }

    pub(crate) fn orders(self) -> Vec<BoxedStrategy<Message>> {
        let urgency = prop::sample::select(vec![Urgency::Grace, Urgency::Now]);
        let order = (self.mark(), urgency)
            .prop_map(|(incarnation, urgency)| LaunchOrder { incarnation, urgency });
        vec![
            (
                self.replica(),
                self.replica(),
                option::of((self.counter(), self.mark(), self.address())),
            )
                .prop_map(|(donor, joiner, order)| Message::SendCheckpoint { donor, joiner, order })
                .boxed(),
            (self.replica(), option::of(order))
                .prop_map(|(server, order)| Message::Launch { server, order })
                .boxed(),
            (self.client(), option::of(self.counter()))
                .prop_map(|(client, known)| Message::Client { client, known })
                .boxed(),
        ]
    }

    pub(crate) fn checkpoints(self) -> Vec<BoxedStrategy<Message>> {
        let from_to = || (self.replica(), self.replica());
        let chunk = || (self.chunk(), any::<bool>());
        let recovery = (from_to(), self.mode(), self.role(), self.counter(), chunk());
        let checkpoint = (from_to(), self.counter(), chunk());
        vec![
            recovery
                .prop_map(|((from, to), mode, role, request, ((state, t), short))| {
                    let transfer = Some(t).filter(|_| !short);
                    Message::Recovery { from, to, mode, role, request, state, transfer }
                })
                .boxed(),
            checkpoint
                .prop_map(|((from, to), count, ((state, t), short))| {
                    let transfer = Some(t).filter(|_| !short);
                    Message::Checkpoint { from, to, count, state, transfer }
                })
                .boxed(),
        ]
    }

    pub(crate) fn error(self) -> impl Strategy<Value = Message> {
        (self.node(), prop::sample::select(&ErrorCode::ALL[..]), "\\PC{0,80}|[ -~\n\t]{0,80}")
            .prop_map(|(from, code, text)| Message::Error { from, code, text })
    }

    pub(crate) fn sessions(self) -> Vec<BoxedStrategy<Message>> {
        vec![
            (self.client(), self.replica(), self.mark(), any::<u32>())
                .prop_map(|(client, server, nonce, window)| Message::Register {
                    client,
                    server,
                    nonce,
                    window,
                })
                .boxed(),
            (self.client(), self.replica(), self.mark(), self.counter())
                .prop_map(|(client, server, nonce, session)| Message::Registered {
                    client,
                    server,
                    nonce,
                    session,
                })
                .boxed(),
            (self.client(), self.replica(), self.body())
                .prop_map(|(client, server, body)| Message::Notice { client, server, body })
                .boxed(),
        ]
    }

    pub(crate) fn entry(self) -> impl Strategy<Value = Entry> {
        let op = prop_oneof![
            (self.client(), self.counter(), self.counter(), self.body()).prop_map(
                |(client, session, number, body)| { Op::Request { client, session, number, body } }
            ),
            (self.client(), self.mark(), any::<u32>())
                .prop_map(|(client, nonce, window)| Op::Register { client, nonce, window }),
            Just(Op::Mark),
            (self.client(), self.counter())
                .prop_map(|(client, session)| Op::Absent { client, session }),
        ];
        (self.counter(), self.counter(), op).prop_map(|(sequence, epoch, op)| Entry {
            sequence,
            epoch,
            op,
        })
    }

    pub(crate) fn log(self) -> Vec<BoxedStrategy<Message>> {
        vec![
            (
                (self.replica(), self.replica()),
                self.mark(),
                self.counter(),
                self.counter(),
                self.view(),
            )
                .prop_map(|((from, to), incarnation, committed, last, view)| Message::Sync {
                    from,
                    to,
                    incarnation,
                    committed,
                    last,
                    view,
                })
                .boxed(),
            (
                (self.replica(), self.replica()),
                self.counter(),
                self.mark(),
                self.mark(),
                self.counter(),
                self.counter(),
            )
                .prop_map(|((from, to), epoch, incarnation, cluster, committed, last)| {
                    Message::Have { from, to, epoch, incarnation, cluster, committed, last }
                })
                .boxed(),
            (self.replica(), self.counter(), self.entry())
                .prop_map(|(from, epoch, entry)| Message::Append { from, epoch, entry })
                .boxed(),
            ((self.replica(), self.replica()), self.counter(), self.mark(), self.counter())
                .prop_map(|((from, to), epoch, incarnation, sequence)| Message::Ack {
                    from,
                    to,
                    epoch,
                    incarnation,
                    sequence,
                })
                .boxed(),
            (self.replica(), self.counter(), self.counter())
                .prop_map(|(from, epoch, sequence)| Message::Commit { from, epoch, sequence })
                .boxed(),
        ]
    }

    pub(crate) fn forwards(self) -> Vec<BoxedStrategy<Message>> {
        let number = self.counter::<RequestNumber>();
        vec![
            (
                (self.replica(), self.replica()),
                self.counter(),
                self.client(),
                self.counter(),
                number,
                self.body(),
                any::<bool>(),
            )
                .prop_map(|((from, to), epoch, client, session, number, body, fresh)| {
                    Message::Forward { from, to, epoch, client, session, number, body, fresh }
                })
                .boxed(),
            (
                (self.replica(), self.replica()),
                self.counter(),
                self.client(),
                self.mark(),
                any::<u32>(),
            )
                .prop_map(|((from, to), epoch, client, nonce, window)| Message::ForwardRegister {
                    from,
                    to,
                    epoch,
                    client,
                    nonce,
                    window,
                })
                .boxed(),
            ((self.replica(), self.replica()), self.counter(), self.mark(), self.counter())
                .prop_map(|((from, to), epoch, incarnation, offset)| Message::Received {
                    from,
                    to,
                    epoch,
                    incarnation,
                    offset,
                })
                .boxed(),
            (self.replica(), self.replica(), self.mark(), self.counter())
                .prop_map(|(from, to, cluster, epoch)| Message::Fenced { from, to, cluster, epoch })
                .boxed(),
            (
                (self.replica(), self.replica()),
                self.counter(),
                self.counter::<Sequence>(),
                self.digest(),
            )
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

    pub(crate) fn carried(self) -> Vec<BoxedStrategy<Message>> {
        let why = vec![Why::Slow, Why::Unreachable, Why::Diverged, Why::Abandoned];
        let detail = option::of((self.mark(), prop::sample::select(why)));
        vec![
            (self.node(), self.view()).prop_map(|(to, view)| Message::View { to, view }).boxed(),
            (self.replica(), self.replica(), self.counter(), detail)
                .prop_map(|(from, suspect, epoch, detail)| Message::Suspect {
                    from,
                    suspect,
                    epoch,
                    detail,
                })
                .boxed(),
            (self.replica(), self.replica(), self.counter(), self.mark())
                .prop_map(|(from, joiner, epoch, incarnation)| Message::Join {
                    from,
                    joiner,
                    epoch,
                    incarnation,
                })
                .boxed(),
            (self.replica(), self.replica(), self.counter())
                .prop_map(|(from, to, epoch)| Message::Handover { from, to, epoch })
                .boxed(),
            (self.replica(), self.replica(), self.counter())
                .prop_map(|(from, to, epoch)| Message::Drained { from, to, epoch })
                .boxed(),
        ]
    }

    pub(crate) fn for_people(self) -> Vec<BoxedStrategy<Message>> {
        let places = (self.counter(), self.counter(), self.counter());
        vec![
            (self.node(), option::of(self.replica()))
                .prop_map(|(from, server)| Message::Hello { from, server })
                .boxed(),
            self.node().prop_map(|from| Message::Inspect { from }).boxed(),
            (self.node(), self.mode())
                .prop_map(|(from, mode)| Message::Switch { from, mode })
                .boxed(),
            self.page().boxed(),
            (
                (self.replica(), self.mark(), self.counter()),
                self.mode(),
                self.phase(),
                places,
                self.digest(),
                self.body(),
            )
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

    /// Messages of every kind that has a form on the wire.
    pub fn message(self) -> Union<BoxedStrategy<Message>> {
        let documented = vec![
            self.request().boxed(),
            self.reply().boxed(),
            self.heartbeat().boxed(),
            self.membership().boxed(),
            self.ready().boxed(),
            self.client_ready().boxed(),
            self.error().boxed(),
        ];
        let all = [
            documented,
            self.orders(),
            self.checkpoints(),
            self.sessions(),
            self.log(),
            self.forwards(),
            self.carried(),
            self.for_people(),
        ];
        Union::new(all.into_iter().flatten())
    }
}
