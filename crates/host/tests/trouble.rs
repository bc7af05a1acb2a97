//! Bad peers and bad surroundings: each is bounded, and nobody else is hurt (obligations 9 to 11).

mod common;

use std::io::{Read, Write};
use std::time::Duration;

use common::{Dir, Host, reply_frame, request_frame};
use host::{Settings, Shell};
use node::Input;

/// Sends bytes that are no frame, and gives what the host says before it closes.
fn complaint(bytes: &[u8]) -> String {
    let host = Host::start(|settings| settings.frame_limit = 1024);
    let mut bystander = host.peer();
    assert_eq!(bystander.ask("before"), reply_frame("before"));
    let (mut peer, conn) = host.known_peer();
    // The host may close before all is written.
    let _ = peer.stream.write_all(bytes);
    let complaint = peer.hear();
    peer.is_ended();
    host.wait_closed(conn);
    let after = host.up_to_now();
    assert!(!after.contains(&Input::Closed(conn)), "closed is said once");
    assert_eq!(bystander.ask("after"), reply_frame("after"));
    assert_eq!(host.end(), 0);
    complaint
}

#[test]
fn garbage_gets_an_error_frame_and_another_connection_keeps_working() {
    let said = complaint(b"GET / HTTP/1.1\r\n\r\n");
    assert!(said.starts_with("<S1,malformed,") && said.ends_with(",error>"), "{said}");
}

#[test]
fn frames_before_the_garbage_are_served() {
    let host = Host::start(|_| {});
    let mut peer = host.peer();
    peer.say(&(request_frame("good") + "<C1,bad>" + &request_frame("not reached")));
    assert_eq!(peer.hear(), reply_frame("good"));
    assert!(peer.hear().starts_with("<S1,malformed,"));
    assert!(peer.is_ended());
}

#[test]
fn an_endless_frame_gets_an_error_frame() {
    let said = complaint(&[b"<".as_slice(), &[b'x'; 1 << 20]].concat());
    assert!(said.starts_with("<S1,too-long,"), "{said}");
}

#[test]
fn who_says_nothing_whole_in_time_is_told_so_and_who_spoke_may_be_silent() {
    let host = Host::start(|settings| settings.hello_timeout = Duration::from_millis(150));
    let mut talker = host.peer();
    assert_eq!(talker.ask("hello"), reply_frame("hello"));
    let (mut peer, conn) = host.known_peer();
    peer.say("<C1,S1,1,hello");
    let said = peer.hear();
    assert!(said.starts_with("<S1,silent,") && said.ends_with(",error>"), "{said}");
    assert!(peer.is_ended());
    host.wait_closed(conn);
    assert_eq!(talker.ask("still here"), reply_frame("still here"));
}

#[test]
fn a_peer_that_does_not_read_is_closed_and_the_others_are_not() {
    let host = Host::start(|settings| settings.write_limit = 1 << 20);
    let mut bystander = host.peer();
    let (mut peer, conn) = host.known_peer();
    // More than the kernel's buffers and the limit hold together.
    for _ in 0..20 {
        // It may be closed by now.
        let _ = peer.stream.write_all(request_frame("flood=20").as_bytes());
        assert_eq!(bystander.ask("in between"), reply_frame("in between"));
    }
    host.wait_closed(conn);
    assert_eq!(bystander.ask("after"), reply_frame("after"));
}

#[test]
fn a_slow_reader_within_the_limit_gets_everything() {
    let host = Host::start(|settings| settings.write_limit = 64 << 20);
    let mut peer = host.peer();
    let frames = 400;
    peer.say(&request_frame(&format!("flood={frames}")));
    let each = reply_frame(&"x".repeat(50_000)).len();
    let mut left = frames * each;
    let mut block = vec![0; 1 << 20];
    while left > 0 {
        let read = peer.stream.read(&mut block).expect("the host writes");
        assert_ne!(read, 0, "closed with {left} bytes missing");
        left -= read;
    }
    assert_eq!(peer.ask("after"), reply_frame("after"));
}

#[test]
fn with_all_room_taken_the_next_one_waits_until_there_is_some() {
    let host = Host::start(|settings| settings.connections = 2);
    let mut first = host.peer();
    let mut second = host.peer();
    assert_eq!(first.ask("one"), reply_frame("one"));
    assert_eq!(second.ask("two"), reply_frame("two"));
    let mut third = host.peer();
    third.say(&request_frame("three"));
    assert_eq!(second.ask("two again"), reply_frame("two again"));
    drop(first);
    assert_eq!(third.hear(), reply_frame("three"));
}

#[test]
fn a_record_is_on_disk_when_the_role_is_told_so() {
    let dir = Dir::new("persist");
    let record = dir.path().join("rm.view");
    let host = Host::start(|settings| settings.record = Some(record.clone()));
    let mut peer = host.peer();
    for text in ["epoch 1", "epoch 2"] {
        assert_eq!(peer.ask(&format!("persist={text}")), reply_frame("Persisted"));
        let found = host::state::load_record(&record).expect("it is there");
        assert_eq!(found.as_deref(), Some(text));
    }
}

#[test]
fn a_record_that_cannot_be_written_is_said_with_its_path() {
    let dir = Dir::new("unpersisted");
    let record = dir.path().join("missing/rm.view");
    let host = Host::start(|settings| settings.record = Some(record.clone()));
    let mut peer = host.peer();
    peer.say(&request_frame("persist=epoch 1"));
    let failed = host.wait("PersistFailed", |input| match input {
        Input::PersistFailed(text) => Some(text.clone()),
        _ => None,
    });
    assert!(failed.contains("missing/rm.view"), "{failed}");
}

#[test]
fn what_happened_is_audited_before_its_answer_leaves() {
    let dir = Dir::new("audited");
    let file = dir.path().join("audit.jsonl");
    let host = Host::start(|settings| settings.audit = Some(file.clone()));
    let mut peer = host.peer();
    for round in 1..=50 {
        peer.ask(&format!("note=round {round}."));
        let audit = std::fs::read_to_string(&file).expect("it is there");
        assert!(audit.contains(&format!("\"body\":\"round {round}.\"")), "{audit}");
        assert_eq!(audit.lines().count(), round);
    }
}

#[test]
fn what_is_in_the_way_at_the_start_is_said_in_one_line() {
    let bind = |change: &dyn Fn(&mut Settings)| {
        let mut settings = Settings::new("S1".parse().expect("a name"));
        change(&mut settings);
        Shell::bind(settings).err().expect("it cannot start").to_string()
    };
    let host = Host::start(|_| {});
    let taken = bind(&|settings| settings.listen = vec![host.address]);
    assert!(taken.contains(&host.address.to_string()) && taken.contains("in use"), "{taken}");
    let foreign = bind(&|settings| settings.bind = Some("203.0.113.1".parse().expect("an ip")));
    assert!(foreign.contains("203.0.113.1 is no address of this machine"), "{foreign}");
    let audit = bind(&|settings| settings.audit = Some("/nowhere/audit.jsonl".into()));
    assert!(audit.contains("/nowhere/audit.jsonl"), "{audit}");
}
