use mc_domain::{
    credential::{Bearer, Command, Credential, Event, Grant, SecretHash},
    ids::CredentialId,
    operation::issue_credential,
    reach::Reach,
};

use super::*;
use crate::workers::credential_clerk::CredentialClerk;

const ID: CredentialId = CredentialId::new(Uuid::from_u128(9));

fn session() -> SecretHash {
    SecretHash::of("session")
}

impl World {
    /// A world with an operator's credential and a session by it.
    async fn with_credential() -> Self {
        let world = Self::new().await;
        let (name, secret) = (Name::new("Ada").unwrap(), SecretHash::of("secret"));
        let grant =
            Grant { name: name.clone(), bearer: Bearer::Operator, reach: Reach::All, expires_at: None };
        world
            .act(Actor::Human(Name::new("Sofie").unwrap()), |tx| {
                Ok(issue_credential(tx, ID, grant.clone(), secret, &[])?)
            })
            .await;
        world.order_credential(Actor::Human(name), Command::OpenSession { session: session() }).await;
        world
    }

    async fn order_credential(&self, actor: Actor, command: Command) {
        self.act(actor, |tx| {
            let credential = tx.get::<Credential>(&ID)?;
            tx.execute_in(None, &credential, command.clone())?;
            Ok(())
        })
        .await;
    }

    async fn clerk(&self) -> usize {
        self.app.read(|_| ()).await.unwrap();
        CredentialClerk::new(Term::new(self.app.clone(), None)).tick(self.now()).await.unwrap()
    }

    fn access(&self) -> &crate::access::Access {
        self.app.access()
    }
}

#[tokio::test]
async fn uses_are_recorded_once_an_hour_and_with_their_own_time() {
    let world = World::with_credential().await;
    assert_eq!(world.clerk().await, 0);
    let first = world.now();
    world.access().uses().note((ID, None), first);
    world.pass(TimeDelta::minutes(1));
    assert_eq!(world.clerk().await, 1);
    assert_eq!(world.clerk().await, 0);
    assert!(world.events().await.contains(&AnyEvent::Credential(Event::Used { at: first })));

    world.pass(TimeDelta::minutes(58));
    world.access().uses().note((ID, None), world.now());
    assert_eq!(world.clerk().await, 0);
    world.pass(TimeDelta::minutes(1));
    world.access().uses().note((ID, None), world.now());
    assert_eq!(world.clerk().await, 1);
}

#[tokio::test]
async fn the_use_of_a_session_counts_for_both_and_nothing_is_kept_of_what_is_over() {
    let world = World::with_credential().await;
    world.pass(TimeDelta::hours(2));
    world.access().uses().note((ID, Some(session())), world.now());
    assert_eq!(world.clerk().await, 2);
    let used = Event::SessionUsed { session_hash: session(), at: world.now() };
    assert!(world.events().await.contains(&AnyEvent::Credential(used)));

    world.order_credential(Actor::Human(Name::new("Sofie").unwrap()), Command::Revoke { reason: None }).await;
    world.pass(TimeDelta::hours(2));
    world.access().uses().note((ID, Some(session())), world.now());
    assert_eq!(world.clerk().await, 0);
    assert_eq!(world.access().uses().all(), []);
}
