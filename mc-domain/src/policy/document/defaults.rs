//! What holds until an operator publishes something else.

use std::collections::BTreeMap;

use super::{
    ApprovalRules, Document, FileRules, Limits, LoopThresholds, NetworkRules, RoleRules, Roles, RunRules,
    ShellRules, SpawnLimits, Thresholds, Timeouts,
};
use crate::{agent::Role, money::Usd, policy::evaluate::Risk, task::TaskType};

const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;

const GREEN: &[&str] = &[
    "read_file",
    "list_files",
    "search",
    "web_search",
    "query_db",
    "post_comment",
    "create_doc",
    "generate_draft",
    "analyze_data",
];
const YELLOW: &[&str] = &[
    "shell_exec",
    "git_commit",
    "git_push",
    "network_call",
    "http_request",
    "web_fetch",
    "write_file",
    "edit_file",
    "delete_file",
    "install_deps",
    "modify_cron",
    "browser",
    "spawn_agent",
];
const RED: &[&str] = &[
    "send_email",
    "send_message",
    "post_social",
    "publish",
    "deploy_prod",
    "modify_prod_config",
    "access_secrets",
    "read_env",
    "destructive_shell",
    "drop_table",
    "database_write",
    "payment",
    "git_force_push",
];
const COMMANDS: &[&str] = &[
    "ls",
    "pwd",
    "cat",
    "head",
    "tail",
    "grep",
    "find",
    "wc",
    "sort",
    "uniq",
    "cut",
    "jq",
    "echo",
    "date",
    "git status",
    "git diff",
    "git log",
    "git branch",
    "git add",
    "git commit",
    "git checkout -b",
    "npm test",
    "npm run lint",
    "npm run build",
    "npm run typecheck",
    "cargo check",
    "cargo test",
    "cargo build",
    "cargo clippy",
    "cargo fmt",
    "node scripts/",
    "python scripts/",
];
const DENIED_COMMANDS: &[&str] = &["rm -rf", "sudo", "chmod 777", "chown", "dd", "mkfs*", "fdisk"];
const HOSTS: &[&str] =
    &["github.com", "gitlab.com", "api.anthropic.com", "api.openai.com", "stackoverflow.com"];
const READABLE: &[&str] = &["workspace/**", "src/**", "docs/**", "scripts/**"];
const WRITABLE: &[&str] = &["workspace/output/**", "docs/**", "memory/**", "artifacts/**", "src/**"];
const NEVER: &[&str] = &[
    "config/**",
    "workspace/config/**",
    "**/.env*",
    "**/.ssh/**",
    "**/.aws/**",
    "**/*.lock",
    "**/*.lockb",
    "**/package-lock.json",
    "**/npm-shrinkwrap.json",
    "**/pnpm-lock.yaml",
    "**/packages.lock.json",
    "**/gradle.lockfile",
    "**/go.sum",
];

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

impl Default for Document {
    fn default() -> Self {
        let of_risk =
            |tools: &'static [&'static str], risk| tools.iter().map(move |tool| ((*tool).to_owned(), risk));
        let tools =
            of_risk(GREEN, Risk::Green).chain(of_risk(YELLOW, Risk::Yellow)).chain(of_risk(RED, Risk::Red));
        Self {
            tools: tools.collect(),
            shell: ShellRules::default(),
            network: NetworkRules::default(),
            files: FileRules::default(),
            roles: Roles::default(),
            task_budgets: TaskType::ALL.iter().map(|kind| (*kind, kind.default_budget())).collect(),
            thresholds: Thresholds::default(),
            spawn: SpawnLimits::default(),
            loops: LoopThresholds::default(),
            approvals: ApprovalRules::default(),
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            runs: RunRules::default(),
        }
    }
}

impl Default for RunRules {
    fn default() -> Self {
        Self { least_reserved: Usd::cents(1) }
    }
}

impl Default for ShellRules {
    fn default() -> Self {
        Self { allow: texts(COMMANDS), deny: texts(DENIED_COMMANDS) }
    }
}

impl Default for NetworkRules {
    fn default() -> Self {
        Self { allow: texts(HOSTS) }
    }
}

impl Default for FileRules {
    fn default() -> Self {
        Self { root: None, read: texts(READABLE), write: texts(WRITABLE), never: texts(NEVER) }
    }
}

impl Default for Roles {
    fn default() -> Self {
        let of = |role: Role| {
            let caps = role.default_caps();
            RoleRules { daily_cap: caps.daily, per_run_cap: caps.per_run, may_spawn: role.may_spawn() }
        };
        Self {
            intern: of(Role::Intern),
            specialist: of(Role::Specialist),
            lead: of(Role::Lead),
            cao: of(Role::Cao),
        }
    }
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { warning_percent: 80, error_percent: 95 }
    }
}

impl Default for SpawnLimits {
    fn default() -> Self {
        Self { max_children: 3, max_depth: 2, max_active_agents: 30, retire_after_secs: 6 * HOUR }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_thread_messages: 2_000, max_agents: 200, max_open_tasks: 1_000 }
    }
}

impl Default for LoopThresholds {
    fn default() -> Self {
        Self {
            max_messages: 20,
            messages_window_secs: 30 * MINUTE,
            max_review_cycles: 3,
            max_alternations: 8,
            alternations_window_secs: 10 * MINUTE,
            pair_repeats: 3,
            pair_transitions: 6,
            pair_window_secs: HOUR,
            identical_tool_errors: 3,
            failed_runs: 5,
            failed_runs_among: 10,
        }
    }
}

impl Default for ApprovalRules {
    fn default() -> Self {
        Self {
            expires_after_secs: 24 * HOUR,
            escalates_after_secs: 30 * MINUTE,
            red_decisions: 1,
            tools: BTreeMap::new(),
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            stale_after_secs: 5 * MINUTE,
            lease_secs: 2 * HOUR,
            run_timeout_secs: 2 * HOUR,
            error_streak_warning: 3,
            error_streak_quarantine: 5,
        }
    }
}
