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
        operation(create_project(&project, &slug_key, slug("openclaw"), profile(), &sofie())).then([
            stream(&slug_key, [reservation::Event::Reserved { holder }]),
            stream(&project, [created_project()]),
        ]);
    }

    #[test]
    fn do_not_share_a_slug() {
        let taken = held(Key::project(&slug("openclaw")), Holder::Project(OPENCLAW));
        operation(create_project(&Entity::new(ELSEWHERE), &taken, slug("openclaw"), profile(), &sofie()))
            .then_rejected(reservation::Rejection::Taken { by: Holder::Project(OPENCLAW) });
    }

    #[test]
    fn are_created_under_the_reservation_of_their_slug() {
        let other = Entity::new(Key::project(&slug("other")));
        operation(create_project(&Entity::new(OPENCLAW), &other, slug("openclaw"), profile(), &sofie()))
            .then_rejected(reservation::Rejection::NotHolder);
    }
}

mod tasks {
    use super::*;

    fn wish<const N: usize>(assignees: [AgentId; N]) -> CreateTask {
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
        let task = Entity::new(TASK);
        operation(create_task(&openclaw(), &task, None, wish([]), &cast([]), &sofie()))
            .then([stream(&task, [created(&sofie())])]);
        operation(create_task(&openclaw(), &task, None, wish([SCOUT]), &cast([&idle(SCOUT)]), &sofie()))
            .then([stream(&task, [created(&sofie()), assigned(Status::Inbox, [SCOUT], None)])]);
    }

    /// Pitfall 16.
    #[test]
    fn are_not_created_when_an_assignee_cannot_take_them() {
        let task = Entity::new(TASK);
        operation(create_task(
            &openclaw(),
            &task,
            None,
            wish([SCOUT]),
            &cast([&writer(SCOUT, "Scout")]),
            &sofie(),
        ))
        .then_rejected(agent::Rejection::TypeNotAccepted {
            name: name("Scout"),
            kind: TaskType::CustomerResearch,
        });
    }

    #[test]
    fn belong_to_a_project_that_exists() {
        operation(create_task(
            &Entity::new(OPENCLAW),
            &Entity::new(TASK),
            None,
            wish([]),
            &cast([]),
            &sofie(),
        ))
        .then_rejected(project::Rejection::NotFound);
    }

    #[test]
    fn are_part_of_a_task_of_the_same_project() {
        let (task, parent) = (Entity::new(TASK), entity(OTHER_TASK, task_in(Status::Inbox)));
        let part = task::Event::Created {
            project: OPENCLAW,
            details: details(),
            parent: Some(OTHER_TASK),
            creator: sofie().actor,
            at: now(),
        };
        operation(create_task(&openclaw(), &task, Some(&parent), wish([]), &cast([]), &sofie()))
            .then([stream(&task, [part])]);
        let project = entity(ELSEWHERE, [created_project()]);
        for (project, parent) in [(&project, &parent), (&openclaw(), &Entity::new(OTHER_TASK))] {
            operation(create_task(project, &task, Some(parent), wish([]), &cast([]), &sofie()))
                .then_rejected(Rejection::UnknownParent);
        }
    }

    #[test]
    fn have_reviewers_of_the_project() {
        let details = Details { reviewers: BTreeSet::from([NOVA]), ..details() };
        let wish = CreateTask { details, assignees: BTreeSet::new(), open: 0 };
        let create = |agents: &[&Entity<Agent>]| {
            let cast = cast(agents.iter().copied());
            create_task(&openclaw(), &Entity::new(TASK), None, wish.clone(), &cast, &sofie())
        };
        operation(create(&[])).then_rejected(Rejection::UnknownAgent(NOVA));
        operation(create(&[&elsewhere(NOVA, "Nova")]))
            .then_rejected(agent::Rejection::OtherProject { name: name("Nova") });
    }

    /// Pitfall 9.
    #[test]
    fn are_created_by_agents_of_the_project_that_are_not_stopped_for_good() {
        let task = Entity::new(TASK);
        let create =
            |agent: &Entity<Agent>| create_task(&openclaw(), &task, None, wish([]), &cast([agent]), &scout());
        operation(create(&idle(SCOUT))).then([stream(&task, [created(&scout())])]);
        operation(create(&elsewhere(SCOUT, "Scout")))
            .then_rejected(agent::Rejection::OtherProject { name: name("Scout") });
        operation(create(&quarantined(&idle(SCOUT)))).then_rejected(agent::Rejection::NotActive {
            name: name("Scout"),
            status: agent::Status::Quarantined,
            reason: None,
        });
    }

    #[test]
    fn are_not_assigned_by_agents() {
        operation(create_task(
            &openclaw(),
            &Entity::new(TASK),
            None,
            wish([SCOUT]),
            &cast([&idle(SCOUT)]),
            &scout(),
        ))
        .then_rejected(task::Rejection::OperatorOnly { what: "assign a task" });
    }
}

mod agents {
    use super::*;

    fn scout_key() -> Key {
        Key::agent(OPENCLAW, &name("Scout"))
    }

    fn scout_named(key: Entity<Reservation>, bearers: &[&Entity<Agent>]) -> Names {
        Names::of(&name("Scout"), key, bearers)
    }

    fn as_scout() -> RegisterAgent {
        RegisterAgent {
            profile: Profile::new(name("Scout"), Role::Intern),
            parent: None,
            purpose: None,
            squad: 0,
        }
    }

    #[test]
    fn reserve_their_name_in_the_same_decision() {
        let (agent, key) = (Entity::new(SCOUT), Entity::<Reservation>::new(scout_key()));
        let names = scout_named(key.clone(), &[]);
        operation(register_agent(&openclaw(), &names, &agent, as_scout(), &sofie())).then([
            stream(&key, [reservation::Event::Reserved { holder: Holder::Agent(SCOUT) }]),
            stream(&agent, registered("Scout", Role::Intern)),
        ]);
    }

    #[test]
    fn that_are_known_register_again_without_a_trace() {
        let names = scout_named(held(scout_key(), Holder::Agent(SCOUT)), &[&idle(SCOUT)]);
        for context in [sofie(), scout()] {
            operation(register_agent(&openclaw(), &names, &idle(SCOUT), as_scout(), &context)).then_nothing();
        }
    }

    #[test]
    fn do_not_register_for_others_that_are_known() {
        let names = scout_named(held(scout_key(), Holder::Agent(SCOUT)), &[&idle(SCOUT)]);
        operation(register_agent(&openclaw(), &names, &idle(SCOUT), as_scout(), &by(ECHO)))
            .then_rejected(agent::Rejection::OperatorOnly { name: name("Scout") });
    }

    /// Or an intern could have a lead of its own making, beside all limits on spawning.
    #[test]
    fn do_not_register_others_that_are_new() {
        let wish = RegisterAgent { profile: Profile::new(name("Scout"), Role::Cao), ..as_scout() };
        operation(register_agent(
            &openclaw(),
            &scout_named(Entity::new(scout_key()), &[]),
            &Entity::new(SCOUT),
            wish,
            &by(ECHO),
        ))
        .then_rejected(agent::Rejection::RegistersAnother { name: name("Scout") });
    }

    #[test]
    fn do_not_share_a_name_in_a_project() {
        let names = scout_named(held(scout_key(), Holder::Agent(SCOUT)), &[]);
        operation(register_agent(&openclaw(), &names, &Entity::new(ECHO), as_scout(), &sofie()))
            .then_rejected(reservation::Rejection::Taken { by: Holder::Agent(SCOUT) });
        let wrong = Names::of(&name("Echo"), Entity::new(scout_key()), &[]);
        operation(register_agent(&openclaw(), &wrong, &Entity::new(ECHO), as_scout(), &sofie()))
            .then_rejected(reservation::Rejection::NotHolder);
    }

    #[test]
    fn belong_to_a_project_that_exists() {
        operation(register_agent(
            &Entity::new(OPENCLAW),
            &scout_named(Entity::new(scout_key()), &[]),
            &Entity::new(SCOUT),
            as_scout(),
            &sofie(),
        ))
        .then_rejected(project::Rejection::NotFound);
    }

    #[test]
    fn that_are_renamed_reserve_the_new_name_and_give_the_old_one_back() {
        let (agent, holder) = (idle(SCOUT), Holder::Agent(SCOUT));
        let ranger = Key::agent(OPENCLAW, &name("Ranger"));
        let (old, new) = (held(scout_key(), holder), Entity::<Reservation>::new(ranger));
        let profile = Profile::new(name("Ranger"), Role::Intern);
        operation(change_profile(
            OPENCLAW,
            &agent,
            Some((&scout_named(old.clone(), &[&agent]), &Names::of(&name("Ranger"), new.clone(), &[]))),
            profile.clone(),
            &nobody_else(),
            &sofie(),
        ))
        .then([
            stream(&new, [reservation::Event::Reserved { holder }]),
            stream(&old, [reservation::Event::Released { holder }]),
            stream(&agent, [agent::Event::ProfileChanged { profile: profile.clone() }]),
        ]);
        operation(change_profile(OPENCLAW, &agent, None, profile, &nobody_else(), &sofie()))
            .then_rejected(reservation::Rejection::NotHolder);
    }

    #[test]
    fn are_not_renamed_to_what_another_is_called() {
        let agent = idle(SCOUT);
        let old = held(scout_key(), Holder::Agent(SCOUT));
        let new = held(Key::agent(OPENCLAW, &name("Echo")), Holder::Agent(ECHO));
        let profile = Profile::new(name("Echo"), Role::Intern);
        let (old, new) = (scout_named(old, &[&agent]), Names::of(&name("Echo"), new, &[]));
        operation(change_profile(OPENCLAW, &agent, Some((&old, &new)), profile, &nobody_else(), &sofie()))
            .then_rejected(reservation::Rejection::Taken { by: Holder::Agent(ECHO) });
    }

    #[test]
    fn keep_their_name_when_only_its_case_changes() {
        let (agent, key) = (idle(SCOUT), held(scout_key(), Holder::Agent(SCOUT)));
        let profile = Profile::new(name("SCOUT"), Role::Intern);
        operation(change_profile(
            OPENCLAW,
            &agent,
            Some((&scout_named(key.clone(), &[&agent]), &Names::of(&name("SCOUT"), key, &[&agent]))),
            profile.clone(),
            &nobody_else(),
            &sofie(),
        ))
        .then([stream(&agent, [agent::Event::ProfileChanged { profile }])]);
    }

    #[test]
    fn are_not_changed_by_other_agents() {
        let profile = Profile { emoji: Some(crate::spec::label("📢")), ..as_scout().profile };
        operation(change_profile(OPENCLAW, &idle(SCOUT), None, profile, &nobody_else(), &by(ECHO)))
            .then_rejected(agent::Rejection::OperatorOnly { name: name("Scout") });
    }

    #[test]
    fn do_not_raise_themselves() {
        let profile = Profile::new(name("Scout"), Role::Specialist);
        operation(change_profile(OPENCLAW, &idle(SCOUT), None, profile, &nobody_else(), &scout()))
            .then_rejected(agent::Rejection::SelfPromotion {
                what: "role, daily cap, per-run cap".to_owned(),
            });
    }
}
