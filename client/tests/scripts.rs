//! Golden scripts of the client: one file per story in `tests/scripts`, played by `script`.
//!
//! Arguments of `start`, all optional: `name`, `nonce`, `window`, `input=keyboard`, `message`,
//! `interval`, `count`, `retry`, `round`, `short_form=true`, `servers="S1=127.0.0.101:8000 S2=..."`.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use client::{Client, Config, Source};
use script::{Arguments, duration, key};
use test_each_file::test_each_path;

test_each_path! { in "client/tests/scripts" as story => play }

fn play(path: &Path) {
    script::play(path, |args| Ok(Client::new(config(args)?)));
}

fn config(args: &mut Arguments<'_>) -> Result<Config, Box<dyn Error>> {
    let input: String = key(args, "input", "automatic")?;
    let message = key(args, "message", "hello_world")?;
    let interval = duration(&key::<String>(args, "interval", "1s")?)?;
    let count = key(args, "count", "0")?;
    let mut servers = BTreeMap::new();
    for pair in key::<String>(args, "servers", "")?.split_whitespace() {
        let (name, address) = pair.split_once('=').ok_or("servers: NAME=IP:BASE")?;
        servers.insert(name.parse()?, address.parse()?);
    }
    Ok(Config {
        name: key(args, "name", "C1")?,
        rm: "127.0.0.110:8000".parse()?,
        servers,
        nonce: key(args, "nonce", "100")?,
        window: key(args, "window", "1")?,
        source: match input.as_str() {
            "keyboard" => Source::Keyboard,
            "automatic" => Source::Automatic { message, interval, count },
            other => return Err(format!("no such input: {other}").into()),
        },
        retry: duration(&key::<String>(args, "retry", "200ms")?)?,
        round: duration(&key::<String>(args, "round", "2s")?)?,
        short_form: key(args, "short_form", "false")?,
    })
}
