//! Runs every example as a test, so that none becomes outdated.
#![allow(clippy::unwrap_used)]

#[path = "../../examples/domain_alone.rs"]
mod domain_alone;
#[path = "../../examples/embedded.rs"]
mod embedded;
#[path = "../../examples/eventually.rs"]
mod eventually_service;
mod stock;
#[allow(dead_code, reason = "a test has an address of its own, and gives it to what `main` calls")]
#[path = "../../examples/stock_postgres_es.rs"]
mod stock_postgres_es;

#[test]
fn the_embedded_example_runs() {
    embedded::main().unwrap();
}

#[test]
fn the_domain_alone_example_runs() {
    domain_alone::main().unwrap();
}

#[test]
fn the_eventually_example_runs() {
    eventually_service::main().unwrap();
}
