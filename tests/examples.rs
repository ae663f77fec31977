//! Runs every example as a test, so that none becomes outdated.

#[path = "../examples/embedded.rs"]
mod embedded;

#[test]
fn the_embedded_example_runs() {
    embedded::main().unwrap();
}
