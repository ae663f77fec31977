//! Writing a backup: reads the log page by page, with at most two pages in memory.

use std::io::{self, Write};

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::{BackupError, Progress, Summary, line};
use crate::{
    codec,
    error::StoreError,
    log::{EventLog, MAX_PAGE_EVENTS, RecordedKey, StoredEvent},
};

/// Writes the log as it is now to `out`, as a backup of the time `created_at`. Events appended meanwhile are not part of
/// it, and appending does not wait for it.
///
/// It decodes every event of this domain, and fails on a damaged log, so that every backup can be restored.
///
/// Writing to `out` blocks, so this future belongs on a thread that may block.
///
/// # Errors
/// - [`BackupError::Store`] when the log, or an event in it, cannot be read.
/// - [`BackupError::Document`] when the document cannot be written.
pub async fn write(
    log: &dyn EventLog,
    created_at: DateTime<Utc>,
    out: &mut (dyn Write + Send),
    progress: &mut Progress<'_>,
) -> Result<Summary, BackupError> {
    let head = log.head();
    let mut document = Document { out, hash: Sha256::new(), bytes: 0, buffer: Vec::new() };
    document.begin(created_at, head)?;
    write_events(log, head, &mut document, progress).await?;
    document.line(line::CLOSE)?;
    document.line(line::KEYS)?;
    let idempotency_keys = write_keys(log, head, &mut document).await?;
    document.line(line::CLOSE)?;
    let bytes = document.end(head, idempotency_keys)?;
    Ok(Summary { created_at, events: head, idempotency_keys, bytes })
}

/// Writes one page while it reads the next.
async fn write_events(
    log: &dyn EventLog,
    head: u64,
    document: &mut Document<'_>,
    progress: &mut Progress<'_>,
) -> Result<(), BackupError> {
    let mut page = read(log, 0, head).await?;
    while let Some(last) = page.last() {
        let done = last.position;
        let (next, written) = tokio::join!(read(log, done, head), async {
            document.items(&page, done < head, line::write_event)
        });
        written?;
        page.iter().try_for_each(check)?;
        progress(done, head);
        page = next?;
    }
    Ok(())
}

/// Checks that this program reads the event.
fn check(event: &StoredEvent) -> Result<(), StoreError> {
    codec::decode_any(event).map(drop)
}

/// The next page of events up to `head`.
async fn read(log: &dyn EventLog, after: u64, head: u64) -> Result<Vec<StoredEvent>, BackupError> {
    let left = usize::try_from(head - after).unwrap_or(usize::MAX);
    Ok(if left == 0 { Vec::new() } else { log.read_all(after, left.min(MAX_PAGE_EVENTS)).await? })
}

async fn write_keys(log: &dyn EventLog, head: u64, document: &mut Document<'_>) -> Result<u64, BackupError> {
    let (mut count, mut page) = (0, keys(log, 0, head).await?);
    while let Some(last) = page.last() {
        let next = keys(log, last.number, head).await?;
        count += page.len() as u64;
        document.items(&page, !next.is_empty(), line::write_key)?;
        page = next;
    }
    Ok(count)
}

/// The next page of keys up to `head`. Keys come in the order of recording, so the first key beyond `head` ends them.
async fn keys(log: &dyn EventLog, after: u64, head: u64) -> Result<Vec<RecordedKey>, BackupError> {
    let mut page = log.keys(after, MAX_PAGE_EVENTS).await?;
    page.truncate(page.iter().take_while(|recorded| recorded.answered.position <= head).count());
    Ok(page)
}

/// A document while it is written, with the hash of what is written already.
struct Document<'a> {
    out: &'a mut (dyn Write + Send),
    hash: Sha256,
    bytes: u64,
    /// The lines that are hashed and written next.
    buffer: Vec<u8>,
}

impl Document<'_> {
    fn begin(&mut self, created_at: DateTime<Utc>, head: u64) -> io::Result<()> {
        let header = serde_json::to_string(&line::Header::new(created_at, head))?;
        self.line(&format!("{}{header},", line::BEGIN))?;
        self.line(line::EVENTS)
    }

    fn line(&mut self, text: &str) -> io::Result<()> {
        self.buffer.clear();
        self.buffer.extend([text.as_bytes(), b"\n"].concat());
        self.flush()
    }

    /// Writes a page of items, one per line. `more` says whether another page follows.
    fn items<T>(&mut self, page: &[T], more: bool, write: impl Fn(&mut Vec<u8>, &T)) -> io::Result<()> {
        self.buffer.clear();
        for (number, item) in (1..).zip(page) {
            write(&mut self.buffer, item);
            let last = number == page.len() && !more;
            self.buffer.extend_from_slice(if last { b"\n" } else { b",\n" });
        }
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hash.update(&self.buffer);
        self.bytes += self.buffer.len() as u64;
        self.out.write_all(&self.buffer)
    }

    /// Writes the last line, which the hash does not cover. Returns the length of the document.
    fn end(self, events: u64, keys: u64) -> io::Result<u64> {
        let end = line::end(events, keys, self.hash);
        self.out.write_all(end.as_bytes())?;
        self.out.flush()?;
        Ok(self.bytes + end.len() as u64)
    }
}
