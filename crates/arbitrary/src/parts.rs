//! What frames are made of: names, numbers, addresses, views, checkpoints.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use wire::ivy::{Page, PageNumber, Want};
use wire::{
    ClientName, ClusterId, Digest, Epoch, Incarnation, Member, Message, Mode, NodeName, Phase,
    ReplicaName, Role, Sequence, Transfer, View,
};
use xxhash_rust::xxh3::xxh3_64;

use crate::Domain;

/// A number of any kind.
type Number<T> = BoxedStrategy<T>;

impl Domain {
    fn name(self, near: &'static [&'static str]) -> BoxedStrategy<String> {
        match self {
            // `primary` and `backup` are the words that tell the two forms of `ready` apart.
            Self::Far => prop_oneof![
                8 => "[A-Za-z0-9_.-]{1,23}",
                1 => Just("primary".into()),
                1 => Just("backup".into()),
            ]
            .boxed(),
            Self::Near => select(near).prop_map(str::to_owned).boxed(),
        }
    }

    pub(crate) fn node(self) -> impl Strategy<Value = NodeName> {
        let near = &["LFD1", "LFD1", "GFD", "GFD", "RM", "S1", "S1", "S2", "C1", "LFD2"];
        self.name(near).prop_map(|n| n.parse().expect("a name"))
    }

    pub(crate) fn replica(self) -> impl Strategy<Value = ReplicaName> {
        self.name(&["S1", "S1", "S1", "S2", "S2", "S3", "S4"])
            .prop_map(|n| n.parse().expect("a name"))
    }

    pub(crate) fn client(self) -> impl Strategy<Value = ClientName> {
        self.name(&["C1", "C1", "C2"]).prop_map(|n| n.parse().expect("a name"))
    }

    /// What is counted up: below 2^63.
    pub(crate) fn counter<T: From<u64> + std::fmt::Debug + 'static>(self) -> Number<T> {
        let largest = (1 << 63) - 1;
        match self {
            Self::Far => prop_oneof![0..100_u64, Just(largest), 0..1_u64 << 63].boxed(),
            Self::Near => prop_oneof![60 => 0..4_u64, 20 => 0..9_u64, 1 => Just(largest)].boxed(),
        }
        .prop_map(T::from)
        .boxed()
    }

    /// What only tells things apart: any number.
    pub(crate) fn mark<T: From<u64> + std::fmt::Debug + 'static>(self) -> Number<T> {
        match self {
            Self::Far => prop_oneof![0..100_u64, Just(u64::MAX), any::<u64>()].boxed(),
            Self::Near => prop_oneof![40 => 1..3_u64, 10 => 0..4_u64, 1 => Just(u64::MAX)].boxed(),
        }
        .prop_map(T::from)
        .boxed()
    }

    pub(crate) fn digest(self) -> impl Strategy<Value = Digest> {
        any::<u64>().prop_map(Digest)
    }

    pub(crate) fn pid(self) -> impl Strategy<Value = u32> {
        prop_oneof![0..6_u32, any::<u32>()]
    }

    pub(crate) fn body(self) -> impl Strategy<Value = Bytes> {
        let hostile = select(b"<>,% \t\r\n;/%2C\0\x7f\xff".to_vec());
        prop_oneof![
            "[ -~]{0,40}".prop_map(String::into_bytes),
            vec(any::<u8>(), 0..60),
            vec(hostile, 0..20),
        ]
        .prop_map(Bytes::from)
    }

    pub(crate) fn address(self) -> BoxedStrategy<SocketAddr> {
        match self {
            Self::Far => (any::<IpAddr>(), any::<u16>()).prop_map(SocketAddr::from).boxed(),
            Self::Near => {
                let ip = (101..104_u8).prop_map(|last| IpAddr::from([127, 0, 0, last]));
                (ip, prop_oneof![9 => Just(8000), 1 => any::<u16>()])
                    .prop_map(SocketAddr::from)
                    .boxed()
            }
        }
    }

    pub(crate) fn page(self) -> impl Strategy<Value = Message> {
        let numbers = (any::<u32>(), self.counter(), self.counter(), self.counter());
        (any::<bool>(), self.client(), self.client(), numbers, self.body()).prop_map(
            |(write, from, to, (page, operation, grant, clock), contents)| {
                let want = if write { Want::Write } else { Want::Read };
                let page = PageNumber(page);
                Message::Page(Page { want, from, to, page, operation, grant, clock, contents })
            },
        )
    }

    pub(crate) fn mode(self) -> impl Strategy<Value = Mode> {
        select(vec![Mode::Active, Mode::Passive])
    }

    pub(crate) fn role(self) -> impl Strategy<Value = Role> {
        select(vec![Role::Primary, Role::Backup])
    }

    pub(crate) fn phase(self) -> impl Strategy<Value = Phase> {
        select(vec![Phase::Joiner, Phase::Backup, Phase::Primary])
    }

    pub(crate) fn view(self) -> impl Strategy<Value = View> {
        let member = (self.replica(), self.mark::<Incarnation>(), self.address())
            .prop_map(|(name, incarnation, address)| Member { name, incarnation, address });
        let parts = (
            self.mark::<ClusterId>(),
            self.counter::<Epoch>(),
            self.mode(),
            self.replica(),
            vec(member, 0..5),
        );
        (parts, any::<bool>()).prop_map(move |((cluster, epoch, mode, primary, members), led)| {
            let mut view = View { cluster, epoch, mode, primary, members };
            if self == Self::Near {
                view.members.sort_by_key(|m| m.name);
                view.members.dedup_by_key(|m| m.name);
            }
            // Most views name one of their members as primary; a hostile one need not.
            if let Some(first) = view.members.first().filter(|_| led) {
                view.primary = first.name;
            }
            view
        })
    }

    /// A chunk of a checkpoint, and where it belongs; near ones are whole, and sometimes sound.
    pub(crate) fn chunk(self) -> BoxedStrategy<(Bytes, Transfer)> {
        let any = (self.body(), self.transfer());
        match self {
            Self::Far => any.boxed(),
            Self::Near => {
                let sound = (self.counter::<Epoch>(), 0..6_u64, "[a-z]{0,6}").prop_map(sound_chunk);
                prop_oneof![sound, any].boxed()
            }
        }
    }

    fn transfer(self) -> impl Strategy<Value = Transfer> {
        let places = (self.counter(), self.counter(), self.counter(), self.counter());
        (places, self.digest()).prop_map(|((epoch, sequence, offset, total), digest)| Transfer {
            epoch,
            sequence,
            offset,
            total,
            digest,
        })
    }
}

/// The checkpoint of a server without sessions whose state is a word.
fn sound_chunk((epoch, sequence, word): (Epoch, u64, String)) -> (Bytes, Transfer) {
    let bytes = Bytes::from(format!("{sequence} 0 {word}"));
    let (digest, total) = (Digest(xxh3_64(&bytes)), bytes.len() as u64);
    (bytes, Transfer { epoch, sequence: Sequence(sequence), offset: 0, total, digest })
}
