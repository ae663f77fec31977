//! How often a credential may call, and how often an address may fail to show a good one.

use std::{
    collections::BTreeMap,
    fmt::Write,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use governor::Quota;
use mc_domain::ids::CredentialId;

use super::pool::Pool;
use crate::{
    nodes::Item,
    problem::{Kind, Problem},
};

/// How many callers are remembered before those who have been quiet for long enough are forgotten.
const MANY: usize = 10_000;

/// The most sessions that one credential opens within a minute.
const LOGINS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(30).expect("it is more than none");

/// How often a credential may call, and how often an address may fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most calls a second by one credential, over a longer time; twice as many at once. None: no limit.
    pub calls_per_second: Option<NonZeroU32>,
    /// The most failures a minute from one address that are answered with what was wrong, over a longer time and at once.
    /// None: no limit. Of IPv6, a network of 64 bits counts as one address.
    pub failures_per_minute: Option<NonZeroU32>,
}

impl Default for Limits {
    /// 1,000 calls a second, 60 failures a minute.
    fn default() -> Self {
        Self { calls_per_second: NonZeroU32::new(1_000), failures_per_minute: NonZeroU32::new(60) }
    }
}

/// The limiters of one server, which count what other nodes admit too.
#[derive(Debug)]
pub(super) struct Limiters {
    calls: Option<Pool<CredentialId>>,
    failures: Option<Pool<Option<IpAddr>>>,
    logins: Pool<CredentialId>,
    failed: Mutex<BTreeMap<Kind, u64>>,
}

impl Limiters {
    /// `is_shared` says whether there may be other nodes to tell of what is admitted.
    pub(super) fn new(limits: Limits, is_shared: bool) -> Self {
        let calls = limits.calls_per_second.map(|calls| {
            let burst = NonZeroU32::new(calls.get().saturating_mul(2)).unwrap_or(calls);
            Pool::new(Quota::per_second(calls).allow_burst(burst), is_shared)
        });
        let failures =
            limits.failures_per_minute.map(|failures| Pool::new(Quota::per_minute(failures), is_shared));
        let logins = Pool::new(Quota::per_minute(LOGINS_PER_MINUTE), is_shared);
        Self { calls, failures, logins, failed: Mutex::default() }
    }

    /// Counts a call by a credential.
    ///
    /// # Errors
    /// `too-many-requests`
    pub(super) fn call(&self, credential: CredentialId) -> Result<(), Problem> {
        let Some(calls) = &self.calls else { return Ok(()) };
        calls.take(&credential).map_err(|wait| {
            let detail =
                "The credential is used for more calls than the server allows one. Repeat this one later.";
            Problem::new(Kind::TooManyRequests, detail).retry_after(rounded_up(wait))
        })
    }

    /// Counts a login by a credential: each is recorded.
    ///
    /// # Errors
    /// `too-many-requests`
    pub(super) fn login(&self, credential: CredentialId) -> Result<(), Problem> {
        self.logins.take(&credential).map_err(|wait| {
            let detail = format!(
                "The credential has opened {LOGINS_PER_MINUTE} sessions within a minute. Go on with one of them."
            );
            Problem::new(Kind::TooManyRequests, detail).retry_after(rounded_up(wait))
        })
    }

    /// Counts a failure from an address: the problem itself, or `too-many-failures` where there were too many.
    pub(super) fn failure(&self, problem: Problem, address: Option<IpAddr>) -> Problem {
        let taken = self.failures.as_ref().map(|failures| failures.take(&address.map(network)));
        self.count(problem.kind());
        self.failures.iter().for_each(|failures| failures.keep_within(MANY));
        match taken {
            Some(Err(wait)) => {
                let problem = Problem::of(Kind::TooManyFailures);
                problem.retry_after(rounded_up(wait))
            }
            Some(Ok(())) | None => problem,
        }
    }

    /// What was admitted since this was asked last, for the other nodes.
    pub(super) fn admitted(&self) -> Vec<Item> {
        let calls = self.calls.as_ref().map(Pool::take_untold).unwrap_or_default().into_iter();
        let failures = self.failures.as_ref().map(Pool::take_untold).unwrap_or_default().into_iter();
        let logins = self.logins.take_untold().into_iter();
        let calls = calls.map(|(credential, count)| Item::Calls(credential, count));
        let logins = logins.map(|(credential, count)| Item::Logins(credential, count));
        logins.chain(failures.map(|(address, count)| Item::Failures(address, count))).chain(calls).collect()
    }

    /// Counts what another node admitted.
    pub(super) fn charge(&self, admitted: &Item) {
        match admitted {
            Item::Calls(credential, count) => {
                self.calls.iter().for_each(|calls| calls.charge(credential, *count));
            }
            Item::Logins(credential, count) => self.logins.charge(credential, *count),
            Item::Failures(address, count) => self.failures.iter().for_each(|failures| {
                failures.charge(address, *count);
                failures.keep_within(MANY);
            }),
            Item::Heartbeat(..) | Item::Used(..) => {}
        }
    }

    /// Counts a failure for `/metrics`, and for no limit.
    pub(super) fn count(&self, kind: Kind) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default() += 1;
    }

    pub(super) fn write_to(&self, text: &mut String) {
        const FAILED: &str = "mc_authentication_failures_total";
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(
            text,
            "# HELP {FAILED} Requests refused because they showed none or no good credential, by what was wrong.\n# TYPE {FAILED} counter"
        );
        for (kind, count) in &*failed {
            let _ = writeln!(text, "{FAILED}{{code=\"{}\"}} {count}", kind.code());
        }
    }
}

/// What counts as one address: of IPv6 the network, since whoever has one address of it has them all.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

fn rounded_up(wait: Duration) -> Duration {
    Duration::from_secs(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
}
