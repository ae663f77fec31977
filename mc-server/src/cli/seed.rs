//! `mission-control seed`.

use std::{
    io::{self, Write},
    sync::Arc,
};

use mc_store::{Store, error::StoreError};
use tokio_util::sync::CancellationToken;

use super::Failure;
use crate::{
    config::SeedOptions,
    health::Health,
    seed::{Seeded, seed},
    serve::store_advice,
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
    let seeded = seed(&app).await;
    log.close().await;
    seeded
}

fn failure(options: &SeedOptions, refused: Refused) -> Failure {
    let advice = match &refused {
        Refused::Store(StoreError::Locked { .. }) => {
            Some("Stop the server first, or start it with --seed".to_owned())
        }
        Refused::Store(error) => store_advice(&options.store.store, error),
        Refused::Rule(_) | Refused::Request(_) => None,
    };
    Failure::new(refused, advice)
}
