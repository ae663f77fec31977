//! The network between a node and the database: a proxy that can be cut, can fall silent, and can lose the answer to a commit.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

/// The least bytes of a message that appends events, once its statement is prepared.
const LEAST_APPEND: usize = 300;

/// A proxy in front of a database, on a port of this machine. Dropping it cuts its connections.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    line: Arc<Line>,
}

/// What passes through the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Connections stay open, and nothing passes.
    Silent,
    /// There are no connections.
    Cut,
}

/// A message that a [`Proxy`] waits for, and what becomes of it or of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trap {
    /// The next append is forwarded, and the connection is cut when its answer comes.
    AnswerToAppend,
    /// The next `COMMIT` is forwarded, and the connection is cut when its answer comes.
    AnswerToCommit,
    /// The first half of the next append is forwarded, and the connection is cut.
    HalfAnAppend,
    /// The next append or `COMMIT` is forwarded, and its answer is kept back for good.
    AnswerKeptBack,
}

#[derive(Debug)]
struct Line {
    state: Mutex<State>,
    changed: Condvar,
    trap: Mutex<Option<Trap>>,
    sprung: Condvar,
    connections: Mutex<Vec<Arc<Connection>>>,
}

#[derive(Debug)]
struct Connection {
    node: TcpStream,
    database: TcpStream,
    /// Whether this connection appends events.
    appends: AtomicBool,
    /// What becomes of the next answer.
    loses_answer: Mutex<Option<Trap>>,
}

impl Proxy {
    /// A proxy for the database at that port of this machine.
    ///
    /// # Panics
    /// When the system has no port to spare.
    pub fn to(database: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the system has a port to spare");
        let port = listener.local_addr().expect("it listens").port();
        let line = Arc::new(Line {
            state: Mutex::new(State::Open),
            changed: Condvar::new(),
            trap: Mutex::new(None),
            sprung: Condvar::new(),
            connections: Mutex::default(),
        });
        let accepting = Arc::clone(&line);
        thread::spawn(move || {
            for node in listener.incoming().flatten() {
                accepting.accept(node, database);
            }
        });
        Self { port, line }
    }

    /// The port to connect to in place of the database's.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Cuts every connection, and lets none come about.
    pub fn cut(&self) {
        self.line.turn(State::Cut);
        self.line.connections().drain(..).for_each(|connection| connection.cut());
    }

    /// Lets nothing pass, without a word to either side.
    pub fn silence(&self) {
        self.line.turn(State::Silent);
    }

    /// Lets everything pass.
    pub fn open(&self) {
        self.line.turn(State::Open);
    }

    /// Sets a trap, in place of one that has not sprung.
    pub fn set(&self, trap: Trap) {
        *lock(&self.line.trap) = Some(trap);
    }

    /// Waits until the trap has sprung; takes it back and says false when it has not within `patience`.
    pub fn has_sprung(&self, patience: Duration) -> bool {
        let set = lock(&self.line.trap);
        let waiting = self.line.sprung.wait_timeout_while(set, patience, |set| set.is_some());
        let (mut set, waited) = waiting.unwrap_or_else(PoisonError::into_inner);
        *set = None;
        !waited.timed_out()
    }
}

impl Line {
    fn turn(&self, state: State) {
        *lock(&self.state) = state;
        self.changed.notify_all();
    }

    fn connections(&self) -> MutexGuard<'_, Vec<Arc<Connection>>> {
        lock(&self.connections)
    }

    fn accept(self: &Arc<Self>, node: TcpStream, database: u16) {
        let is_cut = *lock(&self.state) == State::Cut;
        // Without a database nobody is there to connect to; dropping the stream tells the node so.
        let Some(database) =
            (!is_cut).then(|| TcpStream::connect((Ipv4Addr::LOCALHOST, database)).ok()).flatten()
        else {
            return;
        };
        for stream in [&node, &database] {
            // Only the speed suffers without it.
            let _ = stream.set_nodelay(true);
        }
        let connection = Arc::new(Connection {
            node,
            database,
            appends: AtomicBool::new(false),
            loses_answer: Mutex::new(None),
        });
        self.connections().push(Arc::clone(&connection));
        for pump in [Self::pump_requests, Self::pump_answers] {
            let (line, connection) = (Arc::clone(self), Arc::clone(&connection));
            thread::spawn(move || {
                pump(&line, &connection);
                connection.cut();
            });
        }
    }

    fn pump_requests(&self, connection: &Connection) -> Option<()> {
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = (&connection.node).read(&mut buffer).ok().filter(|read| *read > 0)?;
            self.wait_until_open()?;
            let mut message = &buffer[..read];
            match self.springs(connection, message) {
                Some(Trap::HalfAnAppend) => {
                    message = &message[..read / 2];
                    (&connection.database).write_all(message).ok()?;
                    return None;
                }
                trap @ Some(_) => *lock(&connection.loses_answer) = trap,
                None => {}
            }
            (&connection.database).write_all(message).ok()?;
        }
    }

    fn pump_answers(&self, connection: &Connection) -> Option<()> {
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = (&connection.database).read(&mut buffer).ok().filter(|read| *read > 0)?;
            match *lock(&connection.loses_answer) {
                Some(Trap::AnswerKeptBack) => continue,
                Some(_) => return None,
                None => {}
            }
            self.wait_until_open()?;
            (&connection.node).write_all(&buffer[..read]).ok()?;
        }
    }

    /// Nothing when the line is cut.
    fn wait_until_open(&self) -> Option<()> {
        let waiting = self.changed.wait_while(lock(&self.state), |state| *state == State::Silent);
        let state = waiting.unwrap_or_else(PoisonError::into_inner);
        (*state == State::Open).then_some(())
    }

    /// The trap, if it waits for this message.
    fn springs(&self, connection: &Connection, message: &[u8]) -> Option<Trap> {
        let has = |words: &[u8]| message.windows(words.len()).any(|window| window == words);
        let appends = connection.appends.load(SeqCst);
        if !appends && has(b"mc_append(") {
            connection.appends.store(true, SeqCst);
        }
        let (is_append, is_commit) =
            (appends && message.len() >= LEAST_APPEND && message[0] == b'B', has(b"COMMIT\0"));
        let mut set = lock(&self.trap);
        let springs = match (*set)? {
            Trap::AnswerToAppend | Trap::HalfAnAppend => is_append,
            Trap::AnswerToCommit => is_commit,
            Trap::AnswerKeptBack => is_append || is_commit,
        };
        if !springs {
            return None;
        }
        self.sprung.notify_all();
        set.take()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
    }
}

impl Connection {
    fn cut(&self) {
        for stream in [&self.node, &self.database] {
            // It may be cut already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
