//! A notification that could not be delivered.

use crate::{
    alert::{Kind, Subject},
    consequence::alerts::{Warning, raise},
    ids::{NotificationId, ProjectId},
    notification::{self, Notification, Status},
    rejection::Rejection,
    transaction::Transaction,
    values::Reason,
};

/// Records that an attempt to deliver `notification`, which belongs to `project`, has failed. After the last one an alert
/// is raised: one for each agent, and one for the operators of a project, however much does not reach them.
///
/// # Errors
/// - [`notification::Rejection::NotDue`] before the next attempt is due.
/// - [`notification::Rejection::SystemOnly`] for anybody but the system.
pub fn fail_notification(
    tx: &mut Transaction<'_>,
    notification: NotificationId,
    project: Option<ProjectId>,
    error: Reason,
) -> Result<(), Rejection> {
    let before = tx.get::<Notification>(&notification)?;
    let after = tx.execute_in(project, &before, notification::Command::Fail { error: error.clone() })?;
    let queued = before.queued()?;
    let given_up = after.status() == Some(Status::Failed) && queued.status != Status::Failed;
    let Some(project) = project.filter(|_| given_up) else { return Ok(()) };
    let recipient = &queued.recipient;
    let subject = recipient.agent().map_or(Subject::Project(project), Subject::Agent);
    let title = format!("A notification to {recipient} was given up");
    raise(tx, Warning::new(Kind::NotificationFailed, subject, project, title).saying(error))
}
