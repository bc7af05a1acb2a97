//! What a role is mostly sent: frames that are meant for it, with whatever in them.

use proptest::prelude::*;
use proptest::strategy::Union;
use wire::Message;

use crate::Domain;

/// For which role frames are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressee {
    /// From the GFD, and from clients and people.
    Rm,
    /// From LFDs, and from the RM.
    Gfd,
    /// From the server, and from the GFD.
    Lfd,
    /// From servers, and from the RM.
    Client,
}

type Frames = BoxedStrategy<Message>;

impl Domain {
    /// Frames that are meant for that role, and one in ten that is of any kind.
    pub fn to(self, addressee: Addressee) -> Frames {
        let meant = match addressee {
            Addressee::Rm => self.to_rm(),
            Addressee::Gfd => self.to_gfd(),
            Addressee::Lfd => self.to_lfd(),
            Addressee::Client => self.to_client(),
        };
        let meant = Union::new_weighted(meant);
        prop_oneof![9 => meant, 1 => self.message()].boxed()
    }

    fn to_rm(self) -> Vec<(u32, Frames)> {
        vec![
            (8, self.membership().boxed()),
            (3, self.heartbeat().boxed()),
            (6, self.upward()),
            (2, self.hello()),
            (4, Union::new(self.orders()).boxed()),
            (2, Union::new(self.for_people()).boxed()),
            (1, self.error().boxed()),
        ]
    }

    fn to_gfd(self) -> Vec<(u32, Frames)> {
        vec![
            (6, self.hello()),
            (6, self.membership().boxed()),
            (4, self.heartbeat().boxed()),
            (4, self.upward()),
            (6, self.downward()),
            (1, self.error().boxed()),
        ]
    }

    fn to_lfd(self) -> Vec<(u32, Frames)> {
        vec![
            (8, self.heartbeat().boxed()),
            (3, self.upward()),
            (8, self.downward()),
            (1, self.error().boxed()),
        ]
    }

    fn to_client(self) -> Vec<(u32, Frames)> {
        vec![
            (6, self.client_ready().boxed()),
            (8, self.reply().boxed()),
            (6, Union::new(self.sessions()).boxed()),
            (4, self.error().boxed()),
        ]
    }

    fn hello(self) -> Frames {
        (self.node(), proptest::option::of(self.replica()))
            .prop_map(|(from, server)| Message::Hello { from, server })
            .boxed()
    }

    /// What servers say to the RM.
    fn upward(self) -> Frames {
        Union::new(self.carried()).boxed()
    }

    /// What the RM says to servers and their LFDs.
    fn downward(self) -> Frames {
        prop_oneof![
            3 => Union::new(self.orders()),
            2 => self.ready(),
            2 => Union::new(self.carried()),
        ]
        .boxed()
    }
}
