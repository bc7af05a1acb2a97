//! The command line of `lfd`: what is accepted, what is refused, and in which words.

#[path = "../../tests/support/cli.rs"]
mod support;

use support::{Place, accepted, refused, setting, teaches};

const LFD: &str = env!("CARGO_BIN_EXE_lfd");
const FORM: [&str; 5] = ["10", "LFD1", "S1", "172.19.136.189:8003", "172.19.136.190:8000"];

/// The documents' form with more behind it, and a server program that is there.
fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&FORM[..], &["--server-bin", "/bin/true"], more].concat()
}

#[test]
fn the_documents_form_is_accepted_and_explained() {
    let place = Place::new("form");
    let shown = accepted(LFD, &place, &with(&["--check"]), &[]);
    assert_eq!(setting(&shown, "heartbeat-freq"), "10s");
    assert_eq!(setting(&shown, "server"), "S1 at 172.19.136.189:8003");
    assert_eq!(setting(&shown, "gfd"), "172.19.136.190:8000");
    assert_eq!(setting(&shown, "heartbeat-timeout"), "20s  (default)");
    assert_eq!(setting(&shown, "checkpoint-freq"), "10s  (default)");
    assert_eq!(setting(&shown, "listen"), "nowhere");
}

#[test]
fn help_teaches() {
    teaches(LFD, &["lfd 10 LFD1 S1", "Listens on nothing", "HEARTBEAT_FREQ", "--server-bin"]);
}

#[test]
fn the_server_is_told_what_it_shares_with_its_lfd() {
    let place = Place::new("launch");
    let cluster = place.file("cluster.toml", "checkpoint = \"500ms\"\n");
    let state = place.path("state");
    let args = with(&["--cluster", &cluster, "--state-dir", &state, "--server-audit", "a", "-q"]);
    let shown = accepted(LFD, &place, &[&args[..], &["--check"]].concat(), &[]);
    assert_eq!(
        setting(&shown, "launches"),
        format!(
            "/bin/true S1 172.19.136.189 500ms --launched --port-base 8000 --state-dir {state} \
             --cluster {cluster} --audit a --quiet"
        )
    );
}

#[test]
fn a_missing_server_program_is_refused_at_the_start() {
    let place = Place::new("missing");
    let program = place.file("no-program", "");
    for server_bin in [&program, "/nowhere/server"] {
        let args = [&FORM[..], &["--server-bin", server_bin]].concat();
        let line = refused(LFD, &place, &args);
        assert!(line.contains(server_bin) && line.contains("--server-bin"), "{line}");
    }
}

#[test]
fn addresses_that_do_not_fit_are_refused() {
    let place = Place::new("addresses");
    for (server, gfd, more, complaint) in [
        ("127.0.0.1", "127.0.0.1:8000", &[][..], "`127.0.0.1` is no IP:PORT: write it like"),
        ("127.0.0.1:8003", "manager:8000", &[], "`manager:8000` is no IP:PORT"),
        ("127.0.0.1:8003", "127.0.0.1:0", &[], "has no port"),
        ("127.0.0.1:2", "127.0.0.1:8000", &[], "its port base plus 3"),
        ("127.0.0.1:8003", "127.0.0.1:8000", &["--port-base", "9000"], "its port base plus 3"),
    ] {
        let args = [&["1", "LFD1", "S1", server, gfd, "--server-bin", "/bin/true"], more].concat();
        let line = refused(LFD, &place, &args);
        assert!(line.contains(complaint), "{line}");
    }
}

#[test]
fn a_timeout_shorter_than_the_period_is_refused() {
    let place = Place::new("timeout");
    let file = place.file("cluster.toml", "heartbeat_timeout = \"2s\"\n");
    for more in [["--heartbeat-timeout", "10"], ["--cluster", &file]] {
        let line = refused(LFD, &place, &with(&more));
        assert!(
            line.contains("longer than the time from one heartbeat to the next, 10s"),
            "{line}"
        );
    }
}

#[test]
fn a_log_without_a_directory_is_refused_at_the_start() {
    let place = Place::new("log");
    let line = refused(LFD, &place, &with(&["--server-log", "/nowhere/S1.log"]));
    assert!(line.contains("/nowhere/S1.log is not there: make it first"), "{line}");
}
