//! What axe-core finds against the Web Content Accessibility Guidelines 2.2, levels A and AA.

use serde_json::json;

use crate::browser::Browser;

/// Version 4.14.1, listed with its checksum in `vendor/SHA256SUMS`.
const AXE: &str = include_str!("../vendor/axe-4.14.1.min.js");

const RULES: [&str; 5] = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

const RUN: &str = r#"
const [rules, done] = arguments;
const options = { runOnly: { type: "tag", values: rules }, resultTypes: ["violations"] };
axe.run(document, options).then(
  (found) => done({
    rules: found.passes.length,
    violations: found.violations.flatMap((rule) => rule.nodes.slice(0, 2).map((node) =>
      `${rule.id}, ${rule.nodes.length} times: ${node.target.join(" ")}\n${node.failureSummary}\n${node.html}`)),
  }),
  (error) => done({ rules: 0, violations: [String(error)] }));
"#;

/// What stands against the page as it is now, as far as a program can tell.
pub async fn violations(browser: &Browser, what: &str) -> Vec<String> {
    if browser.eval("typeof axe === 'undefined'").await == json!(true) {
        browser.client.execute(AXE, vec![]).await.unwrap();
    }
    let found = browser.client.execute_async(RUN, vec![json!(RULES)]).await.unwrap();
    assert!(found["rules"].as_u64() > Some(5), "{what}: no rule was applied, {found}");
    let violations = found["violations"].as_array().unwrap().iter();
    violations.map(|violation| format!("{what}: {}", violation.as_str().unwrap_or_default())).collect()
}
