//! The operator's page in a real browser: Chromium, driven through ChromeDriver (W3C WebDriver).
//!
//! Every test has a server, a store and a browser of its own, and ends with a look at the console, which must have no error,
//! and at the addresses that were asked for, all of which must be the server's. A test waits for conditions, never for a time.
//! Without Chromium or ChromeDriver the tests say so and pass, unless `MC_BROWSER_TESTS` is `required`.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod accessible;
mod axe;
mod board;
mod browser;
mod burst;
mod driver;
mod emergency;
mod incidents;
mod keyboard;
mod login;
mod operator;
mod restart;
mod screenshots;
mod server;
mod twice;
mod views;
mod wire;
