//! Following what other nodes append, and coming back after the database was away.

use std::time::Duration;

use sqlx::Error;
use tokio::time::{Instant, sleep};

use super::{
    queries::ReadError,
    session::{Foreign, Session},
    writer::Writer,
};
use crate::error::StoreError;

/// The pause between two attempts to reach a database that has gone away.
const RETRY: Duration = Duration::from_millis(100);

impl Writer {
    /// Asks the database where the log ends, and reads up to there.
    pub(super) async fn follow(&mut self) {
        if self.reach_database(Instant::now()).await.is_err() {
            return;
        }
        let Some(session) = &mut self.session else { return };
        match session.position().await {
            Ok(head) => {
                self.shared.contact.made();
                self.follow_to(head).await;
            }
            Err(error) => self.lose(&error),
        }
    }

    /// Reads up to position `head`, unless that was read before.
    pub(super) async fn follow_to(&mut self, head: u64) {
        let Some(mut session) = self.session.take() else { return };
        match self.read_foreign(&mut session, head).await {
            Ok(()) => self.session = Some(session),
            Err(ReadError::Database(error)) => self.lose(&error),
            Err(ReadError::Store(error)) => {
                self.session = Some(session);
                tracing::error!(%error, "the log cannot be followed");
            }
        }
    }

    /// Reads the events of other nodes up to position `head`, and shows them.
    pub(super) async fn read_foreign(&mut self, session: &mut Session, head: u64) -> Result<(), ReadError> {
        while session.end.position < head {
            let page = session.foreign(&self.address, head).await?;
            self.show(page);
        }
        Ok(())
    }

    fn show(&mut self, page: Foreign) {
        for (stream, version) in &page.versions {
            self.heads.set(stream, *version);
        }
        if let Some(error) = &page.unreadable {
            tracing::error!(%error, "another program has appended an event that cannot be read");
        }
        self.shared.observers.show(&page.events);
        if page.unreadable.is_none() {
            self.shared.recent.push(page.events);
        }
        self.move_head(page.last);
    }

    /// Opens a new session where there is none. Tries until `deadline`, at least once.
    pub(super) async fn reach_database(&mut self, deadline: Instant) -> Result<(), StoreError> {
        while self.session.is_none() {
            match Session::open(&self.address).await {
                Ok(session) => self.resume(session).await?,
                Err(error @ (StoreError::Incomplete { .. } | StoreError::Locked { .. })) => {
                    return Err(error);
                }
                Err(error) if Instant::now() >= deadline => {
                    self.shared.contact.give_up_in_time();
                    return Err(error);
                }
                Err(_) => sleep(RETRY).await,
            }
        }
        Ok(())
    }

    /// Goes on with a new session, after what was appended since the last one.
    async fn resume(&mut self, mut session: Session) -> Result<(), StoreError> {
        let found = session.end;
        session.end.position = *self.head.borrow();
        self.heads.forget();
        match self.read_foreign(&mut session, found.position).await {
            Ok(()) => {
                session.end = found;
                self.session = Some(session);
                self.shared.contact.made();
                Ok(())
            }
            Err(error) => {
                if let ReadError::Database(error) = &error {
                    self.lose(error);
                }
                Err(error.for_caller(&self.address.shown))
            }
        }
    }

    /// Gives up a session whose connection broke.
    pub(super) fn lose(&mut self, error: &Error) {
        self.session = None;
        self.last_failed = true;
        self.shared.contact.lost(error);
    }
}
