//! Launched, adopted and killed processes, and the host as a process of its own.

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use common::{Dir, Host, Peer, Probe, request_frame};
use host::{Settings, Shell, launch};
use node::Input;
use rustix::process::{Pid, Signal, kill_process};

fn launching(program: &str, args: &[&str], dir: Option<&Dir>) -> Host {
    let command = launch::Command {
        program: program.into(),
        args: args.iter().map(Into::into).collect(),
        log: dir.map(|dir| dir.path().join("server.log")),
    };
    Host::start(|settings| settings.launch = Some(command))
}

fn launched(host: &Host) -> u32 {
    host.wait("Launched", |input| match input {
        Input::Launched { pid } => Some(*pid),
        _ => None,
    })
}

fn exited(host: &Host, of: u32) -> String {
    host.wait("Exited", |input| match input {
        Input::Exited { pid, how } if *pid == of => Some(how.clone()),
        _ => None,
    })
}

/// A process of the test's own, ended with it.
struct Other(Child);

impl Other {
    fn sleeping() -> Self {
        Self(Command::new("sleep").arg("1000").spawn().expect("there is a sleep"))
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_exit_is_noticed_with_its_code_and_the_process_is_reaped() {
    let dir = Dir::new("launch");
    let host = launching("/bin/sh", &["-c", "echo out; echo err >&2; exit 2"], Some(&dir));
    host.peer().say(&request_frame("launch"));
    let pid = launched(&host);
    assert_eq!(exited(&host, pid), "exit code 2");
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "it is reaped");
    host.peer().say(&request_frame("launch"));
    exited(&host, launched(&host));
    let log = std::fs::read_to_string(dir.path().join("server.log")).expect("a log");
    assert_eq!(log, "out\nerr\nout\nerr\n", "a log is appended to");
}

#[test]
fn a_killed_process_is_noticed_at_once() {
    let host = launching("/bin/sleep", &["1000"], None);
    let mut peer = host.peer();
    peer.say(&request_frame("launch"));
    let pid = launched(&host);
    let start = Instant::now();
    peer.say(&request_frame(&format!("kill={pid}")));
    assert_eq!(exited(&host, pid), "signal 9");
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[test]
fn a_log_that_is_a_named_pipe_without_a_reader_stops_nothing() {
    let dir = Dir::new("fifo");
    let pipe = dir.path().join("server.log");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("there is a mkfifo").success());
    let host = launching("/bin/sh", &["-c", "echo hello; exit 7"], Some(&dir));
    host.peer().say(&request_frame("launch"));
    let pid = launched(&host);
    assert_eq!(exited(&host, pid), "exit code 7");
}

#[test]
fn a_missing_program_is_named() {
    let host = launching("/nowhere/server", &[], None);
    host.peer().say(&request_frame("launch"));
    let failed = host.wait("LaunchFailed", |input| match input {
        Input::LaunchFailed(text) => Some(text.clone()),
        _ => None,
    });
    assert!(failed.contains("/nowhere/server"), "{failed}");
}

#[test]
fn an_adopted_process_is_watched_and_killed_like_a_launched_one() {
    let mut other = Other::sleeping();
    let pid = other.0.id();
    let host = launching("/bin/sleep", &["1000"], None);
    let mut peer = host.peer();
    peer.say(&request_frame(&format!("adopt={pid}")));
    assert_eq!(launched(&host), pid);
    peer.say(&request_frame(&format!("kill={pid}")));
    assert_eq!(exited(&host, pid), "gone");
    assert_eq!(other.0.wait().expect("it has ended").code(), None);
}

#[test]
fn a_process_that_runs_another_program_is_neither_adopted_nor_killed() {
    let mut other = Other::sleeping();
    let pid = other.0.id();
    let host = launching("/opt/chevron/server", &[], None);
    let mut peer = host.peer();
    peer.say(&(request_frame(&format!("adopt={pid}")) + &request_frame(&format!("kill={pid}"))));
    let told = host.up_to_now();
    assert!(!told.iter().any(|input| matches!(input, Input::Launched { .. })), "{told:?}");
    assert!(other.0.try_wait().expect("it is ours").is_none(), "it lives");
}

/// The host as a process: this test is run again, alone, by the ones below. By itself it does
/// nothing.
#[test]
fn as_a_process() {
    let Some(dir) = std::env::var_os("HOST_TEST_DIR").map(std::path::PathBuf::from) else { return };
    let mut settings = Settings::new("S1".parse().expect("a name"));
    settings.listen = vec!["127.0.0.1:0".parse().expect("an address")];
    settings.tune = Some(dir.join("cluster.toml"));
    settings.console.quiet = true;
    let shell = Shell::bind(settings).expect("a free port").with_signals();
    let (sender, seen) = channel();
    let address = shell.addresses()[0];
    std::thread::spawn(move || {
        for input in seen {
            match input {
                Input::Start => println!("at={address}"),
                Input::Tune(tune) => println!("tune={:?}", tune.checkpoint_period),
                _ => {}
            }
        }
    });
    let code = shell.run(Probe::new(sender)).expect("it runs");
    std::process::exit(i32::from(code));
}

/// Starts [`as_a_process`]; gives it, its output and its diagnostics.
fn start_process(dir: &Dir) -> (Other, impl Iterator<Item = String>, impl Iterator<Item = String>) {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", "as_a_process", "--nocapture"]).env("HOST_TEST_DIR", dir.path());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("this test runs");
    let output = BufReader::new(child.stdout.take().expect("a pipe"));
    let errors = BufReader::new(child.stderr.take().expect("a pipe"));
    let text = |line: std::io::Result<String>| line.expect("text");
    (Other(child), output.lines().map(text), errors.lines().map(text))
}

/// The rest of the line that has `word` in it.
fn find(lines: &mut impl Iterator<Item = String>, word: &str) -> String {
    let found = lines.find_map(|line| line.split_once(word).map(|(_, rest)| rest.to_owned()));
    found.expect("the process says it")
}

fn signal(other: &Other, signal: Signal) {
    let pid = Pid::from_raw(other.0.id().cast_signed()).expect("a process");
    kill_process(pid, signal).expect("it is ours");
}

#[test]
fn sigterm_and_sigint_end_the_process_with_code_0_and_say_goodbye() {
    let dir = Dir::new("signals");
    for ending in [Signal::TERM, Signal::INT] {
        let (mut process, mut lines, _errors) = start_process(&dir);
        let address = find(&mut lines, "at=");
        let mut peer = Peer::new(std::net::TcpStream::connect(&address).expect("it listens"));
        assert!(peer.ask("hello").contains("hello"));
        signal(&process, ending);
        assert!(peer.is_ended());
        assert_eq!(process.0.wait().expect("it ends").code(), Some(0));
    }
}

#[test]
fn sighup_reads_the_settings_again_and_a_broken_file_changes_nothing() {
    let dir = Dir::new("reload");
    let file = dir.path().join("cluster.toml");
    let (process, mut lines, mut errors) = start_process(&dir);
    find(&mut lines, "at=");
    std::fs::write(&file, "checkpoint = 3").expect("written");
    signal(&process, Signal::HUP);
    assert_eq!(find(&mut lines, "tune="), "Some(3s)");
    std::fs::write(&file, "chekpoint = 4").expect("written");
    signal(&process, Signal::HUP);
    assert!(find(&mut errors, "the old settings stay: ").contains("`chekpoint`"));
    std::fs::write(&file, "checkpoint = 5").expect("written");
    signal(&process, Signal::HUP);
    assert_eq!(find(&mut lines, "tune="), "Some(5s)");
}
