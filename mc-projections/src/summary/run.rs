//! Tells what happened to a run, in one sentence.

use mc_domain::{
    actor::Actor,
    run::{Billed, Ended, Event, Outcome, Terms, ToolStatus},
};

use super::{Names, because};

pub(super) fn sentence(fact: &Event, actor: &Actor, names: &Names<'_>) -> String {
    if let Some((outcome, end)) = fact.end() {
        return over(outcome, end, names);
    }
    match fact {
        Event::Started(terms) => started(terms, names),
        Event::ToolCalled { tool, status, error, .. } => {
            let who = names.actor(actor);
            let said = because(error.as_ref());
            match status {
                ToolStatus::Success => format!("{who} used {tool}{said}"),
                ToolStatus::Failed => format!("{who} used {tool} without success{said}"),
                ToolStatus::Denied => format!("{who} was not allowed to use {tool}{said}"),
            }
        }
        Event::Billed(billed) => billed_later(billed, names),
        Event::Completed(_) | Event::Failed(_) | Event::TimedOut(_) | Event::Aborted(_) => {
            "a run came to its end".to_owned()
        }
    }
}

fn started(terms: &Terms, names: &Names<'_>) -> String {
    let (agent, on) = (names.agent(terms.agent), names.on(terms.task));
    format!("{agent} began a run{on} with {}, ${} set aside", terms.model, terms.reserved)
}

/// Such as "a run of Scout on the task was completed for $0.12".
fn over(outcome: Outcome, end: &Ended, names: &Names<'_>) -> String {
    let (agent, on) = (names.agent(end.agent), names.on(end.task));
    let charged = match end.cost {
        Some(cost) => format!(" for ${cost}"),
        None if end.charged.micros() == 0 => String::new(),
        None => format!(" at an unknown cost, ${} charged", end.charged),
    };
    format!("a run of {agent}{on} {}{charged}{}", ended(outcome), because(end.error.as_ref()))
}

/// Such as "Scout told what a run on the task, which was over, had cost: $0.12".
fn billed_later(bill: &Billed, names: &Names<'_>) -> String {
    let (agent, on) = (names.agent(bill.agent), names.on(bill.task));
    let cost = match bill.cost {
        Some(cost) => format!("${cost}"),
        None => format!("nobody knows, ${} charged", bill.charged),
    };
    format!("{agent} told what a run{on}, which was over, had cost: {cost}")
}

/// The end of a run as the predicate of a sentence.
pub(super) fn ended(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Completed => "was completed",
        Outcome::Failed => "failed",
        Outcome::TimedOut => "did not end in time",
        Outcome::Aborted => "was aborted",
    }
}
