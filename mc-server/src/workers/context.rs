//! What all workers share: a fold over the log that is kept current, and the way they execute commands.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use mc_domain::{
    actor::Actor,
    aggregate::CommandContext,
    ids::ProjectId,
    operation::Outcome,
    process::Watch,
    recorded::{AnyEvent, Recorded},
    transaction::Transaction,
    values::Name,
};
use mc_store::{
    codec,
    error::StoreError,
    log::{EventLog, MAX_PAGE_EVENTS},
    repository::CommandEnvelope,
};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

use super::term::Term;
use crate::{app::App, own_identity::own_key, refusal::Refused};

/// What a worker keeps of the log, folded event by event.
pub(super) trait Fold {
    /// Takes in the next event, in the order of the log.
    fn apply(&mut self, event: &Recorded<AnyEvent>);
}

impl Fold for Watch {
    fn apply(&mut self, event: &Recorded<AnyEvent>) {
        Self::apply(self, event);
    }
}

/// A fold and how far it has come.
#[derive(Default)]
pub(super) struct Follower<F> {
    /// The fold over the log, as far as it is read.
    pub(super) fold: F,
    position: u64,
}

impl<F: Fold> Follower<F> {
    /// Takes in everything that is in the log now.
    pub(super) async fn catch_up(&mut self, log: &dyn EventLog) -> Result<(), StoreError> {
        loop {
            let page = log.read_all(self.position, MAX_PAGE_EVENTS).await?;
            for stored in &page {
                if let Some(event) = codec::decode_any(stored)? {
                    self.fold.apply(&event);
                }
                self.position = stored.position;
            }
            if page.len() < MAX_PAGE_EVENTS {
                return Ok(());
            }
        }
    }
}

/// The watch over the log, which outlasts the terms of a node.
pub(super) type SharedWatch = Arc<Mutex<Follower<Watch>>>;

/// What several workers share: one watch over the log for all of them.
pub(super) struct WorkerContext {
    term: Term,
    watch: SharedWatch,
}

impl WorkerContext {
    pub(super) fn new(term: Term, watch: SharedWatch) -> Self {
        Self { term, watch }
    }

    /// The handle of the server the worker belongs to.
    pub(super) fn app(&self) -> &App {
        self.term.app()
    }

    /// The term in which it works.
    pub(super) fn term(&self) -> &Term {
        &self.term
    }

    /// Locks the watch and brings it up to date, and the views at least as far. Other workers wait for the lock.
    pub(super) async fn watch(&self) -> Result<MappedMutexGuard<'_, Watch>, StoreError> {
        let mut watch = self.watch.lock().await;
        watch.catch_up(self.app().log().as_ref()).await?;
        self.term.views_reach(watch.position).await?;
        Ok(MutexGuard::map(watch, |watch| &mut watch.fold))
    }

    /// Executes a command as the worker `worker`; see [`command`].
    pub(super) async fn command<O: Into<Outcome>>(
        &self,
        worker: &'static str,
        project: Option<ProjectId>,
        now: DateTime<Utc>,
        key: String,
        decide: impl FnMut(&mut Transaction<'_>) -> Result<O, Refused> + Send,
    ) -> Result<usize, StoreError> {
        command(&self.term, worker, project, now, key, decide).await
    }
}

/// Gives a command in `project` under `key`, which names what it acts on: whether anything came of it, as a number to add
/// up.
///
/// A rule against it is no failure of the worker: somebody was faster, or it is for an operator to see in the log. Once the
/// term is over nothing more is begun: it is still due when the next one begins, here or on another node.
///
/// # Errors
/// What the log says.
pub(super) async fn command<O: Into<Outcome>>(
    term: &Term,
    worker: &'static str,
    project: Option<ProjectId>,
    now: DateTime<Utc>,
    key: String,
    mut decide: impl FnMut(&mut Transaction<'_>) -> Result<O, Refused> + Send,
) -> Result<usize, StoreError> {
    if term.is_over() {
        return Ok(0);
    }
    let app = term.app();
    let context = CommandContext::new(now, itself(worker)).under(app.policy_limits(project));
    let (own, fingerprint) = own_key(worker, &key);
    let envelope = CommandEnvelope::new(context).under_key(own, fingerprint).under_lease(term.lease());
    let executed = app.repository().execute(&envelope, |tx| {
        if let Outcome::Refused(refusal) = decide(tx)?.into() {
            tracing::warn!(worker, key, %refusal, "a command had other consequences than expected");
        }
        Ok::<_, Refused>(tx.changes().len())
    });
    match executed.await {
        Ok(executed) if executed.replayed => Ok(0),
        Ok(executed) => Ok(usize::from(executed.value > 0)),
        // One command that cannot be given is no reason not to give the others.
        Err(Refused::Store(error @ (StoreError::KeyReused { .. } | StoreError::Conflict { .. }))) => {
            tracing::warn!(worker, key, %error, "a command could not be given");
            Ok(0)
        }
        Err(Refused::Store(error)) => Err(error),
        Err(Refused::Rule(refusal)) => {
            tracing::warn!(worker, key, %refusal, "a command was refused");
            Ok(0)
        }
        Err(Refused::Request(problem)) => {
            tracing::warn!(worker, key, detail = problem.detail(), "a command was refused");
            Ok(0)
        }
    }
}

/// Gives a command for each of `items` in one commit: how many streams it added to. Each sees what was decided for the
/// items before. A rule against one of them is logged and passed over, as with [`command`].
///
/// It has no idempotency key: what is given in this way must come to nothing by its own rules when it is given again.
///
/// # Errors
/// What the log says.
pub(super) async fn batch<T: Sync>(
    term: &Term,
    worker: &'static str,
    now: DateTime<Utc>,
    items: &[T],
    mut decide: impl FnMut(&mut Transaction<'_>, &T) -> Result<(), Refused> + Send,
) -> Result<usize, StoreError> {
    let app = term.app();
    let context = CommandContext::new(now, itself(worker)).under(app.policy_limits(None));
    let envelope = CommandEnvelope::new(context).under_lease(term.lease());
    let executed = app.repository().execute(&envelope, |tx| {
        for item in items {
            match tx.attempt(|tx| decide(tx, item)) {
                Ok(()) => {}
                Err(Refused::Store(error)) => return Err(error),
                Err(refused) => tracing::warn!(worker, %refused, "a command was refused"),
            }
        }
        Ok(tx.changes().len())
    });
    executed.await.map(|executed| executed.value)
}

fn itself(worker: &'static str) -> Actor {
    Actor::System(Name::new(worker).expect("a worker's name is one"))
}
