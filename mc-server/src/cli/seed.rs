//! `mission-control seed`.

use std::{
    io::{self, Write},
    sync::Arc,
};

use indicatif::ProgressBar;
use mc_store::{Store, error::StoreError};
use tokio_util::sync::CancellationToken;

use super::{Failure, store::failed};
use crate::{
    config::SeedOptions,
    health::Health,
    seed::{STEPS, Seeded, demo, seed},
    state::{App, Refused, system_clock},
};

pub(super) fn run(options: &SeedOptions) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::new(error, None))?;
    let seeded = runtime.block_on(record(options)).map_err(|refused| failure(options, refused))?;
    let Seeded { agents, tasks, events } = seeded;
    let _ = match events {
        0 => writeln!(io::stdout(), "The {agents} agents and {tasks} tasks of the seed were there already."),
        _ => writeln!(
            io::stdout(),
            "Seeded {agents} agents and {tasks} tasks ({events} events). Start the server with: mission-control"
        ),
    };
    Ok(())
}

async fn record(options: &SeedOptions) -> Result<Seeded, Refused> {
    let log = Store::open(&options.store.store)?;
    let operator = options.operator.operator.clone();
    let app = App::recover(
        Arc::clone(&log),
        operator,
        system_clock(),
        Health::starting(),
        CancellationToken::new(),
    )
    .await?;
    let seeded = record_into(&app, options.demo).await;
    log.close().await;
    seeded
}

async fn record_into(app: &App, with_demo: bool) -> Result<Seeded, Refused> {
    let before = app.log().head();
    let seeded = seed(app).await?;
    if with_demo {
        let bar = ProgressBar::new(STEPS).with_message("a day of work");
        demo(app, &mut || bar.inc(1)).await?;
        bar.finish_and_clear();
    }
    Ok(Seeded { events: app.log().head() - before, ..seeded })
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
