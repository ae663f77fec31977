//! What of the credentials lets somebody in who should not be, or who is not there any more.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use mc_domain::{
    credential::{Credential, Role},
    ids::{AgentId, CredentialId},
};
use mc_projections::{
    agents::Agents,
    credentials::{CredentialView, Credentials, Standing},
    projection::Projection,
};
use mc_store::{codec, error::StoreError, log::StoredEvent};

use super::{Finding, Severity};
use crate::{
    access::{Secret, file},
    cli::{
        client::Client,
        place::Place,
        store::{count, url_of},
    },
};

/// After how long a credential that nobody used is no longer needed, most likely.
const UNUSED_AFTER: TimeDelta = TimeDelta::days(90);

/// The credentials that the log has.
#[derive(Default)]
pub(super) struct Issued(Credentials);

impl Issued {
    /// Takes in an event, if it is one of a credential.
    pub(super) fn take_in(&mut self, stored: &StoredEvent) -> Result<(), StoreError> {
        if stored.stream.aggregate_type == <Credential as mc_domain::aggregate::Aggregate>::TYPE
            && let Some(event) = codec::decode_any(stored)?
        {
            self.0.apply(&event);
        }
        Ok(())
    }

    /// Whether every call needs one.
    pub(super) fn is_required(&self) -> bool {
        self.0.is_required()
    }

    /// Whether a call needs one, as a note.
    pub(super) fn note(&self, now: DateTime<Utc>) -> String {
        if !self.is_required() {
            return "no credential was ever issued: whoever reaches the server is its operator".to_owned();
        }
        let good = self.0.ids(false).into_iter().filter(|id| self.0.is_good(*id, now)).count();
        format!("every call needs a credential; {} good", are(good))
    }

    /// What is wrong with those that were not revoked. `is_gone` knows the agents that are not there any more.
    pub(super) fn findings(&self, is_gone: impl Fn(AgentId) -> bool, now: DateTime<Utc>) -> Vec<Finding> {
        let nobody = Agents::default();
        let view = |id: CredentialId| self.0.view(id, &nobody, now, None);
        let views: Vec<_> = self.0.ids(false).into_iter().filter_map(view).collect();
        // One operator of all projects without an end there must be: the oldest.
        let oldest = views.iter().rfind(|view| never_expires(view) && view.project_ids.is_none());
        let needed = oldest.map(|view| view.id);
        views.iter().filter_map(|view| finding(view, needed, &is_gone, now)).collect()
    }
}

fn are(number: usize) -> String {
    let verb = if number == 1 { "is" } else { "are" };
    format!("{} {verb}", count(number as u64, "credential"))
}

fn never_expires(view: &CredentialView<'_>) -> bool {
    view.role == Role::Operator && view.expires_at.is_none() && view.status == Standing::Active
}

/// The worst that is wrong with one credential. The one that is `needed` may have no end.
fn finding(
    view: &CredentialView<'_>,
    needed: Option<CredentialId>,
    is_gone: impl Fn(AgentId) -> bool,
    now: DateTime<Utc>,
) -> Option<Finding> {
    const REVOKE: &str = "Revoke it with mission-control credential revoke";
    let used_at = view.last_used_at.unwrap_or(view.issued_at).0;
    let (what, remedy) = if view.status == Standing::Expired {
        ("has expired, and was not revoked", REVOKE)
    } else if view.agent_id.is_some_and(is_gone) {
        ("belongs to an agent that is not there any more", REVOKE)
    } else if now - used_at > UNUSED_AFTER {
        ("was not used for 90 days", REVOKE)
    } else if never_expires(view) && needed != Some(view.id) {
        (
            "is a further one of an operator that never expires",
            "Issue another with --expires 90d, and revoke this one",
        )
    } else {
        return None;
    };
    let what = format!("the credential {} ({}, {}) {what}", view.id, view.name, view.role);
    Some(Finding { severity: Severity::Medium, what, remedy })
}

/// What is wrong with a file that has a credential, or the secret that it has.
pub(super) fn of_file(path: &Path) -> Result<Secret, Finding> {
    file::read(path).map_err(|error| Finding {
        severity: Severity::High,
        what: error.to_string(),
        remedy: "chmod 600 the file, and issue another credential where somebody else may have read this one",
    })
}

/// Whether the server that has the store takes the credential: who bears it, as a note. Nothing where no server has it, or it
/// does not answer.
pub(super) fn asked(store: Place<'_>, secret: &Secret) -> Option<Result<String, Finding>> {
    let holder = store.holder()?;
    let client = Client::new(&url_of(&holder.listen));
    if client.get("/readyz").ok()?["store"] != serde_json::json!(holder.id) {
        return None;
    }
    let answer = client.bearing(Some(secret)).try_get("/api/whoami").ok()?;
    if answer.status == 401 {
        let what = format!("the credential of --credential-file is good for nothing: {}", answer.refusal());
        let remedy = "Remove the file, and issue another credential";
        return Some(Err(Finding { severity: Severity::Medium, what, remedy }));
    }
    let role = answer.body["role"].as_str()?;
    Some(Ok(format!("the server takes the credential of --credential-file, for the role {role}")))
}
