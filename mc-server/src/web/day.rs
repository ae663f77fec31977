//! The day that a page is about, and the way to those before and after it.

use chrono::NaiveDate;

use super::Visit;

/// The UTC day of a page.
pub(super) struct Days {
    pub(super) path: &'static str,
    pub(super) date: NaiveDate,
    pub(super) today: NaiveDate,
    /// The addresses of the page of the day before, and of the day after unless that is still to come.
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
}

impl Days {
    /// The day that the parameter `date` names, else today.
    pub(super) fn of(visit: &Visit, path: &'static str) -> Self {
        let today = visit.app.now().date_naive();
        let date = visit.parameter("date").and_then(|date| date.parse().ok()).unwrap_or(today);
        let address = |date: NaiveDate| visit.api(path, &["project"], &[("date", &date.to_string())]);
        let after = date.succ_opt().filter(|after| *after <= today);
        Self { path, date, today, before: date.pred_opt().map(address), after: after.map(address) }
    }
}
