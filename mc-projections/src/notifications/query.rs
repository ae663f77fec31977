//! Lists of notifications.

use std::{collections::BTreeSet, hash::Hash};

use mc_domain::{
    ids::{NotificationId, ProjectId},
    notification::{Kind, Recipient, Status},
};

use super::{NotificationView, Notifications, Row};
use crate::{
    agents::Agents,
    list::{self, Candidates, Paging, Question, Route, Walk},
    page::{InvalidCursor, Order, Page, Place},
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
    /// The notifications asked for. A page costs as much as it shows where an index leads to it: for recipients or
    /// projects, unread or read. Other filters pass over rows, at most [`crate::page::MAX_LOOKED_AT`] for a page.
    ///
    /// # Errors
    /// [`InvalidCursor`] when the cursor belongs to another question.
    pub fn list<'a>(
        &'a self,
        query: &NotificationQuery,
        agents: &'a Agents,
    ) -> Result<Page<NotificationView<'a>>, InvalidCursor> {
        let recipients = query.recipient.iter().map(ToString::to_string).collect();
        let question = NotificationQuestion { notifications: self, query, recipients };
        Ok(list::page(&question)?.map(|row| row.view(agents)))
    }
}

/// A query together with the notifications that it is put to.
struct NotificationQuestion<'a, 'q> {
    notifications: &'a Notifications,
    query: &'q NotificationQuery,
    /// The recipients of the query, in the form in which the index knows them.
    recipients: Vec<String>,
}

impl<'a> Question<'a> for NotificationQuestion<'a, '_> {
    type Id = NotificationId;
    type Row = Row;
    type Sort = ();

    fn sort(&self) {}

    fn paging(&self) -> Paging<'_> {
        let NotificationQuery { order, limit, cursor, .. } = self.query;
        Paging { order: order.unwrap_or(Order::Desc), limit: *limit, cursor: cursor.as_deref() }
    }

    fn filters(&self) -> impl Hash {
        let NotificationQuery { project, unread, status, kind, .. } = self.query;
        ("notifications", project, &self.recipients, unread, status, kind)
    }

    fn wants(&self, row: &Row) -> bool {
        let NotificationQuery { project, unread, status, kind, .. } = self.query;
        project.is_none_or(|project| row.project == Some(project))
            && unread.is_none_or(|unread| unread == row.read_at.is_none())
            && (status.is_empty() || status.contains(&row.status))
            && (kind.is_empty() || kind.contains(&row.kind))
    }

    fn place(&self, (): (), row: &Row) -> Place {
        Place::at_time(row.created_at, row.id.uuid())
    }

    fn row(&self, id: NotificationId) -> Option<&'a Row> {
        self.notifications.rows.get(id)
    }

    fn route(&self, (): ()) -> Route<'_, NotificationId> {
        let index = self.notifications.rows.index();
        let wants_unread = |unread: bool| self.query.unread.is_none_or(|wanted| wanted == unread);
        let sets = if self.recipients.is_empty() {
            index.by_project.sets(|(project, unread)| {
                (self.query.project.is_none() || self.query.project == *project) && wants_unread(*unread)
            })
        } else {
            let recipients: BTreeSet<_> = self.recipients.iter().collect();
            let readings = || [false, true].into_iter().filter(|unread| wants_unread(*unread));
            let groups = recipients
                .into_iter()
                .flat_map(|recipient| readings().map(move |unread| (recipient.clone(), unread)));
            groups.filter_map(|group| index.by_recipient.of(&group)).collect()
        };
        Route::Walk(Walk::Created(Candidates::Groups(sets)))
    }
}
