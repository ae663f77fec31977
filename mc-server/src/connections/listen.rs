//! Accepts connections as long as there are places and descriptors.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream, lookup_host},
    sync::Semaphore,
    time::Instant,
};

use super::{
    Connections, LAST_CALL, Limits, Peer, Place,
    counts::Full,
    serve::{part, serve},
};
use crate::{
    config::Listen,
    extract::Arrival,
    problem::{Kind, Problem},
};

/// The most connections that the system keeps waiting until they are taken.
const BACKLOG: u32 = 1_024;
/// The most bytes of answers that the system keeps for a client that does not read: it would let them grow to megabytes.
const SEND_BUFFER_BYTES: u32 = 128 * 1024;
/// The most connections that wait for a place, or are being told that there is none; any more are closed without a word.
const MAX_WAITING: usize = 16;
/// How long a connection waits for a place that becomes free.
const PATIENCE: Duration = Duration::from_millis(250);
/// How often it looks whether a place has become free.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);
/// How long nothing is taken when descriptors have run out, unless a connection closes before.
const PAUSE: Duration = Duration::from_millis(100);

/// Listens on the first of the addresses that a host has where that is possible.
///
/// # Errors
/// Why it is not possible on the last one.
pub(crate) async fn bind(listen: &Listen) -> io::Result<TcpListener> {
    let mut failed = io::Error::new(io::ErrorKind::AddrNotAvailable, "the host has no address");
    for address in lookup_host(listen.as_str()).await? {
        match bind_to(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn bind_to(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    // Accepted connections inherit the size from the listening socket.
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts connections and serves them until the server shuts down.
pub(crate) async fn accept(listener: TcpListener, router: Router, connections: Arc<Connections>) {
    let waiting = Arc::new(Semaphore::new(MAX_WAITING));
    let arrival = Arrival::new(connections.limits.body);
    loop {
        connections.room().await;
        let accepted = tokio::select! {
            biased;
            () = connections.shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, peer)) => take(socket, peer, &router, &connections, &waiting, &arrival),
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                connections.counts.no_descriptor(&error);
                connections.relieve();
                let _ = tokio::time::timeout(PAUSE, connections.closed.notified()).await;
            }
        }
    }
    // Nobody waits for this: where all requests have arrived, the server ends before.
    tokio::spawn(async move {
        tokio::time::sleep(LAST_CALL).await;
        arrival.end();
    });
}

fn take(
    socket: TcpStream,
    peer: SocketAddr,
    router: &Router,
    connections: &Arc<Connections>,
    waiting: &Arc<Semaphore>,
    arrival: &Arrival,
) {
    send_at_once(&socket);
    let (router, arrival) = (router.clone(), arrival.clone());
    match connections.admit(peer) {
        Ok(place) => drop(connections.tasks.spawn(serve(socket, Peer(peer), place, router, arrival))),
        Err(full) => {
            let Ok(permit) = Arc::clone(waiting).try_acquire_owned() else {
                return connections.counts.refused(full, peer, connections.limits);
            };
            let admitting = Arc::clone(connections);
            connections.tasks.spawn(async move {
                match place_in_time(&admitting, peer).await {
                    Ok(place) => {
                        drop(permit);
                        serve(socket, Peer(peer), place, router, arrival).await;
                    }
                    Err(full) => {
                        admitting.counts.refused(full, peer, admitting.limits);
                        part(socket, &no_place(full, admitting.limits)).await;
                        drop(permit);
                    }
                }
            });
        }
    }
}

/// A place, if one becomes free soon: most work takes a moment only.
async fn place_in_time(connections: &Arc<Connections>, peer: SocketAddr) -> Result<Place, Full> {
    let patience = Instant::now() + PATIENCE;
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        match connections.admit(peer) {
            Err(full) if Instant::now() >= patience => return Err(full),
            Err(_) => {}
            Ok(place) => return Ok(place),
        }
    }
}

fn no_place(full: Full, limits: Limits) -> Problem {
    let detail = match full {
        Full::Server => format!(
            "All {} connections the server takes are being worked on. Come back a little later.",
            limits.connections
        ),
        Full::Peer => format!(
            "All {} connections the server takes from one address are being worked on. Use fewer at a time, or come back \
             a little later.",
            limits.per_peer
        ),
    };
    Problem::new(Kind::TooManyConnections, detail)
}

/// Answers are small: better sent at once than held back for more.
fn send_at_once(socket: &TcpStream) {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "a connection stays with Nagle's algorithm");
    }
}

/// A client that was gone before its connection was taken.
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};

    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
