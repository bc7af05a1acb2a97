//! The command line of `server`: what is accepted, what is refused, and in which words.

#[path = "../../tests/support/cli.rs"]
mod support;

use std::net::TcpListener;

use support::{Place, accepted, refused, run, setting, teaches};

const SERVER: &str = env!("CARGO_BIN_EXE_server");

#[test]
fn the_documents_form_is_accepted_and_explained() {
    let place = Place::new("form");
    let shown = accepted(SERVER, &place, &["S1", "172.19.136.188", "10", "--check"], &[]);
    let doors = [8000, 8001, 8002, 8003, 8004, 8005].map(|p| format!("172.19.136.188:{p}"));
    assert_eq!(setting(&shown, "listen"), doors.join(" "));
    assert_eq!(setting(&shown, "checkpoint-freq"), "10s");
    assert_eq!(setting(&shown, "ack-timeout"), "250ms  (default)");
    assert_eq!(std::fs::read_dir(place.dir()).expect("is there").count(), 0, "nothing is made");
}

#[test]
fn help_teaches() {
    teaches(SERVER, &["server S1 172.19.136.188 10", "its LFD", "CHECKPOINT_FREQ", "nc "]);
}

#[test]
fn bad_arguments_are_refused_in_one_line() {
    let place = Place::new("arguments");
    for (args, complaint) in [
        (&["S1", "127.0.0.1"][..], "<CHECKPOINT_FREQ>"),
        (&["S1", "localhost", "10"], "`localhost` is no IP address: write it like"),
        (&["S1", "0.0.0.0", "10"], "cannot be dialled: give the address that others reach"),
        (&["S 1", "127.0.0.1", "10"], "a name is made of letters, digits"),
        (&["S1", "127.0.0.1", "0"], "too short for a period"),
        (&["S1", "127.0.0.1", "soon"], "write seconds as a number (10, 0.5), or 250ms"),
        (&["S1", "127.0.0.1", "10", "--port-base", "65530"], "is no port base: it is 1 to 65527"),
        (&["S1", "127.0.0.1", "10", "--service", "files"], "status"),
        (&["S1", "127.0.0.1", "10", "--ack-timout", "1"], "'--ack-timeout'"),
    ] {
        let line = refused(SERVER, &place, args);
        assert!(line.starts_with("server: ") && line.contains(complaint), "{line}");
        assert!(line.contains("server --help"), "says where to read on: {line}");
    }
}

#[test]
fn an_argument_goes_before_a_variable_before_the_file_before_the_default() {
    let place = Place::new("precedence");
    let file = place.file("cluster.toml", "ack_timeout = \"300ms\"\n");
    let base = ["S1", "127.0.0.1", "10", "--check"];
    let with_file = [&base[..], &["--cluster", &file]].concat();
    let with_both = [&with_file[..], &["--ack-timeout", "500ms"]].concat();
    let variable = [("CHEVRON_ACK_TIMEOUT", "400ms")];
    for (args, env, expected) in [
        (&base[..], &[][..], "250ms  (default)".to_owned()),
        (&with_file, &[], format!("300ms  ({file})")),
        (&with_file, &variable, "400ms  (CHEVRON_ACK_TIMEOUT)".to_owned()),
        (&with_both, &variable, "500ms  (argument)".to_owned()),
    ] {
        let shown = accepted(SERVER, &place, args, env);
        assert_eq!(setting(&shown, "ack-timeout"), expected);
    }
}

#[test]
fn a_bad_key_in_the_cluster_file_is_refused_with_its_place() {
    let place = Place::new("key");
    let file = place.file("cluster.toml", "# fine\nack_timout = 1\n");
    for extra in [&["--check"][..], &[]] {
        let args = [&["S1", "127.0.0.1", "10", "--cluster", &file], extra].concat();
        let line = refused(SERVER, &place, &args);
        assert!(line.contains(&format!("{file}:2:1: unknown field `ack_timout`")), "{line}");
    }
    let missing = place.path("none.toml");
    let line = refused(SERVER, &place, &["S1", "127.0.0.1", "10", "--cluster", &missing]);
    assert!(line.contains(&missing) && line.contains("No such file"), "{line}");
}

#[test]
fn unknown_variables_are_warned_about_once_and_ignored() {
    let place = Place::new("variables");
    let env = [("CHEVRON_ACK_TIMOUT", "1"), ("CHEVRON_ZZZ", "1"), ("CHEVRON_QUIET", "1")];
    let ran = run(SERVER, &place, &["S1", "127.0.0.1", "10", "--check"], &env);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.err.matches('\n').count(), 1, "{}", ran.err);
    assert!(ran.err.contains("CHEVRON_ACK_TIMOUT, CHEVRON_ZZZ"), "{}", ran.err);
    assert!(!ran.err.contains("CHEVRON_QUIET"), "{}", ran.err);
}

#[test]
fn a_port_in_use_is_named() {
    let place = Place::new("port");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = taken.local_addr().expect("is bound").port();
    let base = (port - 3).to_string();
    let line = refused(SERVER, &place, &["S1", "127.0.0.1", "10", "--port-base", &base]);
    assert!(line.contains(&format!("127.0.0.1:{port}")) && line.contains("in use"), "{line}");
}

#[test]
fn an_address_of_another_machine_is_named() {
    let place = Place::new("address");
    // An address for documentation (RFC 5737): no machine has it.
    let line = refused(SERVER, &place, &["S1", "192.0.2.1", "10"]);
    assert!(line.contains("192.0.2.1") && line.contains("no address of this machine"), "{line}");
}

#[test]
fn a_state_directory_that_cannot_be_one_is_named() {
    let place = Place::new("state");
    let dir = format!("{}/below", place.file("file", ""));
    for extra in [&[][..], &["--check"]] {
        let args = [&["S1", "127.0.0.1", "10", "--state-dir", &dir], extra].concat();
        let line = refused(SERVER, &place, &args);
        assert!(line.contains(&dir) && line.contains("CHEVRON_STATE_DIR"), "{line}");
    }
}

#[test]
fn a_second_server_of_the_same_name_is_refused() {
    let place = Place::new("second");
    let _first = host::state::lock(place.dir(), "S1").expect("nobody holds it");
    let dir = place.path("");
    let line = refused(SERVER, &place, &["S1", "127.0.0.1", "10", "--state-dir", &dir]);
    assert!(line.contains("S1 runs already as process"), "{line}");
}
