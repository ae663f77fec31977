use std::collections::{BTreeMap, BTreeSet};

use mc_domain::{
    ids::NotificationId,
    notification::{self, Recipient},
    reach::Reach,
    task::{Details, TaskType},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{super::notification_courier::Channel, *};

/// A way on which everything is lost.
#[derive(Clone, Copy)]
struct Broken;

impl Channel for Broken {
    async fn send(&self, _: NotificationId, _: DateTime<Utc>) -> Result<(), Reason> {
        Err(Reason::new("connection refused").unwrap())
    }
}

/// A way on which what is for some never arrives nor fails; tells of whatever is put on it, and to whom.
#[derive(Clone)]
struct Slow {
    app: App,
    silent: BTreeSet<String>,
    told: mpsc::UnboundedSender<(String, String)>,
}

impl Channel for Slow {
    async fn send(&self, id: NotificationId, _: DateTime<Utc>) -> Result<(), Reason> {
        let recipient = self.app.projected().read(|views| {
            let seen = views.notifications.view(id, &views.agents).unwrap();
            serde_json::to_value(seen).unwrap()["recipient"]["id"].as_str().unwrap().to_owned()
        });
        let silent = self.silent.contains(&recipient);
        self.told.send((recipient, id.to_string())).unwrap();
        if silent {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

fn term(world: &World) -> Term {
    Term::new(world.app.clone(), None)
}

/// Queues what concerns somebody, to be sent.
async fn queue(world: &World) {
    NotificationDispatcher::new(term(world), false).tick(world.now()).await.unwrap();
}

/// Lets a courier without a memory take one turn.
async fn carry(world: &World, channel: impl Channel) -> usize {
    NotificationCourier::new(term(world), channel).tick(world.now()).await.unwrap()
}

fn recipients(events: &[AnyEvent]) -> impl Iterator<Item = Recipient> {
    events.iter().filter_map(|event| match event {
        AnyEvent::Notification(notification::Event::Queued { recipient, .. }) => Some(recipient.clone()),
        _ => None,
    })
}

/// Creates so many tasks, each assigned to one of `agents` in turn.
async fn assign(world: &World, tasks: usize, agents: &[AgentId]) {
    let project = world.project().await;
    let sofie = Actor::Human(Name::new("Sofie").unwrap());
    let details = Details::titled("Guide", TaskType::Docs).unwrap();
    let assigned: Vec<_> = (0..tasks).map(|number| agents[number % agents.len()]).collect();
    for agents in assigned.chunks(1_000) {
        let (details, creator) = (&details, sofie.clone());
        world
            .act(sofie.clone(), |tx| {
                let at = tx.now();
                for agent in agents {
                    let task = tx.create::<Task>(TaskId::new(Uuid::now_v7()));
                    let (details, creator) = (details.clone(), creator.clone());
                    let created = task::Event::Created { project, details, parent: None, creator, at };
                    let (from, assignees) = (task::Status::Inbox, BTreeSet::from([*agent]));
                    let assigned = task::Event::Assigned { from, assignees, reason: None, at };
                    tx.record(&task, vec![created, assigned])?;
                }
                Ok(())
            })
            .await;
    }
}

impl World {
    /// Waits until everybody is told of what happened up to `position`, by workers that run.
    async fn everybody_is_told(&self, position: u64) {
        let mut head = self.log.watch_head();
        loop {
            self.app.projected().caught_up().await.unwrap();
            let (through, waiting) = self
                .app
                .projected()
                .read(|views| (views.notifications.through(), views.notifications.waiting(&Reach::All)));
            if through >= position && waiting == 0 {
                return;
            }
            head.changed().await.unwrap();
        }
    }

    async fn all_events(&self) -> Vec<AnyEvent> {
        self.stored()
            .await
            .iter()
            .filter_map(|event| Some(codec::decode_any(event).unwrap()?.event))
            .collect()
    }

    async fn stored(&self) -> Vec<mc_store::log::StoredEvent> {
        let mut all = Vec::new();
        loop {
            let page = self.log.read_all(all.len() as u64, 1_000).await.unwrap();
            if page.is_empty() {
                return all;
            }
            all.extend(page);
        }
    }
}

#[tokio::test]
async fn what_concerns_somebody_is_told_once() {
    let world = World::new().await;
    let dispatcher = || NotificationDispatcher::new(term(&world), true);
    let mut first = dispatcher();
    assert!(first.tick(world.now()).await.unwrap() > 0);
    let head = world.log.head();
    assert_eq!(first.tick(world.now()).await.unwrap(), 0);
    assert_eq!(dispatcher().tick(world.now()).await.unwrap(), 0, "with another memory");
    assert_eq!(world.log.head(), head);
    let scribe = Recipient::Agent(world.agent("Scribe").await);
    let events = world.events().await;
    assert!(recipients(&events).any(|recipient| recipient == scribe));
    let (queued, arrived) = (count(&events, "notification.queued"), count(&events, "notification.delivered"));
    assert_eq!(arrived, queued, "what is sent nowhere has arrived when it is queued");
    assert_eq!(carry(&world, Broken).await, 0);
}

#[tokio::test]
async fn thousands_are_told_in_few_commits() {
    const TASKS: usize = 3_000;
    let world = World::new().await;
    let agents = [world.agent("Scribe").await, world.agent("Fetch").await];
    NotificationDispatcher::new(term(&world), true).tick(world.now()).await.unwrap();
    let before = world.log.head();
    assign(&world, TASKS, &agents).await;
    let assigned = world.log.head();
    let workers = Workers::start(&world.app, None);
    world.everybody_is_told(assigned).await;
    world.app.shutdown().cancel();
    workers.ended().await;
    let stored = world.stored().await;
    assert!(count(&world.all_events().await, "notification.delivered") >= TASKS);
    let of_notifications = stored[usize::try_from(before).unwrap()..]
        .iter()
        .filter(|event| event.stream.aggregate_type == "notification");
    let commits: BTreeSet<_> = of_notifications.map(|event| event.metadata.command_id).collect();
    assert!(commits.len() <= TASKS / 100, "{} commits", commits.len());
}

#[tokio::test]
async fn the_next_server_goes_on_where_the_last_one_told_everybody() {
    let world = World::new().await;
    let scribe = world.agent("Scribe").await;
    assign(&world, 600, &[scribe]).await;
    let end = world.log.head();
    let other = || NotificationDispatcher::new(term(&world), true);
    assert!(other().begin_at(world.now()).await.unwrap() < end);
    other().tick(world.now()).await.unwrap();
    assert!(other().begin_at(world.now()).await.unwrap() >= end);
    world.pass(notification::LASTS + TimeDelta::seconds(1));
    assert_eq!(other().begin_at(world.now()).await.unwrap(), world.log.head(), "nobody is told of yesterday");
}

#[tokio::test]
async fn what_does_not_arrive_is_tried_again_and_in_the_end_given_up() {
    let world = World::new().await;
    queue(&world).await;
    let queued = count(&world.events().await, "notification.queued");
    carry(&world, Broken).await;
    for wait in notification::RETRY_AFTER_SECS {
        world.pass(TimeDelta::seconds(wait - 1));
        assert_eq!(count(&world.events().await, "notification.failed"), 0);
        assert_eq!(carry(&world, Broken).await, 0);
        world.pass(TimeDelta::seconds(1));
        carry(&world, Broken).await;
    }
    let events = world.events().await;
    assert_eq!(count(&events, "notification.failed"), queued);
    let given_up = |event: &AnyEvent| {
        matches!(event, AnyEvent::Alert(alert::Event::Raised { kind: Kind::NotificationFailed, .. }))
    };
    // One for each recipient, however many notifications: and none of them is notified of that in turn.
    let recipients: BTreeSet<_> = recipients(&events).collect();
    assert_eq!(events.iter().filter(|event| given_up(event)).count(), recipients.len());
    world.pass(TimeDelta::minutes(1));
    queue(&world).await;
    assert_eq!(count(&world.events().await, "notification.queued"), queued);
}

#[tokio::test]
async fn what_could_not_be_delivered_for_a_day_expires() {
    let world = World::new().await;
    queue(&world).await;
    carry(&world, Broken).await;
    world.pass(notification::LASTS);
    carry(&world, Broken).await;
    assert!(world.events().await.iter().any(|event| event.name() == "notification.expired"));
}

/// Ten of them would take every place there is.
#[tokio::test(start_paused = true)]
async fn recipients_that_do_not_answer_hold_up_nobody_else() {
    let world = World::new().await;
    let everybody: Vec<_> = world.context.watch().await.unwrap().agents.keys().copied().collect();
    let (heard, silent) = everybody.split_first().unwrap();
    assert!(silent.len() >= 10);
    assign(&world, 50 * everybody.len(), &everybody).await;
    queue(&world).await;
    let (told, mut asked) = mpsc::unbounded_channel();
    let slow =
        Slow { app: world.app.clone(), silent: silent.iter().map(ToString::to_string).collect(), told };
    let (term, channel) = (term(&world), slow.clone());
    let courier = tokio::spawn(supervise(term.clone(), move || {
        NotificationCourier::new(term.clone(), channel.clone())
    }));
    let mut arrived = Vec::new();
    while arrived.len() < 50 {
        let (recipient, id) = asked.recv().await.unwrap();
        arrived.extend((recipient == heard.to_string()).then_some(id));
    }
    let stored = world.stored().await;
    let queued = stored.iter().filter(|event| event.event_type == "notification.queued");
    let places: BTreeMap<_, _> = queued.map(|event| (&event.stream.aggregate_id, event.position)).collect();
    assert!(arrived.is_sorted_by_key(|id| places[id]), "they arrive in the order in which they were queued");
    world.app.shutdown().cancel();
    courier.await.unwrap();
}

#[tokio::test]
async fn the_end_of_the_server_breaks_a_turn_off() {
    let world = World::new().await;
    let scribe = world.agent("Scribe").await;
    queue(&world).await;
    assign(&world, 2_000, &[scribe]).await;
    queue(&world).await;
    let (told, mut asked) = mpsc::unbounded_channel();
    let slow = Slow { app: world.app.clone(), silent: BTreeSet::from([scribe.to_string()]), told };
    let (term, channel) = (term(&world), slow);
    let courier = tokio::spawn(supervise(term.clone(), move || {
        NotificationCourier::new(term.clone(), channel.clone())
    }));
    while asked.recv().await.unwrap().0 != scribe.to_string() {}
    world.app.shutdown().cancel();
    tokio::time::timeout(Duration::from_secs(2), courier).await.unwrap().unwrap();
    let head = world.log.head();
    assign(&world, 10, &[scribe]).await;
    queue(&world).await;
    assert_eq!(world.log.head(), head + 20, "nothing is begun any more");
}

/// Answers each connection with the next of `answers`, and tells what was asked.
async fn receiver(answers: &'static [&'static str]) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/hook", listener.local_addr().unwrap());
    let (told, asked) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                stream.read_buf(&mut request).await.unwrap();
            }
            told.send(String::from_utf8(request).unwrap()).unwrap();
            let answer = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (address, asked)
}

#[tokio::test]
async fn a_webhook_gets_what_did_not_arrive_again_also_from_the_next_server() {
    let world = World::new().await;
    NotificationDispatcher::new(term(&world), true).tick(world.now()).await.unwrap();
    let (address, mut asked) = receiver(&["500 Internal Server Error", "302 Found", "204 No Content"]).await;
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
    let webhook = Arc::new(Webhook::new(address.parse().unwrap(), secret));
    let webhook = || Ways::new(world.app.clone(), Some(Arc::clone(&webhook)));
    let scout = world.agent("Scout").await;
    world.order(scout, agent::Command::Pause { reason: agent::PauseReason::Operator, note: None }).await;
    queue(&world).await;
    let header = |request: &str, name: &str| {
        let line = request.lines().find(|line| line.to_ascii_lowercase().starts_with(name)).unwrap();
        line.split_once(": ").unwrap().1.to_owned()
    };
    let mut ids = BTreeSet::new();
    for wait in [0, 30, 60] {
        world.pass(TimeDelta::seconds(wait));
        carry(&world, webhook()).await;
        let request = asked.recv().await.unwrap();
        ids.insert(header(&request, "webhook-id"));
        assert_eq!(header(&request, "webhook-timestamp"), world.now().timestamp().to_string());
        assert!(header(&request, "webhook-signature").starts_with("v1,"));
        assert!(request.contains(r#""type":"notification.directive""#), "{request}");
    }
    assert_eq!(ids.len(), 1);
    let delivered = count(&world.events().await, "notification.delivered");
    world.pass(TimeDelta::hours(1));
    carry(&world, webhook()).await;
    assert_eq!(count(&world.events().await, "notification.delivered"), delivered);
}
