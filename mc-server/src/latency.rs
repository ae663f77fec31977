//! A histogram of durations, in the buckets that Prometheus reads.

use std::{
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// The upper bounds of the buckets, in microseconds.
const BOUNDS_MICROS: [u64; 10] =
    [250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 1_000_000, 10_000_000];

/// A histogram of durations since the start of the process.
#[derive(Debug, Default)]
pub struct Latencies {
    buckets: [AtomicU64; BOUNDS_MICROS.len()],
    count: AtomicU64,
    sum_micros: AtomicU64,
}

impl Latencies {
    /// Adds one duration to each bucket whose upper bound it does not exceed.
    pub fn record(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        for (bound, bucket) in BOUNDS_MICROS.iter().zip(&self.buckets) {
            if micros <= *bound {
                bucket.fetch_add(1, Relaxed);
            }
        }
        self.count.fetch_add(1, Relaxed);
        self.sum_micros.fetch_add(micros, Relaxed);
    }

    /// The number of durations recorded since the start.
    pub fn count(&self) -> u64 {
        self.count.load(Relaxed)
    }

    /// Appends them as the samples of a histogram in the text format of Prometheus, each with `labels` (`name="value"`,
    /// separated by commas).
    pub fn write_to(&self, text: &mut String, name: &str, labels: &str) {
        let (comma, only) = match labels {
            "" => ("", String::new()),
            labels => (",", format!("{{{labels}}}")),
        };
        // Writing to a text cannot fail. The count is read first, so that no bucket is below one before it.
        let count = self.count();
        for (bound, bucket) in BOUNDS_MICROS.iter().zip(&self.buckets) {
            let at_most = bucket.load(Relaxed).min(count);
            let _ = writeln!(text, "{name}_bucket{{{labels}{comma}le=\"{}\"}} {at_most}", seconds(*bound));
        }
        let _ = writeln!(text, "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {count}");
        let _ = writeln!(text, "{name}_sum{only} {}", seconds(self.sum_micros.load(Relaxed)));
        let _ = writeln!(text, "{name}_count{only} {count}");
    }
}

/// Microseconds as a decimal number of seconds.
fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_count_everything_up_to_their_bound() {
        let latencies = Latencies::default();
        for micros in [100, 2_000, 20_000_000] {
            latencies.record(Duration::from_micros(micros));
        }
        let mut text = String::new();
        latencies.write_to(&mut text, "mc_commit_duration_seconds", "");
        for line in [
            "mc_commit_duration_seconds_bucket{le=\"0.00025\"} 1",
            "mc_commit_duration_seconds_bucket{le=\"0.0025\"} 2",
            "mc_commit_duration_seconds_bucket{le=\"10\"} 2",
            "mc_commit_duration_seconds_bucket{le=\"+Inf\"} 3",
            "mc_commit_duration_seconds_sum 20.0021",
            "mc_commit_duration_seconds_count 3",
        ] {
            assert!(text.lines().any(|written| written == line), "{line} is not in {text}");
        }
    }
}
