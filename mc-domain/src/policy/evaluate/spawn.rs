//! Holds requests for sub-agents to the limits of the policy.

use super::request::Subject;
use crate::policy::{document::Document, reason::Reason};

/// What forbids the agent another sub-agent.
pub(super) fn limits(document: &Document, subject: &Subject, tool: &str) -> Vec<Reason> {
    if tool != "spawn_agent" {
        return Vec::new();
    }
    let (limits, spawned) = (&document.spawn, subject.spawned);
    let mut reasons = Vec::new();
    if !document.roles.of(subject.role).may_spawn {
        let text = format!("an agent of the role {} may not create sub-agents", subject.role);
        reasons.push(Reason::new("spawn_role", text));
    }
    for (code, what, count, max) in [
        ("spawn_children", "sub-agents of one agent", spawned.children, limits.max_children),
        ("spawn_depth", "levels of sub-agents", spawned.depth, limits.max_depth),
        ("spawn_agents", "active agents", spawned.active_agents, limits.max_active_agents),
    ] {
        if count >= max {
            // Not how many: those that are active are counted in all projects, of which the agent sees one.
            reasons
                .push(Reason::new(code, format!("at most {max} {what} are allowed, and there are as many")));
        }
    }
    reasons
}
