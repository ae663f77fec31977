//! Reading a backup: one thread parses the document, the other fills the store.

use std::{
    io::{BufRead, Read},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use sha2::{Digest, Sha256};

use super::{BackupError, FORMAT, Import, MAX_LINE_BYTES, Progress, Summary, VERSION, line};
use crate::{
    codec,
    error::StoreError,
    log::{Answered, MAX_KEY_BYTES, StoredEvent},
};

/// The most items that a batch has.
const BATCH_ITEMS: usize = 512;
/// The bytes of lines that complete a batch, however few items it has.
const BATCH_BYTES: usize = 1024 * 1024;
/// The most batches that wait for the store.
const QUEUE_BATCHES: usize = 4;

/// Fills an empty store from a document. Before the store shows anything, it checks the whole document: its format, the
/// order of positions and versions, every event of this domain, the counts, and the hash.
///
/// It blocks, and starts a second thread.
///
/// # Errors
/// - [`BackupError::NotABackup`], [`BackupError::NewerVersion`] or [`BackupError::Damaged`] when the document cannot be
///   restored.
/// - [`BackupError::Document`] when it cannot be read.
/// - [`BackupError::Store`] when the store cannot be filled.
pub fn read<I: Import>(
    input: impl BufRead + Send,
    mut import: I,
    progress: &mut Progress<'_>,
) -> Result<(Summary, I::Done), BackupError> {
    let summary = thread::scope(|scope| {
        let (sender, batches) = sync_channel(QUEUE_BATCHES);
        let reader = scope.spawn(move || Document::new(input).read(sender));
        let filled = fill(&mut import, &batches, progress);
        // After a refusal by the store, this ends the reader, which may wait with its next batch.
        drop(batches);
        let summary = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        filled.and(summary)
    })?;
    Ok((summary, import.finish()?))
}

/// Checks a document as [`read`] does, without a store.
///
/// # Errors
/// As [`read`].
pub fn check(input: impl BufRead + Send) -> Result<Summary, BackupError> {
    read(input, Discard, &mut |_, _| {}).map(|(summary, ())| summary)
}

/// Takes in every event and key, and keeps none.
struct Discard;

impl Import for Discard {
    type Done = ();

    fn event(&mut self, _: StoredEvent) -> Result<(), StoreError> {
        Ok(())
    }

    fn key(&mut self, _: String, _: Answered) -> Result<(), StoreError> {
        Ok(())
    }

    fn finish(self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Items on their way to the store.
struct Batch {
    /// Each with the number of its line.
    items: Vec<(u64, Item)>,
    /// The number of events in the whole document.
    head: u64,
}

/// An event or an idempotency key of the document.
enum Item {
    Event(StoredEvent),
    Key(String, Answered),
}

/// Takes every batch in, and decodes its events to be sure that this program reads them.
fn fill(
    import: &mut impl Import,
    batches: &Receiver<Batch>,
    progress: &mut Progress<'_>,
) -> Result<(), BackupError> {
    let mut done = 0;
    for batch in batches {
        for (line, item) in batch.items {
            let taken = match item {
                Item::Event(event) => {
                    done = event.position;
                    codec::decode_any(&event).and_then(|_| import.event(event))
                }
                Item::Key(key, answered) => import.key(key, answered),
            };
            taken.map_err(|error| match error {
                StoreError::Corrupt { reason, .. } => BackupError::Damaged { line, reason },
                other => other.into(),
            })?;
        }
        progress(done, batch.head);
    }
    Ok(())
}

/// A document while it is read, line by line.
struct Document<R> {
    input: R,
    hash: Sha256,
    bytes: u64,
    /// The number of the current line, from 1.
    line: u64,
    /// The current line, with its line break.
    text: Vec<u8>,
}

impl<R: BufRead> Document<R> {
    fn new(input: R) -> Self {
        Self { input, hash: Sha256::new(), bytes: 0, line: 0, text: Vec::new() }
    }

    fn read(mut self, sender: SyncSender<Batch>) -> Result<Summary, BackupError> {
        let header = self.header()?;
        let mut batches = Batches { sender, batch: Batch { items: Vec::new(), head: header.head }, bytes: 0 };
        self.expect(line::EVENTS)?;
        let events = self.events(&mut batches)?;
        if events != header.head {
            return Err(self.damaged(format!("it has {events} events, the header says {}", header.head)));
        }
        self.expect(line::KEYS)?;
        let idempotency_keys = self.keys(header.head, &mut batches)?;
        batches.hand_over();
        self.end(events, idempotency_keys)?;
        Ok(Summary { created_at: header.created_at, events, idempotency_keys, bytes: self.bytes })
    }

    fn header(&mut self) -> Result<line::Header, BackupError> {
        let foreign = |reason: &str| BackupError::NotABackup { reason: reason.to_owned() };
        self.advance()?;
        let text = std::str::from_utf8(&self.text).map_err(|_| foreign("it is not text"))?;
        let header = text.trim_end().strip_prefix(line::BEGIN).and_then(|text| text.strip_suffix(','));
        let header = header.ok_or_else(|| foreign("it does not begin with a header"))?;
        let opening: line::Opening<'_> =
            serde_json::from_str(header).map_err(|_| foreign("its header cannot be read"))?;
        if opening.format != FORMAT {
            return Err(foreign("its header names another format"));
        }
        if opening.version > VERSION {
            return Err(BackupError::NewerVersion { found: opening.version });
        }
        let header: line::Header =
            serde_json::from_str(header).map_err(|error| self.damaged(error.to_string()))?;
        if header.version != VERSION {
            return Err(self.damaged(format!("there is no format version {}", header.version)));
        }
        self.hash.update(&self.text);
        Ok(header)
    }

    /// Reads the next line, which must be `wanted`.
    fn expect(&mut self, wanted: &str) -> Result<(), BackupError> {
        self.advance()?;
        if self.text.strip_suffix(b"\n") != Some(wanted.as_bytes()) {
            return Err(self.damaged(format!("it is not {wanted}")));
        }
        self.hash.update(&self.text);
        Ok(())
    }

    fn events(&mut self, batches: &mut Batches) -> Result<u64, BackupError> {
        let mut events = 0;
        while let Some(text) = self.item()? {
            let event = line::event(text).map_err(|reason| self.damaged(reason))?;
            events += 1;
            if event.position != events {
                return Err(self.damaged(format!("position {} comes after {}", event.position, events - 1)));
            }
            if !batches.add(self.line, Item::Event(event), self.text.len()) {
                break;
            }
        }
        Ok(events)
    }

    fn keys(&mut self, head: u64, batches: &mut Batches) -> Result<u64, BackupError> {
        let (mut keys, mut last) = (0, 0);
        while let Some(text) = self.item()? {
            let (key, answered) = line::key(text).map_err(|reason| self.damaged(reason))?;
            if key.is_empty() || key.len() > MAX_KEY_BYTES {
                return Err(self.damaged(format!("a key has 1 to {MAX_KEY_BYTES} bytes")));
            }
            if answered.position > head || answered.position < last {
                return Err(self.damaged(format!("a key cannot have position {} here", answered.position)));
            }
            (keys, last) = (keys + 1, answered.position);
            if !batches.add(self.line, Item::Key(key, answered), self.text.len()) {
                break;
            }
        }
        Ok(keys)
    }

    /// The next item of a list; nothing at the end of the list.
    fn item(&mut self) -> Result<Option<&str>, BackupError> {
        self.advance()?;
        self.hash.update(&self.text);
        let line = self.line;
        let text = self.text.strip_suffix(b"\n").unwrap_or(&self.text);
        if text == line::CLOSE.as_bytes() {
            return Ok(None);
        }
        match std::str::from_utf8(text) {
            Ok(text) => Ok(Some(text.strip_suffix(',').unwrap_or(text))),
            Err(_) => Err(BackupError::Damaged { line, reason: "it is not text".to_owned() }),
        }
    }

    /// Reads the last line, which must be the one that [`line::end`] makes of what came before.
    fn end(&mut self, events: u64, keys: u64) -> Result<(), BackupError> {
        self.advance()?;
        let expected = line::end(events, keys, self.hash.clone());
        if self.text != expected.as_bytes() {
            let reason = "counts and SHA-256 do not fit what comes before: the file was altered".to_owned();
            return Err(self.damaged(reason));
        }
        match self.input.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.damaged("something follows the end".to_owned())),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the next line into `text`; an error at the end of the file.
    fn advance(&mut self) -> Result<(), BackupError> {
        self.text.clear();
        self.line += 1;
        let most = MAX_LINE_BYTES as u64 + 1;
        let bytes = self.input.by_ref().take(most).read_until(b'\n', &mut self.text)?;
        self.bytes += bytes as u64;
        match bytes {
            0 if self.line == 1 => Err(BackupError::NotABackup { reason: "it is empty".to_owned() }),
            0 => Err(self.damaged("the file ends here: it was cut off".to_owned())),
            _ if bytes > MAX_LINE_BYTES && self.line == 1 => {
                Err(BackupError::NotABackup { reason: "it does not begin with a header".to_owned() })
            }
            _ if bytes > MAX_LINE_BYTES => Err(self.damaged("it is too long".to_owned())),
            _ => Ok(()),
        }
    }

    fn damaged(&self, reason: String) -> BackupError {
        BackupError::Damaged { line: self.line, reason }
    }
}

/// Collects items, and hands them over batch by batch.
struct Batches {
    sender: SyncSender<Batch>,
    batch: Batch,
    bytes: usize,
}

impl Batches {
    /// Adds an item. Returns false when the store takes no more.
    fn add(&mut self, line: u64, item: Item, bytes: usize) -> bool {
        self.batch.items.push((line, item));
        self.bytes += bytes;
        let full = self.batch.items.len() >= BATCH_ITEMS || self.bytes >= BATCH_BYTES;
        !full || self.hand_over()
    }

    /// Hands the batch over. Returns false when the store takes no more.
    fn hand_over(&mut self) -> bool {
        self.bytes = 0;
        let items = std::mem::replace(&mut self.batch.items, Vec::with_capacity(BATCH_ITEMS));
        self.sender.send(Batch { items, head: self.batch.head }).is_ok()
    }
}
