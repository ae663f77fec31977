//! A repeat of a command is answered as the command was, whichever node is asked.

use std::{net::SocketAddr, thread};

use crate::ledger::Command;

/// How many ask at once.
const ASKERS: usize = 4;

/// Sends every acknowledged command to every node again. Answers how many repeats that were.
pub fn repeats(nodes: &[SocketAddr], commands: &[Command]) -> usize {
    let acknowledged: Vec<_> = commands.iter().filter(|command| command.answer.is_success()).collect();
    let share = acknowledged.len().div_ceil(ASKERS).max(1);
    thread::scope(|scope| {
        for share in acknowledged.chunks(share) {
            scope.spawn(|| {
                for (command, node) in
                    share.iter().flat_map(|command| nodes.iter().map(move |node| (command, node)))
                {
                    let repeated = command.request.send(*node).unwrap();
                    assert!(repeated.is_replayed, "not known on {node}: {command:?}: {repeated:?}");
                    let first = &command.answer;
                    let is_same = (repeated.status, &repeated.body, repeated.position)
                        == (first.status, &first.body, first.position);
                    assert!(is_same, "answered otherwise on {node}: {command:?}: {repeated:?}");
                }
            });
        }
    });
    acknowledged.len() * nodes.len()
}
