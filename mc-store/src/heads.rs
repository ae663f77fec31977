//! A cache of where streams end.

use std::collections::HashMap;

use mc_domain::recorded::StreamId;

/// The most streams that each of the two generations holds.
const STREAMS_PER_GENERATION: usize = 16_384;

/// The heads of the streams written last, as an adapter keeps them: with the version of the last event. It forgets a stream that is not written during a whole generation, so its size
/// does not grow with the log. A stream that is not here may exist in the tables.
#[derive(Debug)]
pub(crate) struct Heads<H> {
    young: HashMap<StreamId, H>,
    old: HashMap<StreamId, H>,
    streams_per_generation: usize,
}

impl<H: Copy> Default for Heads<H> {
    fn default() -> Self {
        Self::of_generations(STREAMS_PER_GENERATION)
    }
}

impl<H: Copy> Heads<H> {
    /// An empty cache; each of its two generations holds at most `streams` streams.
    pub(crate) fn of_generations(streams: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), streams_per_generation: streams }
    }

    pub(crate) fn get(&self, stream: &StreamId) -> Option<H> {
        self.young.get(stream).or_else(|| self.old.get(stream)).copied()
    }

    pub(crate) fn set(&mut self, stream: &StreamId, head: H) {
        if let Some(known) = self.young.get_mut(stream) {
            *known = head;
            return;
        }
        if self.young.len() >= self.streams_per_generation {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(stream.clone(), head);
    }

    /// Forgets everything, after a failed transaction: the heads may be those of events that were rolled back.
    pub(crate) fn forget(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(number: usize) -> StreamId {
        StreamId { aggregate_type: "task".into(), aggregate_id: number.to_string() }
    }

    #[test]
    fn the_streams_used_last_are_remembered_and_the_others_forgotten() {
        let mut heads = Heads::default();
        for number in 0..=3 * STREAMS_PER_GENERATION {
            heads.set(&stream(number), number as u64);
        }
        assert_eq!(heads.get(&stream(0)), None);
        let last = 3 * STREAMS_PER_GENERATION;
        assert_eq!(heads.get(&stream(last)), Some(last as u64));
        assert!(heads.young.len() + heads.old.len() <= 2 * STREAMS_PER_GENERATION);
    }

    #[test]
    fn the_newest_head_of_a_stream_counts() {
        let mut heads = Heads::default();
        heads.set(&stream(1), 1);
        heads.set(&stream(1), 2);
        assert_eq!(heads.get(&stream(1)), Some(2));
    }
}
