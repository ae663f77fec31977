//! Every example runs as a test, so that none of them goes stale.

#[path = "../examples/embedded.rs"]
mod embedded;

#[test]
fn the_embedded_example_runs() {
    embedded::main().unwrap();
}
