//! What of a published policy lets more through than the default one.

use mc_domain::{agent::Role, money::Usd, policy::document::Document, task::TaskType};

use super::{Finding, Severity};

/// How many times the default a figure may be until it counts as no limit.
const FAR_ABOVE: u64 = 10;

/// Commands that run whatever they are told, or reach wherever they want.
const ANYTHING: &[&str] = &[
    "ash", "bash", "csh", "curl", "dash", "docker", "env", "eval", "exec", "fish", "ksh", "nc", "ncat",
    "node", "npx", "perl", "php", "python", "python3", "ruby", "scp", "sh", "socat", "ssh", "su", "sudo",
    "tcsh", "wget", "xargs", "zsh",
];

/// Names of two labels below which anybody may have a host. Those of one label need no list.
const SHARED: &[&str] = &[
    "amazonaws.com",
    "azurewebsites.net",
    "cloudfront.net",
    "co.jp",
    "co.nz",
    "co.uk",
    "com.au",
    "com.br",
    "com.cn",
    "fly.dev",
    "github.io",
    "gitlab.io",
    "herokuapp.com",
    "netlify.app",
    "ngrok.io",
    "onrender.com",
    "org.uk",
    "pages.dev",
    "vercel.app",
    "web.app",
    "workers.dev",
];

const NARROW: &str = "Name what is needed instead, and publish a new version with PUT /api/policy";
const PUT_BACK: &str = "Put them back, and publish a new version with PUT /api/policy";
const LOWER: &str = "Lower it to what is needed, and publish a new version with PUT /api/policy";

/// Everything in `document` that is weaker than the default.
pub(super) fn weaknesses(document: &Document) -> Vec<Finding> {
    let usual = Document::default();
    [lists(document), dropped(document, &usual), lowered(document, &usual), figures(document, &usual)]
        .concat()
}

fn high(what: String, remedy: &'static str) -> Finding {
    Finding { severity: Severity::High, what, remedy }
}

fn medium(what: String, remedy: &'static str) -> Finding {
    Finding { severity: Severity::Medium, what, remedy }
}

/// What the allow-lists let through at one go.
fn lists(document: &Document) -> Vec<Finding> {
    let (shell, network, files) = (&document.shell, &document.network, &document.files);
    let star = |list: &[String]| list.iter().any(|entry| entry == "*");
    let path = |list: &[String]| list.iter().any(|glob| ["*", "**", "**/*", "/**"].contains(&glob.as_str()));
    let everything = [
        ("every command", star(&shell.allow)),
        ("every address", star(&network.allow)),
        ("reading every path", path(&files.read)),
        ("writing every path", path(&files.write)),
    ];
    let everything = everything.into_iter().filter(|(_, allowed)| *allowed);
    let everything = everything.map(|(what, _)| high(format!("the policy allows {what}"), NARROW));
    let commands = shell.allow.iter().filter(|entry| runs_anything(entry));
    let commands = commands.map(|entry| {
        high(
            format!("the policy allows the command {entry}, which runs or reaches whatever it is told"),
            NARROW,
        )
    });
    let hosts = network.allow.iter().filter(|entry| is_shared(entry));
    let hosts = hosts
        .map(|entry| high(format!("the policy allows every host below {entry}, which is anybody's"), NARROW));
    everything.chain(commands).chain(hosts).collect()
}

/// Whether the entry is such a command without anything that narrows it down.
fn runs_anything(entry: &str) -> bool {
    let mut words = entry.split_whitespace();
    let command = words.next().and_then(|command| command.rsplit('/').next());
    words.next().is_none() && command.is_some_and(|command| ANYTHING.contains(&command))
}

/// Whether anybody can have a host below that name.
fn is_shared(entry: &str) -> bool {
    let name = entry.strip_prefix("*.").unwrap_or(entry).to_ascii_lowercase();
    let single = !name.contains(['.', ':', '*']) && name != "localhost";
    single || SHARED.contains(&name.as_str())
}

/// What the default denies and this does not.
fn dropped(document: &Document, usual: &Document) -> Vec<Finding> {
    let missing = |usual: &[String], now: &[String]| -> Vec<String> {
        usual.iter().filter(|entry| !now.contains(entry)).cloned().collect()
    };
    let dropped = [
        ("denied commands", missing(&usual.shell.deny, &document.shell.deny)),
        ("untouchable paths", missing(&usual.files.never, &document.files.never)),
    ];
    let dropped = dropped.into_iter().filter(|(_, entries)| !entries.is_empty());
    dropped
        .map(|(list, entries)| medium(format!("the policy's {list} lack {}", entries.join(", ")), PUT_BACK))
        .collect()
}

fn lowered(document: &Document, usual: &Document) -> Vec<Finding> {
    let lowered = usual.tools.keys().filter(|tool| document.risk_of(tool) < usual.risk_of(tool));
    let remedy = "Raise its risk again, and publish a new version with PUT /api/policy";
    lowered
        .map(|tool| {
            medium(
                format!("the policy takes the tool {tool} for less dangerous than it is by default"),
                remedy,
            )
        })
        .collect()
}

/// Limits that are none: each far above its default.
fn figures(document: &Document, usual: &Document) -> Vec<Finding> {
    let spawns = Role::ALL.iter().filter(|role| document.roles.of(**role).may_spawn && !role.may_spawn());
    let spawns =
        spawns.map(|role| medium(format!("the policy lets the role {role} create sub-agents"), LOWER));
    let far = amounts(document)
        .into_iter()
        .zip(amounts(usual))
        .filter(|(now, usual)| u128::from(now.1) > u128::from(usual.1) * u128::from(FAR_ABOVE));
    let far = far.map(|((name, now, money), (_, usual, _))| {
        let shown = |amount: u64| if money { dollars(amount) } else { amount.to_string() };
        medium(
            format!("the policy's {name} is {}, far above the default of {}", shown(now), shown(usual)),
            LOWER,
        )
    });
    spawns.chain(far).collect()
}

fn dollars(micros: u64) -> String {
    let amount = i64::try_from(micros).ok().and_then(|micros| Usd::from_micros(micros).ok());
    format!("${}", amount.unwrap_or_default())
}

/// Every limit by name, and whether it is money; those of two documents are in the same order.
fn amounts(document: &Document) -> Vec<(String, u64, bool)> {
    let money = |amount: Usd| u64::try_from(amount.micros()).unwrap_or_default();
    let of_roles = Role::ALL.iter().flat_map(|role| {
        let rules = document.roles.of(*role);
        [
            (format!("dailyCap of the role {role}"), money(rules.daily_cap), true),
            (format!("perRunCap of the role {role}"), money(rules.per_run_cap), true),
        ]
    });
    let of_tasks = TaskType::ALL.iter().map(|kind| {
        let budget = document.task_budgets.get(kind).copied().unwrap_or_default();
        (format!("budget of {kind} tasks"), money(budget), true)
    });
    let (spawn, loops, timeouts) = (&document.spawn, &document.loops, &document.timeouts);
    let counts = [
        ("spawn.maxChildren", spawn.max_children),
        ("spawn.maxDepth", spawn.max_depth),
        ("spawn.maxActiveAgents", spawn.max_active_agents),
        ("limits.maxThreadMessages", document.limits.max_thread_messages),
        ("limits.maxAgents", document.limits.max_agents),
        ("limits.maxOpenTasks", document.limits.max_open_tasks),
        ("loops.maxMessages", loops.max_messages),
        ("loops.maxReviewCycles", loops.max_review_cycles),
        ("loops.maxAlternations", loops.max_alternations),
        ("loops.pairRepeats", loops.pair_repeats),
        ("loops.identicalToolErrors", loops.identical_tool_errors),
        ("loops.failedRuns", loops.failed_runs),
        ("timeouts.errorStreakQuarantine", timeouts.error_streak_quarantine),
        ("timeouts.runTimeoutSecs", timeouts.run_timeout_secs),
        ("approvals.expiresAfterSecs", document.approvals.expires_after_secs),
    ];
    let counts = counts.into_iter().map(|(name, count)| (name.to_owned(), u64::from(count), false));
    of_roles.chain(of_tasks).chain(counts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_policy_has_no_weakness() {
        assert_eq!(weaknesses(&Document::default()), []);
    }

    #[test]
    fn what_is_weaker_than_the_default_is_found() {
        let mut document = Document::default();
        document.shell.allow.extend(["*", "/bin/bash", "node scripts/build"].map(str::to_owned));
        document.network.allow.extend(["com", "*.github.io", "example.com"].map(str::to_owned));
        document.files.write.push("**".to_owned());
        document.roles.intern.daily_cap = Usd::cents(100_000);
        document.roles.intern.may_spawn = true;
        document.loops.max_messages = 100_000;
        document.spawn.max_active_agents = 1_000;
        document.task_budgets.insert(TaskType::Docs, Usd::cents(1_000_000));
        document.shell.deny.retain(|entry| entry != "sudo");
        document.tools.insert("payment".to_owned(), mc_domain::policy::evaluate::Risk::Green);
        let found: Vec<_> = weaknesses(&document).into_iter().map(|finding| finding.what).collect();
        assert_eq!(
            found,
            [
                "the policy allows every command",
                "the policy allows writing every path",
                "the policy allows the command /bin/bash, which runs or reaches whatever it is told",
                "the policy allows every host below com, which is anybody's",
                "the policy allows every host below *.github.io, which is anybody's",
                "the policy's denied commands lack sudo",
                "the policy takes the tool payment for less dangerous than it is by default",
                "the policy lets the role intern create sub-agents",
                "the policy's dailyCap of the role intern is $1000, far above the default of $2",
                "the policy's budget of docs tasks is $10000, far above the default of $3",
                "the policy's spawn.maxActiveAgents is 1000, far above the default of 30",
                "the policy's loops.maxMessages is 100000, far above the default of 20",
            ]
        );
    }
}
