//! The faults.

use std::{
    thread,
    time::{Duration, Instant},
};

use mc_store::testing::Trap;

use crate::{
    cluster::{Cluster, TAKEOVER},
    node::Node,
    trial::trial,
};

/// How long something stays away.
const AWAY: Duration = Duration::from_secs(1);
/// How long nothing passes between a node and the database: longer than the node waits for an answer.
const SILENCE: Duration = Duration::from_secs(11);
/// How long it may take until a message comes that is to be lost.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the answer to a commit is lost.
const LOST_ANSWERS: usize = 8;

/// A node that does not lead.
fn other_than_leader(cluster: &Cluster) -> usize {
    (cluster.leader() + 1) % cluster.nodes.len()
}

#[test]
fn nothing_is_lost_without_a_fault() {
    trial("no fault", 4, |_| None);
}

#[test]
fn a_node_is_killed_and_starts_again() {
    trial("a node killed", 3, |cluster| {
        let node = &cluster.nodes[other_than_leader(cluster)];
        node.kill();
        thread::sleep(AWAY);
        node.start_again();
        None
    });
}

#[test]
fn the_leading_node_is_killed_and_another_takes_over() {
    trial("the leading node killed", 3, |cluster| {
        let leader = cluster.leader();
        cluster.nodes[leader].kill();
        let (_, takeover) = cluster.leader_but(leader);
        cluster.nodes[leader].start_again();
        Some(takeover)
    });
}

#[test]
fn the_leading_node_is_killed_in_the_middle_of_a_commit() {
    trial("the leading node killed in a commit", 2, |cluster| {
        let leader = cluster.leader();
        let proxy = &cluster.nodes[leader].proxy;
        proxy.set(Trap::AnswerKeptBack);
        assert!(proxy.has_sprung(PATIENCE), "nothing was appended");
        cluster.nodes[leader].kill();
        let (_, takeover) = cluster.leader_but(leader);
        cluster.nodes[leader].proxy.cut();
        cluster.nodes[leader].proxy.open();
        cluster.nodes[leader].start_again();
        Some(takeover)
    });
}

#[test]
fn the_database_is_killed_and_starts_again() {
    trial("the database killed", 3, |cluster| {
        let begin = Instant::now();
        cluster.postgres.kill();
        thread::sleep(AWAY);
        cluster.postgres.start_again();
        cluster.nodes.iter().for_each(Node::wait_until_ready);
        cluster.leader();
        Some(begin.elapsed())
    });
}

#[test]
fn the_database_stands_still_for_a_while() {
    trial("the database paused", 3, |cluster| {
        cluster.postgres.pause();
        thread::sleep(2 * AWAY);
        cluster.postgres.resume();
        None
    });
}

#[test]
fn the_connections_of_a_node_are_cut() {
    trial("the connections of the leading node cut", 3, |cluster| {
        let leader = cluster.leader();
        cluster.nodes[leader].proxy.cut();
        let (_, takeover) = cluster.leader_but(leader);
        cluster.nodes[leader].proxy.open();
        Some(takeover)
    });
}

#[test]
fn the_connections_of_a_node_fall_silent() {
    trial("the connections of the leading node silent", 3, |cluster| {
        let (leader, begin) = (cluster.leader(), Instant::now());
        cluster.nodes[leader].proxy.silence();
        let (_, takeover) = cluster.leader_but(leader);
        thread::sleep(SILENCE.saturating_sub(begin.elapsed()));
        cluster.nodes[leader].proxy.open();
        Some(takeover)
    });
}

#[test]
fn answers_to_commits_are_lost() {
    trial("answers to commits lost", 3, |cluster| {
        let traps = [Trap::AnswerToAppend, Trap::AnswerToCommit, Trap::HalfAnAppend];
        for (node, trap) in cluster.nodes.iter().cycle().zip(traps.into_iter().cycle()).take(LOST_ANSWERS) {
            node.proxy.set(trap);
            assert!(node.proxy.has_sprung(PATIENCE), "nothing was appended");
        }
        None
    });
}

#[test]
fn a_leading_node_that_stood_still_leads_no_more_when_it_goes_on() {
    trial("the leading node paused", 3, |cluster| {
        let leader = cluster.leader();
        cluster.nodes[leader].pause();
        let (_, takeover) = cluster.leader_but(leader);
        cluster.nodes[leader].resume();
        let begin = Instant::now();
        while cluster.nodes[leader].leads() {
            assert!(begin.elapsed() < TAKEOVER, "two nodes take themselves for the leading one");
            thread::sleep(Duration::from_millis(20));
        }
        Some(takeover)
    });
}
