//! What is observed of the server: its connection, its answers, its process.

use detect::reported;
use node::{Conn, Event, Output, Time};
use wire::{Gone, Health, Message};

use crate::detector::{BAD_PEER_REDIAL, LocalFaultDetector, SERVER_REDIAL};
use crate::process::{Ended, Kill, Launch};
use crate::report::News;

impl LocalFaultDetector {
    /// The server's address accepted: what listens there is asked at once who it is.
    pub(crate) fn server_opened(&mut self, now: Time, conn: Conn, out: &mut Vec<Output>) {
        self.server.opened(conn);
        self.answered = false;
        self.process.occupied();
        if self.report.is_alive() {
            self.beats.resume(now);
        } else {
            self.beats.start(now);
        }
        self.beat(now, out);
    }

    /// The connection was lost, or could not be opened. A lost one is dialled again at once: a
    /// server that died refuses, and that is the evidence.
    pub(crate) fn server_closed(&mut self, now: Time, out: &mut Vec<Output>) {
        let was_open = self.server.open().is_some();
        self.server.lost(now);
        if was_open {
            self.pause_beats(now);
            if self.answered {
                self.server.dial(out);
            }
            return;
        }
        self.beats.stop();
        self.process.refused();
        if self.report.is_alive() {
            self.conclude(Gone::Closed, out);
        }
        self.launch_if_missing(now, out);
    }

    /// No heartbeats without a connection; the silence of a living server counts all the same.
    fn pause_beats(&mut self, now: Time) {
        if self.report.is_alive() {
            self.beats.hold(now);
        } else {
            self.beats.stop();
        }
    }

    /// A frame on the server's connection.
    pub(crate) fn server_says(&mut self, now: Time, message: Message, out: &mut Vec<Output>) {
        let (me, server) = (self.config.name, self.config.server);
        match message {
            Message::Heartbeat { from, to, count, health } if from == me && to == server.into() => {
                self.server_answers(now, count, health, out);
            }
            Message::Error { from, code, text } => {
                out.push(Output::Note(Event::ErrorReceived { from, code, text }));
            }
            message if reported(&message) == Some(server) => {
                self.pass(self.gfd.open(), "what the server says to the RM", message, out);
            }
            Message::Heartbeat { to, .. } => {
                let text = format!("{me} expects {server} here, and {to} answers");
                self.shun_server(now, &text, out);
            }
            _ => {
                self.shun_server(now, "a server answers heartbeats and speaks to the RM here", out)
            }
        }
    }

    /// Whoever is at the server's address breaks the rules: it may be right later.
    fn shun_server(&mut self, now: Time, text: &str, out: &mut Vec<Output>) {
        if let Some(conn) = self.server.open() {
            self.reject(conn, text, out);
        }
        self.server.drop_for(now, BAD_PEER_REDIAL, out);
        self.pause_beats(now);
    }

    fn server_answers(
        &mut self,
        now: Time,
        count: u64,
        health: Option<Health>,
        out: &mut Vec<Output>,
    ) {
        let (by, from) = (self.config.name, self.config.server.into());
        if self.beats.is_waiting() {
            out.push(Output::Note(Event::HeartbeatReceived { count, by, from }));
        }
        self.answered = true;
        self.said_unknown = false;
        self.server.settled();
        self.beats.heard(now, count);
        let adopted = self.process.answered(now, health.and_then(watchable));
        if let (Some(pid), Some(health)) = (adopted, health) {
            let (server, incarnation) = (self.config.server, health.incarnation);
            out.push(Output::Note(Event::ServerAdopted { server, pid, incarnation }));
            out.push(Output::Adopt(pid));
        }
        let news = self.report.alive(health, self.config.server_base());
        self.publish(news, out);
    }

    /// The server did not answer in time. It may be alive, so the connection stays and it is asked
    /// on.
    pub(crate) fn server_silent(&mut self, out: &mut Vec<Output>) {
        let server = self.config.server;
        out.push(Output::Note(Event::ServerSilent { server, gone: Gone::Silent }));
        self.conclude(Gone::Silent, out);
    }

    fn conclude(&mut self, gone: Gone, out: &mut Vec<Output>) {
        let news = self.report.gone(gone);
        self.publish(news, out);
    }

    /// Says what is new, here and to the GFD. Without a GFD nothing is lost: the whole report goes
    /// to the next one.
    fn publish(&mut self, news: Option<News>, out: &mut Vec<Output>) {
        let Some(News { change, turned }) = news else { return };
        let (by, server) = (self.config.name, self.config.server);
        if let Some(conn) = self.gfd.open() {
            out.push(Output::Send(conn, Message::Membership { from: by, server, change }));
        }
        if turned {
            out.push(Output::Note(match self.report.is_alive() {
                true => Event::ReplicaAdded { by, server },
                false => Event::ReplicaDeleted { by, server },
            }));
        }
    }

    pub(crate) fn process_launched(&mut self, now: Time, pid: u32, out: &mut Vec<Output>) {
        if self.process.launched(now, pid, self.config.hung_grace) {
            let server = self.config.server;
            out.push(Output::Note(Event::ServerLaunched { server, pid }));
        }
    }

    pub(crate) fn launch_failed(&mut self, now: Time, why: &str, out: &mut Vec<Output>) {
        let server = self.config.server;
        out.push(Output::Note(Event::Warning(format!("{server} could not be launched: {why}"))));
        if self.process.launch_failed() {
            let news = self.report.absent();
            self.publish(news, out);
            self.launch_if_missing(now, out);
        }
    }

    /// A process ended. If it is the server's, that proves its death, whatever its connection says.
    pub(crate) fn process_exited(
        &mut self,
        now: Time,
        pid: u32,
        how: String,
        out: &mut Vec<Output>,
    ) {
        let ended = self.process.exited(now, pid);
        if ended == Ended::Stranger {
            return;
        }
        let server = self.config.server;
        out.push(Output::Note(Event::ServerExited { server, how }));
        if self.server.open().is_some() {
            self.server.drop_for(now, SERVER_REDIAL, out);
        }
        self.beats.stop();
        if ended == Ended::Known {
            self.conclude(Gone::Exited, out);
        } else {
            let news = self.report.absent();
            self.publish(news, out);
        }
        self.launch_if_missing(now, out);
    }

    /// Launches the server if one is wanted and none can exist.
    pub(crate) fn launch_if_missing(&mut self, now: Time, out: &mut Vec<Output>) {
        let server = self.config.server;
        match self.process.launch(now) {
            Launch::No => {}
            Launch::After(wait) => {
                let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                out.push(Output::Note(Event::LaunchDelayed { server, millis }));
            }
            Launch::Now => {
                out.push(Output::Launch(server));
                self.server.settled();
                self.server.drop_for(now, SERVER_REDIAL, out);
            }
        }
    }

    /// Ends a process whose grace is over.
    pub(crate) fn end_if_due(&mut self, now: Time, out: &mut Vec<Output>) {
        let kill = self.process.kill_if_due(now, self.beats.period());
        self.end(kill, out);
    }

    /// Ends the server's process; its exit, when it is seen, goes the way of every exit.
    pub(crate) fn end(&mut self, kill: Kill, out: &mut Vec<Output>) {
        let server = self.config.server;
        match kill {
            Kill::No => {}
            Kill::Now(pid) => {
                out.push(Output::Note(Event::ServerKilled { server, pid }));
                out.push(Output::Kill(pid));
            }
            Kill::Unknown if self.said_unknown => {}
            Kill::Unknown => {
                self.said_unknown = true;
                let address = self.config.server_address;
                out.push(Output::Note(Event::Warning(format!(
                    "{server} at {address} is to be replaced, but its process is not known here: \
                     end it by hand, then it is launched again"
                ))));
            }
        }
    }
}

/// The process id that a server says it has, if it names one process: 0 and what is negative for
/// the kernel name whole groups, and 1 ends with the machine.
fn watchable(health: Health) -> Option<u32> {
    Some(health.pid).filter(|pid| *pid > 1 && i32::try_from(*pid).is_ok())
}
