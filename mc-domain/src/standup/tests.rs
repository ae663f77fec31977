use super::*;
use crate::spec::{given, now, scout, sofie, system};

fn record() -> Command {
    Command::Record { report: Report { open_alerts: 1, ..Report::default() } }
}

fn recorded() -> Event {
    Event::Recorded { report: Report { open_alerts: 1, ..Report::default() }, at: now() }
}

/// Invariant 1.
#[test]
fn a_day_is_reported_once() {
    for context in [sofie(), system()] {
        given::<Standup>([]).when(&context, record()).then([recorded()]);
        given::<Standup>([recorded()]).when(&context, record()).then_nothing();
    }
}

/// Invariant 2.
#[test]
fn agents_record_no_standup() {
    given::<Standup>([]).when(&scout(), record()).then_rejected(Rejection::OperatorOnly);
}
