//! A rate limit that counts what all nodes admit.
//!
//! Each node tells the others how much it admitted, and takes what it is told off its own bucket. That may put a bucket into
//! debt, so whoever alternates between nodes gets what one node would have given over a longer time: at once a full bucket of
//! each.

use std::{
    collections::HashMap,
    convert::Infallible,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock, Reference},
    nanos::Nanos,
    state::{
        StateStore,
        keyed::{DefaultKeyedStateStore, ShrinkableKeyedStateStore},
    },
};

/// The most buckets that others may put one into debt by: what was admitted beyond that is forgiven.
const MAX_DEBT_BUCKETS: u64 = 4;

/// How many keys are noted at most for the other nodes between two messages.
const MAX_UNTOLD: usize = 10_000;

/// A limit for each key.
#[derive(Debug)]
pub(super) struct Pool<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, Buckets<K>, DefaultClock>,
    buckets: Buckets<K>,
    quota: Quota,
    clock: DefaultClock,
    /// From when the limiter counts its time.
    begun: <DefaultClock as Clock>::Instant,
    /// What was admitted since the others were told; nothing where there are no others.
    untold: Option<Mutex<HashMap<K, u32>>>,
}

impl<K: Hash + Eq + Clone> Pool<K> {
    /// A full bucket for every key. `is_shared` says whether other nodes are to be told of what is taken.
    pub(super) fn new(quota: Quota, is_shared: bool) -> Self {
        let (buckets, clock) = (Buckets(Arc::default()), DefaultClock::default());
        let begun = clock.now();
        let limiter = RateLimiter::new(quota, buckets.clone(), clock.clone());
        Self { limiter, buckets, quota, clock, begun, untold: is_shared.then(Mutex::default) }
    }

    /// Takes one.
    ///
    /// # Errors
    /// How long until there is one again.
    pub(super) fn take(&self, key: &K) -> Result<(), Duration> {
        self.limiter.check_key(key).map_err(|until| until.wait_time_from(self.clock.now()))?;
        if let Some(untold) = &self.untold {
            let mut untold = untold.lock().unwrap_or_else(PoisonError::into_inner);
            if untold.len() < MAX_UNTOLD || untold.contains_key(key) {
                *untold.entry(key.clone()).or_default() += 1;
            }
        }
        Ok(())
    }

    /// Takes off what another node admitted, whether or not that is there.
    pub(super) fn charge(&self, key: &K, count: u32) {
        let now = self.clock.now().duration_since(self.begun);
        let (each, bucket) =
            (Nanos::from(self.quota.replenish_interval()), u64::from(self.quota.burst_size().get()));
        let most = bucket * (1 + MAX_DEBT_BUCKETS);
        // The state of a bucket is when it will be full again.
        let charged = self.buckets.measure_and_replace(key, |full_at| {
            let full_at = full_at.unwrap_or(now).max(now) + each * u64::from(count).min(most);
            Ok::<_, Infallible>(((), full_at.min(now + each * most)))
        });
        let Ok(()) = charged;
    }

    /// What was admitted since this was asked last.
    pub(super) fn take_untold(&self) -> HashMap<K, u32> {
        let untold = self.untold.as_ref();
        untold
            .map(|untold| std::mem::take(&mut *untold.lock().unwrap_or_else(PoisonError::into_inner)))
            .unwrap_or_default()
    }

    /// Forgets the keys whose buckets are full, once there are more than `many`.
    pub(super) fn keep_within(&self, many: usize) {
        if self.limiter.len() > many {
            self.limiter.retain_recent();
        }
    }
}

/// The buckets of a limiter, which stay within reach when it has them.
#[derive(Debug, Clone)]
struct Buckets<K: Hash + Eq + Clone>(Arc<DefaultKeyedStateStore<K>>);

impl<K: Hash + Eq + Clone> StateStore for Buckets<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.0.measure_and_replace(key, measure)
    }
}

impl<K: Hash + Eq + Clone> ShrinkableKeyedStateStore<K> for Buckets<K> {
    fn retain_recent(&self, drop_below: Nanos) {
        self.0.retain_recent(drop_below);
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    const HOURLY: NonZeroU32 = NonZeroU32::new(10).unwrap();

    fn pool() -> Pool<&'static str> {
        Pool::new(Quota::per_hour(HOURLY), true)
    }

    fn admitted(pool: &Pool<&'static str>) -> usize {
        (0..100).filter(|_| pool.take(&"key").is_ok()).count()
    }

    #[test]
    fn what_other_nodes_admit_is_taken_off() {
        let pool = pool();
        pool.charge(&"key", 4);
        assert_eq!(admitted(&pool), 6);
        assert_eq!(pool.take_untold(), HashMap::from([("key", 6)]));
        assert_eq!(pool.take_untold(), HashMap::new());
    }

    #[test]
    fn what_is_not_there_is_owed() {
        let pool = pool();
        assert_eq!(admitted(&pool), 10);
        let wait = pool.take(&"key").unwrap_err();
        pool.charge(&"key", 10);
        let owing = pool.take(&"key").unwrap_err();
        assert!(owing > wait + Duration::from_secs(3_500), "{wait:?} {owing:?}");
        pool.charge(&"key", u32::MAX);
        let forgiven = pool.take(&"key").unwrap_err();
        assert!(forgiven < Duration::from_secs(3_600) * 5, "{forgiven:?}");
    }

    #[test]
    fn one_key_is_not_charged_for_another() {
        let pool = pool();
        pool.charge(&"another", 10);
        assert_eq!(admitted(&pool), 10);
    }
}
