//! Opening connections: never waiting, from the process's own source address.
//!
//! Not here: the timeout and what the role is told; see `traffic`.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream as StdStream};
use std::time::Duration;

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::net::TcpStream;

/// How long the kernel keeps a connection whose peer acknowledges nothing. Detecting a dead peer in
/// time is the roles' business; this only clears away what they have long given up.
const USER_TIMEOUT: Duration = Duration::from_secs(60);

/// Starts to open a connection to `to` from `source`; it is open once the socket is writable.
///
/// # Errors
/// When it is refused at once, or the source address is not ours.
pub(crate) fn dial(source: Option<IpAddr>, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = stream_socket(to)?;
    if let Some(ip) = source.filter(|ip| ip.is_ipv4() == to.is_ipv4()) {
        // With address reuse, ports of connections in TIME_WAIT are taken again, so that a process
        // that redials every few milliseconds does not run out of them.
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::new(ip, 0).into())?;
    }
    match socket.connect(&to.into()) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error()) => {}
        Err(error) => return Err(error),
    }
    TcpStream::from_std(StdStream::from(socket))
}

/// Whether connections can be dialled from this address.
///
/// # Errors
/// When the address is not one of this machine's.
pub(crate) fn check_source(ip: IpAddr) -> io::Result<()> {
    let address = SocketAddr::new(ip, 0);
    Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?
        .bind(&address.into())
}

/// A socket that does not wait, with the options that all connections have.
pub(crate) fn stream_socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(30))
        .with_interval(Duration::from_secs(10));
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    Ok(socket)
}
