//! The log of the program itself, on standard error.
//!
//! Whoever logs hands its line over and goes on: a thread of its own writes. Where nobody reads standard error, and it is
//! a pipe that is full, lines are lost and counted, and no request waits for them.

use std::{
    io::{self, IsTerminal, Write},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use tracing_subscriber::{EnvFilter, fmt, fmt::MakeWriter};

use crate::config::{LogFormat, LogOptions};

/// The most lines that wait to be written; those beyond are lost.
const WAITING_LINES: usize = 8_192;
/// How long the end of the program waits for lines that nobody reads.
const FLUSH_DEADLINE: Duration = Duration::from_secs(1);
/// How long it waits for a place among the lines that wait.
const FLUSH_PAUSE: Duration = Duration::from_millis(10);

/// The writer, once the log has started.
static LINES: OnceLock<Lines> = OnceLock::new();

/// Starts the log. A second start changes nothing.
pub(super) fn start(options: &LogOptions) {
    let filter = EnvFilter::new(&options.filter);
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let builder = fmt()
        .with_env_filter(filter)
        .with_writer(Writer)
        .with_ansi(!plain && io::stderr().is_terminal())
        .log_internal_errors(false);
    let started = match options.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_span_list(false).try_init(),
    };
    // It has started before, in a test of this process.
    let _ = started;
}

/// Writes a line that is no record of the log, in order with the records before it.
pub(super) fn say(line: &str) {
    lines().hand_over(format!("{line}\n").into_bytes());
}

/// Waits until everything was written, but not for ever.
pub(crate) fn flush() {
    if let Some(lines) = LINES.get() {
        lines.flush(Instant::now() + FLUSH_DEADLINE);
    }
}

fn lines() -> &'static Lines {
    LINES.get_or_init(|| Lines::to(standard_error()))
}

/// Standard error without the lock that the rest of the program takes: who holds that may be waiting for ever.
#[cfg(unix)]
fn standard_error() -> Box<dyn Write + Send> {
    use std::os::fd::AsFd;

    match io::stderr().as_fd().try_clone_to_owned() {
        Ok(descriptor) => Box::new(std::fs::File::from(descriptor)),
        Err(_) => Box::new(io::stderr()),
    }
}

#[cfg(not(unix))]
fn standard_error() -> Box<dyn Write + Send> {
    Box::new(io::stderr())
}

/// Where a thread takes lines from, to write them.
struct Lines {
    waiting: SyncSender<Item>,
    lost: &'static AtomicU64,
}

enum Item {
    Line(Vec<u8>),
    /// Everything before it was written once this is answered.
    Flush(SyncSender<()>),
}

impl Lines {
    fn to(out: Box<dyn Write + Send>) -> Self {
        let (waiting, lines) = sync_channel(WAITING_LINES);
        let lost: &'static AtomicU64 = Box::leak(Box::default());
        // Without the thread everything is lost, and that is counted.
        let _ = thread::Builder::new().name("log".to_owned()).spawn(move || write(out, &lines, lost));
        Self { waiting, lost }
    }

    fn hand_over(&self, line: Vec<u8>) {
        if self.waiting.try_send(Item::Line(line)).is_err() {
            self.lost.fetch_add(1, Relaxed);
        }
    }

    fn flush(&self, deadline: Instant) {
        let (done, written) = sync_channel(1);
        let mut item = Item::Flush(done);
        while let Err(TrySendError::Full(back)) = self.waiting.try_send(item) {
            if Instant::now() >= deadline {
                return;
            }
            item = back;
            thread::sleep(FLUSH_PAUSE);
        }
        // What is not written by then is not read either.
        let _ = written.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

/// Writes as long as somebody logs. Nobody is left to be told that standard error is closed.
fn write(mut out: Box<dyn Write + Send>, lines: &Receiver<Item>, lost: &AtomicU64) {
    for item in lines {
        match item {
            Item::Line(line) => {
                let _ = out.write_all(&line);
            }
            Item::Flush(done) => {
                let _ = done.send(());
            }
        }
        let missing = lost.swap(0, Relaxed);
        if missing > 0 {
            let _ =
                writeln!(out, "WARN {missing} lines of the log were lost, because nobody read them in time");
        }
    }
}

/// The writer of the subscriber, which hands each line over to the thread that writes.
struct Writer;

impl<'a> MakeWriter<'a> for Writer {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

impl Write for Writer {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        lines().hand_over(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A writer that blocks, as a pipe does that nobody reads.
    struct Blocked(Receiver<()>);

    impl Write for Blocked {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nobody_waits_for_a_reader_that_does_not_read() {
        let (_reader, blocked) = sync_channel(0);
        let lines = Lines::to(Box::new(Blocked(blocked)));
        for _ in 0..2 * WAITING_LINES {
            lines.hand_over(b"line\n".to_vec());
        }
        assert!(lines.lost.load(Relaxed) >= WAITING_LINES as u64 - 1);
        lines.flush(Instant::now() + Duration::from_millis(20));
    }
}
