//! Records that credentials and sessions are in use, once an hour each.

use std::time::Duration;

use chrono::{DateTime, Utc};
use mc_domain::credential::{Command, Credential, USE_EVERY};
use mc_projections::{credentials::Shown, views::Views};
use mc_store::error::StoreError;

use super::{Worker, context::command, term::Term};
use crate::access::Use;

/// The worker that turns uses in memory into events, so that a restart forgets an hour of them at most.
pub(super) struct CredentialClerk(Term);

impl CredentialClerk {
    pub(super) fn new(term: Term) -> Self {
        Self(term)
    }
}

impl Worker for CredentialClerk {
    const NAME: &'static str = "credentials";
    const SAYS: &'static str = "[Credentials] Looking for uses to record...";
    const TELLS_EVERY_TICK: bool = false;
    const EVERY: Duration = Duration::from_secs(60);

    async fn tick(&mut self, now: DateTime<Utc>) -> Result<usize, StoreError> {
        let app = self.0.app();
        let uses = app.access().uses();
        let mut done = 0;
        for (what, at) in uses.all() {
            match app.projected().read(|views| news(views, what, at, now)) {
                News::Over => uses.forget(what),
                News::None => {}
                News::Record => done += self.record(what, at, now).await?,
            }
        }
        Ok(done)
    }
}

/// Whether a use is to be recorded.
enum News {
    /// It was recorded, or one of less than an hour before.
    None,
    /// It is to be recorded.
    Record,
    /// The credential or the session is over, and nobody uses it any more.
    Over,
}

fn news(views: &Views, (id, session): Use, at: DateTime<Utc>, now: DateTime<Utc>) -> News {
    let found = match session {
        Some(session) => views.credentials.find(&Shown::Session(session)),
        None => views.credentials.get(id),
    };
    let Some(found) = found.filter(|_| views.credentials.is_good(id, now)) else { return News::Over };
    let recorded = if session.is_some() { found.session_used_at } else { found.used_at };
    if recorded.is_none_or(|recorded| at >= recorded + USE_EVERY) { News::Record } else { News::None }
}

impl CredentialClerk {
    async fn record(
        &self,
        (id, session): Use,
        at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        let of = session.map_or_else(|| id.to_string(), |session| session.to_string());
        let key = format!("used/{of}/{}", at.timestamp());
        let note = match session {
            Some(session) => Command::NoteSession { session, at },
            None => Command::NoteUse { at },
        };
        command(&self.0, Self::NAME, None, now, key, |tx| {
            let credential = tx.get::<Credential>(&id)?;
            tx.execute_in(None, &credential, note.clone())?;
            Ok(())
        })
        .await
    }
}
