//! What holds until an operator publishes something else.

use std::collections::BTreeMap;

use super::{ApprovalRules, Document, FileRules, NetworkRules, ShellRules};
use crate::{
    policy_limits::{
        Limits, LoopThresholds, PolicyLimits, Roles, RunRules, SpawnLimits, Thresholds, Timeouts,
    },
    risk::Risk,
    task_type::TaskType,
};

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

impl Default for ApprovalRules {
    fn default() -> Self {
        let PolicyLimits { expires_after_secs, escalates_after_secs, .. } = PolicyLimits::default();
        Self { expires_after_secs, escalates_after_secs, red_decisions: 1, tools: BTreeMap::new() }
    }
}
