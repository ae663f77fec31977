//! What an operator may tell one agent: to pause, to go on, to finish, to stop at once, to begin anew.

use axum::http::Method;

use super::{read, route};
use crate::web::{
    Visit,
    form::{Field, Form, Kind},
    html::Refused,
    visit::Names,
};

/// An instruction: the end of its route, how it reads, and in which statuses it is possible.
pub(super) struct Act {
    route: &'static str,
    pub(super) word: &'static str,
    means: &'static str,
    done: &'static str,
    from: &'static [&'static str],
}

impl Act {
    /// The end of the address of its form.
    pub(super) fn below(&self) -> String {
        format!("/{}", self.route)
    }
}

const PAUSE: Act = Act {
    route: "pause",
    word: "Pause",
    means: "It stops, and keeps its task. Nothing is lost; you let it go on by hand.",
    done: "is paused",
    from: &["active", "draining"],
};
const RESUME: Act = Act {
    route: "resume",
    word: "Resume",
    means: "It works again, also where its squad is paused.",
    done: "works again",
    from: &["paused", "draining", "quarantined"],
};
const DRAIN: Act = Act {
    route: "drain",
    word: "Drain",
    means: "It finishes its current task, takes no new one, and is paused then.",
    done: "finishes its task and stops then",
    from: &["active"],
};
const RESTART: Act = Act {
    route: "restart",
    word: "Restart",
    means: "Its runs are broken off, its task goes back to those it is assigned to, and it begins anew.",
    done: "begins anew",
    from: &["active", "paused", "draining", "quarantined"],
};
const QUARANTINE: Act = Act {
    route: "quarantine",
    word: "Quarantine",
    means: "It is stopped at once: its runs are broken off and its task is blocked. Only an operator lets it work again.",
    done: "is quarantined",
    from: &["active", "paused", "draining"],
};

const ACTS: [&Act; 5] = [&PAUSE, &RESUME, &DRAIN, &RESTART, &QUARANTINE];

/// What is possible with an agent of that status. One that is retired works no more.
pub(super) fn legal(status: &str, is_retired: bool) -> Vec<&'static Act> {
    let revives = |act: &Act| act.route == RESUME.route || act.route == RESTART.route && status != "active";
    let possible = |act: &&Act| act.from.contains(&status) && !(is_retired && revives(act));
    ACTS.into_iter().filter(possible).collect()
}

/// It stops until it is resumed.
pub(in crate::web) async fn pause(visit: &Visit, names: &Names) -> Result<Form, Refused> {
    form(visit, names, &PAUSE).await
}

/// It works again.
pub(in crate::web) async fn resume(visit: &Visit, names: &Names) -> Result<Form, Refused> {
    form(visit, names, &RESUME).await
}

/// It finishes its task and stops.
pub(in crate::web) async fn drain(visit: &Visit, names: &Names) -> Result<Form, Refused> {
    form(visit, names, &DRAIN).await
}

/// It begins anew.
pub(in crate::web) async fn restart(visit: &Visit, names: &Names) -> Result<Form, Refused> {
    form(visit, names, &RESTART).await
}

/// It stops at once.
pub(in crate::web) async fn quarantine(visit: &Visit, names: &Names) -> Result<Form, Refused> {
    Ok(form(visit, names, &QUARANTINE).await?.grave())
}

/// The form of an instruction. It names no version: every heartbeat is another one, and the instruction holds all the same.
async fn form(visit: &Visit, names: &Names, act: &Act) -> Result<Form, Refused> {
    let agent = read(visit, names).await?;
    let path = visit.api(&format!("{}/{}", route(names), act.route), &["project"], &[]);
    let back = visit.api(&agent.address(""), &["project"], &[]);
    Ok(Form::new(format!("{} {}", act.word, agent.name), Method::POST, path, &back)
        .intro(format!("{} is {}. {}", agent.name, agent.state(), act.means))
        .field(
            Field::new("reason", "Why", Kind::Line)
                .help("For the record, and for the agent. It may stay empty."),
        )
        .submit(act.word)
        .done(format!("{} {}", agent.name, act.done)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_possible_is_offered() {
        let routes = |status, is_retired| -> Vec<_> {
            legal(status, is_retired).into_iter().map(|act| act.route).collect()
        };
        assert_eq!(routes("active", false), ["pause", "drain", "restart", "quarantine"]);
        assert_eq!(routes("paused", false), ["resume", "restart", "quarantine"]);
        assert_eq!(routes("draining", false), ["pause", "resume", "restart", "quarantine"]);
        assert_eq!(routes("quarantined", false), ["resume", "restart"]);
        assert_eq!(routes("offline", false), [""; 0]);
        assert_eq!(routes("paused", true), ["quarantine"]);
    }
}
