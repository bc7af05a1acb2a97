//! What the host owes a role about connections (obligations 1 to 8).

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use common::{Host, PATIENCE, Peer, reply_frame, request_frame};
use node::{Conn, Input};
use socket2::{Domain, Socket, Type};

/// The inputs about one connection, in short.
fn about(conn: Conn, inputs: &[Input]) -> Vec<String> {
    let short = |input: &Input| match input {
        Input::Opened(of, _) if *of == conn => Some("opened".to_owned()),
        Input::Received(of, message) if *of == conn => {
            let mut frame = bytes::BytesMut::new();
            wire::encode(message, &mut frame);
            Some(String::from_utf8_lossy(&frame).into_owned())
        }
        Input::Closed(of) if *of == conn => Some("closed".to_owned()),
        _ => None,
    };
    inputs.iter().filter_map(short).collect()
}

#[test]
fn accepted_connections_have_odd_numbers_never_used_twice() {
    let host = Host::start(|_| {});
    let mut seen = Vec::new();
    for _ in 0..3 {
        let (peer, conn) = host.known_peer();
        drop(peer);
        host.wait_closed(conn);
        assert_eq!(conn.0 % 2, 1);
        assert!(!seen.contains(&conn));
        seen.push(conn);
    }
}

#[test]
fn frames_arrive_in_order_then_one_closed_and_nothing_after_it() {
    let host = Host::start(|_| {});
    let mut peer = host.peer();
    let own = peer.stream.local_addr().expect("a socket");
    for body in ["a", "b", "c"] {
        peer.say(&request_frame(body));
    }
    assert_eq!([peer.hear(), peer.hear(), peer.hear()], ["a", "b", "c"].map(reply_frame));
    drop(peer);
    let mut inputs = Vec::new();
    while !matches!(inputs.last(), Some(Input::Closed(_))) {
        inputs.push(host.seen.recv_timeout(PATIENCE).expect("it is closed"));
    }
    inputs.extend(host.up_to_now());
    assert_eq!(inputs[0], Input::Start);
    let Input::Opened(conn, who) = &inputs[1] else { panic!("{:?}", inputs[1]) };
    assert_eq!((who.remote, who.door), (own, Some(0)));
    let frames = ["a", "b", "c"].map(request_frame);
    let expected = [vec!["opened".to_owned()], frames.to_vec(), vec!["closed".to_owned()]];
    assert_eq!(about(*conn, &inputs), expected.concat());
}

#[test]
fn frames_may_come_in_single_bytes_with_blanks_between_them() {
    let host = Host::start(|_| {});
    let mut peer = host.peer();
    for byte in format!("{}\n \r\n{}", request_frame("one"), request_frame("two")).bytes() {
        peer.stream.write_all(&[byte]).expect("the host reads");
    }
    assert_eq!([peer.hear(), peer.hear()], ["one", "two"].map(reply_frame));
}

#[test]
fn after_a_close_nothing_is_reported_and_what_was_queued_arrives() {
    let host = Host::start(|_| {});
    let (mut peer, conn) = host.known_peer();
    peer.say(&(request_frame("close") + &request_frame("never delivered")));
    assert_eq!(peer.hear(), reply_frame("close"));
    assert!(peer.is_ended());
    assert_eq!(about(conn, &host.up_to_now()), [request_frame("close")]);
    drop(peer);
    assert_eq!(about(conn, &host.up_to_now()), [""; 0]);
}

#[test]
fn what_is_sent_before_a_dialled_connection_is_open_is_kept_until_it_is() {
    let host = Host::start(|settings| {
        settings.bind = Some("127.0.0.9".parse().expect("an address"));
    });
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a socket");
    host.peer().say(&request_frame(&format!("dial={address}")));
    let (stream, from) = listener.accept().expect("it dials");
    assert_eq!(from.ip().to_string(), "127.0.0.9", "the source address is the process's own");
    let mut dialled = Peer::new(stream);
    assert_eq!(dialled.hear(), reply_frame("sent before it is open"));
    assert_eq!(dialled.ask("and it is heard"), reply_frame("and it is heard"));
    let opened = |input: &Input| match input {
        Input::Opened(conn, who) if who.door.is_none() => Some((*conn, who.remote)),
        _ => None,
    };
    assert_eq!(host.wait("Opened", opened), (Conn(2), address));
    drop(dialled);
    host.wait_closed(Conn(2));
}

#[test]
fn a_connection_that_is_dialled_and_closed_at_once_still_says_what_was_queued() {
    let host = Host::start(|_| {});
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a socket");
    host.peer().say(&request_frame(&format!("dial-and-close={address}")));
    let mut dialled = Peer::new(listener.accept().expect("it dials").0);
    assert_eq!(dialled.hear(), reply_frame("sent before it is open"));
    assert!(dialled.is_ended());
    assert_eq!(about(Conn(2), &host.up_to_now()), [""; 0]);
}

/// An address where nobody listens.
fn closed_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a socket")
}

/// Addresses that cannot be dialled: one where the peer refuses, and one where the system does, at
/// once.
fn hopeless() -> [SocketAddr; 2] {
    [closed_port(), "255.255.255.255:9".parse().expect("an address")]
}

#[test]
fn a_refused_dial_is_closed_without_having_been_opened() {
    for address in hopeless() {
        let host = Host::start(|_| {});
        host.peer().say(&request_frame(&format!("dial={address}")));
        let first = host.wait("an input about the dialled connection", |input| {
            let of = matches!(input, Input::Opened(Conn(2), _) | Input::Closed(Conn(2)));
            of.then(|| input.clone())
        });
        assert_eq!(first, Input::Closed(Conn(2)));
    }
}

#[test]
fn a_dial_that_was_closed_by_the_role_is_not_reported_even_when_it_is_refused() {
    for address in hopeless() {
        let host = Host::start(|_| {});
        host.peer().say(&request_frame(&format!("dial-and-close={address}")));
        host.wait("the order", |input| matches!(input, Input::Received(..)).then_some(()));
        assert_eq!(about(Conn(2), &host.up_to_now()), [""; 0]);
    }
}

#[test]
fn a_dial_that_nobody_answers_is_closed_after_a_while() {
    // A listener whose queue is full answers no more.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    socket.bind(&any.into()).expect("a free port");
    socket.listen(0).expect("it listens");
    let address = socket.local_addr().expect("a socket").as_socket().expect("an address");
    let mut queue = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        queue.push(stream);
    }
    let host = Host::start(|_| {});
    let start = Instant::now();
    host.peer().say(&request_frame(&format!("dial={address}")));
    host.wait_closed(Conn(2));
    assert!(start.elapsed() >= Duration::from_millis(1900), "{:?}", start.elapsed());
}

#[test]
fn one_frame_goes_to_many() {
    let host = Host::start(|_| {});
    let mut peers: Vec<Peer> = (0..5).map(|_| host.known_peer().0).collect();
    peers[0].say(&request_frame("all"));
    for peer in &mut peers {
        assert_eq!(peer.hear(), reply_frame("all"));
    }
}

#[test]
fn inputs_of_one_turn_are_settled_together_before_anything_is_sent() {
    let host = Host::start(|_| {});
    let mut peer = host.peer();
    peer.say(&request_frame("settled").repeat(3));
    let answers = [peer.hear(), peer.hear(), peer.hear()];
    assert_eq!(answers, [(); 3].map(|()| reply_frame("settled with 3")));
}

#[test]
fn the_role_is_woken_once_when_its_deadline_has_passed() {
    let host = Host::start(|_| {});
    let mut peer = host.peer();
    for round in 1..=3 {
        let answer = peer.ask("alarm=30");
        let after = answer.split(&format!("woken {round} after ")).nth(1).expect(&answer);
        let millis: u64 = after.split(',').next().and_then(|n| n.parse().ok()).expect(&answer);
        assert!((30..10_000).contains(&millis), "{answer}");
    }
}

#[test]
fn a_paused_connection_brings_nothing_until_it_is_resumed() {
    let host = Host::start(|_| {});
    let (mut peer, conn) = host.known_peer();
    peer.say(&(request_frame("pause") + &request_frame("behind it")));
    peer.say(&request_frame("later"));
    host.wait("pause", |input| matches!(input, Input::Received(..)).then_some(()));
    assert_eq!(about(conn, &host.up_to_now()), [""; 0]);
    assert_eq!(host.peer().ask("resume"), reply_frame("resume"));
    assert_eq!([peer.hear(), peer.hear()], ["behind it", "later"].map(reply_frame));
}

#[test]
fn what_was_sent_before_the_exit_is_out_before_it() {
    let mut host = Host::start(|_| {});
    let mut peer = host.peer();
    let text = peer.ask("exit=3");
    assert_eq!(text, reply_frame("exit=3"));
    assert!(peer.is_ended());
    assert_eq!(host.join(), 3);
}

#[test]
fn who_ends_its_sending_is_still_answered_at_the_doors_for_that_and_closed_at_the_others() {
    let patient = Host::start(|settings| settings.half_close = vec![0]);
    let mut peer = patient.peer();
    peer.say(&request_frame("alarm=100"));
    peer.end_sending();
    assert!(peer.hear().contains("woken 1"));
    assert!(peer.is_ended());

    let strict = Host::start(|_| {});
    let (mut peer, conn) = strict.known_peer();
    peer.say(&request_frame("alarm=100"));
    peer.end_sending();
    strict.wait_closed(conn);
    let mut rest = Vec::new();
    peer.stream.read_to_end(&mut rest).expect("an orderly end");
    assert_eq!(rest, b"");
}

#[test]
fn many_connections_at_once_are_all_served() {
    let host = Host::start(|_| {});
    let mut peers: Vec<Peer> = (0..300).map(|_| host.peer()).collect();
    for round in 0..3 {
        for peer in &mut peers {
            peer.say(&request_frame(&format!("round{round}")).repeat(20));
        }
        for peer in &mut peers {
            for _ in 0..20 {
                assert_eq!(peer.hear(), reply_frame(&format!("round{round}")));
            }
        }
    }
}
