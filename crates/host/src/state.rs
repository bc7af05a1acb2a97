//! What survives a restart: the state directory, records in it, and the lock of a running process.
//!
//! Guarantees: [`save_record`] returns only when the record would survive a power cut, and a record
//! is replaced whole or not at all. At most one process holds a lock, and the kernel releases it
//! however the process ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::slots;

/// The state directory when none is given: `$XDG_STATE_HOME/chevron`, or
/// `$HOME/.local/state/chevron`.
///
/// # Errors
/// [`Error::NoStateDir`] when the environment names no place.
pub fn default_dir() -> Result<PathBuf, Error> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")));
    base.map(|base| base.join("chevron")).ok_or(Error::NoStateDir)
}

/// Makes the state directory usable, and finds out that it is.
///
/// # Errors
/// [`Error::StateDir`] when it can be neither made nor written.
pub fn create_dir(dir: &Path) -> Result<(), Error> {
    let probe = dir.join(format!(".probe-{}", std::process::id()));
    std::fs::create_dir_all(dir)
        .and_then(|()| File::create(&probe))
        .and_then(|_| std::fs::remove_file(&probe))
        .map_err(|source| Error::StateDir { path: dir.to_owned(), source })
}

/// Reads a record; `None` when there is none yet.
///
/// # Errors
/// [`Error::Record`] when there is one that cannot be read.
pub fn load_record(path: &Path) -> Result<Option<String>, Error> {
    let failed = |source| Error::Record { path: path.to_owned(), source };
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed(source)),
    };
    let record = if slots::is_slotted(&bytes) {
        slots::newest(&bytes).ok_or("no record in it is whole".to_owned())
    } else {
        String::from_utf8(bytes).map_err(|error| error.to_string())
    };
    let unusable = |text| failed(io::Error::new(io::ErrorKind::InvalidData, text));
    record.map(Some).map_err(unusable)
}

/// Replaces a record: over the one before the last, where the file has a place for it, and synced;
/// else the whole file, which is written beside it, synced, renamed over it, and the directory synced.
///
/// # Errors
/// The step that failed; the record before is then still whole, but after a failure of the last
/// step either of the two may be the one that survives.
pub fn save_record(path: &Path, record: &str) -> io::Result<()> {
    match slots::overwrite(path, record) {
        Ok(true) => Ok(()),
        // After an error nobody knows what of the file is on the disk: a new one has no past.
        Ok(false) | Err(_) => replace(path, record),
    }
}

fn replace(path: &Path, record: &str) -> io::Result<()> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let mut file = File::create(&beside)?;
    file.write_all(&slots::fresh(record).unwrap_or_else(|| record.as_bytes().to_vec()))?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    File::open(dir)?.sync_all()
}

/// A lock that is held as long as this lives.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Takes the lock `name.lock` in the state directory, and writes our process id there for whoever
/// comes second.
///
/// # Errors
/// [`Error::Locked`], naming the process that holds it; [`Error::Lock`] when the file cannot be
/// used.
pub fn lock(dir: &Path, name: &str) -> Result<Lock, Error> {
    create_dir(dir)?;
    let path = dir.join(format!("{name}.lock"));
    let failed = |source| Error::Lock { path: path.clone(), source };
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = open.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let _ = file.read_to_string(&mut text);
            let pid = text.trim().parse().ok();
            return Err(Error::Locked { what: name.to_owned(), pid, path });
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    let pid = format!("{}\n", std::process::id());
    file.set_len(0).and_then(|()| file.write_all(pid.as_bytes())).map_err(failed)?;
    Ok(Lock { _file: file })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of this test's own, removed at its end.
    struct Dir(PathBuf);

    impl Dir {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("chevron-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&dir).expect("the temporary directory can be written");
            Self(dir)
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_record_is_replaced_whole_and_nothing_is_left_beside_it() {
        let dir = Dir::new("record");
        let path = dir.0.join("rm.view");
        assert_eq!(load_record(&path).expect("no record is no error"), None);
        save_record(&path, "a long first record").expect("saved");
        let long = "x".repeat(9_000);
        for record in ["second", "a third one", &long, "short again", "and again"] {
            save_record(&path, record).expect("saved");
            assert_eq!(load_record(&path).expect("readable").as_deref(), Some(record));
        }
        assert_eq!(std::fs::read_dir(&dir.0).expect("readable").count(), 1);
    }

    #[test]
    fn a_plain_record_is_read_and_one_that_is_broken_is_said() {
        let dir = Dir::new("plain");
        let path = dir.0.join("rm.view");
        std::fs::write(&path, "plain").expect("written");
        assert_eq!(load_record(&path).expect("readable").as_deref(), Some("plain"));
        save_record(&path, "in slots").expect("saved");
        assert_eq!(load_record(&path).expect("readable").as_deref(), Some("in slots"));
        let broken = std::fs::read_to_string(&path).expect("text").replace("in slots", "IN SLOTS");
        std::fs::write(&path, broken).expect("written");
        let error = load_record(&path).expect_err("not whole").to_string();
        assert!(error.contains("rm.view"), "{error}");
    }

    #[test]
    fn a_second_lock_names_the_holder_and_a_released_one_is_free() {
        let dir = Dir::new("lock");
        let held = lock(&dir.0, "S1@127.0.0.101-8000").expect("free");
        let error = lock(&dir.0, "S1@127.0.0.101-8000").expect_err("held").to_string();
        let pid = format!("as process {}", std::process::id());
        assert!(error.contains("S1@127.0.0.101-8000 runs already"), "{error}");
        assert!(error.contains(&pid), "{error}");
        lock(&dir.0, "S2@127.0.0.102-8000").expect("another name is free");
        drop(held);
        lock(&dir.0, "S1@127.0.0.101-8000").expect("free again");
    }

    #[test]
    fn a_state_directory_that_cannot_be_one_is_named() {
        let dir = Dir::new("file");
        let file = dir.0.join("file");
        std::fs::write(&file, "").expect("written");
        let error = create_dir(&file.join("state")).expect_err("below a file").to_string();
        assert!(error.contains("file/state") && error.contains("--state-dir"), "{error}");
    }
}
