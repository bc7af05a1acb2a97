//! Running one of the binaries as a person would, for the command-line tests of each package.
//!
//! Guarantees: no run lasts longer than [`LIMIT`], none sees the `CHEVRON_*` variables or the state
//! of whoever runs the tests, and what a test wrote is removed with its [`Place`].

#![allow(dead_code, reason = "each package's tests use the part that they need")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// The longest run, in seconds.
const LIMIT: &str = "30";

/// A directory of one test's own.
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("chevron-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the temporary directory can be written");
        Self(path)
    }

    /// Writes a file into it, and says its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        std::fs::write(self.0.join(name), text).expect("the place can be written");
        self.path(name)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("the temporary directory is text").to_owned()
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs a program to its end.
pub(crate) fn run(program: &str, place: &Place, args: &[&str], env: &[(&str, &str)]) -> Ran {
    let mut command = Command::new("timeout");
    command.args(["--signal=KILL", LIMIT, program]).args(args);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CHEVRON_") {
            command.env_remove(name);
        }
    }
    command.env("XDG_STATE_HOME", place.dir()).envs(env.iter().copied());
    let ran = command.output().expect("`timeout` is there");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("what is printed is text");
    Ran { code: ran.status.code(), out: text(ran.stdout), err: text(ran.stderr) }
}

/// Runs a program that has to refuse: exit code 2 - 3 when it runs already -, nothing on standard
/// output, and one line, which is returned.
pub(crate) fn refused(program: &str, place: &Place, args: &[&str]) -> String {
    let ran = run(program, place, args, &[]);
    let code = if ran.err.contains(" runs already") { 3 } else { 2 };
    assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{args:?}: {ran:?}");
    assert_eq!(ran.err.matches('\n').count(), 1, "one line: {:?}", ran.err);
    ran.err
}

/// Runs a program that has to accept what it is given; with `--check`, says what it would use.
pub(crate) fn accepted(
    program: &str,
    place: &Place,
    args: &[&str],
    env: &[(&str, &str)],
) -> String {
    let ran = run(program, place, args, env);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{args:?}: {ran:?}");
    ran.out
}

/// `--help` teaches: it has an example, and everything of `topics`.
pub(crate) fn teaches(program: &str, topics: &[&str]) {
    let place = Place::new("help");
    let help = accepted(program, &place, &["--help"], &[]);
    for topic in topics.iter().chain(&["Example:", "CHEVRON_STATE_DIR", "--check"]) {
        assert!(help.contains(topic), "{topic}: {help}");
    }
}

/// The line of `--check` about one setting: its value and where that comes from.
pub(crate) fn setting(shown: &str, what: &str) -> String {
    let line = shown.lines().find_map(|line| line.trim().strip_prefix(what)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{what} is not shown: {shown}")).trim().to_owned()
}
