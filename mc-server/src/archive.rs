//! Archiving: tasks that have been closed for long leave the board and the lists. No event is removed.

use mc_domain::{
    aggregate::CommandContext,
    ids::TaskId,
    reach::Reach,
    task::{self, Command, Task},
};
use mc_store::repository::CommandEnvelope;

use crate::{
    app::{App, Call},
    refusal::Refused,
    span::Span,
};

/// Archives every task within a reach that has been done or canceled for longer than `older_than`, a commit each, as whoever
/// calls, and names them.
///
/// # Errors
/// What the log says.
pub async fn archive_closed(
    app: &App,
    older_than: Span,
    reach: &Reach,
    call: &Call,
) -> Result<Vec<TaskId>, Refused> {
    let context = CommandContext::new(call.context.now, call.context.actor.clone());
    let then = context.now - older_than.delta();
    let closed = app
        .read(|views| {
            let mut closed = views.tasks.closed_before(then);
            closed.retain(|task| reach.covers(views.tasks.project_of(*task)));
            closed
        })
        .await?;
    let envelope = CommandEnvelope { credential: call.caller.credential(), ..CommandEnvelope::new(context) };
    let mut archived = Vec::new();
    for id in closed {
        let executed = app.repository().execute(&envelope, |tx| {
            app.check_admission(call, tx)?;
            let task = tx.get::<Task>(&id)?;
            task.present()?;
            tx.execute(&task, Command::Archive)?;
            Ok::<_, Refused>(())
        });
        match executed.await {
            Ok(_) => archived.push(id),
            // It was opened again a moment ago, so it stays.
            Err(Refused::Rule(mc_domain::operation::Rejection::Task(task::Rejection::NotClosed {
                ..
            }))) => {}
            Err(refused) => return Err(refused),
        }
    }
    Ok(archived)
}
