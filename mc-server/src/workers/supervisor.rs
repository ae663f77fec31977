//! Runs a worker until its term is over, and starts it again after a panic.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use mc_store::error::StoreError;
use tokio::time::{MissedTickBehavior, interval};

use super::{Worker, term::Term};
use crate::health::Heartbeat;

/// The pause after a first panic; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause after a panic.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How many turns a worker may miss until it counts as late; it has this long for one turn too.
const PATIENCE_TURNS: u32 = 3;
/// Added to that patience, so that a busy machine raises no alarm.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs a worker until its term is over. After a panic it is made anew, so that it loses only what it had in
/// memory.
pub(super) async fn supervise<W: Worker>(term: Term, make: impl Fn() -> W) {
    let heartbeat = term.app().health().expect(W::NAME, W::EVERY * PATIENCE_TURNS + PATIENCE);
    let mut pause = FIRST_PAUSE;
    loop {
        let begun = Instant::now();
        let worked = AssertUnwindSafe(work(&term, make(), &heartbeat)).catch_unwind().await;
        let Err(panic) = worked else { return };
        if begun.elapsed() > LONGEST_PAUSE {
            pause = FIRST_PAUSE;
        }
        tracing::error!(
            worker = W::NAME,
            reason = panic_message(&*panic),
            ?pause,
            "a worker panicked and is restarted"
        );
        tokio::select! {
            () = term.ended() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Turn after turn, until the term is over. A turn that has begun is ended by itself, with the command at hand.
async fn work<W: Worker>(term: &Term, mut worker: W, heartbeat: &Heartbeat) {
    let app = term.app();
    let mut turns = interval(W::EVERY);
    turns.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        let on_time = tokio::select! {
            biased;
            () = term.ended() => return,
            _ = turns.tick() => true,
            () = worker.woken() => false,
        };
        match (on_time, W::TELLS_EVERY_TICK) {
            (true, true) => tracing::info!("{}", W::SAYS),
            (true, false) => tracing::debug!("{}", W::SAYS),
            (false, _) => {}
        }
        match worker.tick(app.now()).await {
            Ok(done) => {
                heartbeat.record();
                heartbeat.left(worker.backlog(), app.now());
                if done > 0 {
                    tracing::info!(worker = W::NAME, done, "done what was due");
                }
            }
            Err(StoreError::Deposed) => {
                tracing::debug!(worker = W::NAME, "another node leads");
                term.end();
            }
            // Without a heartbeat it is late before long, and `/health` says so.
            Err(error) => tracing::error!(worker = W::NAME, %error, "a worker could not do its work"),
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("it did not say why")
}
