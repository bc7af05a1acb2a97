//! The command line of `client`, and the configuration files that come with the suite.

#[path = "../../tests/support/cli.rs"]
mod support;

use support::{Place, accepted, refused, run, setting, teaches};

const CLIENT: &str = env!("CARGO_BIN_EXE_client");
const CONFIGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../configs");

/// A file with every key that is commented out in it switched on.
fn switched_on(name: &str) -> String {
    let text = std::fs::read_to_string(format!("{CONFIGS}/{name}")).expect("comes with the suite");
    let key = |line: &str| {
        line.strip_prefix('#')
            .is_some_and(|line| line.starts_with(|c: char| c.is_alphabetic() || c == '['))
    };
    let lines = text.lines().map(|line| if key(line) { &line[1..] } else { line });
    lines.collect::<Vec<&str>>().join("\n")
}

#[test]
fn the_clients_of_the_suite_are_good_as_they_are() {
    let place = Place::new("configs");
    for (name, door) in [("C1", "c1.toml"), ("C2", "c2.toml"), ("C3", "c3.toml")] {
        let file = format!("{CONFIGS}/{door}");
        let shown = accepted(CLIENT, &place, &["-c", &file, "--check"], &[]);
        assert_eq!(setting(&shown, "name"), name);
        assert_eq!(setting(&shown, "rm"), "127.0.0.110:8000");
    }
}

#[test]
fn every_key_in_the_comments_is_a_key_and_shows_the_default() {
    let place = Place::new("keys");
    let plain = format!("{CONFIGS}/c1.toml");
    let all = place.file("c1.toml", &switched_on("c1.toml"));
    let [plain, all] = [&plain, &all].map(|f| accepted(CLIENT, &place, &["-c", f, "--check"], &[]));
    assert_eq!(plain, all);
}

#[test]
fn every_key_of_the_cluster_file_in_the_comments_is_a_key() {
    let place = Place::new("cluster");
    let text = switched_on("cluster.toml");
    let file = place.file("cluster.toml", &text);
    let client = format!("{CONFIGS}/c1.toml");
    accepted(CLIENT, &place, &["-c", &client, "--cluster", &file, "--check"], &[]);
    assert_eq!(
        text.lines().filter(|line| line.contains(" = ") && !line.starts_with('#')).count(),
        9
    );
}

#[test]
fn help_teaches() {
    teaches(CLIENT, &["client -c configs/c1.toml", "servers are dead", "8006 for C1"]);
}

#[test]
fn an_argument_goes_before_the_configuration() {
    let place = Place::new("override");
    let file = format!("{CONFIGS}/c1.toml");
    let args = ["-c", &file, "--name", "C7", "--rm", "127.0.0.9:9000", "--count", "3", "--check"];
    let shown = accepted(CLIENT, &place, &args, &[]);
    assert_eq!(setting(&shown, "name"), "C7");
    assert_eq!(setting(&shown, "rm"), "127.0.0.9:9000");
    assert!(setting(&shown, "requests").contains("count: 3"), "{shown}");
}

#[test]
fn bad_use_is_refused_in_one_line() {
    let place = Place::new("use");
    let unknown = place.file("unknown.toml", "name = \"C1\"\nrm = \"127.0.0.1\"\nspeed = 3\n");
    let typed =
        place.file("typed.toml", "name = \"C1\"\nrm = \"127.0.0.1\"\ninput = \"keyboard\"\n");
    for (args, complaint) in [
        (&[][..], "--config <CONFIG>"),
        (&["-c", "/nowhere.toml"], "/nowhere.toml"),
        (&["-c", &unknown], "unknown.toml:3:1: unknown field `speed`"),
        (&["-c", &typed, "--count", "3"], "--interval and --count are for automatic requests"),
        (&["-c", &typed, "--rm", "manager"], "`manager` is no IP address"),
    ] {
        let line = refused(CLIENT, &place, args);
        assert!(line.contains(complaint), "{line}");
    }
}

#[test]
fn the_load_generator_has_a_command_line_of_its_own() {
    let place = Place::new("bench");
    let file = format!("{CONFIGS}/c1.toml");
    let help = accepted(CLIENT, &place, &["bench", "--help"], &[]);
    for topic in ["--clients", "--pipeline", "--rate", "--json", "--csv", "Examples:"] {
        assert!(help.contains(topic), "{topic}: {help}");
    }
    let args = ["bench", "-c", &file, "--clients", "3", "--seconds", "2", "--check"];
    let shown = accepted(CLIENT, &place, &args, &[]);
    assert_eq!(setting(&shown, "clients"), "B1 to B3");
    assert!(setting(&shown, "load").contains("requests: None, time: Some(2s)"), "{shown}");
    for (args, complaint) in [
        (&["bench"][..], "--config <CONFIG>"),
        (&["bench", "-c", &file, "--clients", "0"], "--clients <N>"),
        (&["bench", "-c", &file, "--pipeline", "1025"], "1..=1024"),
        (&["bench", "-c", &file, "--json", "--csv"], "cannot be used with"),
        (&["bench", "-c", &file, "--prefix", "a b"], "--prefix a b"),
        (&["bench", "-c", &file, "--size", "30000"], "at most 20480 bytes"),
    ] {
        let line = refused(CLIENT, &place, args);
        assert!(line.contains(complaint), "{line}");
    }
}

#[test]
fn a_load_generator_without_servers_says_so_and_prints_its_figures() {
    let place = Place::new("nobody");
    let text = "name = \"C1\"\nrm = \"127.0.0.1:1\"\nround = \"50ms\"\n";
    let file = place.file("c1.toml", text);
    let ran = run(CLIENT, &place, &["bench", "-c", &file, "--json"], &[]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(ran.out.lines().count(), 1, "{ran:?}");
    assert!(
        ran.out.contains("\"answered\":0,") && ran.out.ends_with("\"dead\":true}\n"),
        "{ran:?}"
    );
}
