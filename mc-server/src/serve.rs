//! The life of the server: listen, recover, answer, drain, close.

mod guard;
#[cfg(test)]
mod tests;

use std::{
    future::Future,
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use mc_store::{Location, Store, error::StoreError, holder::Holder};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::guard::guard;
use crate::{
    access::file::FileError,
    app::{App, system_clock},
    config::{DEFAULT_STORE, Listen, ServeOptions},
    connections::{self, Connections, Descriptors, Limits},
    health::{Health, Phase},
    layers::HostPolicy,
    logging,
    refusal::Refused,
    seed::seed,
    service::{self, Gate},
    store_url::StoreUrl,
    webhook::InvalidSecret,
    workers::Workers,
};

/// How long requests in flight may take once the server has to end.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(10);

/// How long a worker may take to finish the turn it is at.
const WORKERS_DEADLINE: Duration = Duration::from_secs(5);

/// How long the store may take to write what is queued and close.
const CLOSE_DEADLINE: Duration = Duration::from_secs(10);

/// How many other stores the greeting names beside a new one.
const MAX_NAMED: usize = 3;

/// Why the server could not start, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another program listens on the address already.
    #[error("{listen} is in use by another program")]
    InUse {
        /// The address from the command line or the environment.
        listen: Listen,
    },
    /// The system refuses to bind the address, for a reason other than that it is in use.
    #[error("cannot listen on {listen}")]
    Listen {
        /// The address from the command line or the environment.
        listen: Listen,
        /// The error of the operating system, shown after the sentence.
        source: io::Error,
    },
    /// The store cannot be opened, or not be read.
    #[error("cannot open the store")]
    Store {
        /// The address of the store.
        url: StoreUrl,
        /// The error of the log, shown after the sentence.
        source: StoreError,
    },
    /// No credential was ever issued, and others than this machine reach the address.
    #[error("no credential was ever issued, and everyone who reaches {address} could do everything")]
    Unguarded {
        /// Where it was to listen.
        address: SocketAddr,
        /// The command that issues the first credential.
        first: String,
        /// Whether the store outlives the process, so that the command can be used on it.
        kept: bool,
    },
    /// The file of the first credential cannot be made, or holds none.
    #[error(transparent)]
    CredentialFile(#[from] FileError),
    /// A rule is against the first credential.
    #[error("cannot issue the first credential")]
    FirstCredential(#[source] Refused),
    /// Notifications cannot be posted as asked.
    #[error("cannot post notifications")]
    Webhook(#[source] InvalidSecret),
    /// The operating system refused what a server needs.
    #[error("cannot run the server")]
    System(#[source] io::Error),
}

impl ServeError {
    /// The store at `url` cannot be opened, or not be read.
    pub(crate) fn store(url: &StoreUrl, error: StoreError) -> Self {
        Self::Store { url: url.clone(), source: underlying(error) }
    }

    /// What to do about it, as a sentence.
    pub fn advice(&self) -> Option<String> {
        match self {
            Self::InUse { .. } => {
                Some("Choose another address with --listen, such as --listen 127.0.0.1:3001".to_owned())
            }
            Self::Listen { .. } => {
                Some("Choose another address with --listen; ports below 1024 need privileges".to_owned())
            }
            Self::Store { url, source } => store_advice(url, source),
            Self::Webhook(_) => {
                Some("Make one with: (printf whsec_; head -c 32 /dev/urandom | base64 -w0) > FILE".to_owned())
            }
            Self::Unguarded { first, kept: true, .. } => Some(format!(
                "Issue one with: {first}; or let the server do it with --first-credential-file FILE; or listen on 127.0.0.1"
            )),
            Self::Unguarded { kept: false, .. } => Some(
                "Let the server issue one with --first-credential-file FILE, or listen on 127.0.0.1"
                    .to_owned(),
            ),
            Self::CredentialFile(FileError::Unreadable { file, .. } | FileError::Malformed { file, .. }) => {
                Some(format!(
                    "Remove {} for another first credential, or name another file with --first-credential-file",
                    file.display()
                ))
            }
            Self::CredentialFile(error) => error.advice(),
            Self::FirstCredential(_) | Self::System(_) => None,
        }
    }
}

/// What to do about a store that cannot be opened, as a sentence.
fn store_advice(url: &StoreUrl, error: &StoreError) -> Option<String> {
    match error {
        StoreError::Locked { .. } if url.is_database() => {
            Some("A copy or a restore into it is under way: wait until it has ended".to_owned())
        }
        StoreError::Locked { .. } => {
            Some("Stop the other server, or choose another store with --store".to_owned())
        }
        StoreError::NewerVersion { .. } | StoreError::NewerEvent { .. } => {
            Some("Use the newer version of mission-control that wrote it".to_owned())
        }
        StoreError::NotALog { .. } if url.is_database() => {
            Some("Choose another database with --store, such as a new one, made with createdb".to_owned())
        }
        StoreError::NotALog { .. } => Some(format!(
            "Choose another file with --store; if it was one, restore a backup: {}",
            restore_command(url)
        )),
        StoreError::UnknownStore { .. } => {
            Some(
                "Give --store sqlite:<path>, postgres://<user>@<host>/<database>, or memory: to try things out"
                    .to_owned(),
            )
        }
        StoreError::Corrupt { .. } | StoreError::Damaged(_) => {
            Some(format!("Restore a backup: {}", restore_command(url)))
        }
        StoreError::Linked { .. } => Some(
            "Remove the other names, or copy it to a file of its own with cp and name that with --store".to_owned(),
        ),
        StoreError::OpenElsewhere { .. } => {
            Some("Stop that process first, or name the store as it does with --store".to_owned())
        }
        StoreError::Emptied { lock, .. } => Some(format!(
            "Put the file back, or restore a backup: {}. To begin with an empty log, remove {lock} first",
            restore_command(url)
        )),
        StoreError::Frozen { .. } => Some(
            "Copy it, with the file that ends in -wal, to a directory that can be written, and name the copy with --store"
                .to_owned(),
        ),
        StoreError::Displaced { .. } => {
            Some("Put the file back, or choose another store with --store".to_owned())
        }
        StoreError::Full => Some("Make room on the disk, and try again".to_owned()),
        StoreError::Protected { .. } => {
            Some("Make it writable for the user who runs mission-control, with chmod or chown".to_owned())
        }
        StoreError::Unavailable(_) => {
            Some(match url.is_database() {
                true => format!("Check that the database at {url} runs and can be reached"),
                false => format!("Check that {url} and its directory exist and can be written"),
            })
        }
        StoreError::Unprivileged { .. } => Some(format!(
            "Check the user and the password in {url}, and what the user may do: docs/runbook.md has the statements"
        )),
        StoreError::Unsuitable { .. } => {
            Some("Make a database with createdb, or name another one with --store".to_owned())
        }
        StoreError::Incomplete { .. } => {
            Some("Run mission-control copy again: it goes on where it was".to_owned())
        }
        _ => None,
    }
}

/// How the latest backup is restored in the place of a damaged store: a file is moved aside, a database is another one.
pub(crate) fn restore_command(url: &StoreUrl) -> String {
    let command = "mission-control restore --backup=./backups/latest.json";
    match url.is_database() {
        true => format!("{command} --store=postgres://… into an empty database, made with createdb"),
        false => url.with_command(&format!("{command} --replace")),
    }
}

/// What is wrong with the log itself, where the error is only that the views could not follow it.
fn underlying(error: StoreError) -> StoreError {
    let mut cause = std::error::Error::source(&error);
    while let Some(at) = cause {
        let known =
            at.downcast_ref::<StoreError>().or(at.downcast_ref::<Arc<StoreError>>().map(|error| &**error));
        match known {
            Some(StoreError::Corrupt { position, reason }) => {
                return StoreError::Corrupt { position: *position, reason: reason.clone() };
            }
            Some(StoreError::NewerEvent { position, event_type, event_version }) => {
                return StoreError::NewerEvent {
                    position: *position,
                    event_type: event_type.clone(),
                    event_version: *event_version,
                };
            }
            Some(StoreError::Damaged(why)) => return StoreError::Damaged(why.to_string().into()),
            _ => cause = at.source(),
        }
    }
    error
}

/// Serves until SIGINT or SIGTERM, then lets open requests finish.
///
/// # Errors
/// [`ServeError`], before the first request is answered.
pub fn serve(options: &ServeOptions) -> Result<(), ServeError> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(ServeError::System)?;
    let served = runtime.block_on(async {
        let signal = pin!(Signals::listen().map_err(ServeError::System)?.first());
        serve_until(options, signal, |line| {
            // Whoever started the server may have closed its standard output: no reason to end.
            let _ = writeln!(io::stdout(), "{line}");
        })
        .await
    });
    // What is left is a store that does not close, or a recovery that was interrupted.
    runtime.shutdown_background();
    served
}

/// Serves until `end` completes; tells `announce` in one line when it is ready.
///
/// # Errors
/// [`ServeError`], before the first request is answered.
pub async fn serve_until(
    options: &ServeOptions,
    end: impl Future<Output = ()>,
    announce: impl FnOnce(&str),
) -> Result<(), ServeError> {
    let mut end = pin!(end);
    let limits = limits(options);
    let listener = bind(&options.listen).await?;
    let address = listener.local_addr().map_err(ServeError::System)?;

    let (health, gate, shutdown) = (Health::starting(), Gate::default(), CancellationToken::new());
    let hosts = HostPolicy::new(address.ip().is_loopback(), &options.allowed_hosts());
    let service = service::service(health.clone(), gate.clone(), hosts);
    let connections = Connections::new(limits, shutdown.clone());
    let server = tokio::spawn(connections::accept(listener, service, Arc::clone(&connections)));

    let new = new_store(&options.store.store);
    let (app, workers) = tokio::select! {
        recovered = recover(options, address, limits, &health, &gate, &shutdown) => recovered?,
        () = &mut end => return Ok(()),
    };
    health.reach(Phase::Ready);
    announce(&greeting(address, &options.store.store, new.as_deref(), app.is_open()));
    let log = Arc::clone(app.log());
    drop(app);

    end.as_mut().await;
    tracing::info!("shutting down");
    health.reach(Phase::Draining);
    shutdown.cancel();
    if tokio::time::timeout(DRAIN_DEADLINE, connections.ended(server)).await.is_err() {
        tracing::warn!("some requests did not end within {DRAIN_DEADLINE:?} and are cut off");
    }
    if tokio::time::timeout(WORKERS_DEADLINE, workers.ended()).await.is_err() {
        tracing::warn!("some workers did not end within {WORKERS_DEADLINE:?} and are cut off");
    }
    if tokio::time::timeout(CLOSE_DEADLINE, log.close()).await.is_err() {
        tracing::error!("the store did not close within {CLOSE_DEADLINE:?}");
    }
    Ok(())
}

/// How many connections there may be, and how long each may wait.
fn limits(options: &ServeOptions) -> Limits {
    let descriptors = Descriptors::raised();
    let limits = options.connections.limits(descriptors);
    if let Some(wanted) = options.connections.max_connections.filter(|wanted| *wanted > limits.connections) {
        tracing::warn!(
            "{wanted} connections are asked for, but the process may open {} files only, which is enough for {}. Raise the \
             limit (ulimit -n)",
            descriptors.0,
            limits.connections
        );
    }
    limits
}

async fn bind(listen: &Listen) -> Result<TcpListener, ServeError> {
    connections::bind(listen).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ServeError::InUse { listen: listen.clone() },
        _ => ServeError::Listen { listen: listen.clone(), source },
    })
}

/// Opens the store, reads what has to be read, and lets the requests in.
async fn recover(
    options: &ServeOptions,
    address: SocketAddr,
    limits: Limits,
    health: &Health,
    gate: &Gate,
    shutdown: &CancellationToken,
) -> Result<(App, Workers), ServeError> {
    let webhook = options.webhook().map_err(ServeError::Webhook)?;
    let failed = |error| ServeError::store(&options.store.store, error);
    let url = options.store.store.clone();
    let holder = Holder { id: Uuid::now_v7(), listen: address.to_string() };
    health.identify(holder.id);
    let opened = tokio::task::spawn_blocking(move || Store::open_for(url.reveal(), Some(&holder))).await;
    let log = opened.map_err(|panic| ServeError::System(io::Error::other(panic)))?.map_err(failed)?;
    let recovered = App::recover(
        Arc::clone(&log),
        options.operator.operator.clone(),
        system_clock(),
        health.clone(),
        shutdown.clone(),
    )
    .await;
    let app = recovered.map_err(failed)?;
    app.streams().keep_within(limits.streams());
    if let Err(error) = guard(&app, options, address).await {
        drop(app);
        log.close().await;
        return Err(error);
    }
    if options.seed {
        record_seed(&app).await;
    }
    let workers = Workers::start(&app, webhook);
    gate.open(app.clone());
    Ok((app, workers))
}

/// Records the seed as far as that is possible: what is missing of an example is no reason not to serve.
async fn record_seed(app: &App) {
    match seed(app).await {
        Ok(skipped) => skipped
            .iter()
            .for_each(|what| tracing::warn!("not seeded, because the store has lived on: {what}")),
        Err(refused) => tracing::warn!("the seed could not be recorded: {refused}"),
    }
}

/// Who listens where on what; `new` says what there is to know of a store that was not there before.
fn greeting(address: SocketAddr, store: &StoreUrl, new: Option<&str>, is_open: bool) -> String {
    let reachable = reachable(address);
    let (which, hint) = new.map_or(("store", ""), |hint| ("new store", hint));
    let (asks, path) =
        if is_open { ("", "api/tasks") } else { (" Every call but this one needs a credential.", "health") };
    format!(
        "Mission Control listens on http://{address} ({which} {store}{hint}).{asks} Try: curl http://{reachable}/{path}"
    )
}

/// Nothing where the store is there; else the end of a sentence that names the stores beside it: a path that is mistyped
/// makes a new store as well, and then everything seems to be lost.
fn new_store(store: &StoreUrl) -> Option<String> {
    let Location::Sqlite(path) = store.location() else { return None };
    if path.exists() {
        return None;
    }
    let beside = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = std::fs::read_dir(beside).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut others: Vec<_> = beside.filter(|path| path.extension().is_some_and(|end| end == "db")).collect();
    others.sort();
    if let Ok(Location::Sqlite(default)) = Store::locate(DEFAULT_STORE)
        && default.exists()
        && others.iter().all(|other| !is_same(other, default))
    {
        others.push(default.to_owned());
    }
    let named: Vec<_> =
        others.iter().take(MAX_NAMED).map(|path| format!("sqlite:{}", path.display())).collect();
    match named.is_empty() {
        true => Some(String::new()),
        false => Some(format!("; there is {} already, which --store opens", named.join(", "))),
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    let canonical = |path: &Path| std::fs::canonicalize(path).ok();
    canonical(one).is_some_and(|one| canonical(other) == Some(one))
}

/// Where a client of this machine asks who listens on `address`: that of every interface is none that can be asked.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() { (Ipv4Addr::LOCALHOST, address.port()).into() } else { address }
}

/// The signals that end the server.
#[cfg(unix)]
pub(crate) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub(crate) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the first signal; a second one, from someone who will not wait, ends the process at once.
    async fn first(mut self) {
        self.next().await;
        tokio::spawn(async move {
            self.next().await;
            tracing::warn!("ended by a second signal");
            logging::flush();
            std::process::exit(1);
        });
    }

    /// Waits for the next SIGINT or SIGTERM.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The signal that ends the server.
#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    async fn first(mut self) {
        self.next().await;
    }

    /// Waits for the next Ctrl-C, the only signal that this system sends.
    pub(crate) async fn next(&mut self) {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "Ctrl-C cannot be heard");
            std::future::pending::<()>().await;
        }
    }
}
