//! [`Shell`]: the doors are open, the role may start.

use std::future::poll_fn;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use node::Role;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::task::coop::unconstrained;

use crate::Settings;
use crate::audit::Audit;
use crate::dial::check_source;
use crate::error::Error;
use crate::keyboard::Keyboard;
use crate::listeners::{Bound, Listeners};
use crate::signals::Signals;
use crate::turn::Turns;
use crate::wakeups::Wakeups;
use crate::world::World;

/// Bad use, or an environment in which the process cannot run.
const BAD_ENVIRONMENT: u8 = 2;

/// How many files stay free for the role's record, logs and dials when clients take all the rest.
const SPARE_FILES: u64 = 64;

/// A process whose doors are open and whose role has not started: whoever dials now is served.
pub struct Shell {
    settings: Settings,
    bound: Vec<Bound>,
    audit: Audit,
    signals: bool,
}

impl Shell {
    /// Opens everything that can fail before the role starts.
    ///
    /// # Errors
    /// The first thing that cannot be opened, and what to do about it.
    pub fn bind(mut settings: Settings) -> Result<Self, Error> {
        settings.connections = settings.connections.min(raise_file_limit());
        if let Some(ip) = settings.bind {
            let address = SocketAddr::new(ip, 0);
            check_source(ip).map_err(|source| Error::Source { address, source })?;
        }
        let door = |(place, address): (usize, &SocketAddr)| {
            Bound::open(*address, settings.base, place)
                .map_err(|source| Error::Listen { address: *address, source })
        };
        let bound = settings.listen.iter().enumerate().map(door).collect::<Result<_, _>>()?;
        let audit = Audit::open(settings.name, settings.audit.as_deref()).map_err(|source| {
            Error::Audit { path: settings.audit.clone().unwrap_or_default(), source }
        })?;
        Ok(Self { settings, bound, audit, signals: false })
    }

    /// The addresses of the doors, in the order of the settings, with the ports that the system
    /// drew where 0 was asked for.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.bound.iter().map(|bound| bound.address).collect()
    }

    /// Lets SIGTERM and SIGINT end the loop and SIGHUP read the settings again.
    #[must_use]
    pub fn with_signals(self) -> Self {
        Self { signals: true, ..self }
    }

    /// Runs the role until it ends, and gives its exit code.
    ///
    /// # Errors
    /// When the system gives no event loop, thread or signal handler.
    pub fn run<R: Role>(self, role: R) -> Result<u8, Error> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let mut turns = {
            let _guard = runtime.enter();
            self.prepare(role)?
        };
        // The loop bounds itself by bytes; the runtime's own bound would only cut its turns short.
        let code = runtime.block_on(unconstrained(poll_fn(|context| turns.turn(context))));
        turns.world.hang_up();
        turns.world.console.finish();
        Ok(code)
    }

    fn prepare<R: Role>(self, role: R) -> io::Result<Turns<R>> {
        let wakeups = Wakeups::default();
        let listeners = Listeners::new(self.bound, &wakeups)?;
        let keyboard = self.settings.keyboard.then(|| Keyboard::start(&wakeups)).transpose()?;
        let signals = self.signals.then(|| Signals::new(&wakeups)).transpose()?;
        let world = World::new(self.settings, wakeups, listeners, self.audit)?;
        Ok(Turns::new(role, world, keyboard, signals))
    }
}

/// Runs a role as this process: opens everything, says in one line what cannot be opened (exit code
/// 2), and otherwise runs until the role ends, or SIGTERM or SIGINT end it (exit code 0).
pub fn run<R: Role>(role: R, settings: Settings) -> ExitCode {
    let name = settings.name;
    match Shell::bind(settings).and_then(|shell| shell.with_signals().run(role)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // With standard error closed, the exit code has to do.
            let _ = writeln!(io::stderr(), "{name}: {error}");
            ExitCode::from(BAD_ENVIRONMENT)
        }
    }
}

/// Takes as many open files as this process may have, and says how many connections fit in them.
fn raise_file_limit() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // Not being allowed to leaves what was allowed before.
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
    let files = if raised { maximum } else { current };
    files.map_or(usize::MAX, |files| {
        usize::try_from(files.saturating_sub(SPARE_FILES)).unwrap_or(usize::MAX)
    })
}
