//! A client that follows the event stream through every failure, from node to node.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// How long it waits for an event until it tries another node.
const PATIENCE: Duration = Duration::from_secs(2);
/// The most events that it takes from one node.
const TURN: usize = 200;
const PAUSE: Duration = Duration::from_millis(50);
/// How long it may take from the end of all writes to the last event.
const LAST_PATIENCE: Duration = Duration::from_secs(30);
const NO_END: u64 = u64::MAX;

/// A client that follows the event stream.
pub struct Follower {
    /// The position of the last event there will be.
    end: Arc<AtomicU64>,
    thread: JoinHandle<Vec<(u64, String)>>,
}

impl Follower {
    /// Follows the stream of these nodes in turns, from the one of that number on.
    pub fn begin(nodes: &[SocketAddr], first: usize) -> Self {
        let (nodes, end) = (nodes.to_vec(), Arc::new(AtomicU64::new(NO_END)));
        let known = Arc::clone(&end);
        let thread = thread::spawn(move || {
            let mut seen = Vec::new();
            let mut deadline = None;
            for node in (0..nodes.len()).cycle().skip(first) {
                // Whatever ends a stream, the next node goes on.
                let _ = follow(nodes[node], &mut seen, &known);
                let end = known.load(SeqCst);
                if last(&seen) >= end {
                    break;
                }
                if end != NO_END {
                    let deadline = *deadline.get_or_insert_with(|| Instant::now() + LAST_PATIENCE);
                    assert!(
                        Instant::now() < deadline,
                        "the stream does not get from {} to {end}",
                        last(&seen)
                    );
                }
                thread::sleep(PAUSE);
            }
            seen
        });
        Self { end, thread }
    }

    /// Waits for the event at position `end`; the position and the type of all that were sent, in the order of their arrival.
    pub fn end(self, end: u64) -> Vec<(u64, String)> {
        self.end.store(end, SeqCst);
        self.thread.join().expect("the follower goes on to the end")
    }
}

fn last(seen: &[(u64, String)]) -> u64 {
    seen.last().map_or(0, |(position, _)| *position)
}

/// HTTP/1.0, so that the lines come without chunks.
fn follow(node: SocketAddr, seen: &mut Vec<(u64, String)>, end: &AtomicU64) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&node, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let after = last(seen);
    write!(stream, "GET /api/events HTTP/1.0\r\nhost: {node}\r\nlast-event-id: {after}\r\n\r\n")?;
    let (mut lines, mut event) = (BufReader::new(stream).lines(), (0, String::new()));
    let status = lines.next().ok_or(io::ErrorKind::UnexpectedEof)??;
    if !status.contains(" 200 ") {
        return Err(io::Error::other(status));
    }
    let enough = seen.len() + TURN;
    for line in lines {
        let line = line?;
        match line.split_once(": ") {
            Some(("id", id)) => event.0 = id.parse().map_err(io::Error::other)?,
            Some(("event", name)) => name.clone_into(&mut event.1),
            _ if line.is_empty() && event.0 != 0 => seen.push(std::mem::take(&mut event)),
            _ => {}
        }
        if event.0 == 0 && (last(seen) >= end.load(SeqCst) || seen.len() >= enough) {
            break;
        }
    }
    Ok(())
}
