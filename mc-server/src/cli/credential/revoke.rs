//! `mission-control credential revoke`.

use std::fmt;

use clap::Args;
use mc_domain::{actor::Actor, ids::CredentialId, values::Reason};
use serde::Serialize;
use serde_json::{Value, json};

use super::unless_held;
use crate::{
    access,
    app::App,
    cli::{
        Failure,
        place::Place,
        store::{HolderOptions, Output, at_rest, one_thread},
    },
    config::{LogOptions, OperatorOptions, StoreOptions},
    problem::{Kind, Problem},
    refusal::Refused,
};

/// Which credential is revoked, and why.
#[derive(Debug, Clone, Args)]
pub(super) struct RevokeOptions {
    /// The id of the credential, as mission-control credential list shows it.
    #[arg(value_name = "ID")]
    id: CredentialId,

    /// Why, for the record.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<Reason>,

    #[command(flatten)]
    store: StoreOptions,

    #[command(flatten)]
    operator: OperatorOptions,

    #[command(flatten)]
    holder: HolderOptions,

    #[command(flatten)]
    output: Output,

    #[command(flatten)]
    pub(super) log: LogOptions,
}

fn reason(text: &str) -> Result<Reason, String> {
    Reason::new(text).map_err(|error| error.to_string())
}

/// A credential as REST answers it.
#[derive(Serialize)]
#[serde(transparent)]
struct Revoked(Value);

impl fmt::Display for Revoked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |field: &str| self.0[field].as_str().unwrap_or_default();
        write!(f, "Revoked the credential {} ({}, {})", text("id"), text("name"), text("role"))
    }
}

/// Revokes it, in the store itself or by the server that has it.
pub(super) fn run(options: &RevokeOptions) -> Result<(), Failure> {
    let place = Place::existing(&options.store.store)?;
    let revoke = async |app: &App| in_store(app, options).await;
    let done = one_thread()?.block_on(at_rest(&options.store, &options.operator, revoke));
    let credential = match unless_held(&options.store, done)? {
        Some(credential) => credential,
        None => {
            let body =
                options.reason.as_ref().map_or_else(|| json!({}), |reason| json!({ "reason": reason }));
            let client = options.holder.client(place)?;
            client.post(&format!("/api/credentials/{}/revoke", options.id), &body)?
        }
    };
    options.output.print(&Revoked(credential))
}

async fn in_store(app: &App, options: &RevokeOptions) -> Result<Value, Refused> {
    let (now, actor) = (app.now(), Actor::Human(options.operator.operator.clone()));
    access::revoke(app, options.id, options.reason.clone(), actor).await?;
    let (credential, is_governed) = app
        .read(|views| {
            let view = views.credentials.view(options.id, &views.agents, now, None);
            let governors = views.credentials.governors();
            let is_governed = governors.iter().any(|id| views.credentials.is_good(*id, now));
            (serde_json::to_value(view), is_governed)
        })
        .await?;
    if !is_governed {
        tracing::warn!(
            "no operator of all projects has a good credential any more: only mission-control credential issue, on this \
             store while no server has it, can issue another"
        );
    }
    Ok(credential.map_err(|_| Problem::of(Kind::Internal))?)
}
