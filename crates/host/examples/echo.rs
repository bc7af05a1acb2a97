//! How fast the loop itself is: a role that answers every `request` with its `reply`, and a load
//! generator in other threads.
//!
//! `cargo run --release -p host --example echo -- [CONNECTIONS] [PIPELINED] [SECONDS]`

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use host::{Settings, Shell};
use node::{Conn, Input, Output, Role, Time};
use wire::Message;

/// A role without any state.
struct Echo;

impl Role for Echo {
    fn handle(&mut self, _now: Time, input: Input, out: &mut Vec<Output>) {
        if let Input::Received(conn, message) = input {
            answer(conn, message, out);
        }
    }

    fn wake(&mut self, _now: Time, _out: &mut Vec<Output>) {}

    fn deadline(&self) -> Option<Time> {
        None
    }
}

fn answer(conn: Conn, message: Message, out: &mut Vec<Output>) {
    let Message::Request { client, server, number, body, session } = message else { return };
    if body == "exit" {
        return out.push(Output::Exit(0));
    }
    let reply = Message::Reply { client, server, number, body: Some(body), session };
    out.push(Output::Send(conn, reply));
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse().expect("a number"));
    let connections: usize = arguments.next().unwrap_or(50);
    let pipelined: usize = arguments.next().unwrap_or(16);
    let seconds = arguments.next().unwrap_or(3);
    let mut settings = Settings::new("S1".parse().expect("a name"));
    settings.listen = vec!["127.0.0.1:0".parse().expect("an address")];
    let shell = Shell::bind(settings).expect("a free port");
    let address = shell.addresses()[0];
    let host = std::thread::spawn(move || shell.run(Echo).expect("it runs"));
    load(address, connections, pipelined, Duration::from_secs(seconds as u64));
    let mut last = TcpStream::connect(address).expect("the echo listens");
    last.write_all(b"<C1,S1,1,exit,request>").expect("the echo reads");
    assert_eq!(host.join().expect("the echo ends"), 0);
}

/// Keeps `pipelined` requests on their way on each connection, and prints how many came back.
fn load(address: SocketAddr, connections: usize, pipelined: usize, time: Duration) {
    let answered = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..connections)
        .map(|_| {
            let (answered, stop) = (Arc::clone(&answered), Arc::clone(&stop));
            std::thread::spawn(move || client(address, pipelined, &answered, &stop))
        })
        .collect();
    let start = Instant::now();
    std::thread::sleep(time);
    let (count, elapsed) = (answered.load(Ordering::Relaxed), start.elapsed());
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().expect("a client ends");
    }
    let rate = count as f64 / elapsed.as_secs_f64();
    println!("{connections} connections x {pipelined}: {rate:.0} requests/s");
}

fn client(address: SocketAddr, pipelined: usize, answered: &AtomicU64, stop: &AtomicBool) {
    let mut stream = TcpStream::connect(address).expect("the echo listens");
    stream.set_nodelay(true).expect("a socket");
    let request = b"<C1,S1,8,hello_world,request>".repeat(pipelined);
    let mut block = vec![0; 64 * 1024];
    let mut owed = 0;
    while !stop.load(Ordering::Relaxed) {
        stream.write_all(&request).expect("the echo reads");
        owed += pipelined;
        while owed > 0 {
            let read = stream.read(&mut block).expect("the echo answers");
            let frames = block[..read].iter().filter(|byte| **byte == b'>').count();
            answered.fetch_add(frames as u64, Ordering::Relaxed);
            owed -= frames;
        }
    }
}
