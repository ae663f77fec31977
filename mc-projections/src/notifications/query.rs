//! Lists of notifications.

use std::collections::BTreeSet;

use mc_domain::{
    ids::{NotificationId, ProjectId},
    notification::{Kind, Recipient, Status},
};

use super::{NotificationView, Notifications, Row};
use crate::{
    agents::Agents,
    merge::merged,
    page::{Cut, InvalidCursor, Order, Page},
    ranks::{Birth, birth, place},
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
    /// The notifications asked for. A page costs what it shows where an index leads to it: for recipients or projects,
    /// unread or read. Where other filters pass over rows, at most [`crate::page::MAX_LOOKED_AT`] are looked at.
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
        let births =
            merged(self.sets(query, &recipients).into_iter(), order, cut.after().and_then(birth).as_ref());
        let rows = births.filter_map(|(_, id)| self.rows.get(id)).map(Box::as_ref);
        let page = cut.of_sorted(rows, |row| query.wants(row), |row| place(row.created_at, row.id.uuid()));
        Ok(Page { items: page.items.into_iter().map(|row| row.view(agents)).collect(), next: page.next })
    }

    fn sets(
        &self,
        query: &NotificationQuery,
        recipients: &[String],
    ) -> Vec<&BTreeSet<Birth<NotificationId>>> {
        let wanted = |unread: bool| query.unread.is_none_or(|wanted| wanted == unread);
        if recipients.is_empty() {
            let groups = self.index.by_project.all().filter(|((project, unread), _)| {
                (query.project.is_none() || query.project == *project) && wanted(*unread)
            });
            return groups.map(|(_, set)| set).collect();
        }
        let recipients: BTreeSet<_> = recipients.iter().collect();
        let groups = recipients.into_iter().flat_map(|recipient| {
            [false, true]
                .into_iter()
                .filter(|unread| wanted(*unread))
                .map(|unread| (recipient.clone(), unread))
        });
        groups.filter_map(|group| self.index.by_recipient.of(&group)).collect()
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
