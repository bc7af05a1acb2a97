//! The command line of `gfd`: what is accepted, what is refused, and in which words.

#[path = "../../tests/support/cli.rs"]
mod support;

use std::net::TcpListener;

use support::{Place, accepted, refused, setting, teaches};

const GFD: &str = env!("CARGO_BIN_EXE_gfd");

#[test]
fn the_documents_form_is_accepted_and_explained() {
    let place = Place::new("form");
    let shown = accepted(GFD, &place, &["172.19.136.190", "10", "--check"], &[]);
    let doors = [8000, 8001, 8002].map(|port| format!("172.19.136.190:{port}"));
    assert_eq!(setting(&shown, "listen"), doors.join(" "));
    assert_eq!(setting(&shown, "rm"), "172.19.136.190:8003  (default)");
    assert_eq!(setting(&shown, "heartbeat-timeout"), "20s  (default)");
}

#[test]
fn help_teaches() {
    teaches(GFD, &["gfd 172.19.136.190 10", "LFD1, LFD2, LFD3", "HEARTBEAT_FREQ"]);
}

#[test]
fn the_rm_is_found_at_its_own_address_unless_it_is_told_another() {
    let place = Place::new("rm");
    let file = place.file("cluster.toml", "rm = \"127.0.0.9:8003\"\nport_base = 9000\n");
    let shown = accepted(GFD, &place, &["127.0.0.1", "1", "--port-base", "7000", "--check"], &[]);
    assert_eq!(setting(&shown, "rm"), "127.0.0.1:7003  (default)");
    let args = ["127.0.0.1", "1", "--cluster", &file, "--check"];
    let shown = accepted(GFD, &place, &args, &[]);
    assert_eq!(setting(&shown, "rm"), format!("127.0.0.9:8003  ({file})"));
    assert_eq!(setting(&shown, "port-base"), format!("9000  ({file})"));
    let shown = accepted(GFD, &place, &args, &[("CHEVRON_RM", "127.0.0.8:8003")]);
    assert_eq!(setting(&shown, "rm"), "127.0.0.8:8003  (CHEVRON_RM)");
}

#[test]
fn bad_use_is_refused_in_one_line() {
    let place = Place::new("use");
    for (args, complaint) in [
        (&["127.0.0.1"][..], "<HEARTBEAT_FREQ>"),
        (&["10", "127.0.0.1"], "`10` is no IP address"),
        (&["127.0.0.1", "1", "--rm", "127.0.0.1"], "`127.0.0.1` is no IP:PORT"),
        (&["127.0.0.1", "1", "2"], "'2'"),
    ] {
        let line = refused(GFD, &place, args);
        assert!(line.contains(complaint) && line.contains("gfd --help"), "{line}");
    }
}

#[test]
fn a_port_in_use_is_named() {
    let place = Place::new("port");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = taken.local_addr().expect("is bound").port();
    let base = (port - 1).to_string();
    let line = refused(GFD, &place, &["127.0.0.1", "1", "--port-base", &base]);
    assert!(line.contains(&format!("127.0.0.1:{port}")) && line.contains("in use"), "{line}");
}
