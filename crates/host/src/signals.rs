//! SIGTERM and SIGINT end the loop, SIGHUP reads the tunable settings again.

use std::io;
use std::path::Path;

use node::Tune;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cluster::ClusterFile;
use crate::wakeups::{Key, Source, Wakeups};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// To end.
    End,
    /// To read the settings again.
    Reload,
}

/// The signals of this process.
pub(crate) struct Signals {
    ends: [Signal; 2],
    reload: Signal,
    source: Source,
}

impl Signals {
    /// Takes the signals over.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub(crate) fn new(wakeups: &Wakeups) -> io::Result<Self> {
        let source = wakeups.source(Key::Signals);
        source.wake();
        Ok(Self {
            ends: [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?],
            reload: signal(SignalKind::hangup())?,
            source,
        })
    }

    /// What was asked for since the last time.
    pub(crate) fn next(&mut self) -> Option<Asked> {
        self.source.clear();
        let mut context = self.source.context();
        let mut end = false;
        for signal in &mut self.ends {
            // Both are polled, because only a polled one wakes.
            end |= signal.poll_recv(&mut context).is_ready();
        }
        if end {
            return Some(Asked::End);
        }
        self.reload.poll_recv(&mut context).is_ready().then_some(Asked::Reload)
    }
}

/// Reads the tunable settings.
///
/// # Errors
/// One line that says what cannot be used, and that the old settings stay.
pub(crate) fn reload(path: &Path) -> Result<Tune, String> {
    let file = ClusterFile::load(path);
    file.map(|file| file.tune())
        .map_err(|error| format!("the old settings stay: {:#}", anyhow::Error::from(error)))
}
