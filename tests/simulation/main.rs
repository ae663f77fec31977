//! What anybody may do to Mission Control, in any order, by the thousand, and what holds all the while.
//!
//! A seed decides everything: who asks for what, when, under which identities. A seed that fails is printed with its step
//! and its last commands; run it alone with
//!
//! ```text
//! SIMULATION_SEED=7 cargo test --test simulation a_squad_lives
//! SIMULATION_STEPS=100000 cargo test --test simulation a_squad_lives -- --nocapture
//! ```
//!
//! where the second one asks for more steps of each seed, and prints what was tried and what came of it.
#![allow(clippy::unwrap_used)]

mod actions;
mod bearers;
mod bursts;
mod draw;
mod invariants;
mod ledger;
mod policies;
mod race;
mod random;
mod report;
mod table;
mod told;
mod views;
mod workers;
mod world;

use std::{env, fs, path::Path};

use actions::{KINDS, ONLY_REFUSED};
use mc_store::{
    backup,
    sqlite::{Existing, SqliteImport},
};
use report::Report;
use world::World;

/// The seeds of an ordinary run.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=8;
/// How many steps each of them takes.
const STEPS: usize = 4_000;

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().expect("a seed and a count of steps are numbers"))
}

/// The names of all events there are, from their stored shapes.
fn event_types() -> Vec<String> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("mc-domain/tests/golden/events");
    let files = fs::read_dir(golden).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    files.map(|file| file.rsplit_once(".v").unwrap().0.to_owned()).collect()
}

#[test]
fn a_squad_lives_through_anything_with_all_invariants() {
    let steps = number("SIMULATION_STEPS").map_or(STEPS, |steps| steps as usize);
    let seeds: Vec<_> = number("SIMULATION_SEED").map_or(SEEDS.collect(), |seed| vec![seed]);
    let mut report = Report::default();
    for seed in &seeds {
        report.add(alone(*seed, steps).report);
    }
    println!("seeds {seeds:?}, {steps} steps each: {report}");
    if number("SIMULATION_SEED").is_none() && steps >= STEPS {
        let types = event_types();
        let missing = report.missing(&types);
        assert_eq!(missing, Vec::<&str>::new(), "events that never happened");
        let once = |kind: &&&str| !ONLY_REFUSED.contains(*kind) && !report.tried(kind).0;
        assert_eq!(KINDS.iter().filter(once).collect::<Vec<_>>(), Vec::<&&str>::new(), "never accepted");
        let never = |kind: &&&str| !report.tried(kind).1;
        assert_eq!(KINDS.iter().filter(never).collect::<Vec<_>>(), Vec::<&&str>::new(), "never refused");
    }
}

#[test]
fn the_same_seed_writes_the_same_log() {
    let written = |seed| block_on(async move { World::simulated(seed, STEPS / 4).await.written().await });
    let (first, second) = (written(100), written(100));
    assert!(first == second, "two runs of one seed differ");
    assert!(first != written(101), "another seed writes another log");
}

/// A restore verifies what it has read: whatever a squad lives through counts as a history in order.
#[test]
fn the_log_of_a_simulated_squad_is_restored() {
    for seed in 200..202 {
        block_on(async move {
            let (world, directory) = (World::simulated(seed, STEPS).await, tempfile::tempdir().unwrap());
            let (log, mut document) = (world.repository.log(), Vec::new());
            let now = chrono::DateTime::UNIX_EPOCH;
            backup::write(&**log, now, &mut document, &mut |_, _| {}).await.unwrap();
            let import = SqliteImport::create(directory.path().join("log.db"), Existing::Refuse).unwrap();
            let (restored, _) = backup::read(document.as_slice(), import, &mut |_, _| {}).unwrap();
            assert_eq!(restored.events, log.head());
        });
    }
}

fn alone(seed: u64, steps: usize) -> World {
    block_on(World::simulated(seed, steps))
}

fn block_on<T>(simulated: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(simulated)
}
