//! Of several nodes one leads, and runs the workers.

use futures_util::future::join;
use mc_server::{seed::seed, workers::Workers};
use serde_json::json;

use crate::{
    app::App,
    several::{Database, until},
};

fn leads(app: &App) -> bool {
    app.state().health().leads()
}

#[tokio::test(start_paused = true)]
async fn the_workers_run_on_the_node_that_leads_and_on_no_other() {
    let (database, [one, two]) = Database::with_nodes();
    let (a, b) = (App::on_node(&one).await, App::on_node(&two).await);
    let _workers = [&a, &b].map(|app| Workers::start(app.state(), None));
    for (node, leader, other) in [(&one, &a, &b), (&two, &b, &a), (&one, &a, &b)] {
        database.lead(node, false);
        until(|| leads(leader) && !leads(other)).await;
        until(|| leader.state().health().workers().len() == 6).await;
        let health = other.get("/health").await.expect(200);
        assert_eq!((&health["leads"], &health["workers"]), (&json!(false), &json!({})));
        assert_eq!(health["services"]["workers"], "ok");
        assert_eq!(leader.get("/health").await.expect(200)["leads"], true);
        assert!(leader.get("/metrics").await.text.contains("\nmc_node_leads 1\n"));
        assert!(other.get("/metrics").await.text.contains("\nmc_node_leads 0\n"));
    }
}

/// It learns so only by its next commit.
#[tokio::test(start_paused = true)]
async fn a_node_that_was_deposed_without_knowing_records_nothing_more_as_leader() {
    let (database, [one, two]) = Database::with_nodes();
    let (a, b) = (App::on_node(&one).await, App::on_node(&two).await);
    let _workers = [&a, &b].map(|app| Workers::start(app.state(), None));
    let scout = a.agent("Scout").await;
    database.lead(&one, false);
    until(|| leads(&a)).await;
    a.assigned(&scout).await;
    until(|| !database.origins("notification.queued").is_empty()).await;
    let before = database.origins("notification.queued");
    database.lead(&two, true);
    a.assigned(&scout).await;
    until(|| !leads(&a) && leads(&b)).await;
    until(|| database.origins("notification.queued").len() > before.len()).await;
    let queued = database.origins("notification.queued");
    assert_eq!(queued.iter().filter(|node| **node == 0).count(), before.len());
    assert_eq!(queued.len(), 2 * before.len(), "nobody is told twice, nor not at all");
}

#[tokio::test(start_paused = true)]
async fn the_workers_end_with_the_server_whether_or_not_it_leads() {
    let (database, [one, two]) = Database::with_nodes();
    let (a, b) = (App::on_node(&one).await, App::on_node(&two).await);
    let workers = [&a, &b].map(|app| Workers::start(app.state(), None));
    database.lead(&one, false);
    until(|| leads(&a)).await;
    [&a, &b].iter().for_each(|app| app.state().shutdown().cancel());
    join(workers[0].ended(), workers[1].ended()).await;
}

#[tokio::test]
async fn two_nodes_that_start_at_once_make_one_default_project_and_one_seed() {
    let (database, [one, two]) = Database::with_nodes();
    two.is_late(true);
    let (a, b) = join(App::on_node(&one), App::on_node(&two)).await;
    assert_eq!(database.origins("project.created").len(), 1);
    let seeded = join(seed(a.state()), seed(b.state())).await;
    assert_eq!((seeded.0.unwrap(), seeded.1.unwrap()), (vec![], vec![]));
    two.is_late(false);
    assert_eq!(b.get("/api/agents").await.expect(200).body.as_array().unwrap().len(), 11);
    assert_eq!(database.origins("task.created").len(), 8);
}
