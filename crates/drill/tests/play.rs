//! The player and the world on five stand-ins: this test's own program under five names.
//!
//! The stand-ins only write the audit records that the roles would write, so what is tested is the
//! drill: launching, killing, orphans, conditions, verdicts, and that nothing is left behind.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use drill::checks::no_uncalled_death;
use drill::clock;
use drill::plan::Plan;
use drill::play::{Outcome, Player};
use drill::procfs;
use drill::script::Drill;
use drill::world::World;
use rustix::process::{Pid, Signal, kill_process};

const PROGRAMS: [&str; 5] = ["rm", "gfd", "lfd", "server", "client"];

const DRILL: &str = r#"
description = "stand-ins"
mode = "passive"
replicas = 2
clients = 1

[[step]]
title = "launch"
start = ["RM", "GFD", "LFDs", "clients"]
wait = ["2 members", "2 in view", "ready all", "clients progress 5", 'line S1 "is ready"']

[[step]]
title = "a killed server is launched again"
kill = ["primary"]
wait = ["launched S1", "ready victim"]
expect = ["no view change"]

[[step]]
title = "a server outlives its detector"
kill = ["LFD2"]
wait = ["clients progress 5"]

[[step]]
title = "a whole machine"
kill = ["machine S1"]
wait = ["clients progress 5"]

[[step]]
title = "what never comes fails"
wait = ["3 in view"]
within = "200ms"

[[step]]
title = "is not played"
wait = ["2 in view"]
"#;

fn main() -> ExitCode {
    let me = PathBuf::from(std::env::args_os().next().unwrap_or_default());
    let name = me.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if PROGRAMS.contains(&name.as_str()) {
        stand_in(&name, &me);
    }
    a_drill_is_played_and_nothing_is_left();
    println!("a drill is played, and nothing is left: ok");
    ExitCode::SUCCESS
}

fn a_drill_is_played_and_nothing_is_left() {
    let dir = std::env::temp_dir().join(format!("chevron-play-{}", std::process::id()));
    let programs = dir.join("programs");
    fs::create_dir_all(&programs).unwrap();
    for program in PROGRAMS {
        let me = std::env::current_exe().unwrap();
        std::os::unix::fs::symlink(me, programs.join(program)).unwrap();
    }
    let drill = Drill::parse(Path::new("play"), DRILL).unwrap();
    let plan = Plan::new(drill.settings.clone(), dir.clone(), programs);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut world = World::new(plan, false).unwrap();
        let mut told = 0;
        let count = |number: usize, _: &Outcome| {
            told = number;
            Ok(())
        };
        let outcomes = Player::new(&mut world).play(&drill, count).await.unwrap();
        assert_eq!(told, outcomes.len());
        judge(&mut world, &outcomes).await;
        world.end().await.unwrap();
    });
    let me = i32::try_from(std::process::id()).unwrap();
    assert_eq!(procfs::descendants(me, &BTreeSet::new()), BTreeSet::new());
    let log = fs::read_to_string(dir.join("S1.log")).unwrap();
    assert_eq!(log.matches("Server is ready").count(), 2, "one line per run: {log}");
    fs::remove_dir_all(&dir).unwrap();
}

async fn judge(world: &mut World, outcomes: &[Outcome]) {
    let held: Vec<bool> = outcomes.iter().map(|outcome| outcome.held).collect();
    assert_eq!(held, [true, true, true, true, false], "{outcomes:?}");
    let failure = &outcomes[4].detail;
    assert!(failure.contains("`3 in view`") && failure.contains("view 1: S1 S2"), "{failure}");

    let (s1, s2) = ("S1".parse().unwrap(), "S2".parse().unwrap());
    assert_eq!((world.condition(s1), world.condition(s2)), ("dead", "running"));
    world.stop_clients().await.unwrap();
    let kills: Vec<_> = world.picture.blows.iter().map(|blow| (blow.at, blow.name)).collect();
    let fine = no_uncalled_death(&world.records, &kills, &world.strays);
    assert!(fine.held, "{fine:?}");

    // Somebody else kills the orphan: nobody but the reaper sees it.
    let pid = Pid::from_raw(world.pid(s2).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    while world.condition(s2) != "dead" {
        world.pump().await.unwrap();
    }
    world.pump().await.unwrap();
    let found = no_uncalled_death(&world.records, &kills, &world.strays);
    assert!(found.detail.contains("S2 ended by itself: signal 9"), "{found:?}");
}

// ---- the stand-ins

fn stand_in(name: &str, me: &Path) -> ! {
    let audit = PathBuf::from(option("--audit"));
    let dir = audit.parent().unwrap_or(Path::new("."));
    match name {
        "rm" => {
            let view = r#""epoch":1,"mode":"passive","primary":"S1","members":["S1","S2"]"#;
            record(&audit, "RM", "view_made", view);
            record(&audit, "RM", "members", r#""members":["S1","S2"]"#);
        }
        "lfd" => watch(&audit, &me.with_file_name("server")),
        "server" => {
            // As in life, it is ready only after its detector has taken notice of it.
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            println!("Server is ready");
            record(&audit, &std::env::args().nth(1).unwrap_or_default(), "ready", "");
        }
        "client" => ask(&audit, dir),
        _ => {}
    }
    loop {
        std::thread::park();
    }
}

/// Launches the server again whenever it ends.
fn watch(audit: &Path, program: &Path) -> ! {
    let arguments: Vec<String> = std::env::args().collect();
    let (lfd, server) = (&arguments[2], &arguments[3]);
    loop {
        let pipe = OpenOptions::new().read(true).write(true).open(option("--server-log")).unwrap();
        let mut command = Command::new(program);
        command.args([server, "--audit", &option("--server-audit")]);
        let mut child = command.stdin(Stdio::piped()).stdout(pipe).spawn().unwrap();
        let pid = child.id();
        record(audit, lfd, "server_launched", &format!(r#""server":"{server}","pid":{pid}"#));
        drop(child.stdin.take());
        child.wait().unwrap();
        record(audit, lfd, "server_exited", &format!(r#""server":"{server}","how":"signal 9""#));
    }
}

/// Asks and is answered, every millisecond.
fn ask(audit: &Path, dir: &Path) -> ! {
    let executed = dir.join("S2.audit");
    for number in 1_u64.. {
        let body = format!(r#""number":{number},"body":"hello_world{number}""#);
        record(audit, "C1", "invoked", &body);
        let entry =
            format!(r#""sequence":{number},"client":"C1","session":1,"effect":true,{body}"#);
        record(&executed, "S2", "executed", &entry);
        record(audit, "C1", "answered", &format!(r#""server":"S2",{body}"#));
        std::thread::sleep(Duration::from_millis(1));
    }
    unreachable!("numbers do not end")
}

fn option(name: &str) -> String {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1).unwrap_or_default()
}

fn record(path: &Path, who: &str, event: &str, fields: &str) {
    let comma = if fields.is_empty() { "" } else { "," };
    let at = clock::now();
    let line = format!("{{\"at\":{at},\"who\":\"{who}\",\"event\":\"{event}\"{comma}{fields}}}\n");
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(line.as_bytes()).unwrap();
}
