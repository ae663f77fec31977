use mc_domain::{
    task::{Priority, TaskType},
    values::{Label, Name, Text},
};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::{
    page::{InvalidCursor, Order},
    script::Script,
    views::Views,
};

fn project(number: u128) -> ProjectId {
    ProjectId::new(Uuid::from_u128(number))
}

fn sofie() -> Actor {
    Actor::Human(Name::new("Sofie").unwrap())
}

fn titled(title: &str) -> Details {
    Details::titled(title, TaskType::Docs).unwrap()
}

fn create(script: &mut Script, number: u128, details: Details) -> TaskId {
    let parent = None;
    script.task(number, |at| Event::Created { project: project(1), details, parent, creator: sofie(), at })
}

fn list(views: &Views, query: TaskQuery) -> Vec<TaskId> {
    let page = views.tasks.list(&query, DateTime::UNIX_EPOCH, &views.agents).unwrap();
    page.items.iter().map(|task| task.id).collect()
}

#[test]
fn a_task_is_answered_as_the_contract_says() {
    let mut script = Script::new();
    let id = create(&mut script, 2, titled("Update the API documentation"));
    let views = script.views();
    let shown = serde_json::to_value(views.tasks.view(id, &views.agents).unwrap()).unwrap();
    assert_eq!(
        shown,
        json!({
            "id": "00000000-0000-0000-0000-000000000002",
            "projectId": "00000000-0000-0000-0000-000000000001",
            "title": "Update the API documentation",
            "description": null,
            "type": "docs",
            "priority": 3,
            "status": "inbox",
            "statusReason": null,
            "blockedReason": null,
            "heldFrom": null,
            "awaitedApprovalIds": [],
            "loop": null,
            "assigneeIds": [],
            "reviewerIds": [],
            "labels": [],
            "estimatedCost": null,
            "budget": 3,
            "cost": 0,
            "dueAt": null,
            "parentTaskId": null,
            "createdBy": { "type": "human", "id": "Sofie", "name": "Sofie" },
            "workPlan": null,
            "messageCount": 0,
            "artifactCount": 0,
            "reviewCycles": 0,
            "holderId": null,
            "leaseId": null,
            "openRunIds": [],
            "approval": null,
            "createdAt": "2026-02-01T09:00:00.000Z",
            "updatedAt": "2026-02-01T09:00:00.000Z",
            "statusSince": "2026-02-01T09:00:00.000Z",
            "startedAt": null,
            "completedAt": null,
            "archivedAt": null,
            "subscribers": [],
            "version": 1,
        })
    );
}

#[test]
fn a_task_goes_its_way_and_keeps_what_matters() {
    let mut script = Script::new();
    let id = create(&mut script, 1, titled("Write the guide"));
    let (scout, lease) = (AgentId::new(Uuid::from_u128(1)), LeaseId::new(Uuid::from_u128(5)));
    script.task(1, |at| Event::Claimed { agent: scout, at });
    let started = script.now();
    let from = Status::Assigned;
    script.task(1, |at| Event::Started { from, holder: scout, lease, plan: None, reason: None, at });
    let views = script.views();
    let view = views.tasks.view(id, &views.agents).unwrap();
    assert_eq!((view.status, view.holder_id, view.lease_id), (Status::InProgress, Some(scout), Some(lease)));

    script.task(1, |at| Event::Submitted { deliverable: None, checklist: None, at });
    let feedback = Reason::new("tighten the intro").unwrap();
    script.task(1, |at| Event::SentBack { feedback, review_cycle: 1, holder: scout, lease, at });
    script.task(1, |at| Event::Submitted { deliverable: None, checklist: None, at });
    script.task(1, |at| Event::Completed { from: Status::Review, approved_by: sofie(), note: None, at });
    let views = script.views();
    let view = views.tasks.view(id, &views.agents).unwrap();
    assert_eq!((view.status, view.review_cycles, view.version), (Status::Done, 1, 7));
    assert_eq!((view.holder_id, view.started_at), (None, Some(started.into())));
    assert_eq!(view.approval.unwrap().approved_by.name, "Sofie");
    assert_eq!(view.completed_at, Some(view.status_since));
    assert_eq!(view.message_count, 1);

    script.task(1, |at| Event::ReturnedToReview { from: Status::Done, reason: None, at });
    let views = script.views();
    let view = views.tasks.view(id, &views.agents).unwrap();
    assert_eq!((view.status, view.completed_at, view.approval), (Status::Review, None, None));
}

#[test]
fn newest_come_first_across_projects_and_statuses() {
    let mut script = Script::new();
    let ids: Vec<_> = (1..=6).map(|number| create(&mut script, number, titled("Guide"))).collect();
    script.task(2, |at| Event::Claimed { agent: Uuid::nil().into(), at });
    script.task(4, |at| Event::Canceled { from: Status::Inbox, reason: None, at });
    let parent = None;
    let other = script.task(7, |at| Event::Created {
        project: project(2),
        details: titled("Elsewhere"),
        parent,
        creator: sofie(),
        at,
    });
    let views = script.views();
    let newest = [other, ids[5], ids[4], ids[3], ids[2], ids[1], ids[0]];
    assert_eq!(list(&views, TaskQuery::default()), newest);
    let open = vec![Status::Inbox, Status::Assigned];
    let query = TaskQuery { status: open, reach: Reach::of(project(1)), ..TaskQuery::default() };
    assert_eq!(list(&views, query), [ids[5], ids[4], ids[2], ids[1], ids[0]]);
}

#[test]
fn a_cursor_goes_on_where_the_page_ended_while_tasks_come_and_move() {
    let mut script = Script::new();
    let ids: Vec<_> = (1..=5).map(|number| create(&mut script, number, titled("Guide"))).collect();
    let views = script.views();
    let mut query = TaskQuery { limit: Some(2), ..TaskQuery::default() };
    let page = views.tasks.list(&query, script.now(), &views.agents).unwrap();
    assert_eq!(page.items.iter().map(|task| task.id).collect::<Vec<_>>(), [ids[4], ids[3]]);
    query.cursor = page.next;

    create(&mut script, 6, titled("Newer"));
    script.task(3, |at| Event::Claimed { agent: Uuid::nil().into(), at });
    assert_eq!(list(&script.views(), query.clone()), [ids[2], ids[1]]);

    let others = [
        TaskQuery { status: vec![Status::Inbox], ..query.clone() },
        TaskQuery { reach: Reach::of(project(1)), ..query.clone() },
        TaskQuery { reach: Reach::Only([].into()), ..query },
    ];
    for other in others {
        let refused = script.views().tasks.list(&other, script.now(), &views.agents).map(drop);
        assert_eq!(refused, Err(InvalidCursor::OtherQuestion));
    }
}

#[test]
fn every_filter_keeps_what_it_names() {
    let mut script = Script::new();
    let urgent = Priority::try_from(1).unwrap();
    let label = Label::new("q1").unwrap();
    let plain = create(&mut script, 1, titled("Guide"));
    let due = script.now();
    let special = create(
        &mut script,
        2,
        Details {
            description: Some(Text::new("about PRICING pages").unwrap()),
            kind: TaskType::Ops,
            priority: urgent,
            labels: BTreeSet::from([label.clone()]),
            due_at: Some(due),
            ..titled("Table")
        },
    );
    let scout = AgentId::new(Uuid::from_u128(1));
    script.task(2, |at| Event::Claimed { agent: scout, at });
    let views = script.views();
    let now = script.now();
    let shown = |query: TaskQuery| {
        let page = views.tasks.list(&query, now, &views.agents).unwrap();
        page.items.iter().map(|task| task.id).collect::<Vec<_>>()
    };
    let any = TaskQuery::default;
    assert_eq!(shown(TaskQuery { kind: vec![TaskType::Ops], ..any() }), [special]);
    assert_eq!(shown(TaskQuery { assignee: vec![scout], ..any() }), [special]);
    assert_eq!(shown(TaskQuery { priority: vec![urgent], ..any() }), [special]);
    assert_eq!(shown(TaskQuery { label: vec![label], ..any() }), [special]);
    assert_eq!(shown(TaskQuery { search: Some("pricing".to_owned()), ..any() }), [special]);
    assert_eq!(shown(TaskQuery { overdue: Some(true), ..any() }), [special]);
    assert_eq!(shown(TaskQuery { overdue: Some(false), ..any() }), [plain]);
    assert_eq!(shown(TaskQuery { reach: Reach::of(project(9)), ..any() }), []);
}

#[test]
fn sorted_lists_start_with_what_is_most_urgent_or_most_recent() {
    let mut script = Script::new();
    let detailed = |title, priority, due: Option<i64>| Details {
        priority: Priority::try_from(priority).unwrap(),
        due_at: due.and_then(DateTime::from_timestamp_secs),
        ..titled(title)
    };
    let b = create(&mut script, 1, detailed("beta", 3, Some(20)));
    let a = create(&mut script, 2, detailed("Alpha", 4, None));
    let c = create(&mut script, 3, detailed("Gamma", 1, Some(10)));
    script.task(1, |_| Event::Edited { details: detailed("beta", 3, Some(20)) });
    let views = script.views();
    let by = |sort| TaskQuery { sort: Some(sort), ..TaskQuery::default() };
    assert_eq!(list(&views, by(TaskSort::Title)), [a, b, c]);
    assert_eq!(list(&views, by(TaskSort::Priority)), [c, b, a]);
    assert_eq!(list(&views, by(TaskSort::DueAt)), [c, b, a]);
    assert_eq!(list(&views, TaskQuery { order: Some(Order::Desc), ..by(TaskSort::DueAt) }), [b, c, a]);
    assert_eq!(list(&views, by(TaskSort::UpdatedAt)), [b, c, a]);
}

#[test]
fn archived_tasks_leave_the_lists_and_the_board_until_they_are_restored() {
    let mut script = Script::new();
    let task = create(&mut script, 1, titled("Guide"));
    script.task(1, |at| Event::Canceled { from: Status::Inbox, reason: None, at });
    script.task(1, |at| Event::Archived { at });
    let now = script.now();
    let listed = |views: &Views, archived| {
        let query = TaskQuery { archived, ..TaskQuery::default() };
        views.tasks.list(&query, now, &views.agents).unwrap().items.len()
    };
    let views = script.views();
    assert_eq!((listed(&views, false), listed(&views, true)), (0, 1));
    assert_eq!(views.tasks.count(&Reach::All, Status::Canceled), 0);
    assert!(views.tasks.view(task, &views.agents).unwrap().archived_at.is_some());

    script.task(1, |at| Event::Restored { at });
    let views = script.views();
    assert_eq!((listed(&views, false), listed(&views, true)), (1, 0));
}
