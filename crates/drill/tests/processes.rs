//! Real processes: what the drill starts it can end, orphans too, and nobody else is touched.
//!
//! One test, because being the reaper of orphans is a property of the whole process.

use std::io::{BufRead, BufReader};
use std::process::Command;
use std::time::{Duration, Instant};

use drill::processes::{Processes, end_all, is_ours, signal};
use drill::procfs;
use rustix::process::Signal;

#[test]
fn orphans_are_ended_and_reaped_and_strangers_are_left_alone() {
    let mut stranger = Command::new("sleep").arg("600").spawn().unwrap();
    let stranger_pid = i32::try_from(stranger.id()).unwrap();
    let mut processes = Processes::new().unwrap();
    assert!(!processes.any_left());

    // A child whose own child, in a session of its own, outlives it.
    let (reader, writer) = std::io::pipe().unwrap();
    let script = "setsid sleep 600 & echo $!; exec sleep 600";
    let name = "LFD1".parse().unwrap();
    let args = ["-c".into(), script.into()];
    let parent = processes.launch(name, "/bin/sh".as_ref(), &args, writer.into()).unwrap();
    let mut line = String::new();
    BufReader::new(reader).read_line(&mut line).unwrap();
    let orphan: i32 = line.trim().parse().unwrap();
    assert_eq!(processes.find(name), Some(parent));

    signal(parent, Signal::KILL).unwrap();
    let start = Instant::now();
    let ended = loop {
        assert!(start.elapsed() < Duration::from_secs(10), "the child was not reaped");
        if let Some(ended) = processes.reap() {
            break ended;
        }
    };
    assert_eq!((ended.pid, ended.name, ended.how.as_str()), (parent, Some(name), "signal 9"));
    assert_eq!(processes.find(name), None);

    assert!(is_ours(orphan) && !is_ours(stranger_pid) && !is_ours(1));
    assert!(signal(stranger_pid, Signal::KILL).is_err());
    signal(orphan, Signal::STOP).unwrap();
    end_all().unwrap();
    assert!(procfs::stat(orphan).is_none(), "a stopped orphan is ended and reaped too");
    assert!(!processes.any_left());

    assert!(stranger.try_wait().unwrap().is_none(), "the stranger still runs");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}
