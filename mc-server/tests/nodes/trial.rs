//! A fault under load, and all that must hold after it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    checks::{self, History},
    client::Client,
    cluster::Cluster,
    figures::Figures,
    follower::Follower,
    ledger::Ledger,
    load::Load,
    node::Node,
    random::Random,
    witness::Witness,
};

/// The environment variable with the number that all choices of the clients follow from.
const SEED: &str = "NODES_SEED";
/// The environment variable with how long the clients work in each trial.
const SECONDS: &str = "NODES_SECONDS";
const SEED_BY_DEFAULT: u64 = 11;
const SECONDS_BY_DEFAULT: u64 = 3;
/// How long the workers may take to tell everybody of everything.
const WORKERS: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(100);

/// Lets clients work on so many nodes, and has `fault` come upon them a third of the way; it answers how long the nodes were
/// without a leader, where that was so. Then all must be as if nothing had happened.
pub fn trial(name: &str, nodes: usize, fault: impl FnOnce(&Cluster) -> Option<Duration>) {
    // One at a time: they measure.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(cluster) = Cluster::start(nodes) else { return };
    let (seed, ledger) = (setting(SEED, SEED_BY_DEFAULT), Arc::new(Ledger::default()));
    let lasts = Duration::from_secs(setting(SECONDS, SECONDS_BY_DEFAULT));
    lift_limits(&cluster, &ledger);
    let followers = [0, 1].map(|first| Follower::begin(&cluster.addresses(), first));
    let (load, begin) = (Load::begin(&cluster.addresses(), &ledger, seed), Instant::now());
    thread::sleep(lasts / 3);
    let takeover = fault(&cluster);
    cluster.nodes.iter().for_each(Node::wait_until_ready);
    thread::sleep(lasts.saturating_sub(begin.elapsed()).max(lasts / 3));
    load.end();
    let figures = checked(&cluster, &ledger, followers);
    println!("{}", Figures { fault: name, seed, takeover, ..figures });
}

/// Nothing that a node says of its limits is to be in the way.
fn lift_limits(cluster: &Cluster, ledger: &Arc<Ledger>) {
    let mut client = Client::new("setup".to_owned(), cluster.addresses(), Arc::clone(ledger), Random::new(0));
    let limits = json!({ "limits": { "maxAgents": 10_000, "maxOpenTasks": 10_000 } });
    let published = client.command("PUT", "/api/policy", &limits, crate::ledger::Purpose::Other);
    assert!(published.is_success(), "{published:?}");
}

fn checked<'f>(cluster: &Cluster, ledger: &Ledger, followers: [Follower; 2]) -> Figures<'f> {
    let (nodes, commands) = (cluster.addresses(), ledger.commands());
    checks::views(&nodes, ledger.position());
    let repeats = checks::repeats(&nodes, &commands);
    cluster.verify();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (history, witness) = runtime
        .block_on(async { (told(cluster.database.url()).await, Witness::ask(cluster.database.url()).await) });
    history.check_order();
    history.check_commands(&commands);
    let types: Vec<_> =
        history.events.iter().map(|event| (event.position, event.event_type.to_string())).collect();
    for seen in followers.map(|follower| follower.end(types.len() as u64)) {
        assert!(seen[..types.len()] == types, "a stream had holes, repeats or another order");
    }
    Figures {
        acknowledged: ledger.acknowledged().count(),
        events: history.events.len(),
        sent_again: commands.iter().map(|command| command.attempts - 1).sum(),
        repeats,
        claims: checks::claims(&history, &commands),
        purses: checks::purses(&history, &commands),
        by_workers: witness.check_workers(&history.events),
        writers: witness.writers(),
        leases: witness.leases(),
        longest_gap: ledger.longest_gap(),
        ..Figures::default()
    }
}

/// The log once the workers have told everybody what they are to know.
async fn told(url: &str) -> History {
    let begin = Instant::now();
    loop {
        let history = History::read(url).await;
        if checks::notices(&history) {
            return history;
        }
        assert!(begin.elapsed() < WORKERS, "somebody was not told of a message");
        thread::sleep(LOOK);
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name} is no number: {value}")))
}
