//! The command line of `rm`: what is accepted, what is refused, and in which words.

#[path = "../../tests/support/cli.rs"]
mod support;

use support::{Place, accepted, refused, setting, teaches};

const RM: &str = env!("CARGO_BIN_EXE_rm");

#[test]
fn the_documents_form_is_accepted_and_explained() {
    let place = Place::new("form");
    for mode in ["active", "passive"] {
        let shown = accepted(RM, &place, &["172.19.136.190", mode, "--check"], &[]);
        let doors = [8003, 8006, 8007, 8008].map(|port| format!("172.19.136.190:{port}"));
        assert_eq!(setting(&shown, "listen"), doors.join(" "));
        assert_eq!(setting(&shown, "mode"), mode);
        let record = place.path("chevron/rm.toml");
        assert_eq!(setting(&shown, "record"), format!("{record} (none yet)"));
        assert_eq!(setting(&shown, "prefer"), "none  (default)");
    }
    assert_eq!(std::fs::read_dir(place.dir()).expect("is there").count(), 0, "nothing is made");
}

#[test]
fn help_teaches() {
    teaches(RM, &["rm 172.19.136.190 active", "never install it on PATH", "C1, C2, C3", "--fresh"]);
}

#[test]
fn bad_use_is_refused_in_one_line() {
    let place = Place::new("use");
    for (args, complaint) in [
        (&["127.0.0.1"][..], "<active|passive>"),
        (&["127.0.0.1", "lazy"], "the mode is `active` or `passive`, not `lazy`"),
        (&["127.0.0.1", "active", "--fresh", "--force-unclean", "S1"], "cannot be used with"),
        (&["127.0.0.1", "active", "--on-total-loss", "panic"], "restart, wait"),
        (&["-rf", "/"], "'-r'"),
    ] {
        let line = refused(RM, &place, args);
        assert!(line.contains(complaint) && line.contains("rm --help"), "{line}");
    }
}

#[test]
fn the_preferred_primary_comes_from_argument_variable_or_file() {
    let place = Place::new("prefer");
    let file = place.file("cluster.toml", "prefer = \"S1\"\n");
    let args = ["127.0.0.1", "passive", "--check", "--cluster", &file];
    let shown = accepted(RM, &place, &args, &[]);
    assert_eq!(setting(&shown, "prefer"), format!("S1  ({file})"));
    let shown = accepted(RM, &place, &args, &[("CHEVRON_PREFER", "S2")]);
    assert_eq!(setting(&shown, "prefer"), "S2  (CHEVRON_PREFER)");
    let args = [&args[..], &["--prefer", "S3"]].concat();
    let shown = accepted(RM, &place, &args, &[("CHEVRON_PREFER", "S2")]);
    assert_eq!(setting(&shown, "prefer"), "S3  (argument)");
}

#[test]
fn a_second_rm_on_the_same_state_directory_is_refused() {
    let place = Place::new("second");
    let _first = host::state::lock(place.dir(), "RM").expect("nobody holds it");
    let dir = place.path("");
    let line = refused(RM, &place, &["127.0.0.1", "active", "--state-dir", &dir]);
    assert!(line.contains("RM runs already as process"), "{line}");
}

#[test]
fn a_record_that_is_none_is_refused_and_left_alone() {
    let place = Place::new("record");
    let record = place.file("rm.toml", "this is no record\n");
    let dir = place.path("");
    for extra in [&[][..], &["--check"], &["--fresh"]] {
        let args = [&["127.0.0.1", "active", "--state-dir", &dir], extra].concat();
        let line = refused(RM, &place, &args);
        assert!(line.contains(&record), "{line}");
    }
    assert_eq!(std::fs::read_to_string(record).expect("is there"), "this is no record\n");
}

#[test]
fn a_state_directory_that_cannot_be_one_is_named() {
    let place = Place::new("state");
    let dir = format!("{}/below", place.file("file", ""));
    for extra in [&[][..], &["--check"]] {
        let args = [&["127.0.0.1", "active", "--state-dir", &dir], extra].concat();
        let line = refused(RM, &place, &args);
        assert!(line.contains(&dir) && line.contains("CHEVRON_STATE_DIR"), "{line}");
    }
}
