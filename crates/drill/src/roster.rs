//! Who takes part: the names of all processes of one cluster on one machine, and the words that a
//! drill may use for them.
//!
//! A word such as `primary` is resolved against the [`Picture`] at the moment it is needed, never
//! when the file is read.

use wire::NodeName;

use crate::picture::Picture;

/// All names of one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    /// `S1`, `S2`, ...
    pub servers: Vec<NodeName>,
    /// `LFD1`, `LFD2`, ...: the detector of the server at the same place.
    pub lfds: Vec<NodeName>,
    /// `C1`, `C2`, ...
    pub clients: Vec<NodeName>,
    /// `GFD`.
    pub gfd: NodeName,
    /// `RM`.
    pub rm: NodeName,
}

impl Roster {
    /// The names for so many replicas and clients.
    ///
    /// # Panics
    /// Never: the names are made of letters and digits.
    #[must_use]
    pub fn new(replicas: usize, clients: usize) -> Self {
        Self::with(replicas, clients, "C")
    }

    /// The same, with clients of another name: Ivy's processes are `P1`, `P2`, ...
    #[must_use]
    pub(crate) fn with(replicas: usize, clients: usize, prefix: &str) -> Self {
        let name = |text: String| -> NodeName { text.parse().expect("letters and digits") };
        let names = |prefix: &str, count: usize| {
            (1..=count).map(|number| name(format!("{prefix}{number}"))).collect()
        };
        Self {
            servers: names("S", replicas),
            lfds: names("LFD", replicas),
            clients: names(prefix, clients),
            gfd: name("GFD".into()),
            rm: name("RM".into()),
        }
    }

    /// Every name, in the order in which they are launched.
    pub fn all(&self) -> impl Iterator<Item = NodeName> {
        let watchers = [self.rm, self.gfd].into_iter();
        watchers.chain(self.lfds.clone()).chain(self.servers.clone()).chain(self.clients.clone())
    }

    /// The name as it is in this cluster, whatever its case.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<NodeName> {
        self.all().find(|name| name.as_str().eq_ignore_ascii_case(text))
    }

    /// The detector of a server.
    #[must_use]
    pub fn lfd_of(&self, server: NodeName) -> Option<NodeName> {
        self.servers.iter().position(|name| *name == server).map(|place| self.lfds[place])
    }

    /// The server of a detector.
    #[must_use]
    pub fn server_of(&self, lfd: NodeName) -> Option<NodeName> {
        self.lfds.iter().position(|name| *name == lfd).map(|place| self.servers[place])
    }
}

/// One process, by its name or by what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// By its name.
    Name(NodeName),
    /// The primary of the RM's newest view.
    Primary,
    /// The backup at this place of the RM's newest view, the longest-standing first.
    Backup(usize),
    /// The server that this drill killed or stopped last.
    Victim,
    /// The server that became ready last, of those that this drill killed or stopped.
    Recovered,
}

impl Who {
    /// Reads one word.
    ///
    /// # Errors
    /// A word that is neither a name of this cluster nor one of those above.
    pub fn parse(text: &str, roster: &Roster) -> Result<Self, String> {
        let place = text.strip_prefix("backup").and_then(|number| number.parse::<usize>().ok());
        match text {
            "primary" => Ok(Self::Primary),
            "backup" => Ok(Self::Backup(0)),
            "victim" => Ok(Self::Victim),
            "recovered" => Ok(Self::Recovered),
            _ => match (place, roster.find(text)) {
                (Some(place), _) if place > 0 => Ok(Self::Backup(place - 1)),
                (_, Some(name)) => Ok(Self::Name(name)),
                _ => Err(format!(
                    "`{text}` is nobody here: use a name ({}), primary, backup, backup2, victim or \
                     recovered",
                    roster.all().map(|name| name.to_string()).collect::<Vec<_>>().join(" ")
                )),
            },
        }
    }

    /// Who that is now.
    ///
    /// # Errors
    /// When there is nobody to whom the word applies.
    pub fn resolve(self, picture: &Picture, victim: Option<NodeName>) -> Result<NodeName, String> {
        let view = || picture.view().ok_or("the RM has made no view yet".to_owned());
        match self {
            Self::Name(name) => Ok(name),
            Self::Primary => Ok(view()?.primary),
            Self::Backup(place) => {
                let view = view()?;
                let mut backups = view.members.iter().filter(|name| **name != view.primary);
                let count = view.members.len() - 1;
                backups.nth(place).copied().ok_or(format!("the view has {count} backups"))
            }
            Self::Victim => victim.ok_or("no server was killed or stopped yet".into()),
            Self::Recovered => {
                let back = picture
                    .servers
                    .iter()
                    .filter(|(_, seen)| seen.is_ready() && seen.killed.max(seen.fenced) > 0);
                let last = back.max_by_key(|(_, seen)| seen.ready).map(|(name, _)| *name);
                last.ok_or("no server has come back yet".into())
            }
        }
    }
}

/// Whom an action is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// One process.
    One(Who),
    /// A server and, before it, its LFD: nobody launches the server again.
    Machine(Who),
    /// Every server.
    Servers,
    /// Every LFD.
    Lfds,
    /// Every client.
    Clients,
}

impl Target {
    /// Reads the text of a target.
    ///
    /// # Errors
    /// As [`Who::parse`].
    pub fn parse(text: &str, roster: &Roster) -> Result<Self, String> {
        match text {
            "servers" => Ok(Self::Servers),
            "LFDs" => Ok(Self::Lfds),
            "clients" => Ok(Self::Clients),
            _ => match text.strip_prefix("machine ") {
                Some(who) => Who::parse(who.trim(), roster).map(Self::Machine),
                None => Who::parse(text, roster).map(Self::One),
            },
        }
    }

    /// Which processes that are now, in the order in which they are acted on.
    ///
    /// # Errors
    /// As [`Who::resolve`], and for a machine that has no server.
    pub fn resolve(
        self,
        picture: &Picture,
        victim: Option<NodeName>,
        roster: &Roster,
    ) -> Result<Vec<NodeName>, String> {
        Ok(match self {
            Self::One(who) => vec![who.resolve(picture, victim)?],
            Self::Machine(who) => {
                let server = who.resolve(picture, victim)?;
                let lfd = roster.lfd_of(server).ok_or(format!("{server} is not a server"))?;
                vec![lfd, server]
            }
            Self::Servers => roster.servers.clone(),
            Self::Lfds => roster.lfds.clone(),
            Self::Clients => roster.clients.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Record, ViewSeen, What};

    fn name(text: &str) -> NodeName {
        text.parse().unwrap()
    }

    fn picture() -> Picture {
        let members = ["S2", "S3", "S1"].map(name).to_vec();
        let view = ViewSeen { at: 9, epoch: 2, mode: String::new(), primary: name("S2"), members };
        let mut picture = Picture::default();
        picture.take(&Record { at: 9, who: name("RM"), what: What::ViewMade(view) });
        picture
    }

    #[test]
    fn words_mean_what_the_newest_view_says() {
        let (roster, picture) = (Roster::new(3, 1), picture());
        let resolve = |text: &str, victim| {
            let target = Target::parse(text, &roster).unwrap();
            target.resolve(&picture, victim, &roster)
        };
        assert_eq!(resolve("primary", None), Ok(vec![name("S2")]));
        assert_eq!(resolve("backup", None), Ok(vec![name("S3")]));
        assert_eq!(resolve("backup2", None), Ok(vec![name("S1")]));
        assert_eq!(resolve("machine backup2", None), Ok(vec![name("LFD1"), name("S1")]));
        assert_eq!(resolve("machine victim", Some(name("S3"))).unwrap()[0], name("LFD3"));
        assert_eq!(resolve("LFDs", None).unwrap().len(), 3);
        assert_eq!(resolve("rm", None), Ok(vec![name("RM")]));
        assert!(resolve("backup3", None).is_err());
        assert!(resolve("victim", None).is_err());
        assert!(resolve("recovered", None).is_err());
        assert!(resolve("machine RM", None).is_err());
    }

    #[test]
    fn the_recovered_is_the_last_that_came_back() {
        let mut picture = picture();
        for (at, server) in [(10, "S1"), (11, "S2"), (12, "S3")] {
            picture.take(&Record { at, who: name(server), what: What::Ready });
        }
        assert!(Who::Recovered.resolve(&picture, None).is_err(), "the first start is no return");
        picture.hit(20, name("S1"), true, false);
        picture.take(&Record { at: 30, who: name("S1"), what: What::Ready });
        assert_eq!(Who::Recovered.resolve(&picture, None), Ok(name("S1")));
        picture.take(&Record { at: 35, who: name("S3"), what: What::Fenced });
        picture.take(&Record { at: 40, who: name("S3"), what: What::Ready });
        assert_eq!(Who::Recovered.resolve(&picture, None), Ok(name("S3")));
    }

    #[test]
    fn unknown_words_are_refused_with_the_known_ones() {
        let roster = Roster::new(2, 1);
        let error = Who::parse("S3", &roster).unwrap_err();
        assert!(error.contains("RM GFD LFD1 LFD2 S1 S2 C1"), "{error}");
        assert!(Who::parse("backup0", &roster).is_err());
    }
}
