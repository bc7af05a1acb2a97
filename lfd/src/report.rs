//! What the LFD would say of its server now, and which news is worth saying.

use std::net::SocketAddr;

use wire::{Change, Gone, Health, Incarnation, Reported};

/// The LFD's current word on its server; `None` until there is one.
#[derive(Debug, Default)]
pub(crate) struct Report {
    current: Option<Change>,
}

/// A report that is to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct News {
    /// What to send.
    pub(crate) change: Change,
    /// Whether the server was alive before and is not now, or the other way: then a line is
    /// printed. Other news only adds detail.
    pub(crate) turned: bool,
}

impl Report {
    /// The current word, for a GFD that has just been connected.
    pub(crate) fn current(&self) -> Option<Change> {
        self.current
    }

    /// Whether the server is alive by the current word.
    pub(crate) fn is_alive(&self) -> bool {
        matches!(self.current, Some(Change::Add(_)))
    }

    /// The run that is alive, if the server speaks the extended form.
    pub(crate) fn incarnation(&self) -> Option<Incarnation> {
        match self.current {
            Some(Change::Add(Some(reported))) => Some(reported.incarnation),
            Some(Change::Delete(Some((incarnation, _)))) => Some(incarnation),
            _ => None,
        }
    }

    /// The server answered. News when it was not alive, or says something else than before.
    pub(crate) fn alive(&mut self, health: Option<Health>, address: SocketAddr) -> Option<News> {
        let turned = !self.is_alive();
        let change = Change::Add(health.map(|h| Reported {
            incarnation: h.incarnation,
            address,
            cluster: h.cluster,
            epoch: h.epoch,
            phase: h.phase,
        }));
        self.say(change, turned)
    }

    /// There is evidence that the server is dead or silent. News when it was alive, or when the
    /// evidence is stronger than what was said of the same run.
    pub(crate) fn gone(&mut self, gone: Gone) -> Option<News> {
        match self.current {
            Some(Change::Add(reported)) => {
                self.say(Change::Delete(reported.map(|r| (r.incarnation, gone))), true)
            }
            Some(Change::Delete(Some((incarnation, said)))) if gone < said => {
                self.say(Change::Delete(Some((incarnation, gone))), false)
            }
            Some(Change::Delete(_) | Change::Unmonitored) => None,
            None => self.absent(),
        }
    }

    /// There is no server, and none was ever known: a restarted LFD must say so all the same, since
    /// the GFD may remember one from before.
    pub(crate) fn absent(&mut self) -> Option<News> {
        if self.current.is_some() {
            return None;
        }
        self.say(Change::Delete(None), false)
    }

    fn say(&mut self, change: Change, turned: bool) -> Option<News> {
        if self.current == Some(change) {
            return None;
        }
        self.current = Some(change);
        Some(News { change, turned })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{ClusterId, Epoch, Phase};

    fn health(incarnation: u64) -> Option<Health> {
        let (cluster, epoch) = (ClusterId(1), Epoch(2));
        let incarnation = Incarnation(incarnation);
        Some(Health { incarnation, pid: 1, cluster, epoch, phase: Phase::Backup })
    }

    fn base() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 101], 8000))
    }

    #[test]
    fn stronger_evidence_is_news_and_weaker_is_not() {
        let mut report = Report::default();
        report.alive(health(7), base());
        let said = |gone| Change::Delete(Some((Incarnation(7), gone)));
        let first = News { change: said(Gone::Closed), turned: true };
        assert_eq!(report.gone(Gone::Closed), Some(first));
        assert_eq!(report.gone(Gone::Silent), None);
        let second = News { change: said(Gone::Exited), turned: false };
        assert_eq!(report.gone(Gone::Exited), Some(second));
        assert_eq!(report.gone(Gone::Exited), None);
    }

    #[test]
    fn an_answer_is_news_once() {
        let mut report = Report::default();
        assert!(report.alive(health(7), base()).is_some_and(|n| n.turned));
        assert_eq!(report.alive(health(7), base()), None);
        assert!(report.alive(health(8), base()).is_some_and(|n| !n.turned));
    }

    #[test]
    fn an_unknown_server_is_absent_once() {
        let mut report = Report::default();
        let expected = News { change: Change::Delete(None), turned: false };
        assert_eq!(report.gone(Gone::Silent), Some(expected));
        assert_eq!(report.absent(), None);
    }
}
