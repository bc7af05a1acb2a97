//! A client that was written from the documents alone: short forms over plain sockets, the RM on its
//! port 6, the servers on their port 0. It shares no code with the suite, and it works through a
//! fail-over in both modes.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this test is a client and no role: it bounds its waiting by the clock"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);
const MANAGER: &str = "127.0.0.110";

#[test]
fn a_client_of_the_documents_works_through_a_passive_fail_over() {
    through_a_fail_over("passive");
}

#[test]
fn a_client_of_the_documents_works_through_an_active_fail_over() {
    through_a_fail_over("active");
}

#[test]
fn nc_is_answered_and_let_go() {
    let suite = Suite::start("passive");
    let primary = suite.ask_manager("C1").1.remove(0);
    for body in ["hello", "again"] {
        // As `printf '<C9,S1,1,hello,request>' | nc -N`: the sending side is shut at once.
        let mut stream = suite.connect(&primary, 0).expect("the primary takes clients");
        write!(stream, "<C9,{primary},1,{body},request>").expect("sent");
        stream.shutdown(std::net::Shutdown::Write).expect("shut");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        assert_eq!(answer, format!("<C9,{primary},1,{body},reply>"));
    }
}

fn through_a_fail_over(mode: &str) {
    let mut suite = Suite::start(mode);
    let mut client = Client { name: "C1", servers: Vec::new() };
    let deadline = Instant::now() + LIMIT;
    for number in 1..=60 {
        if number == 30 {
            let (said, servers) = suite.ask_manager(client.name);
            assert_eq!(said, mode);
            suite.kill_machine(&servers[0]);
        }
        // As the documents say: the same number again, to whom the RM names now, until it is answered.
        loop {
            assert!(Instant::now() < deadline, "request {number} was never answered");
            if client.servers.is_empty() {
                let (_, names) = suite.ask_manager(client.name);
                client.connect(&suite, names);
            }
            if client.request(number) {
                break;
            }
        }
    }
}

/// The client of the documents.
struct Client {
    name: &'static str,
    servers: Vec<(String, BufReader<TcpStream>)>,
}

impl Client {
    fn connect(&mut self, suite: &Suite, names: Vec<String>) {
        for name in names {
            if let Ok(stream) = suite.connect(&name, 0) {
                self.servers.push((name, BufReader::new(stream)));
            }
        }
    }

    /// Sends a request to every server and takes the first answer; drops the connections that fail.
    fn request(&mut self, number: u32) -> bool {
        let body = format!("hello_world{number}");
        for (server, stream) in &mut self.servers {
            let request = format!("<{},{server},{number},{body},request>", self.name);
            let _ = stream.get_mut().write_all(request.as_bytes());
        }
        let mut answered = false;
        let name = self.name;
        self.servers.retain_mut(|(server, stream)| {
            let wanted = format!("<{name},{server},{number},{body},reply>");
            let mut frame = Vec::new();
            let whole = stream.read_until(b'>', &mut frame).is_ok() && frame.ends_with(b">");
            answered |= whole && frame == wanted.as_bytes();
            whole && frame == wanted.as_bytes()
        });
        answered
    }
}

/// RM, GFD and three LFDs with their servers, on ports of their own.
struct Suite {
    base: u16,
    dir: PathBuf,
    processes: Vec<(String, Child)>,
}

impl Suite {
    fn start(mode: &str) -> Self {
        let programs = programs();
        let base = free_base();
        let dir =
            std::env::temp_dir().join(format!("chevron-{}-{mode}-{base}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("the temporary directory can be written");
        let mut suite = Self { base, dir, processes: Vec::new() };
        suite.launch(&programs, "rm", "RM", &[MANAGER, mode]);
        suite.launch(&programs, "gfd", "GFD", &[MANAGER, "100ms"]);
        let gfd = format!("{MANAGER}:{base}");
        for place in 1..=3 {
            let (lfd, server) = (format!("LFD{place}"), format!("S{place}"));
            let at = format!("{}:{}", address(&server), base + 3);
            suite.launch(&programs, "lfd", &lfd, &["100ms", &lfd, &server, &at, &gfd]);
        }
        let deadline = Instant::now() + LIMIT;
        while suite.members() < 3 {
            assert!(Instant::now() < deadline, "three members within {LIMIT:?}");
            std::thread::yield_now();
        }
        suite
    }

    fn launch(&mut self, programs: &Path, program: &str, name: &str, args: &[&str]) {
        let child = Command::new(programs.join(program))
            .args(args)
            .args(["--quiet", "--port-base", &self.base.to_string(), "--state-dir"])
            .arg(&self.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        self.processes.push((name.to_owned(), child));
    }

    fn connect(&self, server: &str, door: u16) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect((address(server), self.base + door))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        Ok(stream)
    }

    /// `<C1,client>` on the RM's port 6, answered by `<C1,MODE,S1;S2;S3,ready>`.
    fn ask_manager(&self, client: &str) -> (String, Vec<String>) {
        let mut stream = TcpStream::connect((MANAGER, self.base + 6)).expect("the RM listens");
        write!(stream, "<{client},client>").expect("sent");
        let mut frame = Vec::new();
        BufReader::new(stream).read_until(b'>', &mut frame).expect("the RM answers");
        let text = String::from_utf8(frame).expect("text");
        let fields: Vec<&str> = text.trim_matches(['<', '>']).split(',').collect();
        assert_eq!((fields[0], fields[3]), (client, "ready"), "{text}");
        (fields[1].to_owned(), fields[2].split(';').map(str::to_owned).collect())
    }

    /// How many members the view has.
    fn members(&self) -> usize {
        let Ok(mut stream) = TcpStream::connect((MANAGER, self.base + 3)) else { return 0 };
        let mut frame = Vec::new();
        let _ = write!(stream, "<test,inspect>");
        let _ = BufReader::new(stream).read_until(b'>', &mut frame);
        String::from_utf8_lossy(&frame).matches('/').count() / 2
    }

    /// Kills a server for good: its LFD first, which would launch it again.
    fn kill_machine(&mut self, server: &str) {
        let lfd = server.replace('S', "LFD");
        for (_, child) in self.processes.iter_mut().filter(|(name, _)| *name == lfd) {
            child.kill().expect("it runs");
            child.wait().expect("it ends");
        }
        self.end_server(server);
    }

    fn end_server(&self, server: &str) {
        let lock = self.dir.join(format!("{server}.lock"));
        let pid = std::fs::read_to_string(lock).unwrap_or_default();
        if !pid.trim().is_empty() {
            let _ = Command::new("kill").args(["-9", pid.trim()]).stderr(Stdio::null()).status();
        }
    }
}

impl Drop for Suite {
    fn drop(&mut self) {
        for (_, child) in &mut self.processes {
            let _ = child.kill();
            let _ = child.wait();
        }
        for place in 1..=3 {
            self.end_server(&format!("S{place}"));
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn address(server: &str) -> String {
    format!("127.0.0.10{}", server.trim_start_matches('S'))
}

/// A port base whose doors are free at every address of the suite.
fn free_base() -> u16 {
    loop {
        let probe = TcpListener::bind((MANAGER, 0)).expect("a free port");
        let base = probe.local_addr().expect("an address").port();
        drop(probe);
        let hosts = [MANAGER.to_owned(), address("S1"), address("S2"), address("S3")];
        let free =
            |host: &String| (base..base + 9).all(|port| TcpListener::bind((&**host, port)).is_ok());
        if base < 60_000 && hosts.iter().all(free) {
            return base;
        }
    }
}

/// Where the five programs are: this package's own test build has the server; the others are built
/// beside it.
fn programs() -> PathBuf {
    let server = PathBuf::from(env!("CARGO_BIN_EXE_server"));
    let dir = server.parent().expect("a directory").to_owned();
    if ["rm", "gfd", "lfd"].iter().any(|program| !dir.join(program).exists()) {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--bins", "-p", "rm", "-p", "gfd", "-p", "lfd"])
            .status();
        assert!(built.is_ok_and(|status| status.success()), "rm, gfd and lfd build");
    }
    dir
}
