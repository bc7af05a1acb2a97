//! The page table of a process: what it may do with each page, and the contents.
//!
//! Guarantees: a message of an older grant than what is known of a page changes nothing; contents that
//! were given away or invalidated are kept, without access to them, until others take their place, so
//! that a page is not lost whose receiver died on the way, or for whose writer it was invalidated.
//!
//! Not here: messages.

use std::collections::BTreeMap;

use bytes::Bytes;
use node::ivy::{Access, Ivy};
use node::mutant::{Mutant, is_off};
use wire::ClientName;
use wire::ivy::{PageNumber, Want};

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    is_owner: bool,
    access: Access,
    /// Without access: what was given away or invalidated last.
    contents: Option<Bytes>,
    /// The newest grant that was heard of.
    grant: u64,
}

impl Default for Entry {
    fn default() -> Self {
        Self { is_owner: false, access: Access::Nil, contents: None, grant: 0 }
    }
}

/// What a forward asks a process for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// These contents, for the first time or again.
    Contents {
        /// What.
        contents: Bytes,
        /// The same was asked for before.
        again: bool,
    },
    /// It does not have them.
    Nothing,
    /// The message is older than what is known.
    Stale,
}

/// The page table.
#[derive(Debug, Default)]
pub(super) struct Pages {
    entries: BTreeMap<PageNumber, Entry>,
}

impl Pages {
    /// What the process may do with a page.
    pub(super) fn access(&self, page: PageNumber) -> Access {
        self.entries.get(&page).map_or(Access::Nil, |entry| entry.access)
    }

    /// Reads a page, if that needs no message.
    pub(super) fn read(&self, page: PageNumber) -> Option<Bytes> {
        let entry = self.entries.get(&page).filter(|entry| entry.access != Access::Nil)?;
        entry.contents.clone()
    }

    /// Writes a page, if that needs no message.
    pub(super) fn write(&mut self, page: PageNumber, contents: &Bytes) -> bool {
        let entry = self.entries.get_mut(&page).filter(|e| e.access == Access::ReadWrite);
        entry.map(|entry| entry.contents = Some(contents.clone())).is_some()
    }

    /// Whether a grant is newer than what is known of the page.
    pub(super) fn is_new(&self, page: PageNumber, grant: u64) -> bool {
        self.entries.get(&page).is_none_or(|entry| entry.grant < grant)
    }

    /// What is held of a page, with access to it or not.
    pub(super) fn held(&self, page: PageNumber) -> Option<Bytes> {
        self.entries.get(&page).and_then(|entry| entry.contents.clone())
    }

    /// An operation has taken effect.
    pub(super) fn install(&mut self, page: PageNumber, want: Want, grant: u64, contents: Bytes) {
        let entry = self.entries.entry(page).or_default();
        entry.grant = entry.grant.max(grant);
        entry.contents = Some(contents);
        match want {
            Want::Read => entry.access = Access::Read,
            Want::Write => (entry.access, entry.is_owner) = (Access::ReadWrite, true),
        }
    }

    /// The manager tells this owner to give the page to another process.
    pub(super) fn give(&mut self, page: PageNumber, want: Want, grant: u64) -> Given {
        let entry = self.entries.entry(page).or_default();
        if grant < entry.grant {
            return Given::Stale;
        }
        let Some(contents) = entry.contents.clone() else { return Given::Nothing };
        let again = grant == entry.grant;
        entry.grant = grant;
        match want {
            Want::Read if is_off(Mutant::KeepWriteAccess) => {}
            Want::Read => (entry.access, entry.is_owner) = (Access::Read, true),
            Want::Write => (entry.access, entry.is_owner) = (Access::Nil, false),
        }
        Given::Contents { contents, again }
    }

    /// The manager tells this holder of a copy to drop it.
    pub(super) fn invalidate(&mut self, page: PageNumber, grant: u64) {
        let entry = self.entries.entry(page).or_default();
        if grant >= entry.grant {
            (entry.grant, entry.is_owner, entry.access) = (grant, false, Access::Nil);
        }
    }

    /// The manager tells this holder of a copy that it is the owner now.
    pub(super) fn own(&mut self, page: PageNumber, grant: u64) {
        let entry = self.entries.entry(page).or_default();
        if grant > entry.grant && entry.contents.is_some() {
            (entry.grant, entry.is_owner) = (grant, true);
            if entry.access == Access::Nil {
                entry.access = Access::Read;
            }
        }
    }

    /// This life is over.
    pub(super) fn drop_all(&mut self) {
        self.entries.clear();
    }

    /// The table, for people.
    pub(super) fn table(&self, of: ClientName) -> impl Iterator<Item = Ivy> {
        let rows = self.entries.iter().map(|(page, entry)| Ivy::Entry {
            page: *page,
            is_owner: entry.is_owner,
            access: entry.access,
        });
        std::iter::once(Ivy::Entries { of }).chain(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: PageNumber = PageNumber(1);

    fn owner() -> Pages {
        let mut pages = Pages::default();
        pages.install(PAGE, Want::Write, 5, Bytes::from_static(b"x"));
        pages
    }

    fn given(again: bool) -> Given {
        Given::Contents { contents: Bytes::from_static(b"x"), again }
    }

    #[test]
    fn an_owner_that_gives_a_copy_may_only_read_and_one_that_gives_the_page_nothing() {
        let mut pages = owner();
        assert_eq!(pages.give(PAGE, Want::Read, 6), given(false));
        assert_eq!(pages.access(PAGE), Access::Read);
        assert!(!pages.write(PAGE, &Bytes::new()));
        assert_eq!(pages.give(PAGE, Want::Write, 7), given(false));
        assert_eq!((pages.access(PAGE), pages.read(PAGE)), (Access::Nil, None));
    }

    #[test]
    fn what_was_given_away_is_given_again_and_an_old_message_changes_nothing() {
        let mut pages = owner();
        pages.give(PAGE, Want::Write, 7);
        assert_eq!(pages.give(PAGE, Want::Write, 7), given(true));
        assert_eq!(pages.give(PAGE, Want::Read, 6), Given::Stale);
        // The receiver died on the way: the manager goes on with this process as the owner.
        assert_eq!(pages.give(PAGE, Want::Read, 8), given(false));
        assert_eq!(pages.access(PAGE), Access::Read);
        pages.invalidate(PAGE, 7);
        assert_eq!(pages.access(PAGE), Access::Read, "that was long before");
        pages.invalidate(PAGE, 9);
        assert_eq!((pages.access(PAGE), pages.read(PAGE)), (Access::Nil, None));
    }

    /// The writer for whom the copy was invalidated has died, and so has the owner.
    #[test]
    fn an_invalidated_copy_serves_again_if_nothing_was_written() {
        let mut pages = owner();
        pages.invalidate(PAGE, 9);
        pages.own(PAGE, 10);
        assert_eq!(pages.access(PAGE), Access::Read);
        assert_eq!(pages.give(PAGE, Want::Read, 11), given(false));
    }
}
