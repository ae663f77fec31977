//! Callers that append events one after the other, and how long each of their answers took.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use mc_domain::{actor::Actor, recorded::Metadata};
use mc_store::log::NewEvent;
use tokio::{runtime::Runtime, task::JoinSet};
use uuid::Uuid;

/// How long each measurement runs before it counts, so that caches are warm.
const WARM_UP: Duration = Duration::from_millis(200);

/// What came out of one measurement.
pub struct Measured {
    pub per_second: f64,
    /// The time within which 50 %, 99 % and all of the answers came.
    pub latencies_ms: [f64; 3],
}

/// Runs `append(caller, number)` for each of `callers`, again as soon as it returns.
pub fn measure<F, A>(runtime: &Runtime, callers: usize, length: Duration, append: F) -> Measured
where
    F: Fn(usize, u64) -> A + Clone + Send + 'static,
    A: Future<Output = ()> + Send,
{
    let counted_from = Instant::now() + WARM_UP;
    let end = counted_from + length;
    let mut latencies: Vec<Duration> = runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for caller in 0..callers {
            let append = append.clone();
            tasks.spawn(async move {
                let mut latencies = Vec::with_capacity(1 << 17);
                for number in 0.. {
                    let start = Instant::now();
                    if start >= end {
                        break;
                    }
                    append(caller, number).await;
                    if start >= counted_from {
                        latencies.push(start.elapsed());
                    }
                }
                latencies
            });
        }
        tasks.join_all().await.concat()
    });
    latencies.sort_unstable();
    let quantile = |q: f64| latencies[((latencies.len() - 1) as f64 * q) as usize].as_secs_f64() * 1e3;
    let per_second = latencies.len() as f64 / length.as_secs_f64();
    Measured { per_second, latencies_ms: [0.5, 0.99, 1.0].map(quantile) }
}

/// An event with about 350 bytes of payload and metadata, as many as a message of an agent has.
pub fn event() -> NewEvent {
    NewEvent {
        event_type: "task.claimed".into(),
        event_version: 1,
        payload: format!(
            r#"{{"claimed":{{"agent":"{}","at":"2026-11-22T15:00:00.123456Z"}}}}"#,
            Uuid::from_u128(7)
        ),
        metadata: Metadata {
            event_id: Uuid::now_v7().into(),
            recorded_at: DateTime::<Utc>::from_timestamp_micros(1_795_000_000_123_456).unwrap(),
            actor: Actor::Agent(Uuid::from_u128(7).into()),
            project: Some(Uuid::from_u128(8).into()),
            command_id: Uuid::now_v7().into(),
            idempotency_key: None,
            credential: None,
        },
    }
}
