//! The client's configuration file (`configs/c1.toml`): what may stand in it, and what it becomes.
//!
//! Guarantees: an unknown key, a wrong value and a contradiction are errors that say what is right;
//! a [`Config`] that comes out of here is one that the role can run with.
//!
//! Not here: reading the file (`host::cli::load`) and the command line, which goes before it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use host::cli::{machine, period_field, port_base, seconds_field};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use wire::{ClientName, ReplicaName};

use crate::client::Config;
use crate::input::{BODY_LIMIT, Source};

/// The largest window: servers keep as many replies per client.
pub const WINDOW_LIMIT: u32 = 1024;
/// The digits that a request's number may add to an automatic message.
const DIGITS: usize = 20;

const INTERVAL: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_millis(200);
const ROUND: Duration = Duration::from_secs(2);

/// What stands in the file. Durations are seconds as a number, or a text like `"250ms"`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The client's name. The number at its end selects the doors: C1 dials the servers' first port
    /// and the RM's sixth after its first.
    #[serde(deserialize_with = "name_field")]
    pub name: ClientName,

    /// The machine of the RM: `"IP"`, or `"IP:BASE"` where its ports do not start at the port base.
    pub rm: Machine,

    /// Where requests come from: `"automatic"` (the default) or `"keyboard"`.
    #[serde(default)]
    pub input: InputKind,

    /// Automatic: what each request says, followed by its number.
    #[serde(default = "hello_world")]
    pub message: String,

    /// Automatic: the time from one request to the next, 1 s by default; 0: as soon as the window
    /// has room.
    #[serde(default, deserialize_with = "seconds_field")]
    pub interval: Option<Duration>,

    /// Automatic: end after this many answers; 0, the default: go on for ever.
    #[serde(default)]
    pub count: u64,

    /// How many requests may be unanswered, 1 to [`WINDOW_LIMIT`]; 1, the default: the next request
    /// is sent after the reply to the last one.
    #[serde(default = "one", deserialize_with = "window_field")]
    pub window: u32,

    /// Active mode: the pause before a lost server is dialled again, 200 ms by default.
    #[serde(default, deserialize_with = "period_field")]
    pub retry: Option<Duration>,

    /// After three times this long without any answer the servers are dead; 2 s by default.
    #[serde(default, deserialize_with = "period_field")]
    pub round: Option<Duration>,

    /// Speak only the short forms of the documents: no session is registered, the window is 1, and
    /// the addresses of the servers come from `servers`. For drills of interoperability.
    #[serde(default)]
    pub short_form: bool,

    /// The source address of connections; any by default.
    #[serde(default)]
    pub bind: Option<IpAddr>,

    /// The machines of the servers by name, each `"IP"` or `"IP:BASE"`. Only needed where the RM
    /// names servers without their addresses, as an RM of the documents does.
    #[serde(default, deserialize_with = "servers_field")]
    pub servers: BTreeMap<ReplicaName, Machine>,
}

/// Where requests come from, as the file says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InputKind {
    /// `message` and a number, once per `interval`.
    #[default]
    Automatic,
    /// Each typed line.
    Keyboard,
}

/// A machine: its IP, and its port base where that is not the one of the whole installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Machine {
    /// The address.
    pub ip: IpAddr,
    /// The first port of the port plan there.
    pub base: Option<u16>,
}

impl Machine {
    /// The machine as it stands in a view.
    #[must_use]
    pub fn at(self, port_base: u16) -> SocketAddr {
        SocketAddr::new(self.ip, self.base.unwrap_or(port_base))
    }
}

impl TryFrom<String> for Machine {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let Ok(address) = text.parse::<SocketAddr>() else {
            return Ok(Self { ip: machine(&text)?, base: None });
        };
        let base = port_base(&address.port().to_string())?;
        Ok(Self { ip: machine(&address.ip().to_string())?, base: Some(base) })
    }
}

/// What contradicts itself in a file whose keys are all good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// The short form has no window.
    #[error(
        "`short_form` goes with `window = 1`, not {0}: servers remember one reply of such a client"
    )]
    Window(u32),
    /// Nobody knows where the servers are.
    #[error("`short_form` needs [servers]: the RM's short answer has no addresses (S1 = \"IP\")")]
    NoServers,
    /// The request would not fit into a frame.
    #[error("`message` has {0} bytes, and a request with its number has at most {BODY_LIMIT}")]
    Message(usize),
}

impl File {
    /// What the role is told: `nonce` is a number that grows from start to start of this client,
    /// `port_base` the one of the whole installation.
    ///
    /// # Errors
    /// When keys contradict each other.
    pub fn config(&self, nonce: u64, port_base: u16) -> Result<Config, Contradiction> {
        if self.short_form && self.window != 1 {
            return Err(Contradiction::Window(self.window));
        }
        if self.short_form && self.servers.is_empty() {
            return Err(Contradiction::NoServers);
        }
        if self.message.len() + DIGITS > BODY_LIMIT {
            return Err(Contradiction::Message(self.message.len()));
        }
        let source = match self.input {
            InputKind::Keyboard => Source::Keyboard,
            InputKind::Automatic => Source::Automatic {
                message: self.message.clone(),
                interval: self.interval.unwrap_or(INTERVAL),
                count: self.count,
            },
        };
        let servers = self.servers.iter().map(|(name, machine)| (*name, machine.at(port_base)));
        Ok(Config {
            name: self.name,
            rm: self.rm.at(port_base),
            servers: servers.collect(),
            nonce,
            window: self.window,
            source,
            retry: self.retry.unwrap_or(RETRY),
            round: self.round.unwrap_or(ROUND),
            short_form: self.short_form,
        })
    }
}

fn hello_world() -> String {
    "hello_world".to_owned()
}

fn one() -> u32 {
    1
}

fn name_field<'de, D: Deserializer<'de>>(from: D) -> Result<ClientName, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}

fn window_field<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let window = i64::deserialize(from)?;
    let valid = u32::try_from(window).ok().filter(|window| (1..=WINDOW_LIMIT).contains(window));
    valid.ok_or_else(|| D::Error::custom(format!("`{window}`: a window is 1 to {WINDOW_LIMIT}")))
}

fn servers_field<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<BTreeMap<ReplicaName, Machine>, D::Error> {
    let written = BTreeMap::<String, Machine>::deserialize(from)?;
    let named = |(name, machine): (String, Machine)| match name.parse() {
        Ok(name) => Ok((name, machine)),
        Err(error) => Err(D::Error::custom(format!("`{name}`: {error}"))),
    };
    written.into_iter().map(named).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parse(text: &str) -> Result<File, String> {
        host::cli::parse_file(Path::new("c1.toml"), text).map_err(|error| error.to_string())
    }

    fn config(text: &str) -> Result<Config, String> {
        let text = format!("name = \"C1\"\nrm = \"127.0.0.110\"\n{text}");
        parse(&text)?.config(77, 8000).map_err(|error| error.to_string())
    }

    #[test]
    fn two_keys_are_enough() {
        let expected = Config {
            name: "C1".parse().expect("a name"),
            rm: "127.0.0.110:8000".parse().expect("an address"),
            servers: BTreeMap::new(),
            nonce: 77,
            window: 1,
            source: Source::Automatic {
                message: "hello_world".into(),
                interval: Duration::from_secs(1),
                count: 0,
            },
            retry: Duration::from_millis(200),
            round: Duration::from_secs(2),
            short_form: false,
        };
        assert_eq!(config(""), Ok(expected));
    }

    #[test]
    fn every_key_is_read() {
        let text = "name = \"C2\"\nrm = \"127.0.0.110:9000\"\ninput = \"automatic\"\n\
            message = \"m\"\ninterval = \"250ms\"\ncount = 9\nwindow = 4\nretry = 0.1\n\
            round = \"1s\"\nshort_form = false\nbind = \"127.0.0.1\"\n\
            [servers]\nS1 = \"127.0.0.101\"\nS2 = \"[::1]:9100\"\n";
        let file = parse(text).expect("good");
        assert_eq!(file.bind, Some("127.0.0.1".parse().expect("an address")));
        let config = file.config(1, 8000).expect("no contradiction");
        let millis = Duration::from_millis;
        let source = Source::Automatic { message: "m".into(), interval: millis(250), count: 9 };
        assert_eq!((config.source, config.window), (source, 4));
        assert_eq!((config.retry, config.round), (millis(100), millis(1000)));
        assert_eq!(config.rm.port(), 9000);
        let ports: Vec<u16> = config.servers.values().map(SocketAddr::port).collect();
        assert_eq!(ports, [8000, 9100]);
        assert_eq!(
            parse(&text.replace("automatic", "keyboard")).expect("good").input,
            InputKind::Keyboard
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place_and_what_would_be_right() {
        for (text, complaint) in [
            ("intervall = 1", "c1.toml:3:1: unknown field `intervall`"),
            ("interval = \"often\"", "c1.toml:3:12: `often` is no duration"),
            ("round = 0", "c1.toml:3:9: `0` is too short for a period"),
            ("window = 0", "c1.toml:3:10: `0`: a window is 1 to 1024"),
            ("input = \"mouse\"", "c1.toml:3:9: unknown variant `mouse`"),
            ("[servers]\nS1 = \"here\"", "c1.toml:4:6: `here` is no IP address"),
            ("[servers]\n\"S 1\" = \"127.0.0.1\"", "`S 1`: a name is made of"),
            ("short_form = true", "`short_form` needs [servers]"),
            ("short_form = true\nwindow = 4", "`short_form` goes with `window = 1`, not 4"),
        ] {
            let error = config(text).expect_err(text);
            assert!(error.contains(complaint), "{text}: {error}");
        }
        let long = format!("message = \"{}\"", "x".repeat(BODY_LIMIT - DIGITS + 1));
        assert!(config(&long).expect_err("too long").contains("at most 20480"));
        assert!(parse("name = \"C1\"").expect_err("no rm").contains("missing field `rm`"));
    }

    #[test]
    fn the_files_that_ship_are_good_and_name_every_key_with_its_default() {
        let c1 = include_str!("../../configs/c1.toml");
        let ship =
            [c1, include_str!("../../configs/c2.toml"), include_str!("../../configs/c3.toml")];
        let names = ship.map(|text| parse(text).expect("good").name.to_string());
        assert_eq!(names, ["C1", "C2", "C3"]);

        let keys =
            c1.replace("\n#[", "\n[").lines().map(uncommented).collect::<Vec<_>>().join("\n");
        let file = parse(&keys).expect("what is commented out is good as well");
        assert_eq!((file.bind.is_some(), file.servers.len()), (true, 3));
        let shown = file.config(1, 8000).expect("no contradiction");
        let mut defaults = parse(c1).expect("good").config(1, 8000).expect("no contradiction");
        defaults.servers = shown.servers.clone();
        assert_eq!(shown, defaults);
        for key in KEYS {
            assert!(keys.lines().any(|line| line.starts_with(&format!("{key} = "))), "{key}");
        }
    }

    const KEYS: [&str; 11] = [
        "name",
        "rm",
        "input",
        "message",
        "interval",
        "count",
        "window",
        "retry",
        "round",
        "short_form",
        "bind",
    ];

    /// A line of the file with its default switched on: `#count = 0` as `count = 0`.
    fn uncommented(line: &str) -> &str {
        line.strip_prefix('#')
            .filter(|rest| rest.contains(" = ") && !rest.starts_with(' '))
            .unwrap_or(line)
    }
}
