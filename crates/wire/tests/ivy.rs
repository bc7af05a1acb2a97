//! Ivy's messages: every one survives its text, whatever is no message is refused, and docs/PROTOCOL.md
//! lists exactly the kinds of the code.

use std::collections::BTreeSet;

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use tokio_util::codec::{Decoder as _, Encoder as _};
use wire::Codec;
use wire::ivy::{FRAME_LIMIT, Message, PAGE_LIMIT, Page, PageNumber, Want, What};

const PAGE: &str = include_str!("../../../docs/PROTOCOL.md");

/// The bodies of the page's table.
fn bodies() -> Vec<&'static str> {
    let (_, section) = PAGE.split_once("\n## Ivy in bodies\n").expect("the section");
    let (section, _) = section.split_once("\n## ").expect("its end");
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split_once("` |").expect(row).0).collect()
}

#[test]
fn the_page_has_every_kind_once_and_its_examples_are_what_the_code_reads_and_writes() {
    let mut kinds = BTreeSet::new();
    for body in bodies() {
        let message = Message::read(body.as_bytes()).expect(body);
        assert_eq!(message.to_string(), body);
        assert_eq!(&message.body()[..], body.as_bytes());
        assert!(body.ends_with(message.what.kind()), "{body}");
        assert!(kinds.insert(message.what.kind()), "{body}: that kind was there before");
    }
    assert_eq!(kinds, BTreeSet::from(What::KINDS));
}

#[test]
fn a_word_more_or_less_is_no_message() {
    for body in bodies() {
        let words: Vec<&str> = body.split(' ').collect();
        let longer = format!("1 {body}");
        for wrong in [words[1..].join(" "), longer, body.to_lowercase(), body.replace(' ', ",")] {
            assert!(Message::read(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}

#[test]
fn a_page_is_written_with_or_without_its_letter() {
    assert_eq!(["P7", "p7", "7"].map(str::parse), [(); 3].map(|()| Ok(PageNumber(7))));
    for wrong in ["", "P", "+7", "P-1", "PP1", "4294967296"] {
        assert!(wrong.parse::<PageNumber>().is_err(), "{wrong}");
    }
}

/// Whether or not every byte of it has to be escaped.
#[test]
fn the_largest_page_goes_from_process_to_process() {
    let every = (0..=u8::MAX).cycle().take(PAGE_LIMIT).collect::<Vec<u8>>();
    for contents in [every, vec![b'%'; PAGE_LIMIT], vec![b'x'; PAGE_LIMIT]] {
        let page = wire::Message::Page(Page {
            want: Want::Write,
            from: "P".repeat(16).parse().expect("a name"),
            to: "Q".repeat(16).parse().expect("a name"),
            page: PageNumber(u32::MAX),
            operation: u64::MAX >> 1,
            grant: u64::MAX >> 1,
            clock: u64::MAX >> 1,
            contents: Bytes::from(contents),
        });
        let mut frame = BytesMut::new();
        Codec::new(FRAME_LIMIT).encode(&page, &mut frame).expect("within the limit");
        let read = Codec::new(FRAME_LIMIT).decode(&mut frame).expect("good");
        assert_eq!(read, Some(page));
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = Message::read(&body);
    }

    #[test]
    fn damaged_messages_are_refused_or_read_as_they_are_written(
        place in 0..21_usize,
        at in 0..60_usize,
        byte in prop::sample::select(b" 0179-P.:x\xff".to_vec()),
    ) {
        let mut body = bodies()[place].as_bytes().to_vec();
        let at = at % body.len();
        body[at] = byte;
        if let Ok(message) = Message::read(&body) {
            let again = Message::read(message.to_string().as_bytes());
            prop_assert_eq!(again, Ok(message));
        }
    }
}
