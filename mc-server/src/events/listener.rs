//! Who follows the log, and for how long they may.

use mc_domain::ids::CredentialId;
use tokio::time::Instant;

use crate::{access::Caller, app::App};

/// Whoever opened an event stream. What admitted them may end while the stream is open.
pub(crate) struct Listener {
    app: App,
    caller: Caller,
}

impl Listener {
    /// The caller who opens a stream.
    pub(crate) fn new(app: App, caller: Caller) -> Self {
        Self { app, caller }
    }

    /// The credential that the stream is counted for; none where the server asks for none.
    pub(super) fn credential(&self) -> Option<CredentialId> {
        self.caller.credential()
    }

    /// Whether the caller is still admitted, as of everything that is recorded by now, and at least as of position `read`: a
    /// node may read what another one recorded before its views have it. Where the log cannot be read, nobody is.
    pub(super) async fn is_admitted(&self, read: Option<u64>) -> bool {
        if self.app.projected().wait_for(read.unwrap_or_default()).await.is_err() {
            return false;
        }
        self.app.is_still_good(&self.caller).await.unwrap_or_default()
    }

    /// When the caller's credential expires; nothing when it does not by itself, or in so long that no clock has it.
    pub(super) fn until(&self) -> Option<Instant> {
        let expires_at = self.caller.grant()?.expires_at?;
        let left = (expires_at - self.app.now()).to_std().unwrap_or_default();
        Instant::now().checked_add(left)
    }
}
