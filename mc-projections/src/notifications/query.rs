//! Lists of notifications.

use mc_domain::{
    ids::ProjectId,
    notification::{Kind, Recipient, Status},
};

use super::{NotificationView, Notifications, Row};
use crate::{
    agents::Agents,
    births::{birth, place},
    merge::merged,
    page::{Cut, InvalidCursor, Order, Page},
};

/// Which notifications are asked for; an empty filter lets everything through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotificationQuery {
    /// Of this project.
    pub project: Option<ProjectId>,
    /// To one of these.
    pub recipient: Vec<Recipient>,
    /// Still to be read, or read.
    pub unread: Option<bool>,
    /// In one of these statuses.
    pub status: Vec<Status>,
    /// Of one of these types.
    pub kind: Vec<Kind>,
    /// Which end comes first; newest first when absent.
    pub order: Option<Order>,
    /// How many at most.
    pub limit: Option<usize>,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

impl Notifications {
    /// The notifications asked for. Those that are unread cost what there are of them, however many were read.
    ///
    /// # Errors
    /// [`InvalidCursor`] when the cursor is not of this question.
    pub fn list<'a>(
        &'a self,
        query: &NotificationQuery,
        agents: &'a Agents,
    ) -> Result<Page<NotificationView<'a>>, InvalidCursor> {
        let order = query.order.unwrap_or(Order::Desc);
        let recipients: Vec<_> = query.recipient.iter().map(ToString::to_string).collect();
        let question =
            ("notifications", query.project, &recipients, query.unread, &query.status, &query.kind);
        let cut = Cut::new(question, order, query.limit, query.cursor.as_deref())?;
        let index = if query.unread == Some(true) { &self.unread } else { &self.by_recipient };
        let sets = if recipients.is_empty() { index.of(None) } else { index.of_any(&recipients) };
        let births = merged(sets.into_iter(), order, cut.after().and_then(birth));
        let rows = births.filter_map(|(_, id)| self.rows.get(&id)).filter(|row| query.wants(row));
        let page = cut.of_sorted(rows.map(|row| (place(row.created_at, row.id.uuid()), row)));
        Ok(Page { items: page.items.into_iter().map(|row| row.view(agents)).collect(), next: page.next })
    }
}

impl NotificationQuery {
    fn wants(&self, row: &Row) -> bool {
        self.project.is_none_or(|project| row.project == Some(project))
            && self.unread.is_none_or(|unread| unread == row.read_at.is_none())
            && (self.status.is_empty() || self.status.contains(&row.status))
            && (self.kind.is_empty() || self.kind.contains(&row.kind))
    }
}
