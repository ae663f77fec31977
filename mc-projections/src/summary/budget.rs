//! Tells what happened to a budget, in one sentence.

use mc_domain::{
    actor::Actor,
    budget::{Event, Key, Level},
};

use super::Names;

pub(super) fn sentence(fact: &Event, key: Option<Key>, actor: &Actor, names: &Names<'_>) -> String {
    let who = names.actor(actor);
    let budget = key.map_or_else(|| "a budget".to_owned(), |key| of(key, names));
    match fact {
        Event::Reserved { amount, .. } => format!("${amount} of {budget} was set aside for a run"),
        Event::Charged { cost, priced: true, .. } => {
            format!("a run that was over was charged ${cost} to {budget}")
        }
        Event::Charged { cost, priced: false, .. } => {
            format!("a run that was over, of unknown cost, was charged ${cost} to {budget}")
        }
        Event::Settled { cost, priced: true, .. } => format!("a run was charged ${cost} to {budget}"),
        Event::Settled { cost, priced: false, .. } => {
            format!("a run of unknown cost was charged ${cost} to {budget}")
        }
        Event::Released { amount, .. } => format!("${amount} that was set aside went back to {budget}"),
        Event::Granted { amount, .. } => format!("{who} granted ${amount} beyond {budget}"),
        Event::RunAllowed { up_to, .. } => {
            format!("{who} allowed single runs of up to ${up_to} within {budget}")
        }
        Event::Adjusted { spent_before, spent_after, .. } => {
            format!("{who} corrected what is spent of {budget} from ${spent_before} to ${spent_after}")
        }
        Event::CapChanged { cap, .. } => format!("{who} set {budget} to ${cap}"),
        Event::ThresholdCrossed { level, percent, spent, limit, .. } => {
            let how = match level {
                Level::Warning => "a warning",
                Level::Critical => "a critical warning",
                Level::Exceeded => "its end",
            };
            format!("{budget} reached {percent} % ({how}): ${spent} of ${limit} is spent")
        }
        Event::Exceeded { spent, limit, .. } => format!("{budget} is used up: ${spent} of ${limit} is spent"),
    }
}

fn of(key: Key, names: &Names<'_>) -> String {
    match key {
        Key::AgentDay(agent, day) => format!("the budget of {} for {day}", names.agent(agent)),
        Key::Task(task) => format!("the budget of {}", names.task(task)),
        Key::ProjectDay(_, day) => format!("the budget of the project for {day}"),
    }
}
