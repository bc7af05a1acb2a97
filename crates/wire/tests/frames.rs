//! Named cases of the codec: the documents' frames, what is refused, what is shared with the read
//! buffer, and the limits. What holds for every message is in `round_trip`.

use bytes::{Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};
use wire::{
    Codec, CodecError, ERROR_TEXT_LIMIT, ErrorCode, FieldError, HEADROOM, Member, Message, Mode,
    NodeName, Op, Role, View, encode,
};

fn read(stream: &str) -> Result<Message, CodecError> {
    let message = Codec::default().decode(&mut BytesMut::from(stream))?;
    Ok(message.unwrap_or_else(|| panic!("{stream} is no whole frame")))
}

fn written(message: &Message) -> String {
    let mut frame = BytesMut::new();
    encode(message, &mut frame);
    String::from_utf8(frame.to_vec()).unwrap()
}

fn request(body: impl Into<Bytes>) -> Message {
    Message::Request {
        client: "C1".parse().unwrap(),
        server: "S1".parse().unwrap(),
        number: 8.into(),
        body: body.into(),
        session: None,
    }
}

/// The examples of the documents, blanks and all, with their own names for GFD and LFD.
#[test]
fn the_documents_frames_are_read_and_written_compactly() {
    let frames = [
        "<C1, S1, 8, hello_world, request>",
        "<C1, S1, 8, hello_world, reply>",
        "<C1, S1, 8, reply>",
        "<C1, S1, 8, heartbeat>",
        "<G, L1, 8, heartbeat>",
        "<S1, S2, 8, hello_world, checkpoint>",
        "<L1, S1, add, membership>",
        "<L1, S1, delete, membership>",
        "<GFD, S1, add, membership>",
        "<GFD, S1, delete, membership>",
        "<S1, ready>",
        "<S1, active, primary, ready>",
        "<S2, passive, backup, ready>",
        "<S1, S2, send_checkpoint>",
        "<S1, S2, active, primary, 19, hello_world, recovery>",
        "<S2, launch>",
        "<C1, client>",
        "<C1, active, S1;S2;S3, ready>",
        "<C1, passive, S1, ready>",
        "<S1, malformed, what and where, error>",
    ];
    for frame in frames {
        assert_eq!(written(&read(frame).unwrap()), frame.replace(", ", ","));
        assert_eq!(read(frame).unwrap().to_string(), frame);
    }
}

#[test]
fn the_two_kinds_of_ready_are_told_apart_by_the_third_field() {
    let name = |text: &str| text.parse().unwrap();
    let to_server = read("<C1,active,primary,ready>").unwrap();
    let role = Some((Mode::Active, Role::Primary));
    assert_eq!(to_server, Message::Ready { server: name("C1"), role, view: None });
    let to_client = read("<C1,passive,S1,ready>").unwrap();
    let servers = vec![name("S1")];
    let client = "C1".parse().unwrap();
    let mode = Mode::Passive;
    assert_eq!(to_client, Message::ClientReady { client, mode, servers, view: None });
    // A server of that very name goes with the trailing `;` of a list.
    let servers = vec![name("primary")];
    let to_client = Message::ClientReady { client, mode, servers, view: None };
    assert_eq!(written(&to_client), "<C1,passive,primary;,ready>");
    assert_eq!(read("<C1,passive,primary;,ready>").unwrap(), to_client);
}

#[test]
fn a_body_is_escaped_where_a_reader_would_not_see_it_as_it_is() {
    let cases: [(&[u8], &str); 9] = [
        (b"hello_world", "hello_world"),
        (b"", ""),
        (b"a b", "a b"),
        (b"  a ", "%20%20a%20"),
        (b"  ", "%20%20"),
        (b"<a,b>%", "%3Ca%2Cb%3E%25"),
        (b"\0\t\r\n\x1f\x7f", "%00%09%0D%0A%1F%7F"),
        ("grüße".as_bytes(), "grüße"),
        (b"%41", "%2541"),
    ];
    for (body, field) in cases {
        let frame = format!("<C1,S1,8,{field},request>");
        assert_eq!(written(&request(body)), frame);
        assert_eq!(read(&frame).unwrap(), request(body));
    }
}

#[test]
fn a_percent_sign_that_starts_no_escape_stands_for_itself() {
    let cases: [(&str, &[u8]); 6] = [
        ("%", b"%"),
        ("100%", b"100%"),
        ("%4", b"%4"),
        ("%g1", b"%g1"),
        ("%%41", b"%A"),
        ("%6a%6A", b"jj"),
    ];
    for (field, body) in cases {
        assert_eq!(read(&format!("<C1,S1,8,{field},request>")).unwrap(), request(body));
    }
}

/// Not copied: the body lies in the very memory into which the frame was read.
#[test]
fn a_body_without_escapes_is_a_slice_of_the_read_buffer() {
    let state = "x".repeat(1000);
    let frames = [
        format!("<C1,S1,8, {state} ,request>"),
        format!("<C1,S1,8,{state},17,reply>"),
        format!("<S1,3,42,3,C1,17,8,{state},append>"),
        format!("<S2,S1,3,C1,17,8,{state},0,forward>"),
        format!("<S1,S2,8,{state},checkpoint>"),
        format!("<S1,S2,active,primary,19,{state},recovery>"),
        format!("<C1,S1,{state},notice>"),
        format!("<S1,5,3,active,backup,4,4,4,00000000000000ff,{state},state>"),
    ];
    for frame in frames {
        let mut buffer = BytesMut::from(format!("{frame}<next,inspect>").as_bytes());
        let memory = buffer.as_ptr_range();
        let message = Codec::default().decode(&mut buffer).unwrap().unwrap();
        let (Message::Request { body, .. }
        | Message::Reply { body: Some(body), .. }
        | Message::Forward { body, .. }
        | Message::Notice { body, .. }
        | Message::Checkpoint { state: body, .. }
        | Message::Recovery { state: body, .. }
        | Message::State { state: body, .. }) = &message
        else {
            let Message::Append { entry, .. } = message else { panic!("{message:?}") };
            let Op::Request { body, .. } = entry.op else { panic!("{entry:?}") };
            assert!(memory.contains(&body.as_ptr()), "{frame}");
            continue;
        };
        assert_eq!(body, &state);
        assert!(memory.contains(&body.as_ptr()), "{frame}");
        assert_eq!(&buffer[..], b"<next,inspect>");
    }
}

#[test]
fn what_is_no_frame_is_refused_with_a_reason_and_a_code() {
    let cases = [
        ("hello", "a frame begins with an opening angle bracket and not with 'h'"),
        ("\u{1}<C1,client>", "a frame begins with an opening angle bracket and not with '\\u{1}'"),
        (
            "<C1,<C1,client>",
            "`<` inside a frame: its end, `>`, is missing, or a body is not percent-encoded",
        ),
        ("<>", "the kind `` is unknown"),
        ("<C1,hallo>", "the kind `hallo` is unknown"),
        ("<C1,REQUEST>", "the kind `REQUEST` is unknown"),
        ("<request>", "`request` does not have 0 fields before it"),
        ("<C1,S1,8,a,b,c,request>", "`request` does not have 6 fields before it"),
        (
            "<C1,S1,-8,a,request>",
            "`request`: NUMBER cannot be `-8`: a number below 2^63 stands here",
        ),
        (
            "<C1,S1,9223372036854775808,a,request>",
            "`request`: NUMBER cannot be `9223372036854775808`: a number below 2^63 stands here",
        ),
        (
            "<C1,S1,18446744073709551616,1,register>",
            "`register`: NONCE cannot be `18446744073709551616`: a number below 2^64 stands here",
        ),
        ("<,client>", "`client`: CLIENT cannot be ``: a name has 1 to 23 bytes, this has 0"),
        (
            "<C 1,client>",
            "`client`: CLIENT cannot be `C 1`: a name is made of letters, digits, '_', '-' and '.', not of ' '",
        ),
        (
            "<L1,S1,remove,membership>",
            "`membership`: CHANGE cannot be `remove`: one of add, delete, unmonitored stands here",
        ),
        (
            "<S1,5,3,passive,S1,S1/83,view>",
            "`view`: MEMBERS cannot be `S1/83`: a member is NAME/INCARNATION/IP:PORT",
        ),
        (
            "<S1,S2,3,1,0123,digest>",
            "`digest`: DIGEST cannot be `0123`: 16 hexadecimal digits stand here",
        ),
    ];
    for (stream, reason) in cases {
        let error = read(stream).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.code()), (reason, ErrorCode::Malformed));
    }
}

#[test]
fn what_a_peer_sent_is_repeated_to_it_shortened_and_fit_to_be_shown() {
    let error = read(&format!("<C1,S1,\u{1b}[31m\n{},a,request>", "7".repeat(99))).unwrap_err();
    let CodecError::Field(FieldError::Value { value, .. }) = error else { panic!("{error}") };
    assert_eq!(value, format!("\\u{{1b}}[31m\\n{}…", "7".repeat(26)));
}

#[test]
fn after_an_error_the_codec_swallows_what_comes() {
    let mut codec = Codec::default();
    let mut buffer = BytesMut::from("garbage<C1,client>");
    assert!(codec.decode(&mut buffer).is_err());
    for _ in 0..3 {
        buffer.extend_from_slice(b"<C1,client>");
        assert!(codec.decode(&mut buffer).unwrap().is_none());
        assert!(buffer.is_empty());
    }
}

/// Long frames come in many reads; looking at all of them again each time would be quadratic. A `>`
/// that is slipped in among what was looked at stays unseen, which shows that nobody looks twice.
#[test]
fn the_start_of_an_unfinished_frame_is_looked_at_once() {
    let mut codec = Codec::default();
    let mut buffer = BytesMut::from("<C1,S1,8,hello");
    assert!(codec.decode(&mut buffer).unwrap().is_none());
    buffer[9] = b'>';
    buffer.extend_from_slice(b" world");
    assert!(codec.decode(&mut buffer).unwrap().is_none());
    buffer[9] = b'H';
    buffer.extend_from_slice(b",request>");
    assert_eq!(codec.decode(&mut buffer).unwrap(), Some(request("Hello world")));
}

#[test]
fn a_frame_that_the_end_cut_off_is_no_frame_and_no_error() {
    let mut codec = Codec::default();
    let mut buffer = BytesMut::from("<C1,client>\n<C2,cli");
    assert_eq!(codec.decode_eof(&mut buffer).unwrap().unwrap().to_string(), "<C1, client>");
    assert!(codec.decode_eof(&mut buffer).unwrap().is_none());
    assert!(buffer.is_empty());
}

const LIMIT: usize = 100;

/// What a codec with a small limit says of a frame.
fn read_limited(frame: &str) -> Result<Option<Message>, CodecError> {
    Codec::new(LIMIT).decode(&mut BytesMut::from(frame))
}

#[test]
fn a_request_has_at_most_the_limit_and_other_frames_the_headroom_more() {
    let fill = |kind: &str, length: usize| {
        let rest = "<C1,S1,8,,>".len() + kind.len();
        format!("<C1,S1,8,{},{kind}>", "x".repeat(length - rest))
    };
    assert!(read_limited(&fill("request", LIMIT)).unwrap().is_some());
    let error = read_limited(&fill("request", LIMIT + 1)).unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.code()),
        ("a frame has at most 100 bytes", ErrorCode::TooLong)
    );
    assert!(read_limited(&fill("reply", LIMIT + HEADROOM)).unwrap().is_some());
    assert!(read_limited(&fill("reply", LIMIT + HEADROOM + 1)).is_err());
}

#[test]
fn a_frame_that_is_too_long_already_is_not_waited_for() {
    let start = format!("<C1,S1,8,{}", "x".repeat(LIMIT + HEADROOM));
    assert!(read_limited(&start[..LIMIT + HEADROOM - 1]).unwrap().is_none());
    let error = read_limited(&start[..LIMIT + HEADROOM]).unwrap_err();
    assert_eq!(error.code(), ErrorCode::TooLong);
}

/// Otherwise a client could send what its server cannot hand on, and cut the replicas' connections.
#[test]
fn any_request_that_is_taken_fits_into_the_frames_that_carry_it_on() {
    let longest = "x".repeat(23);
    for byte in ["x", "%", "\t"] {
        for length in 1..LIMIT {
            // A blank at the ends would be trimmed, so the body has other ends.
            let frame = format!("<{longest},S1,8,.{}.,request>", byte.repeat(length));
            let Ok(Some(Message::Request { body, .. })) = read_limited(&frame) else { continue };
            let forward = Message::Forward {
                from: longest.parse().unwrap(),
                to: longest.parse().unwrap(),
                epoch: i64::MAX.unsigned_abs().into(),
                client: longest.parse().unwrap(),
                session: i64::MAX.unsigned_abs().into(),
                number: i64::MAX.unsigned_abs().into(),
                body,
                fresh: true,
            };
            let mut buffer = BytesMut::new();
            Codec::new(LIMIT).encode(&forward, &mut buffer).unwrap();
            assert_eq!(Codec::new(LIMIT).decode(&mut buffer).unwrap(), Some(forward));
        }
    }
    assert!(read_limited(&format!("<C1,S1,8,{},request>", "%".repeat(40))).is_err());
}

#[test]
fn what_the_peer_would_refuse_is_not_written() {
    let mut buffer = BytesMut::from("<C1,client>");
    let error = Codec::new(LIMIT).encode(&request(vec![b','; 250]), &mut buffer).unwrap_err();
    assert_eq!(error.code(), ErrorCode::TooLong);
    assert_eq!(&buffer[..], b"<C1,client>");
}

#[test]
fn a_long_error_text_is_cut_between_characters() {
    let from: NodeName = "S1".parse().unwrap();
    let code = ErrorCode::Malformed;
    for text in ["x".repeat(5000), "é".repeat(300), "\u{1f600}".repeat(200)] {
        let frame = written(&Message::Error { from, code, text: text.clone() });
        let Message::Error { text: cut, .. } = read(&frame).unwrap() else { panic!("{frame}") };
        assert!(cut.len() <= ERROR_TEXT_LIMIT && cut.len() > ERROR_TEXT_LIMIT - 8);
        assert!(text.starts_with(cut.strip_suffix('…').unwrap()));
    }
    let whole = Message::Error { from, code, text: "x".repeat(ERROR_TEXT_LIMIT) };
    assert_eq!(read(&written(&whole)).unwrap(), whole);
}

#[test]
fn a_message_is_shown_with_blanks_and_its_long_fields_cut() {
    let shown = request(vec![b'x'; 5000]).to_string();
    assert_eq!(shown, format!("<C1, S1, 8, {}…, request>", "x".repeat(128)));
    assert_eq!(request(&b"\xff"[..]).to_string(), "<C1, S1, 8, \u{fffd}, request>");
}

#[test]
fn a_view_is_shown_on_one_short_line() {
    let member = |name: &str, incarnation: u64| Member {
        name: name.parse().unwrap(),
        incarnation: incarnation.into(),
        address: "127.0.0.101:8000".parse().unwrap(),
    };
    let view = View {
        cluster: 5.into(),
        epoch: 3.into(),
        mode: Mode::Passive,
        primary: "S1".parse().unwrap(),
        members: vec![member("S1", 83), member("S2", 84), member("S3", 85)],
    };
    assert_eq!(view.to_string(), "epoch 3 passive: S1* S2 S3");
}
