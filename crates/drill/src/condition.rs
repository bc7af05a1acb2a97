//! The conditions of a drill: what a step may wait for and expect.
//!
//! A condition either holds, or says what was seen instead, so that a failed step explains itself.
//! "Since the step began" is the moment before the step's first action.
//! The vocabulary is small on purpose; docs/DRILLS.md lists it, and a test holds that list against
//! [`VOCABULARY`].

use std::collections::BTreeSet;
use std::time::Duration;

use wire::NodeName;

use crate::duration;
use crate::picture::{Picture, ServerSeen};
use crate::roster::{Roster, Who};

/// Every form of condition and its meaning, for the help text and the documentation.
pub const VOCABULARY: [(&str, &str); 16] = [
    ("N members", "the RM counts N living servers"),
    ("N in view", "the RM's newest view has N members, none of them killed since"),
    ("view with S1", "the RM's newest view has S1, and S1 was not killed since"),
    ("view without S1", "since the step began the RM made a view without S1"),
    ("primary is S1", "S1 is the primary of the RM's newest view"),
    ("primary is not S1", "another server is"),
    ("mode active", "the RM's newest view is in this mode (or `mode passive`)"),
    ("ready S1", "the present run of S1 said `Server is ready`; `ready all` for every server"),
    ("fenced S1", "since the step began S1 learnt that it is not in the view"),
    ("launched S1", "since the step began a new process of S1 was launched"),
    ("adopted S1", "since the step began its LFD adopted the running process of S1"),
    ("clients progress N", "since the step began every client got N answers"),
    ("N digests", "since the step began servers told their digests at N places of the log"),
    ("line RM \"TEXT\"", "since the step began the process printed a line with this text"),
    ("no view change", "since the step began the RM made no view (in `expect` only)"),
    ("no gap over 2s", "since the step began no client waited longer (in `expect` only)"),
];

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// The RM counts so many living servers.
    Members(usize),
    /// The newest view has so many members.
    InView(usize),
    /// The newest view has this server.
    ViewWith(Who),
    /// A view without this server was made.
    ViewWithout(Who),
    /// The primary of the newest view.
    PrimaryIs(Who),
    /// Not the primary of the newest view.
    PrimaryIsNot(Who),
    /// The mode of the newest view.
    Mode(String),
    /// The present run is ready; `None` for all servers.
    Ready(Option<Who>),
    /// It was fenced.
    Fenced(Who),
    /// A new process was launched.
    Launched(Who),
    /// The running process was adopted.
    Adopted(Who),
    /// Every client got so many answers.
    Progress(usize),
    /// So many digests could be compared.
    Digests(usize),
    /// A line was printed.
    Line(NodeName, String),
    /// No view was made.
    NoViewChange,
    /// No client waited longer than this.
    NoGapOver(Duration),
}

/// What a condition is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The cluster as its records tell it.
    pub picture: &'a Picture,
    /// All names.
    pub roster: &'a Roster,
    /// The server killed or stopped last.
    pub victim: Option<NodeName>,
    /// When the step began.
    pub mark: u64,
    /// Now.
    pub now: u64,
    /// The clients that were launched.
    pub clients: &'a [NodeName],
    /// Which of the step's `line` conditions were printed since it began.
    pub printed: &'a BTreeSet<(NodeName, String)>,
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// What is wrong with the text, and which forms there are.
    pub fn parse(text: &str, roster: &Roster) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let who = |text: &str| Who::parse(text, roster);
        Ok(match words.as_slice() {
            [count, "members"] => Self::Members(number(count)?),
            [count, "in", "view"] => Self::InView(number(count)?),
            ["view", "with", server] => Self::ViewWith(who(server)?),
            ["view", "without", server] => Self::ViewWithout(who(server)?),
            ["primary", "is", "not", server] => Self::PrimaryIsNot(who(server)?),
            ["primary", "is", server] => Self::PrimaryIs(who(server)?),
            ["mode", mode @ ("active" | "passive")] => Self::Mode((*mode).into()),
            ["ready", "all"] => Self::Ready(None),
            ["ready", server] => Self::Ready(Some(who(server)?)),
            ["fenced", server] => Self::Fenced(who(server)?),
            ["launched", server] => Self::Launched(who(server)?),
            ["adopted", server] => Self::Adopted(who(server)?),
            ["clients", "progress", count] => Self::Progress(number(count)?),
            [count, "digests"] => Self::Digests(number(count)?),
            ["line", process, ..] => {
                let name =
                    roster.find(process).ok_or(format!("`{process}` prints nothing here"))?;
                Self::Line(name, quoted(text)?)
            }
            ["no", "view", "change"] => Self::NoViewChange,
            ["no", "gap", "over", time] => Self::NoGapOver(duration::parse(time)?),
            _ => {
                let forms: Vec<&str> = VOCABULARY.iter().map(|(form, _)| *form).collect();
                return Err(format!("`{text}` is no condition; there are: {}", forms.join(" | ")));
            }
        })
    }

    /// Whether waiting for it makes sense: the others hold at once, and stop holding.
    #[must_use]
    pub fn can_be_awaited(&self) -> bool {
        !matches!(self, Self::NoViewChange | Self::NoGapOver(_))
    }

    /// Whether it holds now.
    ///
    /// # Errors
    /// What was seen instead.
    pub fn holds(&self, scene: &Scene<'_>) -> Result<(), String> {
        let picture = scene.picture;
        let resolve = |who: Who| who.resolve(picture, scene.victim);
        match self {
            Self::Members(count) => members(scene, *count),
            Self::InView(count) => {
                let view = picture.view().ok_or("no view yet")?;
                let living = view.members.iter().filter(|name| picture.in_view(**name)).count();
                let whole = living == *count && view.members.len() == *count;
                seen(whole, || describe(picture))
            }
            Self::ViewWith(who) => seen(picture.in_view(resolve(*who)?), || describe(picture)),
            Self::ViewWithout(who) => {
                let server = resolve(*who)?;
                let made = picture.views_since(scene.mark).any(|v| !v.members.contains(&server));
                seen(made, || describe(picture))
            }
            Self::PrimaryIs(who) => {
                let server = resolve(*who)?;
                seen(picture.view().is_some_and(|v| v.primary == server), || describe(picture))
            }
            Self::PrimaryIsNot(who) => {
                let server = resolve(*who)?;
                seen(picture.view().is_some_and(|v| v.primary != server), || describe(picture))
            }
            Self::Mode(mode) => {
                seen(picture.view().is_some_and(|v| v.mode == *mode), || describe(picture))
            }
            Self::Ready(Some(who)) => ready(picture, &[resolve(*who)?]),
            Self::Ready(None) => ready(picture, &scene.roster.servers),
            Self::Fenced(who) => since(scene, resolve(*who)?, "fenced", |server| server.fenced),
            Self::Launched(who) => {
                since(scene, resolve(*who)?, "launched", |server| server.launched)
            }
            Self::Adopted(who) => since(scene, resolve(*who)?, "adopted", |server| server.adopted),
            Self::Progress(count) => progress(scene, *count),
            Self::Digests(count) => {
                let compared = picture.compared(scene.mark);
                seen(compared >= *count, || format!("{compared} places; {}", describe(picture)))
            }
            Self::Line(name, text) => {
                seen(scene.printed.contains(&(*name, text.clone())), || "no such line".into())
            }
            Self::NoViewChange => {
                let made: Vec<String> =
                    picture.views_since(scene.mark).map(|view| view.epoch.to_string()).collect();
                seen(made.is_empty(), || format!("the RM made view {}", made.join(", ")))
            }
            Self::NoGapOver(limit) => gaps(scene, *limit),
        }
    }
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("`{text}` is not a number"))
}

/// The text between the last two double quotes.
fn quoted(text: &str) -> Result<String, String> {
    let mut parts = text.split('"');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(_), Some(inner), Some(rest), None) if rest.trim().is_empty() && !inner.is_empty() => {
            Ok(inner.into())
        }
        _ => Err(format!("`{text}`: the text stands between double quotes")),
    }
}

fn seen(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// The newest view in a few words.
#[must_use]
pub fn describe(picture: &Picture) -> String {
    picture.view().map_or("no view yet".into(), |view| {
        let members: Vec<&str> = view.members.iter().map(NodeName::as_str).collect();
        format!("view {}: {} (primary {})", view.epoch, members.join(" "), view.primary)
    })
}

fn members(scene: &Scene<'_>, count: usize) -> Result<(), String> {
    let (at, members) =
        scene.picture.counted.get(&scene.roster.rm).ok_or("the RM has counted nothing yet")?;
    // A count from before a kill still has the killed one. Where its LFD was dead too, nobody
    // counts anew when it is back: it was never seen to be gone.
    let killed = |name: &NodeName| {
        scene.picture.servers.get(name).is_some_and(|seen| seen.killed > *at && !seen.is_ready())
    };
    seen(members.len() == count && !members.iter().any(killed), || {
        let names: Vec<&str> = members.iter().map(NodeName::as_str).collect();
        format!("the RM counts {}: {}", members.len(), names.join(" "))
    })
}

fn ready(picture: &Picture, servers: &[NodeName]) -> Result<(), String> {
    let is_ready = |name: &&NodeName| !picture.servers.get(name).is_some_and(ServerSeen::is_ready);
    let missing: Vec<&str> = servers.iter().filter(is_ready).map(NodeName::as_str).collect();
    seen(missing.is_empty(), || format!("not ready: {}; {}", missing.join(" "), describe(picture)))
}

fn since(
    scene: &Scene<'_>,
    server: NodeName,
    what: &str,
    when: impl Fn(&ServerSeen) -> u64,
) -> Result<(), String> {
    let at = scene.picture.servers.get(&server).map_or(0, when);
    seen(at >= scene.mark, || format!("{server} was not {what}; {}", describe(scene.picture)))
}

fn progress(scene: &Scene<'_>, count: usize) -> Result<(), String> {
    if scene.clients.is_empty() {
        return Err("no client was launched".into());
    }
    let of = |client: &NodeName| scene.picture.progress(*client, scene.mark);
    seen(scene.clients.iter().all(|client| of(client) >= count), || {
        let all: Vec<String> =
            scene.clients.iter().map(|client| format!("{client} {}", of(client))).collect();
        format!("answers since the step began: {}; {}", all.join(", "), describe(scene.picture))
    })
}

fn gaps(scene: &Scene<'_>, limit: Duration) -> Result<(), String> {
    let gap = |client: &NodeName| {
        Duration::from_micros(scene.picture.longest_gap(*client, scene.mark, scene.now))
    };
    let over = scene.clients.iter().find(|client| gap(client) > limit);
    over.map_or(Ok(()), |client| Err(format!("{client} waited {} ms", gap(client).as_millis())))
}

#[cfg(test)]
#[path = "condition_tests.rs"]
mod tests;
