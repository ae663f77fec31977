//! Comparing a destination with its source.

use std::iter::zip;

use sha2::{Digest, Sha256};

use super::{CopyError, Difference, PAGE_ITEMS, Progress, Stage, Target, page_items};
use crate::{
    backup::line,
    log::{EventLog, RecordedKey},
};

/// What a comparison has found.
pub(super) struct Compared {
    /// Where the destination has something that the source has not; nothing when it has no more than the source.
    pub(super) difference: Option<Difference>,
    /// How many keys the destination has.
    pub(super) keys: u64,
    /// The number that the source gives to the last of them; 0 when there are none.
    pub(super) last_key: u64,
    /// The hash of everything that was compared.
    pub(super) sha256: String,
}

/// Compares the first events of `target` and all its keys with the source; `scope` is what that is for, and how many events.
pub(super) async fn compare(
    source: &dyn EventLog,
    target: &mut impl Target,
    scope: (Stage, u64),
    progress: &mut Progress<'_>,
) -> Result<Compared, CopyError> {
    let mut hash = Sha256::new();
    let mut found = Compared { difference: None, keys: 0, last_key: 0, sha256: String::new() };
    found.difference = compare_events(source, target, scope, &mut hash, progress).await?;
    if found.difference.is_none() {
        compare_keys(source, target, &mut hash, &mut found).await?;
    }
    found.sha256 = line::hex(&hash.finalize());
    Ok(found)
}

async fn compare_events(
    source: &dyn EventLog,
    target: &mut impl Target,
    (stage, events): (Stage, u64),
    hash: &mut Sha256,
    progress: &mut Progress<'_>,
) -> Result<Option<Difference>, CopyError> {
    let (mut done, mut text) = (0, Vec::new());
    while done < events {
        let limit = page_items(events - done);
        let wanted = source.read_all(done, limit).await.map_err(CopyError::Source)?;
        let there = target.read_all(done, limit).await.map_err(CopyError::Destination)?;
        if let Some((_, event)) = zip(&wanted, &there).find(|(wanted, there)| wanted != there) {
            return Ok(Some(Difference::Event(event.position)));
        }
        if wanted.len() < limit || there.len() < limit {
            return Ok(Some(Difference::Event(done + wanted.len().min(there.len()) as u64 + 1)));
        }
        text.clear();
        there.iter().for_each(|event| {
            line::write_event(&mut text, event);
            text.push(b'\n');
        });
        hash.update(&text);
        done += limit as u64;
        progress(stage, done, events);
    }
    Ok(None)
}

async fn compare_keys(
    source: &dyn EventLog,
    target: &mut impl Target,
    hash: &mut Sha256,
    found: &mut Compared,
) -> Result<(), CopyError> {
    let (mut after, mut text) = (0, Vec::new());
    loop {
        let there = target.keys(after, PAGE_ITEMS).await.map_err(CopyError::Destination)?;
        let Some(last) = there.last() else { return Ok(()) };
        after = last.number;
        let wanted = source.keys(found.last_key, there.len()).await.map_err(CopyError::Source)?;
        let same = zip(&wanted, &there).take_while(|(wanted, there)| is_same(wanted, there)).count();
        if same < there.len() {
            found.difference = Some(Difference::Key(found.keys + same as u64 + 1));
            return Ok(());
        }
        text.clear();
        there.iter().for_each(|key| {
            line::write_key(&mut text, key);
            text.push(b'\n');
        });
        hash.update(&text);
        found.keys += there.len() as u64;
        found.last_key = wanted.last().map_or(found.last_key, |key| key.number);
    }
}

/// Whether two logs have recorded the same key; each numbers its keys as it likes.
fn is_same(one: &RecordedKey, other: &RecordedKey) -> bool {
    one.key == other.key && one.answered == other.answered
}
