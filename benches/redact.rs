//! How long does it take to redact 10 KB of text, next to a walk over its characters?
//!
//! `cargo bench --bench redact`. The server redacts every text that comes in, so this must not cost much more than reading
//! it. The numbers depend on the machine; the ratio hardly does.

use std::{hint::black_box, time::Instant};

use mc_domain::policy::secrets::redact;

const TEXT_BYTES: usize = 10 * 1024;
/// How many measurements there are. The fastest counts, because other load slowed the others down.
const MEASUREMENTS: usize = 15;
const TIMES_PER_MEASUREMENT: u32 = 200;

fn main() {
    let harmless = "The agent compares product prices for the third quarter; inputTokens: 512, path src/main.rs, \
                    id 019c1860-0000-7000-8000-000000000046, e361d14f0c2b7a9d8e4f5061728394a5b6c7d8e9. ";
    let leaky = format!("{harmless}password=hunter2 and {} ", ["S", "G.", "aB3dE6gH9jK2mN5pQ8sT1v"].concat());
    for (what, line) in [("no secret", harmless), ("two in each line", leaky.as_str())] {
        let text: String = line.chars().cycle().take(TEXT_BYTES).collect();
        let walk = micros(|| {
            black_box(black_box(&text).chars().filter(|c| c.is_whitespace()).count());
        });
        let redacted = micros(|| {
            black_box(redact(black_box(&text)));
        });
        println!("{what}: {redacted:.1} us for 10 KB, {:.1} times a walk of {walk:.1} us", redacted / walk);
    }
}

/// The time of one call, in microseconds.
fn micros(work: impl Fn()) -> f64 {
    let measured = (0..MEASUREMENTS).map(|_| {
        let begun = Instant::now();
        (0..TIMES_PER_MEASUREMENT).for_each(|_| work());
        begun.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES_PER_MEASUREMENT)
    });
    measured.fold(f64::MAX, f64::min)
}
