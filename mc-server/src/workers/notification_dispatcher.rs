//! Finds out whom an event concerns, and queues a notification for each of them.
//!
//! It follows the log by pages and queues what a page calls for in few commits. The last notification of each says up to
//! where in the log everything was told ([`Notice::through`]), so the next server goes on from there and reads nothing of
//! what came before.

use std::{collections::BTreeSet, time::Duration};

use chrono::{DateTime, Utc};
use mc_domain::{
    notification::{Command, LASTS, Notice, Notification},
    process::notifications,
    values::Name,
};
use mc_projections::notifications::AddressBook;
use mc_store::{codec, error::StoreError, log::StoredEvent};
use tokio::sync::watch;

use super::{Worker, context::batch, term::Term};
use crate::health::Backlog;

/// The most events that are looked at together.
const EVENTS_AT_ONCE: usize = 256;
/// The most that one turn looks at, in portions of [`EVENTS_AT_ONCE`]; the rest follows in the next.
const PORTIONS_PER_TURN: usize = 64;
/// The most notifications that are queued in one commit.
const NOTICES_PER_COMMIT: usize = 256;

/// The worker that turns events into notifications for those they concern.
pub(super) struct NotificationDispatcher {
    term: Term,
    operators: BTreeSet<Name>,
    arrives_at_once: bool,
    /// How far in the log everybody was told; nothing before the first turn.
    position: Option<u64>,
    left: Backlog,
    head: watch::Receiver<u64>,
}

impl NotificationDispatcher {
    /// `arrives_at_once` says that nothing is sent anywhere, so that whatever is queued has arrived by that.
    pub(super) fn new(term: Term, arrives_at_once: bool) -> Self {
        let app = term.app();
        let (head, operators) = (app.log().watch_head(), BTreeSet::from([app.operator().clone()]));
        Self { term, operators, arrives_at_once, position: None, left: Backlog::default(), head }
    }
}

impl Worker for NotificationDispatcher {
    const NAME: &'static str = "notification-dispatcher";
    const SAYS: &'static str = "[NotificationDispatcher] Processing notifications...";
    const TELLS_EVERY_TICK: bool = true;
    const EVERY: Duration = Duration::from_secs(30);

    async fn tick(&mut self, now: DateTime<Utc>) -> Result<usize, StoreError> {
        self.head.mark_unchanged();
        self.left = Backlog::default();
        let mut position = match self.position {
            Some(position) => position,
            None => self.begin_at(now).await?,
        };
        let mut done = 0;
        for _ in 0..PORTIONS_PER_TURN {
            self.position = Some(position);
            if self.term.is_over() {
                return Ok(done);
            }
            let portion = self.term.app().log().read_all(position, EVENTS_AT_ONCE).await?;
            let Some(last) = portion.last().map(|event| event.position) else { return Ok(done) };
            done += self.tell(&portion, last, now).await?;
            position = last;
        }
        self.position = Some(position);
        self.left = self.rest(position).await?;
        Ok(done)
    }

    fn backlog(&self) -> Backlog {
        self.left
    }

    async fn woken(&mut self) {
        if self.left.items > 0 {
            return tokio::task::yield_now().await;
        }
        if self.head.changed().await.is_err() {
            // The log is closed: nothing happens any more.
            std::future::pending::<()>().await;
        }
    }
}

impl NotificationDispatcher {
    /// After the last event that was told of. What happened a day ago or longer is told nobody any more, so a server that
    /// was down for long, or that has a log of an older version, does not begin with a flood.
    pub(super) async fn begin_at(&self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let log = self.term.app().log();
        self.term.views_reach(0).await?;
        let through = self.term.app().projected().read(|views| views.notifications.through());
        let head = log.head();
        let too_late = log.first_since(now - LASTS).await?.map_or(head, |first| first - 1);
        Ok(through.max(too_late))
    }

    /// Queues what a portion of the log calls for, which ends with the position `last`.
    async fn tell(
        &self,
        portion: &[StoredEvent],
        last: u64,
        now: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        self.term.views_reach(last).await?;
        let mut done = 0;
        for notices in told_together(self.notices(portion, now)?, last) {
            done += self.queue(&notices, now).await?;
        }
        Ok(done)
    }

    /// What a portion of the log calls for and nobody was told of yet, with the position of the event that calls for it.
    fn notices(&self, portion: &[StoredEvent], now: DateTime<Utc>) -> Result<Vec<(u64, Notice)>, StoreError> {
        let events: Vec<_> = portion
            .iter()
            .filter_map(|stored| codec::decode_any(stored).transpose())
            .collect::<Result<_, _>>()?;
        Ok(self.term.app().projected().read(|views| {
            let book = AddressBook { views, operators: &self.operators };
            let wanted = events.iter().flat_map(|event| {
                notifications(event, &book).into_iter().map(|notice| (event.position, notice))
            });
            let is_new =
                |notice: &Notice| now < notice.at + LASTS && !views.notifications.contains(notice.id());
            wanted.filter(|(_, notice)| is_new(notice)).collect()
        }))
    }

    /// Their identities come from what they are about, so their streams are taken for new without a look; the commit does
    /// not hold where one of them is not.
    async fn queue(&self, notices: &[Notice], now: DateTime<Utc>) -> Result<usize, StoreError> {
        let arrives_at_once = self.arrives_at_once;
        batch(&self.term, Self::NAME, now, notices, |tx, notice| {
            let fresh = tx.create::<Notification>(notice.id());
            let queued = tx.execute_in(notice.project, &fresh, Command::Queue(notice.clone()))?;
            if arrives_at_once && queued.version > fresh.version {
                tx.execute_in(notice.project, &queued, Command::Deliver)?;
            }
            Ok(())
        })
        .await
    }

    /// How many events wait after `position`, and since when.
    async fn rest(&self, position: u64) -> Result<Backlog, StoreError> {
        let next = self.term.app().log().read_all(position, 1).await?;
        let since = next.first().map(|event| event.metadata.recorded_at);
        Ok(Backlog { items: self.term.app().log().head().saturating_sub(position), since })
    }
}

/// What is queued in one commit each. The last notice of a commit says how far everybody is told by that: up to `last`
/// with the last of all, and never past an event of which somebody is still to be told.
fn told_together(notices: Vec<(u64, Notice)>, last: u64) -> Vec<Vec<Notice>> {
    let commits = notices.chunks(NOTICES_PER_COMMIT);
    let nexts = notices.chunks(NOTICES_PER_COMMIT).skip(1).map(|next| next[0].0 - 1);
    let together = commits.zip(nexts.chain([last])).map(|(commit, through)| {
        let mut commit: Vec<_> = commit.iter().map(|(_, notice)| notice.clone()).collect();
        if let Some(end) = commit.last_mut() {
            end.through = Some(through);
        }
        commit
    });
    together.collect()
}

#[cfg(test)]
mod tests {
    use mc_domain::{
        notification::{Kind, Recipient},
        values::{Name, Title},
    };

    use super::*;

    fn called_for_by(position: u64) -> (u64, Notice) {
        let notice = Notice {
            cause: uuid::Uuid::from_u128(u128::from(position)).into(),
            project: None,
            recipient: Recipient::Operator(Name::new("Sofie").unwrap()),
            kind: Kind::Update,
            subject: Title::new("Now done: Guide").unwrap(),
            text: None,
            task: None,
            through: None,
            at: DateTime::UNIX_EPOCH,
        };
        (position, notice)
    }

    /// What a commit says everybody was told of, and how many it tells.
    fn commits(positions: impl IntoIterator<Item = u64>, last: u64) -> Vec<(Option<u64>, usize)> {
        let commits = told_together(positions.into_iter().map(called_for_by).collect(), last);
        let (middles, ends): (Vec<_>, Vec<_>) = commits
            .iter()
            .map(|commit| {
                commit.split_last().map(|(end, middle)| (middle, (end.through, commit.len()))).unwrap()
            })
            .unzip();
        assert!(middles.iter().all(|middle| middle.iter().all(|notice| notice.through.is_none())));
        ends
    }

    #[test]
    fn a_commit_tells_no_further_than_everybody_was_told() {
        assert_eq!(commits([], 9), []);
        assert_eq!(commits([3, 7], 9), [(Some(9), 2)]);
        let many = NOTICES_PER_COMMIT as u64;
        assert_eq!(commits(1..=many + 2, many + 5), [(Some(many), 256), (Some(many + 5), 2)]);
        let of_one_event = std::iter::repeat_n(4, NOTICES_PER_COMMIT + 1);
        assert_eq!(commits(of_one_event, 5), [(Some(3), 256), (Some(5), 1)]);
    }
}
