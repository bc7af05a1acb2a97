//! Holds docs/PROTOCOL.md against the code: kinds, field names, examples, error codes, limits,
//! ports.
//!
//! What the page must look like for that: every table row of a kind starts with the kind in
//! backticks, then its fields, then example frames in backticks; frames in `console` blocks are
//! literal.

use std::collections::BTreeSet;

use bytes::BytesMut;
use tokio_util::codec::Decoder;
use wire::{Codec, CodecError, ErrorCode, FieldError, Kind, Message, encode, ports};

const PAGE: &str = include_str!("../../../docs/PROTOCOL.md");

/// The fields that take any bytes.
const FREE: [&str; 4] = ["BODY", "STATE", "CODE", "TEXT"];

fn read(frame: &str) -> Result<Message, CodecError> {
    let mut buffer = BytesMut::from(frame);
    let message = Codec::default().decode(&mut buffer)?.expect("a whole frame");
    assert!(buffer.is_empty(), "{frame} is more than a frame");
    Ok(message)
}

fn written(message: &Message) -> String {
    let mut frame = BytesMut::new();
    encode(message, &mut frame);
    String::from_utf8(frame.to_vec()).unwrap()
}

/// The rows of the page's section of that title, each as its trimmed cells.
fn rows(title: &str) -> Vec<Vec<&'static str>> {
    let (_, section) = PAGE.split_once(&format!("# {title}\n")).expect(title);
    // A section goes as far as the next one of the same depth.
    let depth = PAGE.lines().find(|l| l.trim_start_matches('#') == format!(" {title}")).unwrap();
    let depth = &depth[..depth.len() - title.len()];
    let section = section.split_once(&format!("\n{depth}")).map_or(section, |(this, _)| this);
    let is_head = |l: &&str| l.starts_with("| kind |") || l.starts_with("|--");
    let cells = |line: &'static str| line.trim_matches('|').split(" | ").map(str::trim).collect();
    section.lines().filter(|l| l.starts_with('|')).filter(|l| !is_head(l)).map(cells).collect()
}

/// The frames of a cell: from each "`<" to the next ">`".
fn frames(cell: &'static str) -> Vec<&'static str> {
    let starts = cell.match_indices("`<").map(|(place, _)| place + 1);
    starts.map(|at| &cell[at..=at + cell[at..].find(">`").expect(cell)]).collect()
}

fn unquoted(cell: &str) -> &str {
    cell.strip_prefix('`').and_then(|c| c.strip_suffix('`')).expect(cell)
}

/// One row of the tables of kinds.
struct Row {
    kind: &'static str,
    /// The names of the fields, without their brackets.
    fields: Vec<&'static str>,
    /// How many fields there are when what stands in the innermost brackets is left out, and so on.
    lengths: Vec<usize>,
    short: Vec<&'static str>,
    extended: Vec<&'static str>,
}

fn kinds() -> Vec<Row> {
    let parse = |cells: Vec<&'static str>| {
        assert_eq!(cells.len(), 7, "{cells:?}");
        let fields = unquoted(cells[1]).trim_end_matches(']');
        let mut lengths = Vec::new();
        for part in fields.split('[') {
            let before = lengths.last().copied().unwrap_or(0);
            lengths.push(before + part.split(',').filter(|name| !name.is_empty()).count());
        }
        let fields = fields.split([',', '[']).filter(|name| !name.is_empty()).collect();
        let (short, extended) = (frames(cells[2]), frames(cells[3]));
        Row { kind: unquoted(cells[0]), fields, lengths, short, extended }
    };
    rows("Kinds").into_iter().map(parse).collect()
}

/// The fields of an example, and its kind.
fn split(frame: &str) -> (Vec<&str>, &str) {
    let mut fields: Vec<&str> = frame[1..frame.len() - 1].split(',').collect();
    let kind = fields.pop().unwrap();
    (fields, kind)
}

#[test]
fn the_tables_have_exactly_the_kinds_of_the_code() {
    let documented: BTreeSet<&str> = kinds().iter().map(|row| row.kind).collect();
    let coded: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(documented, coded);
}

#[test]
fn every_example_is_what_the_code_reads_and_writes() {
    for row in kinds() {
        assert!(!row.short.is_empty(), "`{}` has no example", row.kind);
        assert_eq!(row.lengths.len() > 1, !row.extended.is_empty(), "`{}`", row.kind);
        for frame in row.short.iter().chain(&row.extended) {
            let message = read(frame).unwrap_or_else(|error| panic!("{frame}: {error}"));
            assert_eq!(message.kind().as_str(), row.kind, "{frame}");
            assert_eq!(written(&message), *frame);
        }
    }
}

#[test]
fn every_example_has_the_fields_of_its_row() {
    for row in kinds() {
        let (whole, shorter) = row.lengths.split_last().unwrap();
        let shorter = if shorter.is_empty() { &row.lengths } else { shorter };
        for frame in &row.short {
            assert!(shorter.contains(&split(frame).0.len()), "{frame}: {:?}", row.fields);
        }
        for frame in &row.extended {
            assert_eq!(split(frame).0.len(), *whole, "{frame}: {:?}", row.fields);
        }
    }
}

/// Damages each field of each example in turn: the code must complain of the field by the name that
/// the page gives it, or take it where the page says that anything may stand.
#[test]
fn the_code_calls_the_fields_what_the_page_calls_them() {
    for row in kinds() {
        for frame in row.short.iter().chain(&row.extended) {
            let (fields, kind) = split(frame);
            for place in 0..fields.len() {
                let mut damaged = fields.clone();
                damaged[place] = "~";
                let damaged = format!("<{},{kind}>", damaged.join(","));
                let (name, _) =
                    row.fields[place].split_once('=').unwrap_or((row.fields[place], ""));
                // Without `primary` or `backup` as its third field, it is a `ready` to a client.
                let name = if kind == "ready" && name == "ROLE" { "SERVERS" } else { name };
                match read(&damaged) {
                    Ok(_) => assert!(FREE.contains(&name), "{damaged}: {name} took anything"),
                    Err(CodecError::Field(FieldError::Value { name: found, .. })) => {
                        assert_eq!(found, name, "{damaged}");
                    }
                    Err(other) => panic!("{damaged}: {other}"),
                }
            }
        }
    }
}

#[test]
fn a_field_more_or_less_than_in_the_tables_is_refused() {
    // A row is one of several of its kind where a field of it is a fixed word (`CHANGE=add`).
    let word = |row: &Row| row.fields.iter().find_map(|name| name.split_once('=')).map(|w| w.1);
    let mut allowed = BTreeSet::new();
    for row in kinds() {
        allowed.extend(row.lengths.iter().map(|length| (row.kind, word(&row), *length)));
    }
    for row in kinds() {
        for length in 0..15 {
            let field = |place: usize| row.fields.get(place).and_then(|name| name.split_once('='));
            let fields = (0..length).map(|place| field(place).map_or("1", |(_, word)| word));
            let frame: String = fields.map(|field| format!("{field},")).collect();
            let result = read(&format!("<{frame}{}>", row.kind));
            let is_count = matches!(result, Err(CodecError::Field(FieldError::Count { .. })));
            let expected = !allowed.contains(&(row.kind, word(&row), length));
            assert_eq!(is_count, expected, "{frame}{}: {result:?}", row.kind);
        }
    }
}

#[test]
fn what_is_read_besides_is_read_so() {
    let rows = rows("What is read besides");
    assert!(rows.len() > 5);
    for row in rows.iter().filter(|row| row[0] != "frame") {
        let [variant, meant] = [frames(row[0])[0], frames(row[1])[0]];
        assert_eq!(written(&read(variant).unwrap()), meant);
    }
}

#[test]
fn frames_typed_by_hand_are_what_the_code_reads_and_writes() {
    let (_, by_hand) = PAGE.split_once("\n## By hand\n").unwrap();
    let mut seen = 0;
    for line in by_hand.lines().filter(|l| l.starts_with("$ ") || l.starts_with("-> ")) {
        let (start, end) = (line.find('<').unwrap(), line.rfind('>').unwrap());
        let frame = &line[start..=end];
        if !frame.contains(",one,") || line.starts_with("-> ") {
            assert_eq!(written(&read(frame).unwrap()), frame);
        } else {
            // The page's example of a mistake: the line after it has the code's own words.
            let error = read(frame).unwrap_err();
            let says = format!("<S1,{},{error},error>", error.code().as_str());
            assert!(by_hand.contains(&says), "{says}");
        }
        seen += 1;
    }
    assert!(seen >= 10, "{seen}");
}

#[test]
fn the_error_codes_are_those_of_the_code() {
    let rows = rows("Errors");
    let documented = rows.iter().filter(|row| row[0] != "code").map(|row| unquoted(row[0]));
    let coded = ErrorCode::ALL.iter().map(|code| code.as_str());
    assert_eq!(documented.collect::<Vec<_>>(), coded.collect::<Vec<_>>());
}

#[test]
fn the_ports_are_those_of_the_code() {
    let rows = rows("Ports");
    let documented: Vec<(&str, Vec<u16>)> = rows
        .iter()
        .filter(|row| row[0] != "who")
        .map(|row| (row[0], row[1].split(", ").map(|port| port.parse().unwrap()).collect()))
        .collect();
    let at = |offsets: &[u16]| offsets.iter().map(|o| ports::DEFAULT_BASE + o).collect::<Vec<_>>();
    let coded = [
        ("server", at(&ports::SERVER_CLIENTS)),
        ("server", at(&[ports::SERVER_LFD])),
        ("server", at(&ports::SERVER_PEERS)),
        ("GFD", at(&ports::GFD_LFDS)),
        ("RM", at(&[ports::RM_GFD])),
        ("RM", at(&ports::RM_CLIENTS)),
        ("process", at(&[ports::PROCESS_PAGES])),
    ];
    assert_eq!(documented, coded);
}

#[test]
fn the_limits_are_those_of_the_code() {
    let limits = rows("Limits");
    let numbers: Vec<usize> = limits
        .iter()
        .filter(|row| row[0] != "what")
        .map(|row| row[1].split(' ').next().unwrap().parse().unwrap())
        .collect();
    let name = (1..100).take_while(|n| "x".repeat(*n).parse::<wire::NodeName>().is_ok()).count();
    let coded = [wire::DEFAULT_FRAME_LIMIT, wire::HEADROOM, name, wire::ERROR_TEXT_LIMIT];
    assert_eq!(numbers, coded);
}
