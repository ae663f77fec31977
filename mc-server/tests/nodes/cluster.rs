//! Several servers on one database.

use std::{
    net::SocketAddr,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use mc_store::testing::{Database, Postgres};
use tempfile::TempDir;

use crate::{
    node::{self, Node},
    witness,
};

/// How long it may take from the loss of the leading node until another one leads.
pub const TAKEOVER: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

/// Several servers, a database, and the network between them.
pub struct Cluster {
    pub nodes: Vec<Node>,
    pub postgres: &'static Postgres,
    pub database: Database,
    /// With the logs of the servers; it stays where a test fails.
    directory: Option<TempDir>,
}

impl Cluster {
    /// Starts so many servers on a new database; nothing where PostgreSQL is not installed.
    pub fn start(nodes: usize) -> Option<Self> {
        let postgres = durable()?;
        let (database, directory) = (postgres.empty_database(), tempfile::tempdir().unwrap());
        let start = |number| Node::start(number, postgres, database.name(), directory.path());
        let nodes: Vec<Node> = (0..nodes).map(start).collect();
        nodes.iter().for_each(Node::wait_until_ready);
        let cluster = Self { nodes, postgres, database, directory: Some(directory) };
        cluster.leader();
        witness::call(&cluster.database);
        Some(cluster)
    }

    /// Has the program verify the log.
    pub fn verify(&self) {
        let mut program = node::program();
        let output = program.args(["verify-db", "--store", self.database.url()]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(|node| node.address).collect()
    }

    /// The number of the node that leads.
    #[track_caller]
    pub fn leader(&self) -> usize {
        self.leader_among(0..self.nodes.len()).0
    }

    /// Waits until one of the nodes `but` that one leads: its number, and how long that took.
    #[track_caller]
    pub fn leader_but(&self, other: usize) -> (usize, Duration) {
        self.leader_among((0..self.nodes.len()).filter(|number| *number != other))
    }

    #[track_caller]
    fn leader_among(&self, numbers: impl Iterator<Item = usize> + Clone) -> (usize, Duration) {
        let begin = Instant::now();
        loop {
            if let Some(leader) = numbers.clone().find(|number| self.nodes[*number].leads()) {
                return (leader, begin.elapsed());
            }
            assert!(begin.elapsed() < TAKEOVER, "no node has taken the lead in time");
            thread::sleep(POLL);
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if thread::panicking()
            && let Some(directory) = self.directory.take()
        {
            eprintln!("the logs of the nodes are in {}", directory.keep().display());
        }
    }
}

/// The server of all tests here, which loses nothing that it has acknowledged.
fn durable() -> Option<&'static Postgres> {
    static DURABLE: OnceLock<Option<Postgres>> = OnceLock::new();
    DURABLE.get_or_init(|| Postgres::is_installed().then(|| Postgres::start(&[]))).as_ref()
}
