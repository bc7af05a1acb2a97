//! What the servers of a world replicate: the register of the documents, or Ivy's central manager.
//!
//! Both are the services that ship. This is the choice between them, so that a world has servers of
//! one type.
//!
//! Not here: what they do.

use bytes::Bytes;
use node::Event;
use server::service::CentralManager;
use server::{Effects, Request, RestoreError, Service};
use wire::{ClientName, Sequence};

use crate::plan::Plan;
use crate::register::Register;

/// One of the services.
#[derive(Debug, Clone)]
pub enum Hosted {
    /// The status register, with replies that say more.
    Register(Register),
    /// Ivy's central manager.
    Ivy(Box<CentralManager>),
}

impl Hosted {
    /// The service of a plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        if plan.pages > 0 { Self::Ivy(Box::default()) } else { Self::Register(Register::default()) }
    }

    fn service(&self) -> &dyn Service {
        match self {
            Self::Register(service) => service,
            Self::Ivy(service) => service.as_ref(),
        }
    }

    fn service_mut(&mut self) -> &mut dyn Service {
        match self {
            Self::Register(service) => service,
            Self::Ivy(service) => service.as_mut(),
        }
    }
}

impl Service for Hosted {
    fn apply(&mut self, request: &Request<'_>, effects: &mut Effects) {
        self.service_mut().apply(request, effects);
    }

    fn checkpoint(&self) -> Bytes {
        self.service().checkpoint()
    }

    fn restore(&mut self, checkpoint: &[u8]) -> Result<(), RestoreError> {
        self.service_mut().restore(checkpoint)
    }

    fn resume(&self, effects: &mut Effects) {
        self.service().resume(effects);
    }

    fn watched(&self) -> Vec<ClientName> {
        self.service().watched()
    }

    fn absent(&mut self, client: ClientName, at: Sequence, effects: &mut Effects) {
        self.service_mut().absent(client, at, effects);
    }

    fn table(&self, primary: bool) -> Vec<Event> {
        self.service().table(primary)
    }

    fn summary(&self) -> Bytes {
        self.service().summary()
    }
}
