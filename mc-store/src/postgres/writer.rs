//! The one task that appends, and that follows what other nodes append.
//!
//! It takes all commits that queued while the database synced the last group, decides them in memory and sends them in one
//! round trip. When the log has moved meanwhile, because another node has appended, it takes the ordering lock, reads what is
//! new, and decides again under it. Both ways end in the same function of the database, so positions have one giver.

use std::{
    iter::zip,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use sqlx::Error;
use tokio::{
    sync::{
        Notify,
        mpsc::{self, error::TryRecvError},
        watch,
    },
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    connection::Address,
    contact::{Contact, PATIENCE_WITH_OUTAGE},
    error::Failure,
    observers::Observers,
    outcome::{Done, InDoubt, Trouble},
    queue::{CommitResult, Message, QueuedCommit, answer, group_size, refuse},
    session::Session,
};
use crate::{error::StoreError, heads::Heads, log::Appended, recent::Recent};

/// The most messages taken from the queue at once.
const MAX_MESSAGES: usize = 1_024;
/// The longest that a group waits for those who were answered together with the last one.
const MAX_GATHERING: Duration = Duration::from_millis(1);
/// How often the head is asked for, in case a notification was lost.
const POLL: Duration = Duration::from_millis(500);

/// The state of the writing task.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) address: Address,
    /// Nothing while the database is away.
    pub(super) session: Option<Session>,
    /// The versions of the streams used last, as of the end that the session knows.
    pub(super) heads: Heads<u64>,
    pub(super) shared: Arc<Shared>,
    pub(super) head: watch::Sender<u64>,
    /// Whether another node appended between this node's last two groups.
    pub(super) is_contended: bool,
    /// Whether the last thing that this node tried to append failed.
    pub(super) last_failed: bool,
}

/// What the writer shares with readers and with the listener.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) recent: Recent,
    pub(super) observers: Observers,
    pub(super) contact: Contact,
    /// The highest position that a notification has told of.
    pub(super) told: AtomicU64,
    /// Wakes the writer when `told` has moved.
    pub(super) wake: Notify,
}

/// How a group came into the log.
enum Settled {
    /// It was appended just now.
    Now(Done),
    /// It had been appended before its connection broke, and was read with what other nodes have appended since.
    Before(Vec<CommitResult>),
}

/// What was served last.
#[derive(Debug, Default)]
struct Last {
    messages: usize,
    took: Duration,
}

/// Waits until as many `messages` are there as last time, for half as long as serving those took: callers that were answered
/// together are likely to come again together, and one group for all of them costs one sync of the database instead of two. A
/// timer is too coarse for that, so it looks again and again and lets other threads run meanwhile.
fn gather(queue: &mut mpsc::Receiver<Message>, messages: &mut Vec<Message>, last: &Last) {
    let (begin, patience) = (Instant::now(), MAX_GATHERING.min(last.took / 2));
    while messages.len() < last.messages && begin.elapsed() < patience {
        match queue.try_recv() {
            Ok(message) => messages.push(message),
            Err(TryRecvError::Empty) => thread::yield_now(),
            Err(TryRecvError::Disconnected) => return,
        }
    }
}

impl Writer {
    /// A writer that goes on where `session` found the log.
    pub(super) fn new(
        address: Address,
        session: Session,
        shared: Arc<Shared>,
    ) -> (Self, watch::Receiver<u64>) {
        let (head, watched) = watch::channel(session.end.position);
        let writer = Self {
            address,
            session: Some(session),
            heads: Heads::default(),
            shared,
            head,
            is_contended: false,
            last_failed: false,
        };
        (writer, watched)
    }

    /// Serves the queue, and follows the log, until every sender is gone.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Message>) {
        let mut polls = interval(POLL);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let shared = Arc::clone(&self.shared);
        let (mut messages, mut last) = (Vec::new(), Last::default());
        loop {
            tokio::select! {
                biased;
                received = queue.recv_many(&mut messages, MAX_MESSAGES) => match received {
                    0 => return,
                    _ => {
                        gather(&mut queue, &mut messages, &last);
                        let (count, begin) = (messages.len(), Instant::now());
                        self.serve(messages.drain(..)).await;
                        last = Last { messages: count, took: begin.elapsed() };
                    }
                },
                () = shared.wake.notified() => self.follow_to(shared.told.load(Ordering::Relaxed)).await,
                _ = polls.tick() => self.follow().await,
            }
        }
    }

    async fn serve(&mut self, messages: impl Iterator<Item = Message>) {
        let (mut waiting, mut probes) = (Vec::new(), Vec::new());
        for message in messages {
            match message {
                Message::Commit(commit) => waiting.push(commit),
                Message::Probe(answer) => probes.push(answer),
            }
        }
        while !waiting.is_empty() {
            let group = waiting.drain(..group_size(&waiting)).collect();
            self.commit(group).await;
        }
        for answer in probes {
            // The caller may no longer wait.
            let _ = answer.send(self.probe().await);
        }
    }

    /// Appends a group, and answers its callers. After a connection broke it looks whether the group is in the log, and
    /// otherwise appends it again: nothing that was sent over the broken one can take effect any more.
    async fn commit(&mut self, group: Vec<QueuedCommit>) {
        if self.shared.contact.is_given_up() {
            return refuse(group, StoreError::Unavailable("the database is away".into()), false);
        }
        let deadline = Instant::now() + PATIENCE_WITH_OUTAGE;
        let mut in_doubt = None;
        loop {
            if let Err(error) = self.reach_database(deadline).await {
                return refuse(group, error, in_doubt.is_some());
            }
            match self.append_or_settle(&group, in_doubt.take()).await {
                Ok(Settled::Now(done)) => return self.publish(group, done),
                Ok(Settled::Before(results)) => return answer(group, results),
                Err(Trouble::Broken(error, sent)) => {
                    self.lose(&error);
                    in_doubt = sent;
                }
                Err(Trouble::Data(error)) => return self.isolate(group, error).await,
                Err(Trouble::Refused(error)) => {
                    self.last_failed = true;
                    return refuse(group, error, false);
                }
            }
        }
    }

    async fn append_or_settle(
        &mut self,
        group: &[QueuedCommit],
        in_doubt: Option<InDoubt>,
    ) -> Result<Settled, Trouble> {
        let Some(mut session) = self.session.take() else {
            return Err(Trouble::Broken(Error::PoolClosed, in_doubt));
        };
        let settled = match in_doubt {
            Some(sent) => self.settle(&mut session, sent).await,
            None => Ok(None),
        };
        let appended = match settled {
            Ok(Some(results)) => Ok(Settled::Before(results)),
            Ok(None) => self.append(&mut session, group).await.map(Settled::Now),
            Err(trouble) => Err(trouble),
        };
        if !matches!(appended, Err(Trouble::Broken(..))) {
            self.session = Some(session);
        }
        appended
    }

    /// Appends each commit of a group alone: the database refuses the data of one, and the others are not to suffer.
    async fn isolate(&mut self, group: Vec<QueuedCommit>, error: Error) {
        if group.len() == 1 {
            return refuse(group, self.address.error(error), false);
        }
        for queued in group {
            Box::pin(self.commit(vec![queued])).await;
        }
    }

    /// Shows the new events to readers first and answers callers second: a caller with an answer finds its events.
    fn publish(&mut self, mut group: Vec<QueuedCommit>, done: Done) {
        self.last_failed = false;
        self.shared.contact.made();
        for (stream, version) in &done.versions {
            self.heads.set(stream, *version);
        }
        let mut events = Vec::new();
        for (queued, result) in zip(&mut group, &done.results) {
            if let Ok(Appended::Committed { position }) = result {
                let first = position + 1 - queued.metadata.len() as u64;
                events.extend(std::mem::take(&mut queued.commit).recorded_from(first));
            }
        }
        self.shared.recent.push(events);
        self.move_head(done.end.position);
        answer(group, done.results);
    }

    pub(super) fn move_head(&self, position: u64) {
        self.head.send_if_modified(|head| {
            let moves = position > *head;
            *head = position.max(*head);
            moves
        });
    }

    /// Whether the writer could append a commit. After a failed one it writes to find out.
    async fn probe(&mut self) -> Result<(), StoreError> {
        self.reach_database(Instant::now()).await?;
        let Some(session) = &mut self.session else { return Err(StoreError::closed()) };
        match session.is_writable(self.last_failed).await {
            Ok(true) => {
                self.last_failed = false;
                self.shared.contact.made();
                Ok(())
            }
            Ok(false) => Err(StoreError::Protected { store: self.address.shown.clone() }),
            Err(error) => {
                if Failure::of(&error) == Failure::Broken {
                    self.lose(&error);
                }
                Err(self.address.error(error))
            }
        }
    }
}
