//! A record in two slots of one file: the next one is written over the one before the last.
//!
//! Guarantees: when [`overwrite`] has returned, the record would survive a power cut; whatever
//! happens while it is written, the record before it is whole. Nothing of the file but its contents
//! changes, so one sync of the data is enough: no new name, no new size, no journal to wait for.
//! That is what the next view waits for in every fail-over.
//!
//! By which mechanism: each slot says its serial number, its length and a checksum; the newest whole
//! one counts. A file that cannot be used like this is replaced as a whole; see `state`.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The size of a slot, in bytes; a longer record has no place here.
const SLOT: usize = 4096;
/// What a slot begins with.
const MARK: &str = "chevron-record";

/// A slot that is whole.
#[derive(Debug, PartialEq, Eq)]
struct Slot {
    place: usize,
    serial: u64,
    record: String,
}

/// Whether these are the bytes of a file of slots, whole or not.
pub(crate) fn is_slotted(bytes: &[u8]) -> bool {
    bytes.len() == 2 * SLOT && bytes.chunks(SLOT).any(|slot| slot.starts_with(MARK.as_bytes()))
}

/// The newest whole record of a file of slots; `None` when none is whole.
pub(crate) fn newest(bytes: &[u8]) -> Option<String> {
    newest_slot(bytes).map(|slot| slot.record)
}

fn newest_slot(bytes: &[u8]) -> Option<Slot> {
    let slots = bytes.chunks(SLOT).enumerate();
    slots.filter_map(|(place, slot)| read(place, slot)).max_by_key(|slot| slot.serial)
}

/// A new file of slots with this as its only record; `None` if the record has no place in one.
pub(crate) fn fresh(record: &str) -> Option<Vec<u8>> {
    let mut bytes = written(1, record)?;
    bytes.resize(2 * SLOT, b' ');
    Some(bytes)
}

/// Writes the next record into a file of slots. False if that is not possible, and nothing was done:
/// there is no such file, or the record has no place in it.
///
/// # Errors
/// When it was not written; the last record is still whole, but this one may be found as well.
pub(crate) fn overwrite(path: &Path, record: &str) -> io::Result<bool> {
    let Ok(file) = OpenOptions::new().read(true).write(true).open(path) else { return Ok(false) };
    let mut bytes = vec![0; 2 * SLOT];
    if file.metadata()?.len() != bytes.len() as u64 {
        return Ok(false);
    }
    file.read_exact_at(&mut bytes, 0)?;
    let Some(last) = newest_slot(&bytes) else { return Ok(false) };
    let Some(next) = written(last.serial + 1, record) else { return Ok(false) };
    put(&file, 1 - last.place, &next)?;
    Ok(true)
}

fn put(file: &File, place: usize, slot: &[u8]) -> io::Result<()> {
    file.write_all_at(slot, (place * SLOT) as u64)?;
    file.sync_data()
}

/// A slot with this record: a line about it, the record, and blanks.
fn written(serial: u64, record: &str) -> Option<Vec<u8>> {
    let sum = checksum(serial, record);
    let mut slot = format!("{MARK} {serial} {} {sum:016x}\n{record}\n", record.len()).into_bytes();
    if slot.len() > SLOT {
        return None;
    }
    slot.resize(SLOT, b' ');
    Some(slot)
}

fn read(place: usize, slot: &[u8]) -> Option<Slot> {
    let text = std::str::from_utf8(slot).ok()?;
    let (head, rest) = text.split_once('\n')?;
    let mut words = head.strip_prefix(MARK)?.split_ascii_whitespace();
    let serial = words.next()?.parse().ok()?;
    let record = rest.get(..words.next()?.parse().ok()?)?;
    let sum = u64::from_str_radix(words.next()?, 16).ok()?;
    let whole = sum == checksum(serial, record);
    whole.then(|| Slot { place, serial, record: record.to_owned() })
}

/// FNV-1a over the serial number and the record: what was torn by a power cut does not fit it.
fn checksum(serial: u64, record: &str) -> u64 {
    let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let sum = serial.to_le_bytes().iter().fold(0xcbf2_9ce4_8422_2325, step);
    record.as_bytes().iter().fold(sum, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file after these records, of which the last was torn after so many bytes.
    fn torn(records: &[&str], after: usize) -> Vec<u8> {
        let mut bytes = fresh(records[0]).expect("short");
        for record in &records[1..] {
            let last = newest_slot(&bytes).expect("whole");
            let next = written(last.serial + 1, record).expect("short");
            let start = (1 - last.place) * SLOT;
            let whole = *record != records[records.len() - 1];
            let end = if whole { SLOT } else { after };
            bytes[start..start + end].copy_from_slice(&next[..end]);
        }
        bytes
    }

    #[test]
    fn the_newest_record_counts() {
        let file = fresh("one").expect("short");
        assert!(is_slotted(&file));
        assert_eq!(newest(&file).as_deref(), Some("one"));
        let all = ["one", "two, longer\nand with lines", "3"];
        assert_eq!(newest(&torn(&all, SLOT)).as_deref(), Some("3"));
    }

    #[test]
    fn wherever_a_write_was_torn_the_record_before_it_is_whole() {
        let all = ["first", "second, which is longer", "third"];
        for after in 0..100 {
            let found = newest(&torn(&all, after)).expect("one of them is whole");
            let written = written(3, all[2]).expect("short");
            let complete = after >= written.trim_ascii_end().len();
            assert_eq!(found, if complete { all[2] } else { all[1] }, "torn after {after}");
        }
        let mut file = torn(&all[..2], SLOT);
        let flipped = file[SLOT..].iter().position(|byte| *byte == b's').expect("in the record");
        file[SLOT + flipped] ^= 1;
        assert_eq!(newest(&file).as_deref(), Some("first"));
    }

    #[test]
    fn what_does_not_fit_and_what_is_no_file_of_slots_is_told() {
        assert_eq!(fresh(&"x".repeat(SLOT)), None);
        assert!(!is_slotted(b"a plain record"));
        assert_eq!(newest(&vec![b' '; 2 * SLOT]), None);
    }
}
