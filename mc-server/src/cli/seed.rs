//! `mission-control seed`.

use std::{
    io::{self, Write},
    sync::Arc,
};

use indicatif::ProgressBar;
use mc_store::{Store, error::StoreError};
use tokio_util::sync::CancellationToken;

use super::{
    Failure,
    store::{count, failed},
};
use crate::{
    config::SeedOptions,
    health::Health,
    seed::{STEPS, Seeded, demo, seed},
    state::{App, Refused, system_clock},
};

pub(super) fn run(options: &SeedOptions) -> Result<(), Failure> {
    // One thread: what follows the log ends before the log does, and finds nothing odd.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(error, None))?;
    let seeded = runtime.block_on(record(options)).map_err(|refused| failure(options, refused))?;
    for skipped in &seeded.skipped {
        tracing::warn!("passed over, because the store has lived on: {skipped}");
    }
    // Nobody may read it.
    let _ = writeln!(io::stdout(), "{}", told(&seeded));
    Ok(())
}

fn told(seeded: &Seeded) -> String {
    let events = count(seeded.events, "event");
    match (seeded.agents as u64, seeded.tasks as u64) {
        _ if seeded.events == 0 => "Everything of the seed was there already.".to_owned(),
        (agents, tasks) => {
            let (agents, tasks) = (count(agents, "agent"), count(tasks, "task"));
            format!("Recorded {agents} and {tasks} ({events}). Start the server with: mission-control")
        }
    }
}

async fn record(options: &SeedOptions) -> Result<Seeded, Refused> {
    let log = Store::open(&options.store.store)?;
    let operator = options.operator.operator.clone();
    let (health, shutdown) = (Health::starting(), CancellationToken::new());
    let app = App::recover(Arc::clone(&log), operator, system_clock(), health, shutdown).await?;
    let seeded = record_into(&app, options.demo).await;
    drop(app);
    log.close().await;
    seeded
}

async fn record_into(app: &App, with_demo: bool) -> Result<Seeded, Refused> {
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
        Refused::Store(error) => failed(&options.store, error),
        refused @ (Refused::Rule(_) | Refused::Request(_)) => Failure::new(refused, None),
    }
}
