//! Finds and pages the notifications that a query asks for.

use std::{collections::BTreeSet, hash::Hash};

use mc_domain::{
    ids::NotificationId,
    notification::{Kind, Recipient, Status},
    reach::Reach,
};

use super::{NotificationView, Notifications, Row};
use crate::{
    agents::Agents,
    list::{self, Candidates, Paging, Question, Route, Walk},
    ordered_index::CreationKey,
    page::{InvalidCursor, Order, Page, Place},
};

/// Which notifications are asked for. An empty or absent filter lets every notification through; all filters must
/// hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotificationQuery {
    /// Only notifications that belong to the projects within this reach; those that belong to none are within
    /// [`Reach::All`] alone.
    pub reach: Reach,
    /// Only notifications to one of these recipients.
    pub recipient: Vec<Recipient>,
    /// Only notifications that are unread when true, only the others when false.
    pub unread: Option<bool>,
    /// Only notifications in one of these statuses.
    pub status: Vec<Status>,
    /// Only notifications of one of these types.
    pub kind: Vec<Kind>,
    /// Which end comes first; the newest notification when absent.
    pub order: Option<Order>,
    /// The most notifications of a page, from 1 to [`crate::page::MAX_LIMIT`].
    pub limit: Option<usize>,
    /// The cursor that the page before ended with; the first page when absent.
    pub cursor: Option<String>,
}

impl Notifications {
    /// The notifications asked for. A page costs as much as it shows where an index leads to it: for recipients or
    /// projects, whichever has fewer, unread or read. Other filters pass over rows, at most [`crate::page::MAX_LOOKED_AT`] for a page.
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

    fn reach(&self) -> &Reach {
        &self.query.reach
    }

    fn filters(&self) -> impl Hash {
        let NotificationQuery { reach, unread, status, kind, .. } = self.query;
        ("notifications", reach, &self.recipients, unread, status, kind)
    }

    fn wants(&self, row: &Row) -> bool {
        let NotificationQuery { reach, unread, status, kind, .. } = self.query;
        reach.covers(row.project)
            && (self.recipients.is_empty() || self.recipients.contains(&row.key))
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
        let count = |sets: &[&BTreeSet<_>]| sets.iter().map(|set| set.len()).sum::<usize>();
        let (of_projects, to_recipients) = (self.of_projects(), self.to_recipients());
        let narrower = to_recipients.filter(|sets| count(sets) <= count(&of_projects));
        Route::Walk(Walk::Created(Candidates::Groups(narrower.unwrap_or(of_projects))))
    }
}

impl<'a> NotificationQuestion<'a, '_> {
    fn wants_reading(&self, unread: bool) -> bool {
        self.query.unread.is_none_or(|wanted| wanted == unread)
    }

    /// The notifications within reach.
    fn of_projects(&self) -> Vec<&'a BTreeSet<CreationKey<NotificationId>>> {
        let by_project = &self.notifications.rows.index().by_project;
        by_project.sets(|(project, unread)| self.query.reach.covers(*project) && self.wants_reading(*unread))
    }

    /// The notifications to the recipients of the query, where it names some.
    fn to_recipients(&self) -> Option<Vec<&'a BTreeSet<CreationKey<NotificationId>>>> {
        let recipients: BTreeSet<_> = self.recipients.iter().collect();
        let readings = || [false, true].into_iter().filter(|unread| self.wants_reading(*unread));
        let groups = recipients
            .iter()
            .flat_map(|recipient| readings().map(move |unread| (recipient.to_string(), unread)));
        let by_recipient = &self.notifications.rows.index().by_recipient;
        (!recipients.is_empty()).then(|| groups.filter_map(|group| by_recipient.of(&group)).collect())
    }
}
