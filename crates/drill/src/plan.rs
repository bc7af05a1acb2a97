//! The cluster on one machine: addresses, ports, and the command line of every process.
//!
//! Every "machine" is a loopback address, so that the documents' ports stay exact: the servers on
//! 127.0.0.101 and up, RM and GFD and the clients on 127.0.0.110.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use wire::{Mode, NodeName, ports};

use crate::duration;
use crate::roster::Roster;

/// The last byte of the address before S1's.
const SERVERS: u8 = 100;
/// The last byte of the address of RM, GFD and clients.
const MANAGER: u8 = 110;

/// How many requests of a client of the map may be unanswered.
const WINDOW: u32 = 4;

/// What a cluster is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Active or passive.
    pub mode: Mode,
    /// How many servers, 1 to 9.
    pub replicas: usize,
    /// How many clients.
    pub clients: usize,
    /// The heartbeat period of all detectors.
    pub heartbeat: Duration,
    /// Their timeout; `None` for their default.
    pub heartbeat_timeout: Option<Duration>,
    /// How long a hung server is spared; `None` for the default.
    pub hung_grace: Option<Duration>,
    /// The checkpoint period of the servers.
    pub checkpoint: Duration,
    /// The time from one request of a client to the next.
    pub interval: Duration,
    /// After three times this long without any answer a client gives up; `None` for the default.
    pub round: Option<Duration>,
    /// Replicate Ivy's central manager, and let the clients be processes of Ivy.
    pub ivy: bool,
    /// Replicate the map of `examples/map.rs`; the clients' requests are drawn from this seed and
    /// typed at them ([`Typist`](crate::typist::Typist)). `None`: the status string.
    pub map: Option<u64>,
    /// The least time between two fail-backs; `None` for the default.
    pub hold_down: Option<Duration>,
    /// Print none of the documents' lines: for drills that measure.
    pub quiet: bool,
    /// Servers write no audit, which costs them a line per request: for measuring throughput. What
    /// they executed cannot be checked then.
    pub lean: bool,
    /// The first port of the port plan.
    pub port_base: u16,
    /// The servers' program; `None` for the one beside the others.
    pub server_bin: Option<PathBuf>,
}

impl Settings {
    /// Three servers and three clients at a pace that a person can read.
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        Self {
            mode,
            replicas: 3,
            clients: 3,
            heartbeat: Duration::from_secs(1),
            heartbeat_timeout: None,
            hung_grace: None,
            checkpoint: Duration::from_secs(5),
            interval: Duration::from_secs(1),
            round: None,
            ivy: false,
            map: None,
            hold_down: None,
            quiet: false,
            lean: false,
            port_base: ports::DEFAULT_BASE,
            server_bin: None,
        }
    }
}

impl Settings {
    /// The timeout of the detectors: the one that is set, or their default (DESIGN R14).
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.heartbeat_timeout.unwrap_or((self.heartbeat * 2).max(Duration::from_secs(1)))
    }
}

/// What a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The Replication Manager.
    Rm,
    /// The Global Fault Detector.
    Gfd,
    /// A Local Fault Detector, of the server at this place.
    Lfd(usize),
    /// A client.
    Client(usize),
}

/// A cluster with its directory.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What it is made of.
    pub settings: Settings,
    /// All names.
    pub roster: Roster,
    /// Where logs, audits, configurations and state go.
    pub dir: PathBuf,
    /// Where the five programs are.
    pub programs: PathBuf,
}

impl Plan {
    /// The plan of a cluster whose run lives in `dir`.
    #[must_use]
    pub fn new(settings: Settings, dir: PathBuf, programs: PathBuf) -> Self {
        let prefix = if settings.ivy { "P" } else { "C" };
        let roster = Roster::with(settings.replicas, settings.clients, prefix);
        Self { settings, roster, dir, programs }
    }

    /// The machine of the server at a place.
    #[must_use]
    pub fn server(&self, place: usize) -> SocketAddr {
        let last = SERVERS + 1 + u8::try_from(place).unwrap_or(u8::MAX - SERVERS - 1);
        SocketAddr::new(loopback(last), self.settings.port_base)
    }

    /// The machine of RM, GFD and clients.
    #[must_use]
    pub fn manager(&self) -> SocketAddr {
        SocketAddr::new(loopback(MANAGER), self.settings.port_base)
    }

    /// The programs that are launched.
    #[must_use]
    pub fn programs(&self) -> Vec<PathBuf> {
        let beside = |program: &str| self.programs.join(program);
        let server = self.server_program().unwrap_or_else(|| beside("server"));
        ["rm", "gfd", "lfd", "client"].map(beside).into_iter().chain([server]).collect()
    }

    /// The servers' program, where it is not the one that their LFDs would take.
    fn server_program(&self) -> Option<PathBuf> {
        let map = self.settings.map.map(|_| self.programs.join("map"));
        self.settings.server_bin.clone().or(map)
    }

    /// Whether the clients are told what to ask by the drill.
    #[must_use]
    pub fn is_typed(&self) -> bool {
        self.settings.ivy || self.settings.map.is_some()
    }

    /// Every address that will be listened on, and by whom.
    #[must_use]
    pub fn doors(&self) -> Vec<(SocketAddr, NodeName)> {
        let mut doors = Vec::new();
        let server = ports::SERVER_CLIENTS
            .into_iter()
            .chain([ports::SERVER_LFD])
            .chain(ports::SERVER_PEERS)
            .collect::<Vec<_>>();
        for (place, name) in self.roster.servers.iter().enumerate() {
            doors.extend(server.iter().map(|d| (ports::door(self.server(place), *d), *name)));
        }
        let rm = [ports::RM_GFD].into_iter().chain(ports::RM_CLIENTS);
        doors.extend(rm.map(|door| (ports::door(self.manager(), door), self.roster.rm)));
        let gfd = ports::GFD_LFDS.into_iter();
        doors.extend(gfd.map(|door| (ports::door(self.manager(), door), self.roster.gfd)));
        if self.settings.ivy {
            let pages = (ports::PROCESS_PAGES + 1..).zip(&self.roster.clients);
            doors.extend(pages.map(|(door, name)| (ports::door(self.manager(), door), *name)));
        }
        doors
    }

    /// What a process is; `None` for servers, which their LFDs launch.
    #[must_use]
    pub fn kind(&self, name: NodeName) -> Option<Kind> {
        let place = |names: &[NodeName]| names.iter().position(|known| *known == name);
        if name == self.roster.rm {
            return Some(Kind::Rm);
        }
        if name == self.roster.gfd {
            return Some(Kind::Gfd);
        }
        place(&self.roster.lfds).map(Kind::Lfd).or(place(&self.roster.clients).map(Kind::Client))
    }

    /// The program and the arguments of a process.
    #[must_use]
    pub fn command(&self, name: NodeName, kind: Kind) -> (PathBuf, Vec<OsString>) {
        let period = duration::print(self.settings.heartbeat);
        let manager = self.manager();
        let ip = manager.ip().to_string();
        let (program, mut args) = match kind {
            Kind::Rm => ("rm", vec![ip, self.settings.mode.to_string()]),
            Kind::Gfd => ("gfd", vec![ip, period]),
            Kind::Lfd(place) => {
                let lane = ports::GFD_LFDS[ports::lane(name.as_str(), ports::GFD_LFDS.len())];
                let server = ports::door(self.server(place), ports::SERVER_LFD).to_string();
                let gfd = ports::door(manager, lane).to_string();
                let names = [name, self.roster.servers[place]].map(|name| name.to_string());
                ("lfd", [vec![period], names.to_vec(), vec![server, gfd]].concat())
            }
            Kind::Client(_) if self.settings.ivy => {
                ("client", vec!["ivy".into(), "-c".into(), self.file(name, "toml")])
            }
            Kind::Client(_) => ("client", vec!["-c".into(), self.file(name, "toml")]),
        };
        args.extend(["--audit".into(), self.file(name, "audit")]);
        args.extend(["--port-base".into(), self.settings.port_base.to_string()]);
        args.extend(["--state-dir".into(), self.dir.join("state").display().to_string()]);
        args.extend(self.settings.quiet.then(|| "--quiet".into()));
        args.extend(self.detector_options(kind));
        (self.programs.join(program), args.into_iter().map(OsString::from).collect())
    }

    /// Variables that a process is started with.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, &'static str)> {
        if self.settings.ivy { vec![("CHEVRON_SERVICE", "ivy")] } else { Vec::new() }
    }

    fn detector_options(&self, kind: Kind) -> Vec<String> {
        let mut args = Vec::new();
        let mut option = |name: &str, value: String| args.extend([name.to_owned(), value]);
        if let Kind::Gfd | Kind::Lfd(_) = kind
            && let Some(timeout) = self.settings.heartbeat_timeout
        {
            option("--heartbeat-timeout", duration::print(timeout));
        }
        if let Kind::Rm = kind {
            // Fail-back is on where the primary manager is to be the primary again.
            if self.settings.ivy {
                option("--prefer", self.roster.servers[0].to_string());
            }
            if let Some(time) = self.settings.hold_down {
                option("--hold-down", duration::print(time));
            }
        }
        if let Kind::Lfd(place) = kind {
            let server = self.roster.servers[place];
            option("--checkpoint-freq", duration::print(self.settings.checkpoint));
            if !self.settings.lean {
                option("--server-audit", self.file(server, "audit"));
            }
            option("--server-log", self.file(server, "pipe"));
            if let Some(grace) = self.settings.hung_grace {
                option("--hung-grace", duration::print(grace));
            }
            if let Some(program) = self.server_program() {
                option("--server-bin", program.display().to_string());
            }
        }
        args
    }

    /// The configuration file of a client.
    #[must_use]
    pub fn client_file(&self, name: NodeName) -> String {
        let manager = self.manager();
        if self.settings.ivy {
            return format!(
                "# Written by the drill.\nname = \"{name}\"\nrm = \"{manager}\"\nip = \"{}\"\n",
                manager.ip()
            );
        }
        let requests = match self.settings.map {
            Some(_) => format!("input = \"keyboard\"\nwindow = {WINDOW}\n"),
            None => format!(
                "input = \"automatic\"\nmessage = \"hello_world\"\ninterval = \"{}\"\n",
                duration::print(self.settings.interval)
            ),
        };
        let round = self.settings.round.map(duration::print);
        let round = round.map(|time| format!("round = \"{time}\"\n")).unwrap_or_default();
        format!(
            "# Written by the drill.\nname = \"{name}\"\nrm = \"{manager}\"\nbind = \"{}\"\n\
             {requests}{round}",
            manager.ip(),
        )
    }

    /// A file of a process in the directory of the run.
    #[must_use]
    pub fn path(&self, name: NodeName, extension: &str) -> PathBuf {
        self.dir.join(format!("{name}.{extension}"))
    }

    fn file(&self, name: NodeName, extension: &str) -> String {
        self.path(name, extension).display().to_string()
    }
}

fn loopback(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, last))
}

/// Where `name` is looked for: a file as it is, else a drill that comes with the suite.
#[must_use]
pub fn drill_file(name: &str, root: &Path) -> PathBuf {
    let given = PathBuf::from(name);
    if given.is_file() || name.contains('/') || name.ends_with(".toml") {
        return given;
    }
    root.join("configs/drills").join(format!("{name}.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let mut settings = Settings::new(Mode::Passive);
        settings.heartbeat = Duration::from_millis(100);
        Plan::new(settings, "/run".into(), "/bin".into())
    }

    #[test]
    fn the_command_lines_are_the_documents() {
        let plan = plan();
        let line = |name: &str| {
            let name = plan.roster.find(name).unwrap();
            let (program, args) = plan.command(name, plan.kind(name).unwrap());
            let args: Vec<_> = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
            format!("{} {}", program.display(), args.join(" "))
        };
        assert!(line("RM").starts_with("/bin/rm 127.0.0.110 passive --audit /run/RM.audit"));
        assert!(line("GFD").starts_with("/bin/gfd 127.0.0.110 100ms "));
        let lfd = line("LFD2");
        let start = "/bin/lfd 100ms LFD2 S2 127.0.0.102:8003 127.0.0.110:8001 --audit";
        assert!(lfd.starts_with(start), "{lfd}");
        assert!(lfd.contains("--server-log /run/S2.pipe"), "{lfd}");
        assert!(line("C3").starts_with("/bin/client -c /run/C3.toml"));
        assert_eq!(plan.kind("S1".parse().unwrap()), None);
    }

    #[test]
    fn a_server_of_ones_own_is_launched_by_every_lfd() {
        let mut plan = plan();
        assert!(plan.programs().contains(&PathBuf::from("/bin/server")));
        plan.settings.server_bin = Some("/mine/tally".into());
        for lfd in &plan.roster.lfds {
            let (_, args) = plan.command(*lfd, plan.kind(*lfd).unwrap());
            let given = args.windows(2).any(|two| two == ["--server-bin", "/mine/tally"]);
            assert!(given, "{args:?}");
        }
        assert!(plan.programs().contains(&PathBuf::from("/mine/tally")));
        plan.settings.server_bin = None;
        plan.settings.map = Some(7);
        assert!(plan.programs().contains(&PathBuf::from("/bin/map")));
        assert!(plan.client_file(plan.roster.clients[0]).contains("keyboard"));
        assert!(!plan.programs().contains(&PathBuf::from("/bin/server")));
    }

    #[test]
    fn every_door_is_listed_once() {
        let mut doors: Vec<SocketAddr> = plan().doors().into_iter().map(|(door, _)| door).collect();
        assert_eq!(doors.len(), 3 * 6 + 4 + 3);
        doors.sort();
        doors.dedup();
        assert_eq!(doors.len(), 25, "RM and GFD share an address and no port");
    }

    #[test]
    fn a_name_is_a_drill_of_the_suite_and_a_path_is_a_path() {
        let root = Path::new("/suite");
        assert_eq!(drill_file("hung", root), Path::new("/suite/configs/drills/hung.toml"));
        assert_eq!(drill_file("mine.toml", root), Path::new("mine.toml"));
        assert_eq!(drill_file("./mine", root), Path::new("./mine"));
    }
}
