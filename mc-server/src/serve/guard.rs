//! What keeps a server from answering everyone who reaches it: a first credential, and no start without one.

use std::{io, net::SocketAddr, path::Path};

use mc_domain::{
    credential::{Bearer, Grant},
    reach::Reach,
};

use super::ServeError;
use crate::{
    access::{
        Secret,
        file::{self, FileError, NewFile},
        issue,
    },
    app::App,
    config::ServeOptions,
    own_identity,
    refusal::Refused,
    store_url::{StoreUrl, quoted},
};

/// Holds callers to the limits, issues the first credential where that is asked for, and refuses an address that others reach
/// as long as there is none.
///
/// # Errors
/// [`ServeError::Unguarded`], [`ServeError::CredentialFile`], [`ServeError::FirstCredential`], or what the store says.
pub(super) async fn guard(app: &App, options: &ServeOptions, address: SocketAddr) -> Result<(), ServeError> {
    app.access().keep_within(options.access.limits());
    if let Some(file) = options.access.first_credential_file.as_deref().filter(|_| app.is_open()) {
        issue_first(app, file, &options.store.store).await?;
    }
    if !app.is_open() || address.ip().is_loopback() {
        return Ok(());
    }
    if !options.access.insecure_no_credentials {
        return Err(unguarded(options, address));
    }
    app.access().expose();
    tracing::warn!(
        "listening on {address} WITHOUT CREDENTIALS, as --insecure-no-credentials asks for: everyone who reaches it may do \
         everything. Issue the first one with: {}",
        first_command(options)
    );
    Ok(())
}

/// Issues an operator's credential in the name of the configured operator. Its secret is on disk before the credential is
/// recorded, so there is never one that nobody can show; a start that ended in between goes on with the secret of its file.
async fn issue_first(app: &App, path: &Path, store: &StoreUrl) -> Result<(), ServeError> {
    let secret = match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => draw_into(path)?,
        Ok(_) | Err(_) => {
            let secret = file::read(path)?;
            tracing::warn!(
                file = %path.display(),
                "the file of the first credential was there before: its secret is issued as it is, so whoever knows it can do \
                 everything. Where that is not wanted, revoke it, and issue another"
            );
            secret
        }
    };
    let name = app.operator().clone();
    let grant = Grant { name, bearer: Bearer::Operator, reach: Reach::All, expires_at: None };
    match issue(app, &grant, &secret, own_identity::server()).await {
        Ok(id) => {
            tracing::info!(credential = %id, file = %path.display(), "issued the first credential, an operator's; its secret is in the file");
            Ok(())
        }
        Err(Refused::Store(error)) => Err(ServeError::store(store, error)),
        Err(refused) => Err(ServeError::FirstCredential(refused)),
    }
}

fn draw_into(path: &Path) -> Result<Secret, FileError> {
    let file = NewFile::reserve(path)?;
    let secret = Secret::draw().map_err(FileError::NotRandom)?;
    file.keep(&secret)?;
    Ok(secret)
}

fn unguarded(options: &ServeOptions, address: SocketAddr) -> ServeError {
    ServeError::Unguarded { address, first: first_command(options), kept: !options.store.is_memory() }
}

/// The command that issues the first credential in the store.
fn first_command(options: &ServeOptions) -> String {
    let name = quoted(options.operator.operator.as_str());
    options
        .store
        .store
        .with_command(&format!("mission-control credential issue --name {name} --role operator"))
}
