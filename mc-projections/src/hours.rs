//! Which positions of the log were recorded in an hour?
//!
//! Times need not rise with positions: a clock that is set back makes an hour come twice. So no binary search finds
//! an hour; this projection keeps the positions of each hour, as ranges.

use std::{collections::BTreeMap, ops::RangeInclusive};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use mc_domain::recorded::{AnyEvent, Recorded};
use serde::{Deserialize, Serialize};

use crate::projection::Projection;

/// Positions of one hour that are at most this far apart are one range: the events between them are read too.
const MAX_GAP: u64 = 1_000;
const SECS_PER_HOUR: i64 = 3_600;

/// The ranges of the log that were recorded in each hour.
///
/// ```
/// use mc_domain::{task::{Event, Status}, values::Reason};
/// use mc_projections::script::Script;
///
/// let mut script = Script::new();
/// let nine = script.now();
/// let reason = Reason::new("the brief is missing")?;
/// script.task(1, |at| Event::Blocked { from: Status::Inbox, reason, at });
/// let views = script.views();
/// assert_eq!(views.hours.between(Some(nine), None), [1..=1]);
/// assert_eq!(views.hours.between(None, Some(nine)), []);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    by_hour: BTreeMap<i64, Vec<Stretch>>,
}

/// The first and the last position of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stretch(u64, u64);

impl Hours {
    /// Notes that the event at `position`, the last one so far, was recorded at `at`.
    pub(crate) fn note(&mut self, position: u64, at: DateTime<Utc>) {
        let stretches = self.by_hour.entry(hour(at)).or_default();
        match stretches.last_mut() {
            Some(Stretch(_, last)) if position - *last <= MAX_GAP => *last = position,
            Some(_) | None => stretches.push(Stretch(position, position)),
        }
    }

    /// Ranges of the log outside which nothing was recorded at or after `start` and before `end`, ascending and apart
    /// from each other. Events of other times may lie within them.
    pub fn between(
        &self,
        start: Option<DateTime<Utc>>,
        end: Option<DateTime<Utc>>,
    ) -> Vec<RangeInclusive<u64>> {
        let first = start.map_or(i64::MIN, hour);
        // A span that ends on the hour takes nothing of the next hour.
        let last = end.map_or(i64::MAX, |end| hour(end - chrono::TimeDelta::microseconds(1)));
        let hours = self.by_hour.iter().skip_while(|(hour, _)| **hour < first);
        let hours = hours.take_while(|(hour, _)| **hour <= last);
        let mut stretches: Vec<_> = hours.flat_map(|(_, stretches)| stretches).collect();
        stretches.sort_unstable_by_key(|Stretch(first, _)| *first);
        let mut merged: Vec<RangeInclusive<u64>> = Vec::new();
        for Stretch(first, last) in stretches {
            match merged.last_mut() {
                Some(before) if *first <= before.end() + MAX_GAP => {
                    *before = *before.start()..=(*last).max(*before.end());
                }
                Some(_) | None => merged.push(*first..=*last),
            }
        }
        merged
    }

    /// The last position that was recorded on a day or before it, 0 when there is none.
    pub fn last_by(&self, day: NaiveDate) -> u64 {
        let end = day.succ_opt().map(|next| hour(next.and_time(NaiveTime::MIN).and_utc()));
        let hours = self.by_hour.iter().take_while(|(hour, _)| end.is_none_or(|end| **hour < end));
        hours.filter_map(|(_, stretches)| Some(stretches.last()?.1)).max().unwrap_or(0)
    }
}

fn hour(at: DateTime<Utc>) -> i64 {
    at.timestamp().div_euclid(SECS_PER_HOUR)
}

impl Projection for Hours {
    const NAME: &'static str = "hours";
    const VERSION: u32 = 1;

    fn apply(&mut self, event: &Recorded<AnyEvent>) {
        self.note(event.position, event.metadata.recorded_at);
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    fn midnight(day: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(day)
    }

    proptest! {
        /// Whatever the clock did, each position of the log is found on its day and on no other.
        #[test]
        fn the_days_have_every_place_of_the_log_once(
            steps in prop::collection::vec((1..400u64, -50..50i64), 1..60),
        ) {
            let (mut hours, mut times, mut now) = (Hours::default(), Vec::new(), midnight(10));
            for (events, step) in steps {
                now += TimeDelta::hours(step) / 3;
                for _ in 0..events * 7 {
                    times.push(now);
                    hours.note(times.len() as u64, now);
                }
            }
            // The clock may go back to before the epoch.
            let day_of = |at: DateTime<Utc>| at.timestamp().div_euclid(24 * SECS_PER_HOUR);
            let days = times.iter().map(|at| day_of(*at)).min().unwrap()
                ..=times.iter().map(|at| day_of(*at)).max().unwrap();
            let mut seen = vec![0; times.len()];
            for day in days {
                let stretches = hours.between(Some(midnight(day)), Some(midnight(day + 1)));
                prop_assert!(stretches.windows(2).all(|pair| pair[0].end() < pair[1].start()));
                for place in stretches.into_iter().flatten() {
                    let place = place as usize - 1;
                    seen[place] += u32::from(day_of(times[place]) == day);
                }
                let last = times.iter().rposition(|at| day_of(*at) <= day).map_or(0, |place| place as u64 + 1);
                prop_assert_eq!(hours.last_by(midnight(day).date_naive()), last);
            }
            prop_assert!(seen.iter().all(|times| *times == 1));
        }
    }
}
