use super::*;
use crate::{
    project::Project,
    reservation::{Holder, Key, Reservation},
    spec::{OTHER_TASK, details, slug},
    task::Details,
};

fn created_project() -> project::Event {
    project::Event::Created { slug: slug("openclaw"), profile: profile(), at: now() }
}

fn profile() -> project::Profile {
    project::Profile::new(name("OpenClaw"))
}

fn openclaw() -> Entity<Project> {
    entity(OPENCLAW, [created_project()])
}

fn held(key: Key, holder: Holder) -> Entity<Reservation> {
    entity(key, [reservation::Event::Reserved { holder }])
}

mod projects {
    use super::*;

    #[test]
    fn reserve_their_slug_in_the_same_decision() {
        let (project, slug_key) = (Entity::new(OPENCLAW), Entity::new(Key::project(&slug("openclaw"))));
        let holder = Holder::Project(OPENCLAW);
        world([]).when(&sofie(), |tx| create_project(tx, OPENCLAW, slug("openclaw"), profile())).then([
            stream::<Reservation>(&slug_key, [reservation::Event::Reserved { holder }]),
            stream::<Project>(&project, [created_project()]),
        ]);
    }

    #[test]
    fn do_not_share_a_slug() {
        let taken = held(Key::project(&slug("openclaw")), Holder::Project(OPENCLAW));
        world([&taken])
            .when(&sofie(), |tx| create_project(tx, ELSEWHERE, slug("openclaw"), profile()))
            .then_rejected(reservation::Rejection::Taken { by: Holder::Project(OPENCLAW) });
    }
}

mod tasks {
    use super::*;

    fn unborn() -> Entity<Task> {
        Entity::new(TASK)
    }

    fn request<const N: usize>(assignees: [AgentId; N]) -> CreateTask {
        CreateTask { details: details(), assignees: BTreeSet::from(assignees), open: 0 }
    }

    fn created(context: &CommandContext) -> task::Event {
        task::Event::Created {
            project: OPENCLAW,
            details: details(),
            parent: None,
            creator: context.actor.clone(),
            at: now(),
        }
    }

    #[test]
    fn start_in_the_inbox_or_with_those_who_are_named() {
        world([&openclaw()])
            .when(&sofie(), |tx| create_task(tx, OPENCLAW, TASK, None, request([])))
            .then([stream(&unborn(), [created(&sofie())])]);
        world([&openclaw(), &idle(SCOUT)])
            .when(&sofie(), |tx| create_task(tx, OPENCLAW, TASK, None, request([SCOUT])))
            .then([stream(&unborn(), [created(&sofie()), assigned(Status::Inbox, [SCOUT], None)])]);
    }

    #[test]
    fn are_not_created_when_an_assignee_cannot_take_them() {
        world([&openclaw(), &writer(SCOUT, "Scout")])
            .when(&sofie(), |tx| create_task(tx, OPENCLAW, TASK, None, request([SCOUT])))
            .then_rejected(agent::Rejection::TypeNotAccepted {
                name: name("Scout"),
                kind: TaskType::CustomerResearch,
            });
    }

    #[test]
    fn belong_to_a_project_that_exists() {
        world([])
            .when(&sofie(), |tx| create_task(tx, OPENCLAW, TASK, None, request([])))
            .then_rejected(project::Rejection::NotFound);
    }

    #[test]
    fn are_part_of_a_task_of_the_same_project() {
        let parent: Entity<Task> = entity(OTHER_TASK, task_in(Status::Inbox));
        let part = task::Event::Created {
            project: OPENCLAW,
            details: details(),
            parent: Some(OTHER_TASK),
            creator: sofie().actor,
            at: now(),
        };
        world([&openclaw(), &parent])
            .when(&sofie(), |tx| create_task(tx, OPENCLAW, TASK, Some(parent.id), request([])))
            .then([stream(&unborn(), [part])]);
        let project = entity(ELSEWHERE, [created_project()]);
        for (project, parent) in [(&project, &parent), (&openclaw(), &Entity::new(OTHER_TASK))] {
            world([project, parent])
                .when(&sofie(), |tx| create_task(tx, project.id, TASK, Some(parent.id), request([])))
                .then_rejected(Rejection::UnknownParent);
        }
    }

    #[test]
    fn have_reviewers_of_the_project() {
        let details = Details { reviewers: BTreeSet::from([NOVA]), ..details() };
        let request = CreateTask { details, assignees: BTreeSet::new(), open: 0 };
        let create = |agent: &Entity<Agent>| {
            let request = request.clone();
            world([&openclaw(), agent]).when(&sofie(), |tx| create_task(tx, OPENCLAW, TASK, None, request))
        };
        create(&idle(SCOUT)).then_rejected(Rejection::UnknownAgent(NOVA));
        create(&elsewhere(NOVA, "Nova")).then_rejected(agent::Rejection::OtherProject { name: name("Nova") });
    }

    #[test]
    fn are_created_by_agents_of_the_project_that_are_not_stopped_for_good() {
        let create = |agent: &Entity<Agent>| {
            world([&openclaw(), agent])
                .when(&scout(), |tx| create_task(tx, OPENCLAW, TASK, None, request([])))
        };
        create(&idle(SCOUT)).then([stream(&unborn(), [created(&scout())])]);
        create(&elsewhere(SCOUT, "Scout"))
            .then_rejected(agent::Rejection::OtherProject { name: name("Scout") });
        create(&quarantined(&idle(SCOUT))).then_rejected(agent::Rejection::NotActive {
            name: name("Scout"),
            status: agent::Status::Quarantined,
            reason: None,
        });
    }

    #[test]
    fn are_not_assigned_by_agents() {
        world([&openclaw(), &idle(SCOUT)])
            .when(&scout(), |tx| create_task(tx, OPENCLAW, TASK, None, request([SCOUT])))
            .then_rejected(task::Rejection::OperatorOnly { what: "assign a task" });
    }
}

mod agents {
    use super::*;

    fn scout_key() -> Key {
        Key::agent(OPENCLAW, &name("Scout"))
    }

    fn as_scout() -> RegisterAgent {
        RegisterAgent {
            profile: Profile::new(name("Scout"), Role::Intern),
            parent: None,
            purpose: None,
            squad: 0,
        }
    }

    fn register(tx: &mut Transaction<'_>, agent: AgentId, request: RegisterAgent) -> Result<(), Rejection> {
        let names = names(tx, "Scout")?;
        register_agent(tx, OPENCLAW, &names, agent, request)
    }

    /// Gives Scout the name of `profile`.
    fn rename(tx: &mut Transaction<'_>, profile: Profile) -> Result<(), Rejection> {
        let (old, new) = (names(tx, "Scout")?, names(tx, profile.name.as_str())?);
        change_profile(tx, SCOUT, Some((&old, &new)), profile)
    }

    /// Scout, with the reservation of its name.
    fn known() -> World {
        world([&openclaw(), &idle(SCOUT), &held(scout_key(), Holder::Agent(SCOUT))])
    }

    #[test]
    fn reserve_their_name_in_the_same_decision() {
        world([&openclaw()]).when(&sofie(), |tx| register(tx, SCOUT, as_scout())).then([
            stream::<Reservation>(
                &Entity::new(scout_key()),
                [reservation::Event::Reserved { holder: Holder::Agent(SCOUT) }],
            ),
            stream::<Agent>(&Entity::new(SCOUT), registered("Scout", Role::Intern)),
        ]);
    }

    #[test]
    fn that_are_known_register_again_without_a_trace() {
        for context in [sofie(), scout()] {
            known().when(&context, |tx| register(tx, SCOUT, as_scout())).then_nothing();
        }
    }

    #[test]
    fn do_not_register_for_others_that_are_known() {
        known()
            .when(&by(ECHO), |tx| register(tx, SCOUT, as_scout()))
            .then_rejected(agent::Rejection::OperatorOnly { name: name("Scout") });
    }

    /// Or an intern could have a lead of its own making, beside all limits on spawning.
    #[test]
    fn do_not_register_others_that_are_new() {
        let request = RegisterAgent { profile: Profile::new(name("Scout"), Role::Cao), ..as_scout() };
        world([&openclaw()])
            .when(&by(ECHO), |tx| register(tx, SCOUT, request))
            .then_rejected(agent::Rejection::RegistersAnother { name: name("Scout") });
    }

    #[test]
    fn do_not_share_a_name_in_a_project() {
        let key = held(scout_key(), Holder::Agent(SCOUT));
        world([&openclaw(), &key])
            .when(&sofie(), |tx| register(tx, ECHO, as_scout()))
            .then_rejected(reservation::Rejection::Taken { by: Holder::Agent(SCOUT) });
        world([&openclaw()])
            .when(&sofie(), |tx| {
                let wrong = names(tx, "Echo")?;
                register_agent(tx, OPENCLAW, &wrong, ECHO, as_scout())
            })
            .then_rejected(reservation::Rejection::NotHolder);
    }

    #[test]
    fn belong_to_a_project_that_exists() {
        world([])
            .when(&sofie(), |tx| register(tx, SCOUT, as_scout()))
            .then_rejected(project::Rejection::NotFound);
    }

    #[test]
    fn that_are_renamed_reserve_the_new_name_and_give_the_old_one_back() {
        let (agent, holder) = (idle(SCOUT), Holder::Agent(SCOUT));
        let (old, new) = (Entity::new(scout_key()), Entity::new(Key::agent(OPENCLAW, &name("Ranger"))));
        let profile = Profile::new(name("Ranger"), Role::Intern);
        known().when(&sofie(), |tx| rename(tx, profile.clone())).then([
            stream::<Reservation>(&new, [reservation::Event::Reserved { holder }]),
            stream::<Reservation>(&old, [reservation::Event::Released { holder }]),
            stream(&agent, [agent::Event::ProfileChanged { profile: profile.clone() }]),
        ]);
        known()
            .when(&sofie(), |tx| change_profile(tx, SCOUT, None, profile))
            .then_rejected(reservation::Rejection::NotHolder);
    }

    #[test]
    fn are_not_renamed_to_what_another_is_called() {
        let new = held(Key::agent(OPENCLAW, &name("Echo")), Holder::Agent(ECHO));
        let profile = Profile::new(name("Echo"), Role::Intern);
        known()
            .with(&new)
            .when(&sofie(), |tx| rename(tx, profile))
            .then_rejected(reservation::Rejection::Taken { by: Holder::Agent(ECHO) });
    }

    #[test]
    fn keep_their_name_when_only_its_case_changes() {
        let profile = Profile::new(name("SCOUT"), Role::Intern);
        known()
            .when(&sofie(), |tx| rename(tx, profile.clone()))
            .then([stream(&idle(SCOUT), [agent::Event::ProfileChanged { profile }])]);
    }

    #[test]
    fn are_not_changed_by_other_agents() {
        let profile = Profile { emoji: Some(crate::spec::label("📢")), ..as_scout().profile };
        world([&idle(SCOUT)])
            .when(&by(ECHO), |tx| change_profile(tx, SCOUT, None, profile))
            .then_rejected(agent::Rejection::OperatorOnly { name: name("Scout") });
    }

    #[test]
    fn do_not_raise_themselves() {
        let profile = Profile::new(name("Scout"), Role::Specialist);
        world([&idle(SCOUT)]).when(&scout(), |tx| change_profile(tx, SCOUT, None, profile)).then_rejected(
            agent::Rejection::SelfPromotion { what: "role, daily cap, per-run cap".to_owned() },
        );
    }
}
