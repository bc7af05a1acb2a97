//! What the central manager says, and what follows.
//!
//! A notice about a page under a later grant than the one that is pending for it proves that the
//! confirmation of that one is in the manager's log, even if its answer has not come yet: the manager
//! tells only owners to give to others and only holders to drop. So the operation takes effect first.
//!
//! Not here: the way the messages take; see `suite`.

use std::net::SocketAddr;

use bytes::Bytes;
use node::ivy::{Ivy, Outcome};
use node::{Event, Output, Time};
use wire::ivy::{Message as Asking, Page, PageNumber, Want, What};
use wire::{ClientName, ReplicaName};

use super::pages::Given;
use super::suite::Said;
use super::{Process, Stage, cm};

/// A forward, taken apart.
#[derive(Debug, Clone, Copy)]
struct Forward {
    want: Want,
    page: PageNumber,
    grant: u64,
    requester: ClientName,
    operation: u64,
    address: SocketAddr,
}

impl Process {
    /// Takes in what the suite has said.
    pub(super) fn suite_says(&mut self, now: Time, out: &mut Vec<Output>) {
        for said in self.suite.said() {
            match said {
                Said::Ready => self.attach(out),
                Said::Reply { asked, reply } => self.answered(now, &asked, &reply, out),
                Said::Notice(body) => self.notice(now, &body, out),
                Said::Renewed => {
                    self.attaching = false;
                    self.begin_life(false, out);
                }
                Said::Primary(to) => self.change_cm(to, out),
                Said::Dead => {
                    out.push(Output::Note(Event::ServersDead));
                    out.push(Output::Exit(1));
                    self.ended = true;
                }
            }
        }
    }

    fn change_cm(&mut self, to: ReplicaName, out: &mut Vec<Output>) {
        let from = self.primary.replace(to);
        if let Some(from) = from
            && self.primaries.contains(&to)
        {
            self.say(Ivy::ImBack { manager: to, instead_of: from }, out);
        }
        if !self.primaries.contains(&to) {
            self.primaries.push(to);
        }
        self.say(Ivy::ChangeCm { by: self.name, from, to }, out);
    }

    /// Says to the manager that this process is here. A life is begun by one `Attach` only.
    fn attach(&mut self, out: &mut Vec<Output>) {
        if self.life == 0 && std::mem::replace(&mut self.attaching, true) {
            return;
        }
        let what = What::Attach { life: self.life, address: self.address };
        self.tell(what, PageNumber::default(), out);
    }

    /// This life is over, or the manager has never heard of it: drops everything and begins another.
    /// What was asked in it is answered yet, or is not.
    fn begin_life(&mut self, is_answered: bool, out: &mut Vec<Output>) {
        if self.life != 0 {
            self.say(Ivy::Fenced { by: self.name }, out);
        }
        self.life = 0;
        self.pages.drop_all();
        let request = self.next_request();
        if let Some(operation) = &mut self.operation {
            // What was not confirmed has not taken effect, and is asked for again in the next life,
            // under another number: a page that comes for the old one is of another time.
            operation.request = request;
            operation.stage = match std::mem::replace(&mut operation.stage, Stage::Held) {
                // It may have been confirmed before this life was over.
                Stage::Pending { grant, contents } | Stage::InDoubt { grant, contents }
                    if is_answered =>
                {
                    Stage::InDoubt { grant, contents }
                }
                _ => Stage::Held,
            };
            operation.refused = 0;
        }
        self.attach(out);
    }

    /// The answer to something that was asked.
    fn answered(&mut self, now: Time, asked: &Bytes, reply: &Bytes, out: &mut Vec<Output>) {
        let (Ok(asked), Ok(reply)) = (Asking::read(asked), Asking::read(reply)) else {
            let text = "the manager's answer is none: is it a server with --service ivy?";
            return out.push(Output::Note(Event::Warning(text.to_owned())));
        };
        self.hear(reply.clock);
        if let (What::Request { operation, .. }, Some(ours)) = (asked.what, &mut self.operation)
            && ours.request == operation
            && let Stage::Waiting { asking, .. } = &mut ours.stage
        {
            *asking = false;
        }
        match reply.what {
            What::Attached { life } if self.life == 0 => {
                self.attaching = false;
                self.life = life;
                self.say(Ivy::Attached { by: self.name, life }, out);
                self.ask(now, out);
            }
            What::Fenced { life } => self.fenced(life, out),
            What::Done { grant, .. } if self.pending() == Some(grant) => self.take_effect(now, out),
            What::Void { grant, .. } if self.pending() == Some(grant) => {
                if let Some(operation) = &mut self.operation {
                    operation.refused = operation.refused.max(grant);
                }
                self.ask(now, out);
            }
            What::Refused => {
                let text = "the manager did not understand what it was asked".to_owned();
                out.push(Output::Note(Event::Warning(text)));
            }
            _ => {}
        }
        if let What::Confirmation { grant, .. } = asked.what {
            self.settle_doubt(now, grant, &reply.what, out);
        }
    }

    fn fenced(&mut self, life: u64, out: &mut Vec<Output>) {
        if life == self.life && life != 0 {
            self.begin_life(true, out);
        }
    }

    /// The answer to the confirmation that was under way when a life was over.
    fn settle_doubt(&mut self, now: Time, grant: u64, answer: &What, out: &mut Vec<Output>) {
        let Some(operation) = &mut self.operation else { return };
        match operation.stage {
            Stage::InDoubt { grant: doubted, .. } if doubted == grant => {}
            _ => return,
        }
        if matches!(answer, What::Done { .. }) {
            return self.take_effect(now, out);
        }
        operation.stage = Stage::Held;
        self.ask(now, out);
    }

    /// The grant under which the operation in hand has its page.
    fn pending(&self) -> Option<u64> {
        match self.operation.as_ref()?.stage {
            Stage::Pending { grant, .. } => Some(grant),
            _ => None,
        }
    }

    /// Something that the manager says by itself. While this process has no life, it is about the
    /// last one.
    fn notice(&mut self, now: Time, body: &Bytes, out: &mut Vec<Output>) {
        let Ok(message) = Asking::read(body) else { return };
        if self.life == 0 {
            return;
        }
        self.hear(message.clock);
        match message.what {
            What::Forward { want, page, grant, requester, operation, address } => {
                self.received_notice(&message, page, out);
                if requester != self.name {
                    self.settle(now, page, grant, out);
                }
                self.forward(Forward { want, page, grant, requester, operation, address }, out);
            }
            What::Invalidate { page, grant, requester } => {
                self.received_notice(&message, page, out);
                self.settle(now, page, grant, out);
                self.pages.invalidate(page, grant);
                self.confirm_invalidation(page, grant, requester, out);
            }
            What::Owner { page, grant } => {
                self.settle(now, page, grant, out);
                self.pages.own(page, grant);
            }
            What::PageGone { page, grant } => self.page_gone(page, grant, out),
            What::PageLost { page, operation, with } => {
                self.page_lost(now, page, operation, with, out);
            }
            What::Fenced { life } => self.fenced(life, out),
            What::Inquire => {
                let what = What::Present { life: self.life };
                self.tell(what, PageNumber::default(), out);
            }
            _ => {}
        }
    }

    fn received_notice(&mut self, message: &Asking, page: PageNumber, out: &mut Vec<Output>) {
        let (by, from, kind) = (self.name.into(), cm(), message.what.kind());
        self.say(Ivy::Received { by, from, kind, page, clock: self.clock }, out);
    }

    /// A later grant for the page of the operation in hand: its confirmation is in the log.
    fn settle(&mut self, now: Time, page: PageNumber, grant: u64, out: &mut Vec<Output>) {
        let ours = self.operation.as_ref().is_some_and(|operation| operation.task.page == page);
        if ours && self.pending().is_some_and(|pending| pending < grant) {
            self.take_effect(now, out);
        }
    }

    fn forward(&mut self, told: Forward, out: &mut Vec<Output>) {
        if told.requester == self.name {
            return self.forward_to_self(told, out);
        }
        let Forward { want, page, grant, requester, operation, address } = told;
        match self.pages.give(page, want, grant) {
            Given::Contents { contents, again } => {
                self.clock += 1;
                self.sent += 1;
                let (from, kind, clock) = (self.name, want.page_kind(), self.clock);
                let to = requester;
                let row = Ivy::Row { kind, from: from.into(), to: to.into(), page, requester };
                self.say(row, out);
                self.say(Ivy::Sent { from: from.into(), kind, page, to: to.into(), clock }, out);
                let sent = Page { want, from, to, page, operation, grant, clock, contents };
                self.transfers.send(address, sent, &mut self.suite.numbering, out);
                if again {
                    // Whoever waits may not be able to take it; that is not this process's silence.
                    self.tell(What::Present { life: self.life }, page, out);
                }
            }
            Given::Nothing => {
                let text = format!("told to give page {page} to {requester}, and does not have it");
                out.push(Output::Note(Event::Warning(text)));
            }
            Given::Stale => {}
        }
    }

    /// Nobody has to send the page: it is here already, or it is written from nothing.
    fn forward_to_self(&mut self, told: Forward, out: &mut Vec<Output>) {
        let Forward { want, page, grant, operation, .. } = told;
        let Some(ours) = self.operation.as_ref().filter(|ours| ours.request == operation) else {
            return self.refuse(page, grant, out);
        };
        let waits = matches!(ours.stage, Stage::Waiting { .. });
        if !waits || grant <= ours.refused || !self.pages.is_new(page, grant) {
            return;
        }
        match (want, self.pages.held(page)) {
            (Want::Write, _) => self.confirm(grant, Bytes::new(), out),
            (Want::Read, Some(contents)) => self.confirm(grant, contents, out),
            (Want::Read, None) => self.refuse(page, grant, out),
        }
    }

    fn confirm_invalidation(
        &mut self,
        page: PageNumber,
        grant: u64,
        requester: ClientName,
        out: &mut Vec<Output>,
    ) {
        let what = What::InvalidateConfirmation { life: self.life, page, grant };
        let (kind, from, to) = (what.kind(), self.name.into(), cm());
        self.say(Ivy::Row { kind, from, to, page, requester }, out);
        self.tell(what, page, out);
    }

    /// Who was to send the page is gone. If it is here, the manager is told already.
    fn page_gone(&mut self, page: PageNumber, grant: u64, out: &mut Vec<Output>) {
        if self.pending() == Some(grant) {
            return;
        }
        if let Some(ours) = self.operation.as_mut().filter(|ours| ours.task.page == page) {
            ours.refused = ours.refused.max(grant);
        }
        self.refuse(page, grant, out);
    }

    fn page_lost(
        &mut self,
        now: Time,
        page: PageNumber,
        operation: u64,
        with: Option<ClientName>,
        out: &mut Vec<Output>,
    ) {
        let ours = self.operation.take_if(|ours| {
            let waits = matches!(ours.stage, Stage::Waiting { .. });
            ours.request == operation && ours.task.page == page && waits
        });
        let Some(ours) = ours else { return };
        let outcome = with.map_or(Outcome::NeverWritten, Outcome::LostWith);
        self.ended(now, ours, outcome, false, out);
    }
}
