use chrono::TimeDelta;

use super::*;
use crate::{
    agent::{Caps, Commission, SpawnBound},
    money::Usd,
    process::{Retirement, RetirementCause, retirements},
    project::{self, Project},
    reservation::{self, Holder, Key, Reservation},
    spec::{Answer, label, later, slug},
};

const CHILD: AgentId = AgentId::new(uuid::Uuid::from_u128(0x210));

fn openclaw() -> Entity<Project> {
    let profile = project::Profile::new(name("OpenClaw"));
    entity(OPENCLAW, [project::Event::Created { slug: slug("openclaw"), profile, at: now() }])
}

fn profile() -> Profile {
    Profile::new(name("Digger"), Role::Intern)
}

fn free() -> Entity<Reservation> {
    entity(Key::agent(OPENCLAW, &name("Digger")), [])
}

/// Creates `child` as Digger.
fn dig(
    tx: &mut Transaction<'_>,
    child: AgentId,
    parent: AgentId,
    request: SpawnAgent,
) -> Result<(), Rejection> {
    let names = names(tx, "Digger")?;
    spawn_agent(tx, OPENCLAW, &names, child, parent, request)
}

fn register(tx: &mut Transaction<'_>, request: RegisterAgent) -> Result<(), Rejection> {
    let names = names(tx, "Digger")?;
    register_agent(tx, OPENCLAW, &names, CHILD, request)
}

fn request() -> SpawnAgent {
    SpawnAgent { profile: profile(), purpose: reason("Read the sources"), active_agents: 11, squad: 0 }
}

fn spawn(parent: &Entity<Agent>, request: SpawnAgent) -> Answer<()> {
    world([&openclaw(), parent]).when(&by(parent.id), |tx| dig(tx, CHILD, parent.id, request))
}

fn spawned(child: AgentId) -> agent::Event {
    agent::Event::Spawned { child, purpose: reason("Read the sources"), at: now() }
}

fn in_service() -> [agent::Event; 2] {
    let (project, at, until) = (OPENCLAW, now(), now() + TimeDelta::hours(6));
    [
        agent::Event::Registered {
            project,
            profile: profile(),
            parent: Some(NOVA),
            purpose: Some(reason("Read the sources")),
            at,
        },
        agent::Event::Commissioned { depth: 1, task: Some(TASK), until, at },
    ]
}

/// Nova, a lead, at work on the task.
fn nova() -> Entity<Agent> {
    idle(NOVA).after(&[engaged(LEASE)])
}

fn limit(bound: SpawnBound, limit: u32) -> agent::Rejection {
    agent::Rejection::SpawnLimit { name: name("Nova"), bound, limit }
}

#[test]
fn a_sub_agent_is_on_the_record_of_both() {
    let reserved = reservation::Event::Reserved { holder: Holder::Agent(CHILD) };
    spawn(&nova(), request()).then([
        stream(&nova(), [spawned(CHILD)]),
        stream(&free(), [reserved]),
        stream(&entity::<Agent>(CHILD, []), in_service()),
    ]);
}

#[test]
fn spawning_twice_creates_one_sub_agent() {
    let taken =
        entity::<Reservation>(free().id, [reservation::Event::Reserved { holder: Holder::Agent(CHILD) }]);
    let (parent, child) = (nova().after(&[spawned(CHILD)]), entity::<Agent>(CHILD, in_service()));
    world([&openclaw(), &child, &parent, &taken])
        .when(&by(NOVA), |tx| dig(tx, child.id, parent.id, request()))
        .then_nothing();
}

#[test]
fn a_role_that_may_not_spawn_is_refused() {
    spawn(&working(), request())
        .then_rejected(agent::Rejection::MayNotSpawn { name: name("Scout"), role: Role::Intern });
}

#[test]
fn a_parent_that_is_not_active_is_refused() {
    for parent in [paused(&nova(), PauseReason::Squad), draining(&nova()), quarantined(&nova())] {
        let refused = spawn(&parent, request()).result();
        assert!(matches!(refused, Err(Rejection::Agent(agent::Rejection::NotActive { .. }))));
    }
}

#[test]
fn an_agent_spawns_for_itself_only() {
    let child = entity::<Agent>(CHILD, []);
    world([&openclaw(), &child, &nova()])
        .when(&scout(), |tx| dig(tx, child.id, NOVA, request()))
        .then_rejected(agent::Rejection::OperatorOnly { name: name("Nova") });
    assert!(
        world([&openclaw(), &child, &nova()]).when(&sofie(), |tx| dig(tx, child.id, NOVA, request())).is_ok()
    );
}

#[test]
fn a_fourth_sub_agent_is_refused() {
    let children = (1..=3).map(|nth| spawned(AgentId::new(uuid::Uuid::from_u128(nth))));
    let parent = nova().after(&children.collect::<Vec<_>>());
    spawn(&parent, request()).then_rejected(limit(SpawnBound::Children, 3));
    let first = AgentId::new(uuid::Uuid::from_u128(1));
    let fewer = parent.after(&[agent::Event::ChildRetired { child: first, at: now() }]);
    assert!(spawn(&fewer, request()).is_ok());
}

#[test]
fn a_third_level_is_refused() {
    let at_depth = |depth| {
        let (task, until, at) = (None, now() + TimeDelta::hours(6), now());
        nova().after(&[agent::Event::Commissioned { depth, task, until, at }])
    };
    assert!(spawn(&at_depth(1), request()).is_ok());
    spawn(&at_depth(2), request()).then_rejected(limit(SpawnBound::Depth, 2));
}

#[test]
fn a_thirty_first_active_agent_is_refused() {
    assert!(spawn(&nova(), SpawnAgent { active_agents: 29, ..request() }).is_ok());
    spawn(&nova(), SpawnAgent { active_agents: 30, ..request() })
        .then_rejected(limit(SpawnBound::ActiveAgents, 30));
}

#[test]
fn a_sub_agent_may_do_no_more_than_its_parent() {
    let tools = Profile {
        allowed_tools: BTreeSet::from([label("search"), label(agent::SPAWN_TOOL)]),
        ..Profile::new(name("Nova"), Role::Lead)
    };
    let limited = entity::<Agent>(NOVA, registered_as(tools));
    let caps = Caps { daily: Usd::cents(1201), per_run: Usd::cents(151) };
    for (parent, child, what) in [
        (nova(), Profile { role: Role::Cao, ..profile() }, "role"),
        (nova(), Profile { caps, ..profile() }, "daily cap, per-run cap"),
        (limited.clone(), profile(), "tools"),
    ] {
        spawn(&parent, SpawnAgent { profile: child, ..request() })
            .then_rejected(agent::Rejection::ChildAbove { name: name("Nova"), what: what.to_owned() });
    }
    let fewer = Profile { allowed_tools: BTreeSet::from([label("search")]), ..profile() };
    assert!(spawn(&limited, SpawnAgent { profile: fewer, ..request() }).is_ok());
}

#[test]
fn an_agent_whose_tools_do_not_say_so_is_refused() {
    let tools = Profile {
        allowed_tools: BTreeSet::from([label("search")]),
        ..Profile::new(name("Nova"), Role::Lead)
    };
    let (limited, child) = (entity::<Agent>(NOVA, registered_as(tools.clone())), entity::<Agent>(CHILD, []));
    let request =
        SpawnAgent { profile: Profile { allowed_tools: tools.allowed_tools, ..profile() }, ..request() };
    spawn(&limited, request.clone()).then_rejected(agent::Rejection::SpawnToolMissing { name: name("Nova") });
    assert!(
        world([&openclaw(), &child, &limited])
            .when(&sofie(), |tx| dig(tx, child.id, limited.id, request))
            .is_ok()
    );
}

#[test]
fn nobody_is_created_in_a_squad_that_is_stopped() {
    for halt in project::Halt::ALL.iter().copied() {
        let stopped =
            openclaw().after(&[project::Event::SquadPaused { halt, number: 1, reason: None, at: now() }]);
        let child = entity::<Agent>(CHILD, []);
        world([&stopped, &child, &nova()])
            .when(&by(NOVA), |tx| dig(tx, child.id, NOVA, request()))
            .then_rejected(Rejection::SquadStopped);
    }
}

#[test]
fn the_name_of_another_agent_is_refused() {
    let known = idle(SCOUT);
    world([&openclaw(), &known, &nova()])
        .when(&by(NOVA), |tx| dig(tx, known.id, NOVA, request()))
        .then_rejected(reservation::Rejection::Taken { by: Holder::Agent(SCOUT) });
}

#[test]
fn registering_under_a_parent_is_no_way_around_the_limits() {
    let registration = RegisterAgent {
        profile: profile(),
        parent: Some(NOVA),
        purpose: Some(reason("Read the sources")),
        squad: 0,
    };
    world([&openclaw()])
        .when(&by(NOVA), |tx| register(tx, registration))
        .then_rejected(agent::Rejection::RegistersAnother { name: name("Digger") });
}

#[test]
fn an_idle_sub_agent_creates_its_own_for_the_task_it_was_created_for() {
    let child = entity::<Agent>(CHILD, in_service());
    let of_task = |agent: &Entity<Agent>| agent.registered().unwrap().commission_of_child(&system()).task;
    assert_eq!(of_task(&child), Some(TASK));
    let other = agent::Event::Engaged { task: crate::spec::OTHER_TASK, lease: LEASE };
    assert_eq!(of_task(&child.after(&[other])), Some(crate::spec::OTHER_TASK));
    assert_eq!(of_task(&idle(NOVA)), None);
}

mod retirement {
    use super::*;

    fn child() -> Entity<Agent> {
        entity(CHILD, in_service())
    }

    fn parent() -> Entity<Agent> {
        nova().after(&[spawned(CHILD)])
    }

    fn due(child: &Entity<Agent>, closed: &[crate::ids::TaskId], hours: i64) -> Option<RetirementCause> {
        let closed: BTreeSet<_> = closed.iter().copied().collect();
        let now = later(&system(), TimeDelta::hours(hours)).now;
        let retirements = retirements(&[parent(), child.clone()], |task| closed.contains(&task), now);
        let expected = |cause| Retirement { child: CHILD, parent: Some(NOVA), cause };
        assert!(retirements.iter().all(|retirement| *retirement == expected(retirement.cause)));
        retirements.first().map(|retirement| retirement.cause)
    }

    #[test]
    fn is_due_after_six_hours_or_when_the_parents_task_closes() {
        assert_eq!(due(&child(), &[], 5), None);
        assert_eq!(due(&child(), &[], 6), Some(RetirementCause::TimeIsUp));
        assert_eq!(due(&child(), &[TASK], 0), Some(RetirementCause::TaskClosed));
        assert_eq!(due(&child(), &[crate::spec::OTHER_TASK], 0), None);
    }

    /// A sub-agent of a sub-agent does not outlive it.
    #[test]
    fn takes_the_sub_agents_of_the_sub_agent_along() {
        let grandchild = AgentId::new(uuid::Uuid::from_u128(0x211));
        let commissioned = [
            agent::Event::Registered {
                project: OPENCLAW,
                profile: Profile::new(name("Helper"), Role::Intern),
                parent: Some(CHILD),
                purpose: None,
                at: now(),
            },
            agent::Event::Commissioned {
                depth: 2,
                task: None,
                until: now() + TimeDelta::hours(9),
                at: now(),
            },
        ];
        let helper = entity::<Agent>(grandchild, commissioned);
        let child = child().after(&[spawned(grandchild)]);
        let retired_at = |child: &Entity<Agent>, hours| {
            let now = later(&system(), TimeDelta::hours(hours)).now;
            let found = retirements(&[helper.clone(), parent(), child.clone()], |_| false, now);
            found.iter().map(|retirement| (retirement.child, retirement.cause)).collect::<Vec<_>>()
        };
        let left_behind = (grandchild, RetirementCause::ParentRetired);
        assert_eq!(retired_at(&child, 5), []);
        assert_eq!(retired_at(&child, 6), [(CHILD, RetirementCause::TimeIsUp), left_behind]);
        assert_eq!(retired_at(&child.after(&retired()), 7)[1..], [left_behind]);
    }

    #[test]
    fn is_noticed_when_a_sub_agent_went_by_itself() {
        let gone = child().after(&[agent::Event::SignedOff { note: None }]);
        assert_eq!(due(&gone, &[], 0), Some(RetirementCause::WentOffline));
    }

    #[test]
    fn signs_off_and_is_known_to_the_parent_in_one_commit() {
        let answer = world([&child(), &parent()])
            .when(&system(), |tx| retire_agent(tx, CHILD, Some(NOVA), RetirementCause::TimeIsUp));
        let one_less = agent::Event::ChildRetired { child: CHILD, at: now() };
        answer.then([stream(&child(), retired()), stream(&parent(), [one_less])]);
    }

    fn retired() -> [agent::Event; 2] {
        let note = Some(reason("its time as a sub-agent is up"));
        [agent::Event::SignedOff { note: note.clone() }, agent::Event::Retired { note, at: now() }]
    }

    #[test]
    fn blocks_what_the_sub_agent_works_on_and_says_why() {
        let started = task::Event::Started {
            from: Status::Assigned,
            holder: CHILD,
            lease: LEASE,
            plan: None,
            reason: None,
            at: now(),
        };
        let (child, task) = (child().after(&[engaged(LEASE)]), task_at(Status::Assigned).after(&[started]));
        let world = world([&child, &task])
            .when(&system(), |tx| retire_agent(tx, child.id, None, RetirementCause::TaskClosed))
            .world();
        assert_eq!(world.get::<Task>(&TASK).status(), Some(Status::Blocked));
        assert_eq!(world.get::<Agent>(&CHILD).registered().unwrap().work, None);
    }

    /// Or it would be one more than its parent may have, and be retired again and again.
    #[test]
    fn is_not_undone_by_a_heartbeat_or_by_registering() {
        let gone = child().after(&retired());
        let beat =
            world([&gone]).when(&by(CHILD), |tx| heartbeat(tx, gone.id, crate::agent::Heartbeat::default()));
        assert_eq!(beat.after::<Agent>(&CHILD).status(), Some(agent::Status::Offline));
        let registration = RegisterAgent { profile: profile(), parent: None, purpose: None, squad: 0 };
        world([&openclaw(), &gone, &taken()])
            .when(&by(CHILD), |tx| register(tx, registration))
            .then_nothing();
        let tomorrow = later(&system(), TimeDelta::days(1)).now;
        assert_eq!(retirements(&[nova(), gone], |task| task == TASK, tomorrow), []);
    }

    #[test]
    fn leaves_what_was_imposed_as_it_is() {
        let pause = paused(&child(), PauseReason::Operator);
        for stopped in [quarantined(&child()), pause, draining(&child())] {
            let answer = world([&stopped, &parent()])
                .when(&system(), |tx| retire_agent(tx, stopped.id, Some(NOVA), RetirementCause::TimeIsUp));
            let note = Some(reason("its time as a sub-agent is up"));
            answer.then([
                stream(&stopped, [agent::Event::Retired { note, at: now() }]),
                stream(&parent(), [agent::Event::ChildRetired { child: CHILD, at: now() }]),
            ]);
            let retired = stopped.after(&[agent::Event::Retired { note: None, at: now() }]);
            assert_eq!(due(&retired, &[TASK], 24), None);
            let tomorrow = later(&by(NOVA), TimeDelta::days(1));
            let again = world([&openclaw(), &retired, &nova(), &taken()])
                .when(&tomorrow, |tx| dig(tx, retired.id, NOVA, request()));
            assert_eq!(again.after::<Agent>(&CHILD).status(), stopped.status());
        }
    }

    #[test]
    fn is_lifted_by_no_operator() {
        let retired = quarantined(&child()).after(&[agent::Event::Retired { note: None, at: now() }]);
        let refused = agent::Rejection::Retired { name: name("Digger") };
        world([&retired]).when(&sofie(), |tx| restart_agent(tx, retired.id, None)).then_rejected(refused);
    }

    fn taken() -> Entity<Reservation> {
        entity(free().id, [reservation::Event::Reserved { holder: Holder::Agent(CHILD) }])
    }

    #[test]
    fn twice_changes_nothing() {
        let gone = child().after(&retired());
        world([&gone, &nova()])
            .when(&system(), |tx| retire_agent(tx, gone.id, Some(NOVA), RetirementCause::TimeIsUp))
            .then_nothing();
        assert_eq!(
            retirements(&[nova(), gone], |task| task == TASK, later(&system(), TimeDelta::days(1)).now),
            []
        );
    }

    #[test]
    fn makes_room_for_the_same_sub_agent_to_come_back() {
        let gone = child().after(&retired());
        let tomorrow = later(&by(NOVA), TimeDelta::days(1));
        let answer = world([&openclaw(), &gone, &nova(), &taken()])
            .when(&tomorrow, |tx| dig(tx, gone.id, NOVA, request()));
        let back = answer.after::<Agent>(&CHILD);
        let commission = back.registered().unwrap().commission();
        let until = tomorrow.now + TimeDelta::hours(6);
        assert_eq!(commission, Some(Commission { depth: 1, task: Some(TASK), until }));
        assert_eq!(back.status(), Some(agent::Status::Active));
    }
}
