//! `drill up`: a cluster that runs until it is told to end, and obeys typed commands.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::process::Signal;
use wire::NodeName;

use crate::clock;
use crate::commands::{self, Command};
use crate::condition::{Condition, Scene};
use crate::ivy;
use crate::world::{Asked, World};

/// How long the servers may take to be ready.
const READINESS: Duration = Duration::from_secs(30);

/// Starts the whole cluster and lets it run until a signal, `quit`, or the end of `time`. False if
/// the servers were not ready in time.
///
/// # Errors
/// When a program cannot be started, or the terminal takes nothing more.
pub async fn up(world: &mut World, time: Option<Duration>) -> Result<bool> {
    world.listen_to_keyboard();
    let until = time.map(|time| Instant::now() + time);
    let over = || until.is_some_and(|until| Instant::now() >= until);
    let roster = world.plan.roster.clone();
    for name in [roster.rm, roster.gfd].into_iter().chain(roster.lfds.iter().copied()) {
        world.start(name)?;
    }
    let start = Instant::now();
    while let Err(missing) = ready(world) {
        if obey_next(world).await? || over() {
            return Ok(true);
        }
        if start.elapsed() > READINESS {
            world.say(&format!("not ready after {} s: {missing}", READINESS.as_secs()))?;
            return Ok(false);
        }
    }
    for client in &roster.clients {
        world.start(*client)?;
    }
    world.say("all servers are ready, the clients are started; type help, or press Ctrl-C")?;
    while !over() {
        if obey_next(world).await? {
            break;
        }
    }
    Ok(true)
}

/// Whether all servers are members and ready; otherwise what is missing.
pub(crate) fn ready(world: &World) -> Result<(), String> {
    let count = world.plan.settings.replicas;
    let scene = Scene {
        picture: &world.picture,
        roster: &world.plan.roster,
        victim: None,
        mark: 0,
        now: clock::now(),
        clients: &world.clients,
        printed: &world.printed,
    };
    for condition in [Condition::Members(count), Condition::InView(count), Condition::Ready(None)] {
        condition.holds(&scene)?;
    }
    Ok(())
}

/// Lets a little time pass and obeys what was typed; true for the end.
async fn obey_next(world: &mut World) -> Result<bool> {
    match world.pump().await? {
        None => Ok(false),
        Some(Asked::End) => Ok(true),
        Some(Asked::Typed(line)) => match commands::parse(&line, &world.plan.roster) {
            Ok(None) => Ok(false),
            Ok(Some(Command::Quit)) => Ok(true),
            Ok(Some(command)) => obey(world, command).await.map(|()| false),
            Err(mistake) => world.say(&mistake).map(|()| false),
        },
    }
}

async fn obey(world: &mut World, command: Command) -> Result<()> {
    match command {
        Command::Kill(names) => signal(world, &names, Signal::KILL, "killed"),
        Command::Stop(names) => signal(world, &names, Signal::STOP, "stopped"),
        Command::Cont(names) => signal(world, &names, Signal::CONT, "continued"),
        Command::Start(names) => {
            for name in names {
                let text = world.start(name).unwrap_or_else(|error| format!("{error:#}"));
                world.say(&text)?;
            }
            Ok(())
        }
        Command::Switch(mode) => {
            let told = world.switch(mode).await;
            let text = told.map_or_else(
                |error| format!("the RM does not switch: {error}"),
                |()| format!("told the RM to switch to {mode}"),
            );
            world.say(&text)
        }
        Command::Status => {
            let table = status(world).await;
            world.say(&table)
        }
        Command::Type(process, line) => match world.type_at(process, &line) {
            Ok(()) => Ok(()),
            Err(why) => world.say(&why),
        },
        Command::Print => {
            let tables = ivy::tables(world).await;
            world.say(&tables)?;
            for process in world.plan.roster.clients.clone() {
                if let Err(why) = world.type_at(process, "print") {
                    world.say(&why)?;
                }
            }
            Ok(())
        }
        Command::Help => world.say(commands::HELP),
        Command::Quit => Ok(()),
    }
}

fn signal(world: &mut World, names: &[NodeName], signal: Signal, done: &str) -> Result<()> {
    for name in names {
        let text = match world.signal(*name, signal) {
            Ok(()) => format!("{name} {done}"),
            Err(error) => error,
        };
        world.say(&text)?;
    }
    Ok(())
}

/// The table of `status`.
async fn status(world: &World) -> String {
    let mut text = match world.view().await {
        Err(error) => format!("RM: {error}\n"),
        Ok(view) => {
            let members: Vec<&str> =
                view.members.iter().map(|member| member.name.as_str()).collect();
            format!(
                "RM: view {} ({}), primary {}, members {}\n",
                view.epoch,
                view.mode,
                view.primary,
                members.join(" ")
            )
        }
    };
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "{:<6}{:>8}  {:<9}{:<9}{:>6}{:>11}{:>11}  {:<18}state",
        "name", "process", "", "phase", "epoch", "committed", "executed", "digest"
    );
    for name in world.plan.roster.all() {
        let pid = world.pid(name).map_or("-".into(), |pid| pid.to_string());
        let condition = world.condition(name);
        let _ = write!(text, "{:<6}{pid:>8}  {condition:<9}", name.as_str());
        if world.plan.kind(name).is_none() && condition != "dead" {
            let _ = match world.inspect(name).await {
                Err(error) => write!(text, "{error}"),
                Ok(seen) => write!(
                    text,
                    "{:<9}{:>6}{:>11}{:>11}  {:<18}{}",
                    seen.phase,
                    seen.state.epoch,
                    seen.state.committed,
                    seen.state.executed,
                    seen.state.digest,
                    seen.summary
                ),
            };
        }
        text.push('\n');
    }
    text
}
