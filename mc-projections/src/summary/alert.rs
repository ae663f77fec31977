//! Tells what happened to an alert, in one sentence.

use mc_domain::{actor::Actor, alert::Event};

use crate::alerts::episode;

use super::{Names, because, quoted};

pub(super) fn sentence(fact: &Event, actor: &Actor, names: &Names<'_>) -> String {
    let who = names.actor(actor);
    let alert = Names::about(names.views.alerts.title(episode(fact)), "of that type");
    match fact {
        Event::Raised { severity, title, .. } => {
            format!("an alert was raised ({severity}): {}", quoted(title.as_str()))
        }
        Event::Repeated { count, description, .. } => {
            format!("{alert} happened again, {count} times now{}", because(description.as_ref()))
        }
        Event::Acknowledged { note, .. } => {
            format!("{who} looks after the alert {alert}{}", because(note.as_ref()))
        }
        Event::Resolved { note, .. } => format!("{who} resolved the alert {alert}{}", because(note.as_ref())),
        Event::Ignored { note, .. } => format!("{who} ignored the alert {alert}{}", because(note.as_ref())),
    }
}
