//! How far a command is.

use std::{
    io,
    io::Write,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a line tells how far it is, where no bar can be drawn.
const PLAIN_EVERY: Duration = Duration::from_secs(5);
const BAR: &str = "{msg} [{wide_bar}] {human_pos} of {human_len} events, {eta} left";

/// The progress of the work: a bar on a terminal, elsewhere a line every few seconds.
pub(super) struct Meter {
    bar: ProgressBar,
    what: &'static str,
    printed_at: Instant,
}

impl Meter {
    pub(super) fn new(what: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(BAR) {
            bar.set_style(style);
        }
        bar.set_message(what);
        Self { bar, what, printed_at: Instant::now() }
    }

    pub(super) fn tell(&mut self, done: u64, of: u64) {
        if !self.bar.is_hidden() {
            self.bar.set_length(of);
            self.bar.set_position(done);
        } else if self.printed_at.elapsed() >= PLAIN_EVERY {
            self.printed_at = Instant::now();
            let _ = writeln!(io::stderr(), "{}: {done} of {of} events", self.what);
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
