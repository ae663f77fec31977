//! A notification that does not arrive: tried again, and in the end given up and told of.

use super::{
    Cast, Decision, Entity, Rejection,
    raise_alert::{Warning, raise},
};
use crate::{
    aggregate::{Aggregate, CommandContext},
    alert::{Kind, Subject},
    ids::ProjectId,
    notification::{self, Notification, Status},
    values::Reason,
};

/// Records that an attempt to deliver `notification`, which belongs to `project`, has failed. After the last one an alert
/// is raised: one for each agent, and one for the operators of a project, however much does not reach them.
///
/// # Errors
/// - [`notification::Rejection::NotDue`] before the next attempt is due.
/// - [`notification::Rejection::SystemOnly`] for anybody but the system.
pub fn fail_notification(
    notification: &Entity<Notification>,
    project: Option<ProjectId>,
    error: Reason,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    let command = notification::Command::Fail { error: error.clone() };
    let events = notification.decide(command, context)?;
    let mut decision = Decision::of(notification, project, events);
    let was = notification.queued()?.status;
    let given_up = notification.after_decision(&decision).status() == Some(Status::Failed);
    if let Some(project) = project.filter(|_| given_up && was != Status::Failed) {
        let recipient = &notification.queued()?.recipient;
        let subject = recipient.agent().map_or(Subject::Project(project), Subject::Agent);
        let title = format!("A notification to {recipient} was given up");
        let warning = Warning::new(Kind::NotificationFailed, subject, project, title);
        raise(&mut decision, warning.saying(error.to_string()), cast, context)?;
    }
    Ok(decision)
}
