//! One connection, from its first byte to its last.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, Response, StatusCode, header},
};
use hyper::{
    body::{Body as _, Incoming},
    server::conn::http1,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};
use tower::ServiceExt;

use super::{
    Connections, Limits, Peer, Place,
    counts::Ended,
    line::{Line, Overdue},
    watched::{Answering, Arriving, Watched},
};
use crate::{
    extract::Arrival,
    layers::RequestId,
    problem::{Kind, Problem},
};

/// The most bytes that are read ahead of a request, and so the most that its head may have: 64 KiB. An answer is written
/// in portions of this size too.
pub(crate) const MAX_BUFFER_BYTES: usize = 64 * 1024;
/// How long a client that is refused may take to read that and to close.
const PARTING_DEADLINE: Duration = Duration::from_secs(1);
/// The most bytes of a refused client that are read and dropped. Closing a socket with unread bytes in it would reset the
/// connection, and the refusal would be lost.
const MAX_PARTING_BYTES: usize = 1024 * 1024;
/// When a timer that waits for nothing looks again.
const LATER: Duration = Duration::from_secs(3_600);

/// Why the serving of a connection stopped.
enum End {
    /// The client is gone, or asked for the end, or sent what is no request.
    Over(hyper::Result<()>),
    /// One of its time limits passed.
    Overdue(Overdue),
    /// It was idle, and a new connection needs its place.
    MakesRoom,
}

type Connection = http1::Connection<TokioIo<Watched>, Service>;

/// Serves one connection until its end.
pub(super) async fn serve(socket: TcpStream, peer: Peer, place: Place, router: Router, arrival: Arrival) {
    let line = Arc::clone(&place.line);
    let limits = place.connections.limits;
    let connections = Arc::clone(&place.connections);
    let service = Service { router, line: Arc::clone(&line), peer, arrival, connections };
    let mut builder = http1::Builder::new();
    // The line has the time limits: here, one would count for idle connections and for half a head alike.
    builder.header_read_timeout(None).max_buf_size(MAX_BUFFER_BYTES).max_header_size(MAX_BUFFER_BYTES);
    let io = TokioIo::new(Watched::new(socket, Arc::clone(&line)));
    let mut connection = builder.serve_connection(io, service);
    let end = until_the_end(&mut connection, &line, &limits).await;
    let socket = connection.into_parts().io.into_inner().into_inner();
    let count = |why| place.connections.counts.ended(why);
    match end {
        End::MakesRoom => abort(&socket),
        End::Overdue(Overdue { why, is_answerable }) => {
            count(why);
            match why {
                Ended::NotRead => abort(&socket),
                Ended::Draining if is_answerable => part(socket, &draining()).await,
                Ended::HeadTooSlow if is_answerable => part(socket, &head_too_slow(limits.head)).await,
                _ => {}
            }
        }
        End::Over(outcome) => {
            let mut refusal = line.refusal();
            if let Err(error) = outcome {
                tracing::debug!(peer = %peer.0, %error, "a connection ended");
                // To HTTP/2 it says nothing at all.
                let is_no_request = error.is_parse() && line.is_automatic();
                refusal = refusal.or(is_no_request.then_some(StatusCode::BAD_REQUEST));
            }
            if let Some(status) = refusal {
                count(Ended::Malformed);
                part(socket, &no_request(status)).await;
            }
        }
    }
}

async fn until_the_end(connection: &mut Connection, line: &Line, limits: &Limits) -> End {
    let mut ends = pin!(line.ends().cancelled());
    let mut timer = Timer { sleep: pin!(sleep_until(Instant::now())) };
    let mut is_draining = false;
    poll_fn(|context| {
        if !is_draining && ends.as_mut().poll(context).is_ready() {
            if line.makes_room() {
                return Poll::Ready(End::MakesRoom);
            }
            is_draining = true;
            line.drain(Instant::now());
            Pin::new(&mut *connection).graceful_shutdown();
        }
        // Told to drain before, it may still be told to make room.
        if line.makes_room() {
            return Poll::Ready(End::MakesRoom);
        }
        if let Poll::Ready(outcome) = Pin::new(&mut *connection).poll(context) {
            return Poll::Ready(End::Over(outcome));
        }
        timer.poll_overdue(context, line, limits).map(End::Overdue)
    })
    .await
}

/// Rings when the time of a line is up. It is set only where the line's deadline comes closer: a request that comes and
/// is answered moves the deadline away and back without the timer.
struct Timer<'a> {
    sleep: Pin<&'a mut Sleep>,
}

impl Timer<'_> {
    fn poll_overdue(&mut self, context: &mut Context<'_>, line: &Line, limits: &Limits) -> Poll<Overdue> {
        loop {
            let now = Instant::now();
            let deadline = line.deadline(limits).unwrap_or(now + LATER);
            if deadline < self.sleep.deadline() {
                self.sleep.as_mut().reset(deadline);
            }
            if self.sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            if let Some(overdue) = line.overdue(limits, now) {
                return Poll::Ready(overdue);
            }
            // At least a moment ahead, so that a deadline of just now is not asked for again without end.
            self.sleep.as_mut().reset(deadline.max(now + Duration::from_millis(1)));
        }
    }
}

/// Drops what the client does not read, where closing would have the system keep it for minutes.
fn abort(socket: &TcpStream) {
    if let Err(error) = socket.set_zero_linger() {
        tracing::debug!(%error, "a connection is closed instead of reset");
    }
}

/// Sends a last answer, and waits a little for the client to take it.
pub(super) async fn part(mut socket: TcpStream, problem: &Problem) {
    let parting = async {
        socket.write_all(&answer(problem)).await?;
        socket.shutdown().await?;
        let mut dropped = [0; 4096];
        let mut left = MAX_PARTING_BYTES;
        while left > 0 {
            match socket.read(&mut dropped).await? {
                0 => break,
                bytes => left = left.saturating_sub(bytes),
            }
        }
        std::io::Result::Ok(())
    };
    // A client that is gone needs no answer.
    let _ = tokio::time::timeout(PARTING_DEADLINE, parting).await;
}

/// A problem as an answer of its own, with all its headers.
fn answer(problem: &Problem) -> Vec<u8> {
    use axum::response::IntoResponse;

    let id = RequestId::draw();
    let body = problem.to_json(Some(id.as_str()));
    let status = problem.status();
    let mut head =
        format!("HTTP/1.1 {} {}\r\n", status.as_str(), status.canonical_reason().unwrap_or_default());
    let response = problem.clone().into_response();
    let own = [
        (header::CONNECTION, HeaderValue::from_static("close")),
        (header::CONTENT_LENGTH, HeaderValue::from(body.len())),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    for (name, value) in response.headers().iter().chain(own.iter().map(|(name, value)| (name, value))) {
        head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap_or_default()));
    }
    let date = chrono::Utc::now().format("%a, %d %b %Y %H:%M:%S GMT");
    head.push_str(&format!("x-request-id: {}\r\ndate: {date}\r\n\r\n", id.as_str()));
    [head.into_bytes(), body].concat()
}

fn head_too_slow(limit: Duration) -> Problem {
    let detail = format!("The head of the request did not arrive whole within {} s.", limit.as_secs());
    Problem::new(Kind::HeadTooSlow, detail)
}

fn draining() -> Problem {
    Problem::of(Kind::Draining)
}

/// The problem for bytes that are no request, by the status that the HTTP implementation has for them.
fn no_request(status: StatusCode) -> Problem {
    match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Problem::new(
            Kind::HeadTooLarge,
            format!("The head of a request may have at most 100 header lines and {MAX_BUFFER_BYTES} bytes."),
        ),
        status => Problem::of_status(status),
    }
}

/// Passes requests on to the routes, with the peer's address and the time that they began to arrive.
struct Service {
    router: Router,
    line: Arc<Line>,
    peer: Peer,
    arrival: Arrival,
    connections: Arc<Connections>,
}

impl hyper::service::Service<hyper::Request<Incoming>> for Service {
    type Response = Response<Answering>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: hyper::Request<Incoming>) -> Self::Future {
        let line = Arc::clone(&self.line);
        line.begin(Instant::now(), !request.body().is_end_stream());
        let mut request: Request = request.map(|body| Body::new(Arriving::new(body, Arc::clone(&line))));
        let extensions = request.extensions_mut();
        extensions.insert(self.peer);
        extensions.insert(self.arrival.clone());
        extensions.insert(Arc::clone(&self.connections));
        let answered = self.router.clone().oneshot(request);
        Box::pin(async move {
            let Ok(response) = answered.await;
            Ok(response.map(|body| Answering::new(body, line)))
        })
    }
}
