//! A witness in the database: which node appended each event, and which node got each lease. Nodes do not know of it.

use std::collections::BTreeMap;

use mc_domain::actor::Actor;
use mc_store::{log::StoredEvent, testing::Database};
use sqlx::{Connection, PgConnection};

/// How the keys of what the server does by itself begin; without the space, its name.
const OWN: &str = "mission-control ";
const INSTALL: &str = "\
    CREATE TABLE witnessed_events (position bigint PRIMARY KEY, node text NOT NULL, lease bigint NOT NULL);
    CREATE TABLE witnessed_leases (lease bigint PRIMARY KEY, node text NOT NULL);
    CREATE FUNCTION witness_event() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO witnessed_events
        VALUES (NEW.position, current_setting('application_name'), (SELECT lease FROM mc_head));
        RETURN NEW;
    END $$;
    CREATE FUNCTION witness_lease() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO witnessed_leases VALUES (NEW.lease, current_setting('application_name'));
        RETURN NEW;
    END $$;
    CREATE TRIGGER witness_event AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION witness_event();
    CREATE TRIGGER witness_lease AFTER UPDATE OF lease ON mc_head FOR EACH ROW
    WHEN (NEW.lease <> OLD.lease) EXECUTE FUNCTION witness_lease();
    INSERT INTO witnessed_leases
    SELECT (SELECT lease FROM mc_head), application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND classid = 2 AND granted AND datname = current_database();";

/// What the witness has seen.
pub struct Witness {
    /// The node that appended each event, with the lease that was given last by then.
    events: BTreeMap<u64, (String, u64)>,
    /// The node that each lease was given to.
    leases: BTreeMap<u64, String>,
}

/// Has a witness look on from now on. Some node has to lead.
pub fn call(database: &Database) {
    database.execute(INSTALL);
}

impl Witness {
    /// Asks the witness.
    pub async fn ask(url: &str) -> Self {
        let mut connection = PgConnection::connect(url).await.unwrap();
        let events: Vec<(i64, String, i64)> =
            sqlx::query_as("SELECT position, node, lease FROM witnessed_events")
                .fetch_all(&mut connection)
                .await
                .unwrap();
        let leases: Vec<(i64, String)> = sqlx::query_as("SELECT lease, node FROM witnessed_leases")
            .fetch_all(&mut connection)
            .await
            .unwrap();
        let number = i64::cast_unsigned;
        Self {
            events: events.into_iter().map(|(at, node, lease)| (number(at), (node, number(lease)))).collect(),
            leases: leases.into_iter().map(|(lease, node)| (number(lease), node)).collect(),
        }
    }

    /// Asserts that workers appended only where and while their node led. Answers how many of their events there are.
    pub fn check_workers(&self, log: &[StoredEvent]) -> usize {
        let witnessed = log.iter().filter(|event| is_of_worker(event)).filter_map(|event| {
            let (node, lease) = self.events.get(&event.position)?;
            Some((event, node, lease))
        });
        let mut count = 0;
        for (event, node, lease) in witnessed {
            let leader = self.leases.get(lease);
            assert_eq!(leader, Some(node), "lease {lease} was another node's: {event:?}");
            count += 1;
        }
        count
    }

    /// How many nodes appended anything.
    pub fn writers(&self) -> usize {
        self.events.values().map(|(node, _)| node).collect::<std::collections::BTreeSet<_>>().len()
    }

    /// How many leases were given.
    pub fn leases(&self) -> usize {
        self.leases.len()
    }
}

/// Whether a worker appended the event. What follows by a rule from a client's command is recorded under that client's key.
pub fn is_of_worker(event: &StoredEvent) -> bool {
    let own_key = event.metadata.idempotency_key.as_ref().is_none_or(|key| key.starts_with(OWN));
    own_key && matches!(&event.metadata.actor, Actor::System(name) if name.as_str() != OWN.trim())
}
