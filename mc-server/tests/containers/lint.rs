//! What the files say is there, and is no more than is needed.

use std::{
    collections::BTreeSet,
    process::{Command, Stdio},
};

use crate::{
    compose::{Compose, references, variables},
    dockerfile::{all, stages, words},
    read, root,
};

const SERVICES: [&str; 2] = ["api", "workers"];

/// The help of a subcommand, which there must be.
fn help(subcommand: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mission-control"));
    let output = command.args([subcommand, "--help"]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "there is no mission-control {subcommand}");
    String::from_utf8(output.stdout).unwrap()
}

/// Every variable that a subcommand reads, by its help.
fn known(subcommands: &[&str]) -> BTreeSet<String> {
    let helps = subcommands.iter().map(|subcommand| help(subcommand)).collect::<Vec<_>>().join("\n");
    let named = helps.split("[env: ").skip(1);
    named.map(|named| named[..named.find(['=', ']']).unwrap()].to_owned()).collect()
}

#[test]
fn the_image_is_pinned_and_runs_as_nobody_in_particular() {
    let stages = stages(&read("Dockerfile"));
    for stage in &stages {
        let image = stage[0].rest.split(' ').next().unwrap();
        let (_, tag) = image.rsplit_once(':').unwrap_or_else(|| panic!("{image} has no tag"));
        assert!(tag != "latest" && !tag.is_empty(), "{image}");
    }
    assert!(stages[0][0].rest.starts_with("rust:1.95-"), "the version of Rust that the workspace asks for");
    let last = stages.last().unwrap();
    let user = all(last, "USER");
    let [user] = user[..] else { panic!("one user: {user:?}") };
    let ids: Vec<u32> =
        user.split(':').map(|id| id.parse().expect("a number, which no other image changes")).collect();
    assert!(ids.len() == 2 && ids.iter().all(|id| *id >= 10_000), "{user}");
    assert!(all(last, "RUN").iter().any(|run| run.contains(&format!("--uid {}", ids[0]))));
    assert_eq!(all(last, "VOLUME"), ["/data"]);
    assert_eq!(all(last, "EXPOSE"), ["3000"]);
    assert!(all(last, "ADD").is_empty() && all(&stages[0], "ADD").is_empty());
}

#[test]
fn everything_that_is_copied_is_there_and_is_sent_to_the_builder() {
    let ignored = read(".dockerignore");
    let sent: Vec<_> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert!(ignored.lines().any(|line| line == "*"), "nothing is sent but what is named");
    let stages = stages(&read("Dockerfile"));
    let mut copied = BTreeSet::new();
    for copy in stages.iter().flat_map(|stage| all(stage, "COPY")) {
        let words: Vec<_> = copy.split_whitespace().collect();
        if words[0].starts_with("--from=") {
            assert_eq!((words[0], words[1]), ("--from=builder", "/out/mission-control"));
            continue;
        }
        for source in &words[..words.len() - 1] {
            assert!(root().join(source).exists(), "{source} is not there");
            assert!(sent.contains(source), "{source} is not sent");
            copied.insert(*source);
        }
    }
    assert_eq!(copied, sent.into_iter().collect(), "what is sent is needed");
    // What the workspace is made of: without one of these Cargo refuses all of it.
    let manifest = read("Cargo.toml");
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = ")).unwrap();
    let members = serde_json::from_str::<Vec<String>>(members).unwrap();
    let paths = manifest.lines().filter_map(|line| line.split_once("path = \"")?.1.split(['/', '"']).next());
    for part in members.iter().map(String::as_str).chain(paths) {
        assert!(copied.contains(part), "{part}");
    }
    assert!(["benches", "examples", "tests"].iter().all(|targets| copied.contains(targets)));
    let build = all(&stages[0], "RUN").join(" ");
    assert!(
        build.contains("--locked") && build.contains("--profile dist") && manifest.contains("[profile.dist]")
    );
}

#[test]
fn the_image_serves_and_asks_itself_whether_it_is_well() {
    let stages = stages(&read("Dockerfile"));
    let last = stages.last().unwrap();
    assert_eq!(words(all(last, "ENTRYPOINT")[0]), ["mission-control"]);
    let command = words(all(last, "CMD")[0]);
    help(&command[0]);
    let check = all(last, "HEALTHCHECK")[0];
    let check = words(check.split_once("CMD ").unwrap().1);
    assert_eq!(check[0], "mission-control");
    help(&check[1]);
    let known = known(&["serve", "backup"]);
    let names = all(last, "ENV")
        .into_iter()
        .flat_map(|env| env.split_whitespace())
        .map(|set| set.split_once('=').unwrap().0);
    for name in names {
        assert!(known.contains(name), "nothing reads {name}");
    }
}

#[test]
fn the_services_say_only_what_the_program_knows() {
    let compose = Compose::parse(&read("docker-compose.yml"));
    assert_eq!(compose.below("services"), SERVICES);
    let version = env!("CARGO_PKG_VERSION");
    let known = known(&["serve", "backup", "archive", "workers", "health"]);
    for service in SERVICES {
        let of = |field: &str| format!("services.{service}.{field}");
        assert_eq!(compose.one(&of("image")), format!("mission-control:{version}"));
        assert_eq!(compose.one(&of("build")), ".");
        let command = compose.all(&of("command"));
        help(&command[0]);
        let check = compose.all(&of("healthcheck.test"));
        assert_eq!(check[..2], ["CMD", "mission-control"]);
        help(&check[2]);
        for name in compose.environment(service).keys() {
            assert!(known.contains(*name), "{service}: nothing reads {name}");
        }
        assert_eq!(compose.one(&of("read_only")), "true");
        assert_eq!(compose.all(&of("cap_drop")), ["ALL"]);
        assert_eq!(compose.all(&of("security_opt")), ["no-new-privileges:true"]);
        for field in ["privileged", "user", "cap_add", "network_mode", "pid"] {
            assert!(compose.all(&of(field)).is_empty(), "{service}: {field}");
        }
    }
    assert_eq!(compose.one("services.workers.depends_on.api.condition"), "service_healthy");
    assert_eq!(compose.all("services.workers.volumes"), ["data:/data:ro"], "the workers change nothing");
    assert_eq!(compose.below("volumes"), ["data"]);
}

#[test]
fn the_server_is_published_for_this_machine_and_has_time_to_end() {
    let compose = Compose::parse(&read("docker-compose.yml"));
    assert_eq!(compose.one("services.api.ports"), "${PUBLISH:-127.0.0.1:3000}:3000");
    assert!(compose.all("services.workers.ports").is_empty());
    // Requests have ten seconds, workers five, and the store ten.
    let grace = compose.one("services.api.stop_grace_period").strip_suffix('s').unwrap();
    assert!(grace.parse::<u32>().unwrap() >= 25);
}

#[test]
fn every_variable_of_the_example_is_used_and_every_one_that_is_used_is_in_it() {
    let text = read("docker-compose.yml");
    let used: BTreeSet<_> = references(&text).into_iter().map(str::to_owned).collect();
    let example = variables(&read(".env.example"));
    assert_eq!(used, example.keys().cloned().collect());
    for (name, value) in &example {
        let default = format!("${{{name}:-{value}}}");
        assert!(text.contains(&default), "the example of {name} is not its default");
    }
}

#[test]
fn no_file_holds_a_secret_and_none_that_may_is_sent_or_kept() {
    for name in ["Dockerfile", "docker-compose.yml", ".env.example"] {
        assert!(mc_domain::policy::secrets::find_secrets(&read(name)).is_empty(), "{name}");
    }
    for ignored in [read(".gitignore"), read(".dockerignore")] {
        assert!(ignored.contains(".env") && ignored.contains("*.credential"), "{ignored}");
    }
}
