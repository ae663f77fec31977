//! `mission-control seed`: fills a store with a squad and tasks to look at.

use std::io::{self, Write};

use indicatif::ProgressBar;
use mc_store::error::StoreError;

use super::{
    Failure,
    place::failed,
    store::{at_rest, count, one_thread},
};
use crate::{
    app::App,
    config::SeedOptions,
    refusal::Refused,
    seed::{STEPS, Seeded, demo, seed},
};

pub(super) fn run(options: &SeedOptions) -> Result<(), Failure> {
    let record = at_rest(&options.store, &options.operator, async |app| record(app, options.demo).await);
    let seeded = one_thread()?.block_on(record).map_err(|refused| failure(options, refused))?;
    for skipped in &seeded.skipped {
        tracing::warn!("passed over, because the store has lived on: {skipped}");
    }
    // A closed standard output is no failure: the store is seeded all the same.
    let _ = writeln!(io::stdout(), "{}", summary(&seeded));
    Ok(())
}

fn summary(seeded: &Seeded) -> String {
    let events = count(seeded.events, "event");
    match (seeded.agents as u64, seeded.tasks as u64) {
        _ if seeded.events == 0 => "Everything of the seed was there already.".to_owned(),
        (agents, tasks) => {
            let (agents, tasks) = (count(agents, "agent"), count(tasks, "task"));
            format!("Recorded {agents} and {tasks} ({events}). Start the server with: mission-control")
        }
    }
}

async fn record(app: &App, with_demo: bool) -> Result<Seeded, Refused> {
    let before = app.log().head();
    let mut skipped = seed(app).await?;
    if with_demo {
        let bar = ProgressBar::new(STEPS).with_message("a day of work");
        skipped.extend(demo(app, &mut || bar.inc(1)).await?);
        bar.finish_and_clear();
    }
    Ok(Seeded { skipped, ..Seeded::since(app, before).await? })
}

fn failure(options: &SeedOptions, refused: Refused) -> Failure {
    match refused {
        Refused::Store(error @ StoreError::Locked { .. }) => {
            Failure::new(error, Some("Stop the server first, or start it with --seed".to_owned()))
        }
        Refused::Store(error) => failed(&options.store.store, error),
        refused @ (Refused::Rule(_) | Refused::Request(_)) => Failure::new(refused, None),
    }
}
