//! The task by which a node tells the others what is not in the log, and takes in what they tell.

use std::{sync::Arc, time::Duration};

use mc_domain::credential::SESSION_LASTS;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{MissedTickBehavior, interval},
};

use super::news::{self, Ago, Item};
use crate::app::{App, WeakApp};

/// How often a node tells the others what there is to tell.
const ROUND: Duration = Duration::from_millis(500);
/// The most messages of a round, some 2,000 items. Limits come first; what does not fit is not told, and of heartbeats and uses
/// the log has one now and then.
const MESSAGES_PER_ROUND: usize = 16;

/// Tells and listens from now on, until the server ends. On a log that has no other nodes it does nothing.
pub(crate) fn begin(app: &App) {
    if let Some(nodes) = app.log().nodes() {
        tokio::spawn(exchange(app.downgrade(), nodes.heard(), app.shutdown().clone().cancelled_owned()));
    }
}

async fn exchange(app: WeakApp, mut heard: Receiver<Arc<str>>, end: impl Future<Output = ()>) {
    let mut rounds = interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut end = std::pin::pin!(end);
    loop {
        let message = tokio::select! {
            () = &mut end => return,
            _ = rounds.tick() => None,
            heard = heard.recv() => match heard {
                Ok(message) => Some(message),
                // What was missed is as lost as what never arrived.
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return,
            },
        };
        let Some(app) = app.upgrade() else { return };
        match message {
            Some(message) => news::items(&message).into_iter().for_each(|item| hear(&app, item)),
            None => tell(&app),
        }
    }
}

fn tell(app: &App) {
    let Some(nodes) = app.log().nodes() else { return };
    let now = app.now();
    app.access().uses().forget_before(now - SESSION_LASTS);
    let heartbeats = app.heartbeats().take_untold().into_iter();
    let heartbeats = heartbeats.map(|(agent, at)| Item::Heartbeat(agent, Ago::between(at, now)));
    let uses = app.access().uses().take_untold(now).into_iter();
    let uses = uses.map(|((credential, session), at)| Item::Used(credential, session, Ago::between(at, now)));
    let items: Vec<_> = app.access().admitted().into_iter().chain(heartbeats).chain(uses).collect();
    for message in news::messages(&items, MESSAGES_PER_ROUND) {
        nodes.tell(message);
    }
}

fn hear(app: &App, item: Item) {
    let now = app.now();
    match item {
        Item::Heartbeat(agent, ago) => app.heartbeats().hear(agent, ago.before(now)),
        Item::Used(credential, session, ago) => {
            app.access().uses().hear((credential, session), ago.before(now));
        }
        Item::Calls(..) | Item::Logins(..) | Item::Failures(..) => app.access().charge(&item),
    }
}
