//! What narrows a board or a list of tasks down: a form of the address's parameters.

use mc_domain::task::{Status, TaskType};
use mc_projections::tasks::TaskSort;

use super::Agent;
use crate::web::{Visit, html::Refused, times::words};

/// The filters of a page, filled with what its address says.
pub(in crate::web) struct Filters {
    /// The address of the page, where the form leads.
    pub(in crate::web) action: &'static str,
    pub(in crate::web) controls: Vec<Control>,
    /// Parameters that stay as they are.
    pub(in crate::web) kept: Vec<(&'static str, String)>,
    /// The address without filters, where there are some.
    pub(in crate::web) clear: Option<String>,
}

/// One filter.
pub(in crate::web) struct Control {
    pub(in crate::web) name: &'static str,
    pub(in crate::web) label: &'static str,
    /// What can be chosen; a text is typed where nothing can.
    pub(in crate::web) choices: Vec<(String, String)>,
    pub(in crate::web) value: String,
}

impl Control {
    pub(in crate::web) fn is_search(&self) -> bool {
        self.name == "search"
    }
}

impl Filters {
    /// Those of the board.
    pub(in crate::web) async fn of_board(visit: &Visit) -> Result<Self, Refused> {
        let mut controls = Self::shared(visit).await?;
        let blocked = [("true", "Only blocked"), ("false", "Not blocked")];
        controls.push(control(visit, "blocked", "Blocked", "Either", blocked));
        Ok(Self::new(visit, "/", controls, &["project", "all"]))
    }

    /// Those of the list.
    pub(in crate::web) async fn of_list(visit: &Visit) -> Result<Self, Refused> {
        let mut controls = Self::shared(visit).await?;
        let statuses = Status::ALL.iter().map(|status| (status.as_str(), words(status.as_str())));
        controls.insert(1, control(visit, "status", "Status", "All but archived", statuses));
        controls.push(control(
            visit,
            "overdue",
            "Due",
            "Any time",
            [("true", "Overdue"), ("false", "Not overdue")],
        ));
        controls.push(control(visit, "archived", "Archive", "Not archived", [("true", "Archived")]));
        let sorts = TaskSort::ALL.iter().map(|sort| (sort.as_str(), sort_label(*sort)));
        controls.push(control(visit, "sortBy", "Sort by", "Newest first", sorts));
        controls.push(control(
            visit,
            "order",
            "Order",
            "As usual",
            [("asc", "Ascending"), ("desc", "Descending")],
        ));
        Ok(Self::new(visit, "/tasks", controls, &["project"]))
    }

    async fn shared(visit: &Visit) -> Result<Vec<Control>, Refused> {
        let agents = Agent::offered(visit, visit.project()).await?;
        let anybody = if agents.is_some() { "Anybody" } else { "" };
        let agents = agents.into_iter().flatten().map(|agent| (agent.id, agent.name));
        let types = TaskType::ALL.iter().map(|kind| (kind.as_str(), words(kind.as_str())));
        let priorities = PRIORITIES.map(|(value, label)| (value, label));
        Ok(vec![
            control(visit, "search", "Search", "", NOTHING),
            control(visit, "type", "Type", "All types", types),
            control(visit, "assignee", "Assignee", anybody, agents),
            control(visit, "priority", "Priority", "All priorities", priorities),
            control(visit, "label", "Label", "", NOTHING),
        ])
    }

    fn new(
        visit: &Visit,
        action: &'static str,
        controls: Vec<Control>,
        kept: &'static [&'static str],
    ) -> Self {
        let keeps = |name: &&'static str| visit.parameter(name).map(|value| (*name, value.to_owned()));
        let is_set = controls.iter().any(|control| !control.value.is_empty());
        Self {
            action,
            kept: kept.iter().filter_map(keeps).collect(),
            clear: is_set.then(|| visit.api(action, kept, &[])),
            controls,
        }
    }
}

/// What stands for each priority.
pub(super) const PRIORITIES: [(&str, &str); 4] =
    [("1", "1, critical"), ("2", "2, high"), ("3", "3, normal"), ("4", "4, low")];

/// The choices of a control in which a text is typed.
const NOTHING: [(&str, &str); 0] = [];

/// A control with its choices, `all` being the one that filters nothing.
fn control<V: Into<String>, L: Into<String>>(
    visit: &Visit,
    name: &'static str,
    label: &'static str,
    all: &str,
    choices: impl IntoIterator<Item = (V, L)>,
) -> Control {
    let choices = choices.into_iter().map(|(value, label)| (value.into(), label.into()));
    let all = Some((String::new(), all.to_owned())).filter(|(_, all)| !all.is_empty());
    let value = visit.parameter(name).unwrap_or_default().to_owned();
    Control { name, label, choices: all.into_iter().chain(choices).collect(), value }
}

fn sort_label(sort: TaskSort) -> &'static str {
    match sort {
        TaskSort::CreatedAt => "When it was created",
        TaskSort::UpdatedAt => "When it last changed",
        TaskSort::Priority => "Priority",
        TaskSort::DueAt => "When it is due",
        TaskSort::Title => "Title",
        TaskSort::Status => "Status",
        TaskSort::Cost => "Cost",
    }
}
