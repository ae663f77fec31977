//! Chance that is the same every time: SplitMix64 (Steele, Lea, Flood 2014), stable over versions of any crate.

use uuid::Uuid;

/// A sequence of numbers that its seed alone decides.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    /// Yes, in so many cases of a hundred.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of `items`, if there are any.
    pub fn pick<T: Clone>(&mut self, items: &[T]) -> Option<T> {
        if items.is_empty() { None } else { Some(items[self.below(items.len())].clone()) }
    }

    /// One of `items`, of which there are some.
    pub fn one_of<T: Clone>(&mut self, items: &[T]) -> T {
        self.pick(items).unwrap()
    }

    /// A new identity.
    pub fn id<T: From<Uuid>>(&mut self) -> T {
        Uuid::from_u64_pair(self.next(), self.next()).into()
    }
}
