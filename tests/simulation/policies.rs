//! The policies that operators publish: stricter and looser ones, the default one again, and some that cannot be.

use mc_domain::{money::Usd, policy::document::Document};

use crate::random::Random;

/// What kind of policy is proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draft {
    Default,
    Stricter,
    Looser,
    /// Something is wrong with it.
    Malformed,
}

/// A policy of that kind, no two of which need be the same.
pub fn document(draft: Draft, random: &mut Random) -> Document {
    let mut document = Document::default();
    match draft {
        Draft::Default => {}
        Draft::Stricter => tighten(&mut document, random),
        Draft::Looser => loosen(&mut document, random),
        Draft::Malformed => spoil(&mut document, random),
    }
    document
}

fn tighten(document: &mut Document, random: &mut Random) {
    document.loops.max_messages = 10 + random.below(8) as u32;
    document.loops.max_review_cycles = 2;
    document.loops.identical_tool_errors = 2;
    document.loops.failed_runs = 3;
    document.thresholds.warning_percent = 60;
    document.thresholds.error_percent = 80 + random.below(10) as u32;
    document.spawn.max_children = 2;
    document.spawn.max_depth = 1;
    document.spawn.retire_after_secs = 3600;
    document.roles.specialist.may_spawn = false;
    document.approvals.escalates_after_secs = 600;
    document.timeouts.stale_after_secs = 120;
    document.timeouts.lease_secs = 1200 + random.below(1200) as u32;
    document.timeouts.run_timeout_secs = 1800;
    document.timeouts.error_streak_warning = 2;
    document.timeouts.error_streak_quarantine = 4;
}

fn loosen(document: &mut Document, random: &mut Random) {
    document.loops.max_messages = 25 + random.below(30) as u32;
    document.loops.max_review_cycles = 5;
    document.loops.max_alternations = 12;
    document.loops.identical_tool_errors = 4;
    document.thresholds.warning_percent = 90;
    document.thresholds.error_percent = 98;
    document.spawn.max_children = 4;
    document.spawn.max_depth = 3;
    document.roles.intern.may_spawn = true;
    document.approvals.escalates_after_secs = 7200;
    document.timeouts.stale_after_secs = 900;
    document.timeouts.lease_secs = 3 * 3600;
    document.timeouts.error_streak_warning = 4;
    document.timeouts.error_streak_quarantine = 6;
}

fn spoil(document: &mut Document, random: &mut Random) {
    match random.below(6) {
        0 => document.thresholds.warning_percent = document.thresholds.error_percent,
        1 => document.loops.failed_runs = document.loops.failed_runs_among + 1,
        2 => document.roles.lead.per_run_cap = document.roles.lead.daily_cap.plus(Usd::cents(1)),
        3 => document.approvals.escalates_after_secs = document.approvals.expires_after_secs,
        4 => document.files.write.push("../elsewhere/**".to_owned()),
        _ => document.timeouts.lease_secs = 0,
    }
}
