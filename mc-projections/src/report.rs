//! The incident report: what went on with a task, as a document for whoever looks into it.

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt::{self, Write},
};

use chrono::{DateTime, Utc};
use mc_domain::{
    alert, approval,
    ids::TaskId,
    markdown::{inline, quoted},
    recorded::{AnyEvent, Recorded},
    values::Reason,
};

use crate::{
    alerts::{AlertQuery, AlertView},
    approvals::{ApprovalQuery, ApprovalView},
    entries::timeline_entry,
    instant::Millis,
    messages::{MessageView, message},
    page::{MAX_LIMIT, Order},
    runs::RunView,
    tasks::TaskView,
    views::Views,
};

/// How many events of a task's timeline a report tells: the latest ones.
pub const MAX_EVENTS: usize = 1_000;
/// How many runs of a task a report names: the latest ones.
pub const MAX_RUNS: usize = 200;
/// The name of the artifact that sums up a loop.
const LOOP_SUMMARY: &str = "Loop Summary";

/// The report on a task in Markdown, at `now`; nothing when the task is unknown. `events` are those of its timeline,
/// oldest first; `left_out` says how many earlier ones are missing.
pub fn report(
    views: &Views,
    task: TaskId,
    events: &[Recorded<AnyEvent>],
    left_out: usize,
    now: DateTime<Utc>,
) -> Option<String> {
    let task = views.tasks.view(task, &views.agents)?;
    let messages: Vec<_> = events.iter().filter_map(|event| message(event, &views.agents)).collect();
    let mut report = Report(String::new());
    report.what(views, &task, now);
    report.who(&task, views, events);
    report.timeline(views, events, left_out);
    report.runs(views, &task);
    report.approvals(&approvals(views, task.id));
    report.alerts(&alerts(views, task.id));
    report.loop_summary(&messages);
    report.messages(&messages);
    Some(report.0)
}

fn approvals(views: &Views, task: TaskId) -> Vec<ApprovalView<'_>> {
    let query = ApprovalQuery {
        status: approval::Status::ALL.to_vec(),
        task: vec![task],
        order: Some(Order::Asc),
        limit: Some(MAX_LIMIT),
        ..ApprovalQuery::default()
    };
    // The query has no cursor that could be wrong.
    views.approvals.list(&query, &views.agents).map(|page| page.items).unwrap_or_default()
}

fn alerts(views: &Views, task: TaskId) -> Vec<AlertView<'_>> {
    let query = AlertQuery {
        task: vec![task],
        order: Some(Order::Asc),
        limit: Some(MAX_LIMIT),
        ..AlertQuery::default()
    };
    views.alerts.list(&query, &views.agents).map(|page| page.items).unwrap_or_default()
}

/// The report as far as it is written, in Markdown.
struct Report(String);

impl Report {
    fn what(&mut self, views: &Views, task: &TaskView<'_>, now: DateTime<Utc>) {
        self.line(format_args!("# Incident report: {}\n", inline(task.title.as_str())));
        self.fact("Task", task.id);
        if let Some(project) = views.projects.view(task.project_id) {
            self.fact("Project", inline(project.name.as_str()));
        }
        self.fact("Written", Millis(now));
        self.fact("Type", format_args!("{}, priority {}", task.kind, u32::from(task.priority)));
        self.fact("Status", format_args!("{} since {}", task.status, task.status_since));
        self.reason("Reason", task.status_reason);
        if let Some(found) = task.found_loop {
            let (kind, count, limit) = (found.kind, found.count, found.limit);
            self.fact("Loop", format_args!("{kind}: {count}, where the limit is {limit}"));
        }
        self.fact("Cost", format_args!("${} of ${}", task.cost, task.budget));
        self.fact("Review cycles", task.review_cycles);
        if let Some(description) = task.description {
            self.line(format_args!("\n{}", quoted(description.as_str())));
        }
    }

    fn who(&mut self, task: &TaskView<'_>, views: &Views, events: &[Recorded<AnyEvent>]) {
        self.section("Who");
        let assignees: Vec<_> = task.assignee_ids.iter().map(|id| views.agents.name_or_id(*id)).collect();
        let nobody = assignees.is_empty();
        self.fact("Assigned to", if nobody { "nobody".into() } else { inline(&assignees.join(", ")) });
        if let Some(holder) = task.holder_id {
            self.fact("Worked on by", inline(&views.agents.name_or_id(holder)));
        }
        self.fact("Created by", inline(&task.created_by.name));
        let mut acts: BTreeMap<_, usize> = BTreeMap::new();
        for event in events {
            *acts.entry(&event.metadata.actor).or_default() += 1;
        }
        for (actor, count) in acts {
            let view = views.agents.actor(actor);
            self.line(format_args!("- {} ({}): {count} events", inline(&view.name), view.kind));
        }
    }

    fn timeline(&mut self, views: &Views, events: &[Recorded<AnyEvent>], left_out: usize) {
        self.section("Timeline");
        if left_out > 0 {
            self.line(format_args!("{left_out} earlier events are left out.\n"));
        }
        for event in events {
            let shown = timeline_entry(event, views);
            self.line(format_args!("- {} {}", shown.at, inline(&shown.summary)));
        }
        self.or_none(events.is_empty());
    }

    fn runs(&mut self, views: &Views, task: &TaskView<'_>) {
        self.section("Runs and costs");
        let runs: Vec<_> = views.runs.of_task(task.id).take(MAX_RUNS).collect();
        for run in runs.iter().rev() {
            self.run(views, run);
        }
        self.or_none(runs.is_empty());
        let (cost, budget) = (task.cost, task.budget);
        self.line(format_args!("\nAll together, with sub-agents: ${cost} of ${budget}."));
    }

    fn run(&mut self, views: &Views, run: &RunView<'_>) {
        let cost = match (run.cost, run.charged) {
            (Some(cost), _) => format!("${cost}"),
            (None, Some(charged)) => format!("cost unknown, ${charged} charged"),
            (None, None) => format!("under way, ${} set aside", run.estimated_cost),
        };
        let agent = views.agents.name_or_id(run.agent_id);
        let (agent, model) = (inline(&agent), inline(run.model.as_str()));
        let _ = write!(self.0, "- {} {agent}: {}, {cost}, {model}", run.started_at, run.status);
        let _ = write!(self.0, ", {} tokens in, {} out", run.input_tokens, run.output_tokens);
        let _ = write!(self.0, ", {} tool calls", run.tool_calls);
        if let Some(error) = run.error {
            let _ = write!(self.0, ": {}", inline(error.as_str()));
        }
        self.0.push('\n');
    }

    fn approvals(&mut self, approvals: &[ApprovalView<'_>]) {
        self.section("Approvals");
        for approval in approvals {
            let summary = inline(approval.summary.as_str());
            let (at, risk, status) = (approval.created_at, approval.risk, approval.status);
            let by = inline(&approval.requested_by.name);
            let _ = write!(self.0, "- {at} {summary} ({risk}, asked by {by}): {status}");
            if let Some(by) = &approval.decided_by {
                let _ = write!(self.0, " by {}", inline(&by.name));
            }
            if let Some(note) = approval.decision {
                let _ = write!(self.0, ", {}", inline(note.as_str()));
            }
            self.0.push('\n');
        }
        self.or_none(approvals.is_empty());
    }

    fn alerts(&mut self, alerts: &[AlertView<'_>]) {
        self.section("Alerts");
        for alert in alerts {
            let (at, kind, severity) = (alert.created_at, alert.kind, alert.severity);
            let times = if alert.count == 1 { String::new() } else { format!(", {} times", alert.count) };
            let title = inline(alert.title.as_str());
            let state = state(alert.status);
            self.line(format_args!("- {at} {title} ({kind}, {severity}{times}): {state}"));
        }
        self.or_none(alerts.is_empty());
    }

    /// Quotes the latest summary only: whoever unblocked the task before has read the earlier ones.
    fn loop_summary(&mut self, messages: &[MessageView]) {
        let artifacts = messages.iter().rev().flat_map(|message| &message.artifacts);
        let mut summaries = artifacts.filter(|artifact| artifact.name == LOOP_SUMMARY);
        if let Some(content) = summaries.find_map(|artifact| artifact.content.as_deref()) {
            self.section(LOOP_SUMMARY);
            self.line(format_args!("{}", quoted(content)));
        }
    }

    fn messages(&mut self, messages: &[MessageView]) {
        self.section("Messages");
        for message in messages {
            let (at, by, kind) = (message.at, inline(&message.author.name), message.kind);
            self.line(format_args!("**{by}**, {kind}, {at}\n"));
            if let Some(content) = &message.content {
                self.line(format_args!("{}\n", quoted(content)));
            }
            for artifact in &message.artifacts {
                let place =
                    artifact.url.as_deref().map_or_else(String::new, |url| format!(": {}", inline(url)));
                self.line(format_args!("- {} ({}){place}\n", inline(&artifact.name), artifact.kind));
            }
        }
        self.or_none(messages.is_empty());
    }

    fn section(&mut self, title: &str) {
        let _ = write!(self.0, "\n## {title}\n\n");
    }

    fn fact(&mut self, name: &str, value: impl fmt::Display) {
        self.line(format_args!("- {name}: {value}"));
    }

    fn reason(&mut self, name: &str, reason: Option<&Reason>) {
        if let Some(reason) = reason {
            self.fact(name, inline(reason.as_str()));
        }
    }

    fn or_none(&mut self, empty: bool) {
        if empty {
            self.line(format_args!("None."));
        }
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        let _ = writeln!(self.0, "{line}");
    }
}

fn state(status: alert::Status) -> &'static str {
    match status {
        alert::Status::Open => "nobody looks after it",
        alert::Status::Acknowledged => "somebody looks after it",
        alert::Status::Resolved => "resolved",
        alert::Status::Ignored => "ignored",
    }
}
