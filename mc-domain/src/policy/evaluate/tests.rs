#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn agent(role: Role) -> Subject {
    Subject {
        role,
        status: Status::Active,
        on_current_task: true,
        squad_stopped: false,
        allowed_tools: BTreeSet::new(),
        spawned: Spawned::default(),
    }
}

fn request(tool: &str, params: Value) -> Request {
    Request { tool: tool.into(), params: params.into(), estimated_cost: None, room: Room::default() }
}

fn judged(role: Role, tool: &str, params: Value) -> Evaluation {
    evaluate(&Document::default(), &agent(role), &request(tool, params))
}

fn codes(evaluation: &Evaluation) -> Vec<&str> {
    evaluation.reasons.iter().map(|reason| reason.code.as_str()).collect()
}

fn all_are(role: Role, cases: &[(&str, Value, Decision)]) {
    let judged = cases
        .iter()
        .map(|(tool, params, expected)| (judged(role, tool, params.clone()), (tool, params, expected)));
    let wrong: Vec<_> = judged
        .filter(|(found, (_, _, expected))| {
            found.decision != **expected || (found.decision == Decision::Allow) != found.reasons.is_empty()
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_role_gets_what_its_row_says() {
    use Decision::{Allow, NeedsApproval};
    let (green, yellow, red) = (
        ("web_search", json!({ "query": "x" })),
        ("shell_exec", json!({ "command": "cargo test" })),
        ("send_email", json!({ "text": "x" })),
    );
    for (role, of_yellow) in
        [(Role::Intern, NeedsApproval), (Role::Specialist, Allow), (Role::Lead, Allow), (Role::Cao, Allow)]
    {
        assert_eq!(judged(role, green.0, green.1.clone()).decision, Allow);
        assert_eq!(judged(role, yellow.0, yellow.1.clone()).decision, of_yellow, "{role}");
        assert_eq!(judged(role, red.0, red.1.clone()).decision, NeedsApproval);
    }
}

#[test]
fn every_tool_of_the_map_has_its_risk_and_others_are_yellow() {
    let document = Document::default();
    assert_eq!(document.risk_of("read_file"), Risk::Green);
    assert_eq!(document.risk_of("spawn_agent"), Risk::Yellow);
    assert_eq!(document.risk_of("git_force_push"), Risk::Red);
    assert_eq!(document.tools.len(), 9 + 13 + 13);
    let unknown = judged(Role::Intern, "teleport", json!({}));
    assert_eq!((unknown.decision, unknown.risk), (Decision::NeedsApproval, Risk::Yellow));
    assert_eq!(judged(Role::Lead, " Web_Search ", json!({})).decision, Decision::Allow);
}

#[test]
fn requests_are_judged_by_their_parameters() {
    use Decision::{Allow, Deny, NeedsApproval};
    let cases = [
        ("shell_exec", json!({ "command": "git add src" }), Allow),
        ("shell_exec", json!({ "command": "ls; curl x | sh" }), Deny),
        ("shell_exec", json!({ "command": "rm  -rf  x" }), Deny),
        ("shell_exec", json!({ "command": "make" }), NeedsApproval),
        ("shell_exec", json!({ "command": ["rm", "-rf", "x"] }), Deny),
        ("shell_exec", json!({ "command": ["git", "commit", "-m", "a; sudo b"] }), Allow),
        ("shell_exec", json!({ "command": "rm", "args": ["-rf", "x"] }), Deny),
        ("shell_exec", json!({ "argv": ["ls", "-la"] }), Allow),
        ("shell_exec", json!({ "command": "ls", "cwd": "../x" }), Deny),
        ("shell_exec", json!({ "cmd": "sudo ls" }), Deny),
        ("bash", json!({ "command": "sudo ls" }), Deny),
        ("shell_exec", json!({ "command": "git push origin main" }), NeedsApproval),
        ("shell_exec", json!({}), NeedsApproval),
        ("shell_exec", json!(null), NeedsApproval),
        ("shell_exec", json!({ "command": "" }), NeedsApproval),
        ("shell_exec", json!({ "command": 5 }), NeedsApproval),
        ("shell_exec", json!({ "command": [] }), NeedsApproval),
        ("http_request", json!({ "url": "https://api.github.com/x" }), Allow),
        ("http_request", json!({ "url": "https://github.com@evil.com" }), NeedsApproval),
        ("web_fetch", json!({ "urls": ["https://github.com", "https://evil.com"] }), NeedsApproval),
        ("web_fetch", json!({}), NeedsApproval),
        ("read_file", json!({ "path": "src/main.rs" }), Allow),
        ("read_file", json!({ "path": "README.md" }), NeedsApproval),
        ("read_file", json!({ "path": "../x" }), Deny),
        ("read_file", json!({ "filePath": ".env" }), Deny),
        ("read_file", json!({}), NeedsApproval),
        ("list_files", json!({}), Allow),
        ("list_files", json!({ "path": "/etc" }), Deny),
        ("write_file", json!({ "path": "docs/a.md", "content": "x" }), Allow),
        ("write_file", json!({ "path": "config/a.toml" }), Deny),
        ("delete_file", json!({ "path": "Cargo.lock" }), Deny),
        ("write_file", json!({ "path": "docs/a.md", "destination": "/etc/passwd" }), Deny),
        ("git_push", json!({ "branch": "feature/x" }), Allow),
        ("git_push", json!({ "branch": "main" }), NeedsApproval),
        ("git_push", json!({ "ref": "HEAD:refs/heads/release/1" }), NeedsApproval),
        ("git_push", json!({ "branch": "feature/x", "force": true }), NeedsApproval),
        ("git_push", json!({}), NeedsApproval),
        ("git_commit", json!({ "message": "x" }), Allow),
        ("git_commit", json!({ "files": ["Cargo.lock", "src/a.rs"] }), Allow),
        ("git_commit", json!({ "files": ["../x"] }), Deny),
        ("install_deps", json!({ "command": "npm install x" }), Allow),
        ("modify_cron", json!({ "command": "rm -rf x" }), Deny),
        ("edit_file", json!({ "path": "src/a.rs", "from": "/a", "to": "/b" }), Allow),
        ("install_deps", json!({}), Allow),
        ("teleport", json!({ "url": "https://evil.com" }), NeedsApproval),
        ("teleport", json!({ "command": "sudo ls" }), Deny),
        ("teleport", json!({ "path": "../x" }), Deny),
        ("", json!({}), NeedsApproval),
    ];
    all_are(Role::Lead, &cases);
}

#[test]
fn every_spelling_of_a_parameter_is_judged() {
    use Decision::{Allow, Deny, NeedsApproval};
    let cases = [
        ("shell_exec", json!({ "Command": "ls", "command": "rm -rf /" }), Deny),
        ("shell_exec", json!({ "COMMAND": "rm -rf /", "command": "ls" }), Deny),
        ("shell_exec", json!({ "command": "ls", "cmd": "make" }), NeedsApproval),
        ("shell_exec", json!({ "command": "rm", "arguments": ["-rf", "/"] }), Deny),
        ("shell_exec", json!({ "command": "rm", "Args": ["x"], "args": ["-rf", "/"] }), Deny),
        (
            "shell_exec",
            json!({ "command": "node", "args": ["scripts/a.js"], "Args": ["x.js"] }),
            NeedsApproval,
        ),
        ("shell_exec", json!({ "command": "rm", "args": "-rf /" }), Deny),
        ("shell_exec", json!({ "command": "ls", "argv": ["make"] }), NeedsApproval),
        ("shell_exec", json!({ "command": "ls", "argv": ["-la"] }), Allow),
        ("shell_exec", json!({ "command": "ls", "args": ["; rm -rf x"], "shell": true }), Deny),
        ("shell_exec", json!({ "command": "echo", "args": ["; rm -rf x"] }), Allow),
        ("shell_exec", json!({ "command": "ls", "shell": "src/x.sh" }), NeedsApproval),
        ("shell_exec", json!({ "command": "ls", "shell": "/bin/bash" }), Allow),
        ("http_request", json!({ "URL": "https://github.com", "url": "https://evil.com" }), NeedsApproval),
        ("http_request", json!({ "url": "https://github.com", "base_url": "https://github.com" }), Allow),
        ("read_file", json!({ "Path": "docs/x", "path": ".env" }), Deny),
        ("read_file", json!({ "path": "docs/x", "file_path": ".env" }), Deny),
        ("git_push", json!({ "Branch": "feature", "branch": "main" }), NeedsApproval),
        ("git_push", json!({ "branch": "feature", "Force": false, "force": true }), NeedsApproval),
        ("git_push", json!({ "branch": "feature", "Force": false, "force": false }), Allow),
    ];
    all_are(Role::Lead, &cases);
}

#[test]
fn pushes_that_force_or_may_touch_a_protected_branch_are_red() {
    let mut cases = [
        json!({ "branch": "+feature" }),
        json!({ "branch": ":feature" }),
        json!({ "branch": "feature", "args": ["-f"] }),
        json!({ "branch": "feature", "args": ["-uf"] }),
        json!({ "branch": "feature", "args": ["--mirror"] }),
        json!({ "branch": "feature", "args": ["--forc"] }),
        json!({ "branch": "feature", "args": ["-d"] }),
        json!({ "branch": "feature", "force": "true" }),
        json!({ "branch": "feature", "force": 1 }),
        json!({ "branch": "feature", "options": "--all" }),
        json!({ "branch": "feature", "options": { "mirror": true } }),
        json!({ "branch": "feature", "options": { "force_with_lease": true } }),
        json!({ "branch": "feature", "flags": "-u --delete" }),
        json!({ "branch": "feature", "remoteBranch": "main" }),
        json!({ "refs": ["dev:heads/main"] }),
        json!({ "refspec": "refs/heads/*:refs/heads/*" }),
        json!({ "branch": "HEAD" }),
        json!({ "branch": "\"main\"" }),
    ]
    .map(|params| ("git_push", params, Decision::NeedsApproval))
    .to_vec();
    let harmless = [
        json!({ "branch": "feature/x", "remote": "origin" }),
        json!({ "branch": "feature/x", "args": ["-u", "--set-upstream"], "force": "false" }),
        json!({ "branch": "domain", "remote": "git@github.com:acme/site.git", "force": null }),
        json!({ "refspec": "HEAD:refs/heads/feature" }),
        json!({ "branch": "x", "options": { "mirror": false, "atomic": true } }),
    ];
    cases.extend(harmless.map(|params| ("git_push", params, Decision::Allow)));
    all_are(Role::Lead, &cases);
}

#[test]
fn what_green_tools_touch_is_judged_too() {
    use Decision::{Allow, Deny, NeedsApproval};
    let cases = [
        ("create_doc", json!({ "path": ".env" }), Deny),
        ("create_doc", json!({ "path": "config/app.toml" }), Deny),
        ("search", json!({ "path": "/etc/passwd" }), Deny),
        ("search", json!({ "dir": "../x" }), Deny),
        ("analyze_data", json!({ "file": ".aws/credentials" }), Deny),
        ("analyze_data", json!({ "command": "sudo ls" }), Deny),
        ("web_search", json!({ "url": "https://evil.com" }), NeedsApproval),
        ("web_search", json!({ "url": "https://github.com/acme", "query": "x" }), Allow),
        ("web_search", json!({ "query": "read /etc/passwd on https://evil.com" }), Allow),
        ("create_doc", json!({ "path": "README.md" }), Allow),
        ("create_doc", json!({ "path": "docs/api.md", "text": "see .env" }), Allow),
        ("search", json!({ "path": "src", "query": "x" }), Allow),
        ("query_db", json!({ "sql": "select 1" }), Allow),
    ];
    all_are(Role::Intern, &cases);
}

#[test]
fn where_with_what_and_on_which_input_a_command_runs_is_judged() {
    use Decision::{Allow, Deny, NeedsApproval};
    let cases = [
        ("shell_exec", json!({ "command": "ls", "env": { "LD_PRELOAD": "src/x.so" } }), NeedsApproval),
        ("shell_exec", json!({ "command": "ls", "env": ["PATH=src"] }), NeedsApproval),
        ("shell_exec", json!({ "command": "ls", "Environment": { "LANG": "C", "CC": "x" } }), NeedsApproval),
        ("shell_exec", json!({ "command": "cargo test", "env": { "RUST_LOG": "debug", "CI": 1 } }), Allow),
        ("shell_exec", json!({ "command": "ls", "env": {} }), Allow),
        ("shell_exec", json!({ "command": "ls", "cwd": "config" }), Deny),
        ("shell_exec", json!({ "command": "ls", "cwd": "src/../config/x" }), Deny),
        ("shell_exec", json!({ "command": "ls", "workingDir": "x", "working_directory": ".ssh" }), Deny),
        ("shell_exec", json!({ "command": "node scripts/x.js", "cwd": "src" }), NeedsApproval),
        ("shell_exec", json!({ "command": "echo x > docs/a", "cwd": "scripts" }), NeedsApproval),
        ("shell_exec", json!({ "command": "cargo test", "cwd": "src" }), Allow),
        ("shell_exec", json!({ "command": "node scripts/x.js", "cwd": "." }), Allow),
        ("shell_exec", json!({ "command": "bash", "stdin": "rm -rf /" }), Deny),
        ("shell_exec", json!({ "command": "bash", "stdin": "ls" }), NeedsApproval),
        ("shell_exec", json!({ "command": "ls | xargs cat", "stdin": "x" }), NeedsApproval),
        ("shell_exec", json!({ "command": "sort", "stdin": "sudo is a word" }), Allow),
    ];
    all_are(Role::Lead, &cases);
}

#[test]
fn a_denied_command_is_denied_however_long_it_is() {
    let long = |command: &str| json!({ "command": format!("{command} #{}", "a".repeat(20_000)) });
    let cases = [
        ("shell_exec", long("rm -rf /"), Decision::Deny),
        ("teleport", long("sudo ls"), Decision::Deny),
        ("shell_exec", long("ls"), Decision::NeedsApproval),
    ];
    all_are(Role::Lead, &cases);
}

#[test]
fn more_spellings_than_are_looked_at_are_not_allowed() {
    let many = (0..100).map(|number| (format!("{}cmd", "_".repeat(number)), json!("ls")));
    let many = Value::Object(many.collect());
    assert_eq!(judged(Role::Lead, "shell_exec", many).decision, Decision::NeedsApproval);
}

#[test]
fn credentials_and_production_raise_the_risk_to_red() {
    for params in [
        json!({ "text": "deploy to prod" }),
        json!({ "text": "deploy to production." }),
        json!({ "env": "PROD" }),
        json!({ "db": "prod_db" }),
        json!({ "production": 1 }),
        json!({ "text": "git reset --hard" }),
        json!({ "args": ["--force"] }),
        json!({ "text": "push --force-with-lease" }),
        json!({ "password": "hunter2" }),
        json!({ "text": "password=hunter2" }),
        json!({ "deep": [{ "text": format!("{}{}", "AKIA", "IOSFODNN7EXAMPLE") }] }),
        json!({ "text": format!("{}{}", "ghp_", "abcdefghij0123456789") }),
    ] {
        let evaluation = judged(Role::Cao, "post_comment", params.clone());
        assert_eq!((evaluation.decision, evaluation.risk), (Decision::NeedsApproval, Risk::Red), "{params}");
    }
    for text in [
        "product",
        "domain",
        "maintain",
        "deliverable",
        "reproduction",
        "products",
        "inputTokens: 5",
        "the main point",
        "master the product domain",
        "force",
        "--forced",
        "hard",
        "-hard",
        "producer",
        "release/1",
    ] {
        let evaluation = judged(Role::Intern, "post_comment", json!({ "text": text, "inputTokens": 5 }));
        assert_eq!((evaluation.decision, evaluation.risk), (Decision::Allow, Risk::Green), "{text}");
    }
}

#[test]
fn a_reason_never_repeats_a_credential() {
    let evaluation = judged(
        Role::Lead,
        "shell_exec",
        json!({ "command": "password=hunter2 make; cat /password=hunter2" }),
    );
    assert!(!serde_json::to_string(&evaluation).unwrap().contains("hunter2"), "{evaluation:#?}");
}

#[test]
fn only_agents_at_work_may_act_and_draining_ones_finish_their_task() {
    let search = request("search", json!({}));
    let decide = |subject: &Subject| evaluate(&Document::default(), subject, &search).decision;
    for status in [Status::Paused, Status::Quarantined, Status::Offline] {
        assert_eq!(decide(&Subject { status, ..agent(Role::Cao) }), Decision::Deny);
    }
    let draining = Subject { status: Status::Draining, ..agent(Role::Lead) };
    assert_eq!(decide(&draining), Decision::Allow);
    assert_eq!(decide(&Subject { on_current_task: false, ..draining }), Decision::Deny);
    assert_eq!(decide(&Subject { squad_stopped: true, ..agent(Role::Cao) }), Decision::Deny);
}

#[test]
fn an_agent_with_a_tool_list_uses_no_other() {
    let subject = Subject { allowed_tools: [Label::new("search").unwrap()].into(), ..agent(Role::Cao) };
    let decide = |tool: &str| evaluate(&Document::default(), &subject, &request(tool, json!({}))).decision;
    assert_eq!(decide("search"), Decision::Allow);
    assert_eq!(decide("web_search"), Decision::Deny);
}

#[test]
fn spawning_beyond_a_limit_is_denied() {
    let decide = |role, spawned| {
        evaluate(
            &Document::default(),
            &Subject { spawned, ..agent(role) },
            &request("spawn_agent", json!({})),
        )
        .decision
    };
    let most = Spawned { children: 2, depth: 1, active_agents: 29 };
    assert_eq!(decide(Role::Specialist, most), Decision::Allow);
    assert_eq!(decide(Role::Intern, Spawned::default()), Decision::Deny);
    for spawned in
        [Spawned { children: 3, ..most }, Spawned { depth: 2, ..most }, Spawned { active_agents: 30, ..most }]
    {
        assert_eq!(decide(Role::Cao, spawned), Decision::Deny, "{spawned:?}");
    }
}

#[test]
fn over_any_budget_needs_an_approval() {
    let decide = |estimated_cost, room| {
        let request = Request { estimated_cost, room, ..request("search", json!({})) };
        evaluate(&Document::default(), &agent(Role::Lead), &request).decision
    };
    let left = Some(Usd::cents(50));
    let room = Room { per_run: left, task: left, day: left, project: left };
    assert_eq!(decide(Some(Usd::cents(50)), room), Decision::Allow);
    assert_eq!(decide(None, room), Decision::Allow);
    assert_eq!(decide(Some(Usd::cents(50)), Room::default()), Decision::Allow);
    let little = Some(Usd::cents(49));
    for room in [
        Room { per_run: little, ..room },
        Room { task: little, ..room },
        Room { day: little, ..room },
        Room { project: little, ..room },
    ] {
        assert_eq!(decide(Some(Usd::cents(50)), room), Decision::NeedsApproval, "{room:?}");
    }
    assert_eq!(decide(None, Room { day: Some(Usd::ZERO), ..room }), Decision::NeedsApproval);
}

#[test]
fn all_reasons_are_listed_in_the_order_of_the_rules() {
    let subject = Subject { squad_stopped: true, status: Status::Paused, ..agent(Role::Intern) };
    let request = Request {
        estimated_cost: Some(Usd::cents(100)),
        room: Room { per_run: Some(Usd::cents(25)), day: Some(Usd::ZERO), ..Room::default() },
        ..request("shell_exec", json!({ "command": "sudo deploy prod --force", "token": "abcdef" }))
    };
    let evaluation = evaluate(&Document::default(), &subject, &request);
    assert_eq!((evaluation.decision, evaluation.risk), (Decision::Deny, Risk::Red));
    assert_eq!(
        codes(&evaluation),
        [
            "squad_stopped",
            "agent_not_active",
            "command_denied",
            "command_unlisted",
            "credential",
            "production",
            "force",
            "red",
            "over_per_run_cap",
            "over_daily_cap",
        ]
    );
}

#[test]
fn per_tool_rules_decide_how_many_decide() {
    let mut document = Document::default();
    document.approvals.red_decisions = 2;
    document.approvals.tools.insert("payment".into(), 1);
    assert_eq!(["publish", "payment", "search"].map(|tool| document.decisions_for(tool)), [2, 1, 1]);
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!("rm -rf x")),
    ];
    let name =
        prop_oneof![Just("command".to_owned()), Just("url".into()), Just("path".into()), any::<String>()];
    leaf.prop_recursive(3, 16, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(name.clone(), inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_request_makes_it_panic(
        tool in proptest::sample::select(vec!["shell_exec", "http_request", "read_file", "git_push", "x", ""]),
        params in json_value(),
    ) {
        let evaluation = judged(Role::Lead, tool, params);
        prop_assert_eq!(evaluation.decision == Decision::Allow, evaluation.reasons.is_empty());
    }

    #[test]
    fn being_stopped_always_denies(params in json_value(), tool in ".{0,12}") {
        let subject = Subject { squad_stopped: true, ..agent(Role::Cao) };
        prop_assert_eq!(evaluate(&Document::default(), &subject, &request(&tool, params)).decision, Decision::Deny);
    }
}
