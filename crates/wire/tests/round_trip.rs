//! Properties of the codec over arbitrary messages and arbitrary bytes.

use std::collections::BTreeSet;

use arbitrary::Domain;
use bytes::BytesMut;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tokio_util::codec::{Decoder, Encoder};
use wire::{Codec, Kind, Message};

/// All messages of a stream that arrives in pieces of the given lengths, taken in turn.
fn read(stream: &[u8], pieces: &[usize]) -> Result<Vec<Message>, wire::CodecError> {
    let mut codec = Codec::default();
    let (mut buffer, mut messages) = (BytesMut::new(), Vec::new());
    let mut rest = stream;
    let mut pieces = pieces.iter().cycle();
    while !rest.is_empty() {
        let (piece, later) = rest.split_at(rest.len().min(*pieces.next().unwrap()));
        buffer.extend_from_slice(piece);
        rest = later;
        while let Some(message) = codec.decode(&mut buffer)? {
            messages.push(message);
        }
    }
    assert!(buffer.is_empty(), "not read: {buffer:?}");
    Ok(messages)
}

fn written(message: &Message) -> BytesMut {
    let mut frame = BytesMut::new();
    Codec::default().encode(message, &mut frame).unwrap();
    frame
}

/// The generator leaves no kind out; without this, the properties below could hold for nothing.
#[test]
fn arbitrary_messages_are_of_every_kind() {
    let mut runner = TestRunner::deterministic();
    let strategy = Domain::Far.message();
    let kinds: BTreeSet<Kind> =
        (0..2000).map(|_| strategy.new_tree(&mut runner).unwrap().current().kind()).collect();
    assert_eq!(kinds, Kind::ALL.iter().copied().collect());
}

proptest! {
    #![proptest_config(arbitrary::config(1000, "tests/round_trip.proptest-regressions"))]

    #[test]
    fn a_message_survives_the_wire(message in Domain::Far.message()) {
        let frame = written(&message);
        prop_assert!(frame.starts_with(b"<") && frame.ends_with(b">"));
        let inside = &frame[1..frame.len() - 1];
        prop_assert!(!inside.iter().any(|b| matches!(b, b'<' | b'>' | 0..=0x1f | 0x7f)));
        let read = read(&frame, &[frame.len()]).unwrap();
        prop_assert_eq!(read, vec![message]);
    }

    #[test]
    fn frames_in_any_pieces_and_with_blanks_between_are_the_same_messages(
        messages in prop::collection::vec((Domain::Far.message(), "[ \t\r\n]{0,3}"), 0..6),
        pieces in prop::collection::vec(1..40_usize, 1..8),
    ) {
        let mut stream = Vec::new();
        for (message, blanks) in &messages {
            stream.extend_from_slice(blanks.as_bytes());
            stream.extend_from_slice(&written(message));
        }
        stream.push(b'\n');
        let messages: Vec<Message> = messages.into_iter().map(|(message, _)| message).collect();
        prop_assert_eq!(read(&stream, &pieces).unwrap(), messages);
    }

    #[test]
    fn blanks_around_fields_change_nothing(
        message in Domain::Far.message(),
        blanks in prop::collection::vec("[ \t\r\n]{0,2}", 1..5),
    ) {
        let frame = written(&message);
        let mut blanks = blanks.iter().cycle();
        let mut spaced = Vec::new();
        for byte in &frame {
            let around = matches!(byte, b',' | b'>');
            spaced.extend_from_slice(if around { blanks.next().unwrap().as_bytes() } else { b"" });
            spaced.push(*byte);
            let around = matches!(byte, b',' | b'<');
            spaced.extend_from_slice(if around { blanks.next().unwrap().as_bytes() } else { b"" });
        }
        prop_assert_eq!(read(&spaced, &[spaced.len()]).unwrap(), vec![message]);
    }

    /// Whatever is read can be written, and reads the same again: nothing is half understood.
    #[test]
    fn what_was_damaged_on_the_way_is_an_error_or_a_whole_message(
        message in Domain::Far.message(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        pieces in prop::collection::vec(1..40_usize, 1..8),
    ) {
        let mut frame = written(&message);
        for (place, byte) in &damage {
            let place = place.index(frame.len());
            frame[place] = *byte;
        }
        // Ends what the damage may have left open, so that every run ends in a verdict.
        frame.extend_from_slice(b">");
        let mut codec = Codec::default();
        let mut buffer = BytesMut::new();
        for piece in frame.chunks(pieces[0]) {
            buffer.extend_from_slice(piece);
            while let Ok(Some(message)) = codec.decode(&mut buffer) {
                let again = read(&written(&message), &[7]).unwrap();
                prop_assert_eq!(again, vec![message]);
            }
        }
    }

    #[test]
    fn arbitrary_bytes_end_in_messages_or_one_error_and_keep_nothing_beyond_the_limit(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..3000),
            "[<>,%;/ a-zA-Z0-9]{0,3000}".prop_map(String::into_bytes),
            "<[,%;/ a-zA-Z0-9]{0,3000}".prop_map(String::into_bytes),
        ],
        piece in 1..700_usize,
    ) {
        const LIMIT: usize = 1000;
        let mut codec = Codec::new(LIMIT);
        let mut buffer = BytesMut::new();
        let mut errors = 0;
        for piece in bytes.chunks(piece) {
            buffer.extend_from_slice(piece);
            // Each message takes bytes, so this ends after at most so many rounds.
            for _ in 0..=piece.len() + LIMIT + wire::HEADROOM {
                match codec.decode(&mut buffer) {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(_) => errors += 1,
                }
            }
            prop_assert!(buffer.len() < LIMIT + wire::HEADROOM);
        }
        prop_assert!(errors <= 1);
    }
}
