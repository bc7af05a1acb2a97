//! The view: who is a member, who is the primary, and in which mode (DESIGN section 5, "Terms").

use std::net::SocketAddr;

use crate::names::{ClusterId, Epoch, Incarnation, ReplicaName};

/// How requests are replicated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Every member executes in log order and answers its own clients.
    Active,
    /// Only the primary executes and answers; backups keep the last checkpoint and the log after.
    Passive,
}

impl Mode {
    /// The word on the wire and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
        }
    }
}

impl std::str::FromStr for Mode {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "active" => Ok(Self::Active),
            "passive" => Ok(Self::Passive),
            other => Err(format!("the mode is `active` or `passive`, not `{other}`")),
        }
    }
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a member of a view is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Orders the requests.
    Primary,
    /// Acknowledges what the primary ordered.
    Backup,
}

impl Role {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Backup => "backup",
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where a server process stands, as it says in its heartbeat answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Not a member of any view that it knows: new, or fenced out.
    Joiner,
    /// A member, not the primary.
    Backup,
    /// A member, and the primary.
    Primary,
}

impl Phase {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Joiner => "joiner",
            Self::Backup => "backup",
            Self::Primary => "primary",
        }
    }
}

/// One member of a view: a name, one run of its process, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Member {
    /// The server's name.
    pub name: ReplicaName,
    /// Which run of the process; another incarnation of the same name is *not* this member.
    pub incarnation: Incarnation,
    /// The machine's IP and its port base (see [`crate::ports`]).
    pub address: SocketAddr,
}

/// A view. Only the RM makes views, and it persists each before it announces it (R3, I12).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct View {
    /// One life of the replicated state.
    pub cluster: ClusterId,
    /// The number of this view; one content per epoch (I2).
    pub epoch: Epoch,
    /// Active or passive replication.
    pub mode: Mode,
    /// The member that orders requests.
    pub primary: ReplicaName,
    /// All members, longest-standing first (R4 promotes in this order).
    pub members: Vec<Member>,
}

impl View {
    /// The member of that name, if there is one.
    #[must_use]
    pub fn member(&self, name: ReplicaName) -> Option<&Member> {
        self.members.iter().find(|m| m.name == name)
    }

    /// Whether exactly this run of this server is a member.
    #[must_use]
    pub fn contains(&self, name: ReplicaName, incarnation: Incarnation) -> bool {
        self.member(name).is_some_and(|m| m.incarnation == incarnation)
    }

    /// What a member of this view is in it; `None` for a stranger.
    #[must_use]
    pub fn role(&self, name: ReplicaName) -> Option<Role> {
        self.member(name)?;
        Some(if name == self.primary { Role::Primary } else { Role::Backup })
    }
}

/// Short, for people: `epoch 3 passive: S1* S2 S3`, the primary with a star.
impl std::fmt::Display for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "epoch {} {}:", self.epoch, self.mode)?;
        for member in &self.members {
            write!(f, " {}{}", member.name, if member.name == self.primary { "*" } else { "" })?;
        }
        Ok(())
    }
}
