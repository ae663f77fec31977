//! Many runs that race for one dollar: whoever gets through, no more than the dollar is ever set aside and spent.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use mc_domain::{
    actor::Actor,
    agent::{Caps, Profile, Role},
    aggregate::{Aggregate, CommandContext},
    budget::{Budget, Command, Key},
    credential::{self, Bearer, Credential, Grant, SecretHash},
    ids::{AgentId, CredentialId},
    money::Usd,
    operation::Rejection,
    reach::Reach,
    recorded::{StreamId, Streamed},
    run::Outcome,
    values::Name,
};
use mc_store::{
    codec,
    log::{EventLog, MAX_PAGE_EVENTS},
    repository::{CommandEnvelope, Repository},
    testing::Place,
};
use tokio::task::JoinSet;

use crate::{
    actions::{Action, decide},
    draw::{OPERATORS, operator, project},
    invariants::{budget_is_kept, excess},
    random::Random,
    world::{Failure, Refusal},
};

const CALLERS: usize = 64;
/// How often each caller tries.
const TRIES: usize = 4;
const DOLLAR: Usd = Usd::cents(100);
/// How many times a budget alone is put through an order of commands.
const INTERLEAVINGS: usize = 100_000;
/// How many commands each of them has.
const COMMANDS: usize = 12;

/// Whose dollar it is.
#[derive(Debug, Clone, Copy)]
enum Whose {
    /// One agent's, for whom many callers start runs.
    Agents,
    /// The project's, whose agents start a run each.
    Projects,
}

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH
}

async fn ask(repository: &Repository, who: Actor, action: &Action) -> Result<bool, Failure> {
    ask_by(None, repository, who, action).await
}

async fn ask_by(
    credential: Option<CredentialId>,
    repository: &Repository,
    who: Actor,
    action: &Action,
) -> Result<bool, Failure> {
    let context = CommandContext::new(now(), who);
    let envelope = CommandEnvelope { credential, ..CommandEnvelope::new(context) };
    let mut refused = false;
    let executed = repository.execute(&envelope, |tx| {
        refused = decide(action, tx)? != mc_domain::operation::Outcome::Done;
        Ok::<_, Failure>(())
    });
    match executed.await {
        Ok(_) => Ok(!refused),
        // Nobody is locked out: of two who revoke each other's, the second is told that it is the last.
        Err(Failure::Rejected(Refusal::Operation(Rejection::Credential(why)))) => {
            assert_eq!(why, credential::Rejection::LastOperator);
            Ok(false)
        }
        Err(Failure::Rejected(_)) => Ok(false),
        Err(store) => Err(store),
    }
}

async fn founded(repository: &Repository, whose: Whose, random: &mut Random) -> Vec<AgentId> {
    let id = project(0);
    ask(repository, operator(0), &Action::CreateProject { project: id, slug: "openclaw".to_owned() })
        .await
        .unwrap();
    let (count, daily) = match whose {
        Whose::Agents => (1, DOLLAR),
        Whose::Projects => {
            let cap = Action::EditProject { project: id, daily_cap: Some(DOLLAR) };
            ask(repository, operator(0), &cap).await.unwrap();
            (CALLERS, Usd::cents(2500))
        }
    };
    let mut agents = Vec::new();
    for number in 0..count {
        let fresh = random.id();
        let caps = Caps { daily, per_run: Usd::cents(50) };
        let profile =
            Profile { caps, ..Profile::new(Name::new(&format!("Agent {number}")).unwrap(), Role::Lead) };
        assert!(
            ask(repository, operator(0), &Action::Register { project: id, fresh, profile }).await.unwrap()
        );
        agents.push(fresh);
    }
    agents
}

/// A caller that starts a run of 5 to 30 cents, completes it half of the time for at most that, and tries again.
async fn caller(repository: Arc<Repository>, agent: AgentId, mut random: Random) -> u32 {
    let mut through = 0;
    for _ in 0..TRIES {
        let (run, cents) = (random.id(), 5 + random.below(26) as u32);
        let start = Action::StartRun { fresh: run, agent, task: None, estimate: Some(Usd::cents(cents)) };
        if !ask(&repository, operator(0), &start).await.unwrap() {
            continue;
        }
        through += 1;
        if random.chance(50) {
            let cost = Some(Usd::cents(random.below(cents as usize + 1) as u32));
            ask(&repository, operator(0), &Action::EndRun { run, outcome: Outcome::Completed, cost })
                .await
                .unwrap();
        }
    }
    through
}

async fn history<A: Streamed>(log: &dyn EventLog, id: &A::Id) -> Vec<A::Event> {
    let (stream, mut after, mut events) = (StreamId::of::<A>(id), 0, Vec::new());
    loop {
        let page = log.read_stream(&stream, after, MAX_PAGE_EVENTS).await.unwrap();
        let Some(last) = page.last() else { return events };
        after = last.version;
        events.extend(page.iter().map(|stored| codec::decode::<A::Event>(stored).unwrap()));
    }
}

async fn race(place: &Place, whose: Whose, seed: u64) {
    let log = place.open();
    let repository = Arc::new(Repository::new(Arc::clone(&log)));
    let mut random = Random::new(seed);
    let agents = founded(&repository, whose, &mut random).await;
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        let agent = agents[number % agents.len()];
        callers.spawn(caller(Arc::clone(&repository), agent, Random::new(random.next())));
    }
    let through: u32 = callers.join_all().await.into_iter().sum();
    let key = match whose {
        Whose::Agents => Key::AgentDay(agents[0], now().date_naive()),
        Whose::Projects => Key::ProjectDay(project(0), now().date_naive()),
    };
    let mut budget = Budget::default();
    for event in history::<Budget>(&*log, &key).await {
        budget_is_kept(&budget, &event);
        budget = budget.evolve(&event);
        let taken = budget.reserved().plus(budget.spent());
        assert!(taken <= DOLLAR, "{taken} of one dollar is set aside and spent after {event:?}");
    }
    assert!(through > 0 && budget.reserved().plus(budget.spent()) > Usd::ZERO);
    let (reserved, spent) = (budget.reserved(), budget.spent());
    println!(
        "{whose:?} dollar: {through} runs got through, {reserved} set aside and {spent} spent in the end"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_callers_nobody_gets_more_than_the_dollar_in_memory() {
    for seed in 1..=4 {
        race(&Place::chosen(), Whose::Agents, seed).await;
        race(&Place::chosen(), Whose::Projects, seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_callers_nobody_gets_more_than_the_dollar_on_disk() {
    for (seed, whose) in [(5, Whose::Agents), (6, Whose::Projects)] {
        race(&Place::lasting(), whose, seed).await;
    }
}

/// Two operators revoke each other's credential at once.
async fn feud(place: &Place, seed: u64) {
    let (repository, mut random) = (Arc::new(Repository::new(place.open())), Random::new(seed));
    let ids: [CredentialId; 2] = [random.id(), random.id()];
    for (number, fresh) in ids.into_iter().enumerate() {
        let name = Name::new(OPERATORS[number]).unwrap();
        let grant = Grant { name, bearer: Bearer::Operator, reach: Reach::All, expires_at: None };
        let (secret, governors) = (SecretHash::of(&format!("secret {number}")), ids[..number].to_vec());
        let issue = Action::IssueCredential { fresh, grant, secret, governors };
        let by = ids[..number].first().copied();
        assert!(ask_by(by, &repository, operator(0), &issue).await.unwrap());
    }
    let mut operators = JoinSet::new();
    for number in 0..2 {
        let repository = Arc::clone(&repository);
        let action = Action::RevokeCredential { credential: ids[1 - number], governors: ids.to_vec() };
        operators.spawn(async move {
            ask_by(Some(ids[number]), &repository, operator(number), &action).await.unwrap()
        });
    }
    let through = operators.join_all().await;
    assert_eq!(through.iter().filter(|came_through| **came_through).count(), 1, "{through:?}");
    let mut governing = 0;
    for id in ids {
        governing += usize::from(repository.load::<Credential>(&id).await.unwrap().state.governs(now()));
    }
    assert_eq!(governing, 1, "one of them is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_operators_who_revoke_each_other_one_is_left() {
    for seed in 1..=100 {
        feud(&Place::chosen(), seed).await;
    }
    for seed in 1..=5 {
        feud(&Place::lasting(), seed).await;
    }
}

fn any_command(random: &mut Random, runs: usize) -> Command {
    let run = uuid::Uuid::from_u128(random.below(runs) as u128 + 1).into();
    let amount = Usd::cents(random.below(31) as u32);
    match random.below(16) {
        0..=6 => Command::Reserve { run, amount, cap: DOLLAR },
        7..=10 => Command::Settle { run, cost: random.chance(80).then_some(amount) },
        11 | 12 => Command::Release { run },
        13 => Command::Grant { approval: random.id(), amount },
        14 => Command::AllowRun { approval: random.id(), up_to: amount },
        _ => Command::Adjust { spent: amount },
    }
}

/// What runs cost may go beyond what was set aside for them; so the budget is compared with what each event allows.
#[test]
fn no_order_of_commands_sets_aside_more_than_there_is() {
    let (mut random, context) = (Random::new(0), CommandContext::new(now(), operator(0)));
    let (mut accepted, mut refused, mut beyond) = (0_usize, 0_usize, 0_usize);
    for _ in 0..INTERLEAVINGS {
        let mut budget = Budget::default();
        for _ in 0..COMMANDS {
            let Ok(events) = budget.decide(any_command(&mut random, 8), &context) else {
                refused += 1;
                continue;
            };
            accepted += 1;
            for event in &events {
                budget_is_kept(&budget, event);
                budget = budget.evolve(event);
            }
        }
        beyond += usize::from(excess(&budget) > 0);
    }
    println!("{INTERLEAVINGS} orders: {accepted} accepted, {refused} refused, {beyond} ended in an overrun");
}
