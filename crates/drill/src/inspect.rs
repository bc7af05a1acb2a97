//! Asking a running process where it stands (`<drill,inspect>`), and telling the RM to switch.
//!
//! Guarantee: every call ends within its limit, also against a stopped process, which accepts
//! connections and answers nothing.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::codec::Decoder;
use wire::{Codec, Message, Mode, NodeName, View};

use crate::checks::FinalState;

/// Who asks.
fn drill() -> Result<NodeName, String> {
    "drill".parse().map_err(|error| format!("{error}"))
}

/// Sends one frame and gives the first frame that comes back.
///
/// # Errors
/// Why there is no answer.
async fn ask(address: SocketAddr, message: &Message, limit: Duration) -> Result<Message, String> {
    let exchange = async {
        let mut stream = send(address, message).await?;
        let (mut codec, mut buffer) = (Codec::default(), BytesMut::new());
        loop {
            if let Some(answer) = codec.decode(&mut buffer).map_err(|error| error.to_string())? {
                return Ok(answer);
            }
            if stream.read_buf(&mut buffer).await.map_err(|error| error.to_string())? == 0 {
                return Err("closed without an answer".into());
            }
        }
    };
    let answer = timeout(limit, exchange).await;
    answer.unwrap_or_else(|_| Err(format!("no answer within {} ms", limit.as_millis())))
}

async fn send(address: SocketAddr, message: &Message) -> Result<TcpStream, String> {
    let mut stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    let mut frame = BytesMut::new();
    wire::encode(message, &mut frame);
    stream.write_all(&frame).await.map_err(|error| error.to_string())?;
    Ok(stream)
}

/// What a server says of itself.
#[derive(Debug, Clone)]
pub struct Standing {
    /// `joiner`, `backup` or `primary`.
    pub phase: &'static str,
    /// What can be compared.
    pub state: FinalState,
    /// The service's summary of its state.
    pub summary: String,
}

/// Asks a server at one of its doors for clients.
///
/// # Errors
/// Why there is no answer.
pub async fn server(address: SocketAddr, limit: Duration) -> Result<Standing, String> {
    match ask(address, &Message::Inspect { from: drill()? }, limit).await? {
        Message::State { from, epoch, phase, committed, executed, digest, state, .. } => {
            Ok(Standing {
                phase: phase.as_str(),
                summary: String::from_utf8_lossy(&state).into_owned(),
                state: FinalState {
                    server: from.into(),
                    primary: phase == wire::Phase::Primary,
                    epoch: epoch.0,
                    committed: committed.0,
                    executed: executed.0,
                    digest: digest.to_string(),
                },
            })
        }
        other => Err(format!("answered {other:?}")),
    }
}

/// Asks the RM for its view, at one of its doors for clients.
///
/// # Errors
/// Why there is no answer.
pub async fn view(address: SocketAddr, limit: Duration) -> Result<View, String> {
    match ask(address, &Message::Inspect { from: drill()? }, limit).await? {
        Message::View { view, .. } => Ok(view),
        other => Err(format!("answered {other:?}")),
    }
}

/// Tells the RM to make a view in another mode.
///
/// # Errors
/// When the RM cannot be reached, or says why not.
pub async fn switch(address: SocketAddr, mode: Mode, limit: Duration) -> Result<(), String> {
    let from = "ops".parse().map_err(|error| format!("{error}"))?;
    match ask(address, &Message::Switch { from, mode }, limit).await {
        Ok(Message::Error { text, .. }) => Err(text),
        Err(error) if error.contains("refused") => Err(error),
        // The order itself is not answered; the view that follows shows it.
        _ => Ok(()),
    }
}
