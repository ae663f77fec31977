use super::*;
use crate::{
    credential::{self, Bearer, Credential, Grant, SecretHash},
    ids::CredentialId,
    project::Project,
    reach::Reach,
    spec::slug,
};

const FIRST: CredentialId = CredentialId::new(uuid::Uuid::from_u128(0x9001));
const SECOND: CredentialId = CredentialId::new(uuid::Uuid::from_u128(0x9002));

fn grant(bearer: Bearer, reach: Reach) -> Grant {
    Grant { name: name("Ada"), bearer, reach, expires_at: None }
}

fn secret() -> SecretHash {
    SecretHash::of("secret")
}

fn issued(id: CredentialId, grant: Grant) -> Entity<Credential> {
    entity(id, [credential::Event::Issued { grant, secret_hash: secret(), at: now() }])
}

fn governor(id: CredentialId) -> Entity<Credential> {
    issued(id, grant(Bearer::Operator, Reach::All))
}

fn openclaw() -> Entity<Project> {
    let profile = project::Profile::new(name("OpenClaw"));
    entity(OPENCLAW, [project::Event::Created { slug: slug("openclaw"), profile, at: now() }])
}

fn scout_agent() -> Entity<Agent> {
    entity(SCOUT, registered("Scout", Role::Intern))
}

#[test]
fn the_first_is_an_operators_of_all_projects() {
    let issue = |grant: Grant, governors: &'static [CredentialId]| {
        let world = world([&openclaw(), &scout_agent(), &governor(FIRST)]);
        world.when(&sofie(), move |tx| issue_credential(tx, SECOND, grant.clone(), secret(), governors))
    };
    assert!(issue(grant(Bearer::Operator, Reach::All), &[]).is_ok());
    for grant in [
        grant(Bearer::Operator, Reach::of(OPENCLAW)),
        grant(Bearer::Agent(SCOUT), Reach::All),
        grant(Bearer::Auditor, Reach::All),
    ] {
        issue(grant.clone(), &[]).then_rejected(credential::Rejection::OperatorFirst);
        assert!(issue(grant, &[FIRST]).is_ok());
    }
}

#[test]
fn that_of_an_agent_is_good_for_its_own_project_alone() {
    let issue = |reach: Reach| {
        world([&openclaw(), &scout_agent(), &governor(FIRST)]).when(&sofie(), move |tx| {
            issue_credential(tx, SECOND, grant(Bearer::Agent(SCOUT), reach.clone()), secret(), &[FIRST])
        })
    };
    for reach in [Reach::All, Reach::of(OPENCLAW)] {
        let after = issue(reach).after::<Credential>(&SECOND);
        assert_eq!(after.check(now()).unwrap().reach, Reach::of(OPENCLAW));
    }
    issue(Reach::of(ELSEWHERE)).then_rejected(credential::Rejection::OtherProject);
}

#[test]
fn nobody_who_is_not_there_gets_one() {
    let issue = |grant: Grant| {
        world([&openclaw(), &governor(FIRST)])
            .when(&sofie(), move |tx| issue_credential(tx, SECOND, grant.clone(), secret(), &[FIRST]))
    };
    issue(grant(Bearer::Agent(ECHO), Reach::All)).then_rejected(Rejection::UnknownAgent(ECHO));
    issue(grant(Bearer::Auditor, Reach::of(ELSEWHERE))).then_rejected(project::Rejection::NotFound);
}

#[test]
fn one_that_ends_replaces_none_that_does_not() {
    let ending = Grant {
        expires_at: Some(now() + chrono::TimeDelta::days(90)),
        ..grant(Bearer::Operator, Reach::All)
    };
    world([])
        .when(&sofie(), |tx| issue_credential(tx, FIRST, ending.clone(), secret(), &[]))
        .then_rejected(credential::Rejection::OperatorFirst);
    let revoke = |id: CredentialId| {
        let ending = issued(SECOND, ending.clone());
        world([&governor(FIRST), &ending])
            .when(&sofie(), move |tx| revoke_credential(tx, id, None, Some(&[FIRST, SECOND])))
    };
    revoke(FIRST).then_rejected(credential::Rejection::LastOperator);
    assert!(revoke(SECOND).is_ok());
}

#[test]
fn the_last_operators_stays_unless_whoever_has_the_store_says_otherwise() {
    let revoke = |id: CredentialId, governors: Option<&'static [CredentialId]>| {
        let auditor = issued(SECOND, grant(Bearer::Auditor, Reach::All));
        world([&governor(FIRST), &auditor])
            .when(&sofie(), move |tx| revoke_credential(tx, id, None, governors))
    };
    revoke(FIRST, Some(&[FIRST, SECOND])).then_rejected(credential::Rejection::LastOperator);
    assert!(revoke(SECOND, Some(&[FIRST])).is_ok());
    assert!(revoke(FIRST, None).is_ok());
    let two = world([&governor(FIRST), &governor(SECOND)]);
    assert!(two.when(&sofie(), |tx| revoke_credential(tx, FIRST, None, Some(&[FIRST, SECOND]))).is_ok());
}
