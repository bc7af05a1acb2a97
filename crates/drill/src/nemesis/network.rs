//! A network of the run's own, in which links can be cut.
//!
//! The run moves into a fresh network namespace (`unshare --net`, as root, or in a user namespace
//! where the system allows that). There a cut is a routing rule by which the packets of one link go
//! into a cable without an end: nothing is refused and nothing is reset, it is silence, and TCP
//! sends again when the rule is gone.
//!
//! Guarantee: no rule is ever made outside such a namespace, and the namespace ends with the run's
//! last process, so nothing is left behind however the run ends.
//!
//! Not here: when which link is cut.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use wire::ports;

use crate::nemesis::deed::{Link, Way};
use crate::plan::Plan;

/// The hidden option by which a run knows that it has moved, and from where.
pub const MOVED: &str = "--moved-from";
/// The table of routes into the cable without an end, and the places of the rules.
const TABLE: &str = "77";
const FIRST_RULE: u32 = 1_000;
const LOCAL_RULE: &str = "32000";

/// The namespace of this process, as the kernel names it.
fn here() -> Result<String, String> {
    let link = fs::read_link("/proc/self/ns/net").map_err(|error| error.to_string())?;
    Ok(link.to_string_lossy().into_owned())
}

/// Starts this program again, in a network of its own; returns only if that is not possible.
#[must_use]
pub fn move_out() -> String {
    let programs = [("unshare", "--version", "util-linux"), ("ip", "-Version", "iproute2")];
    for (program, version, package) in programs {
        if run(program, &[version]).is_err() {
            return format!("no program `{program}` (package {package})");
        }
    }
    let ways: [&[&str]; 2] = [&["--net"], &["--user", "--map-root-user", "--net"]];
    let mut why = "not allowed".to_owned();
    for way in ways {
        match run("unshare", &[way, &["true"]].concat()) {
            Ok(()) => return exec(way),
            Err(error) => why = error,
        }
    }
    why
}

fn exec(way: &[&str]) -> String {
    let (program, here) = match (std::env::current_exe(), here()) {
        (Ok(program), Ok(here)) => (program, here),
        (Err(error), _) => return error.to_string(),
        (_, Err(error)) => return error,
    };
    let mut args: Vec<OsString> = vec![program.into()];
    args.extend(std::env::args_os().skip(1));
    args.extend([MOVED.into(), here.into()]);
    Command::new("unshare").args(way).arg("--").args(args).exec().to_string()
}

fn run(program: &str, args: &[&str]) -> Result<(), String> {
    let mut command = Command::new(program);
    let output = command.args(args).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program} {}: {}", args.join(" "), said.lines().next().unwrap_or("failed").trim()))
}

/// The run's own network.
#[derive(Debug)]
pub struct Network {
    plan: Plan,
    cuts: BTreeMap<Link, Vec<String>>,
    next: u32,
}

impl Network {
    /// Makes the network of the namespace into which this process has moved ready.
    ///
    /// # Errors
    /// When this process is still where it was, or the system lacks something.
    pub fn new(plan: &Plan, moved_from: &str) -> Result<Self, String> {
        if here()? == moved_from || !moved_from.starts_with("net:") {
            return Err("this is not a network of its own".into());
        }
        let ip = |line: &str| run("ip", &line.split(' ').collect::<Vec<_>>());
        ip("link set lo up")?;
        // What is sent into one end of the cable is thrown away at the other: it has no address.
        ip("link add cut0 type veth peer name cut1")?;
        ip("link set cut0 mtu 65535 arp off up")?;
        ip("link set cut1 up")?;
        fs::write("/proc/sys/net/ipv4/conf/cut0/route_localnet", "1")
            .map_err(|error| format!("route_localnet: {error}"))?;
        ip(&format!("route add table {TABLE} default dev cut0"))?;
        // This machine's own addresses come first, before any rule of ours, unless they are moved.
        ip(&format!("rule add pref {LOCAL_RULE} lookup local"))?;
        ip("rule del pref 0")?;
        Ok(Self { plan: plan.clone(), cuts: BTreeMap::new(), next: FIRST_RULE })
    }

    /// Cuts a link.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn cut(&mut self, link: Link, way: Way) -> Result<(), String> {
        let [there, back] = selectors(&self.plan, link);
        let ways = match way {
            Way::Both => vec![there, back],
            Way::There => vec![there],
            Way::Back => vec![back],
        };
        for selector in ways {
            let place = self.next.to_string();
            self.next += 1;
            let rule = format!("rule add pref {place} {selector} lookup {TABLE}");
            run("ip", &rule.split(' ').collect::<Vec<_>>())?;
            self.cuts.entry(link).or_default().push(place);
        }
        Ok(())
    }

    /// Mends a link; one that is whole stays so.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn mend(&mut self, link: Link) -> Result<(), String> {
        for place in self.cuts.remove(&link).unwrap_or_default() {
            run("ip", &["rule", "del", "pref", &place])?;
        }
        Ok(())
    }

    /// Mends every link.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn mend_all(&mut self) -> Result<(), String> {
        let links: Vec<Link> = self.cuts.keys().copied().collect();
        links.into_iter().try_for_each(|link| self.mend(link))
    }

    /// The links that are cut now.
    #[must_use]
    pub fn cut_now(&self) -> Vec<Link> {
        self.cuts.keys().copied().collect()
    }
}

/// Which packets travel on a link: from the one named first, and from the other.
fn selectors(plan: &Plan, link: Link) -> [String; 2] {
    let manager = plan.manager();
    // The first dials the second at some of its doors.
    let dialled = |first: SocketAddr, second: SocketAddr, doors: &[u16]| {
        let door = |offset: Option<&u16>| second.port() + offset.copied().unwrap_or_default();
        let doors = format!("{}-{}", door(doors.first()), door(doors.last()));
        let from = |from: IpAddr, to: IpAddr| format!("from {from} to {to}");
        [
            format!("{} ipproto tcp dport {doors}", from(first.ip(), second.ip())),
            format!("{} ipproto tcp sport {doors}", from(second.ip(), first.ip())),
        ]
    };
    match link {
        Link::Servers(one, other) => {
            let (one, other) = (plan.server(one).ip(), plan.server(other).ip());
            [format!("from {one} to {other}"), format!("from {other} to {one}")]
        }
        Link::Heartbeats(place) => {
            let server = plan.server(place);
            dialled(server, server, &[ports::SERVER_LFD])
        }
        Link::Reports(place) => dialled(plan.server(place), manager, &ports::GFD_LFDS),
        Link::Requests(place) => dialled(manager, plan.server(place), &ports::SERVER_CLIENTS),
        Link::Orders => dialled(manager, manager, &[ports::RM_GFD]),
        Link::Views => dialled(manager, manager, &ports::RM_CLIENTS),
    }
}

#[cfg(test)]
mod tests {
    use wire::Mode;

    use super::*;
    use crate::plan::Settings;

    fn plan() -> Plan {
        Plan::new(Settings::new(Mode::Passive), "/run".into(), "/bin".into())
    }

    #[test]
    fn a_link_is_told_by_its_addresses_and_doors() {
        let told = |link| selectors(&plan(), link);
        let servers = ["from 127.0.0.101 to 127.0.0.103", "from 127.0.0.103 to 127.0.0.101"];
        assert_eq!(told(Link::Servers(0, 2)), servers);
        let reports = [
            "from 127.0.0.102 to 127.0.0.110 ipproto tcp dport 8000-8002",
            "from 127.0.0.110 to 127.0.0.102 ipproto tcp sport 8000-8002",
        ];
        assert_eq!(told(Link::Reports(1)), reports);
        assert!(
            told(Link::Heartbeats(0))[0].ends_with("to 127.0.0.101 ipproto tcp dport 8003-8003")
        );
        assert!(told(Link::Requests(2))[1].starts_with("from 127.0.0.103 to 127.0.0.110 "));
        assert!(told(Link::Orders)[0].ends_with(" dport 8003-8003"));
        assert!(told(Link::Views)[0].ends_with(" dport 8006-8008"));
    }

    #[test]
    fn no_network_but_one_of_its_own_is_touched() {
        let here = here().unwrap();
        assert!(Network::new(&plan(), &here).is_err());
        assert!(Network::new(&plan(), "").is_err());
    }
}
