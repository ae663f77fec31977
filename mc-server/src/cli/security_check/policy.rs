//! What of a published policy lets more through than the default one.

use mc_domain::policy::document::Document;

use super::{Finding, Severity};

/// Everything in `document` that is weaker than the default.
pub(super) fn weaknesses(document: &Document) -> Vec<Finding> {
    let usual = Document::default();
    let everything = [
        ("every command", &document.shell.allow),
        ("every address", &document.network.allow),
        ("reading every path", &document.files.read),
        ("writing every path", &document.files.write),
    ];
    let everything = everything.into_iter().filter(|(_, list)| list.iter().any(|entry| entry == "*"));
    let everything = everything.map(|(what, _)| Finding {
        severity: Severity::High,
        what: format!("the policy allows {what}"),
        remedy: "Name what is needed instead of *, and publish a new version with PUT /api/policy",
    });
    let missing = |usual: &[String], now: &[String]| -> Vec<String> {
        usual.iter().filter(|entry| !now.contains(entry)).cloned().collect()
    };
    let dropped = [
        ("denied commands", missing(&usual.shell.deny, &document.shell.deny)),
        ("untouchable paths", missing(&usual.files.never, &document.files.never)),
    ];
    let dropped =
        dropped.into_iter().filter(|(_, entries)| !entries.is_empty()).map(|(list, entries)| Finding {
            severity: Severity::Medium,
            what: format!("the policy's {list} lack {}", entries.join(", ")),
            remedy: "Put them back, and publish a new version with PUT /api/policy",
        });
    let lowered = usual.tools.keys().filter(|tool| document.risk_of(tool) < usual.risk_of(tool));
    let lowered = lowered.map(|tool| Finding {
        severity: Severity::Medium,
        what: format!("the policy takes the tool {tool} for less dangerous than it is by default"),
        remedy: "Raise its risk again, and publish a new version with PUT /api/policy",
    });
    everything.chain(dropped).chain(lowered).collect()
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
        document.shell.allow.push("*".to_owned());
        document.shell.deny.retain(|entry| entry != "sudo");
        document.tools.insert("payment".to_owned(), mc_domain::policy::evaluate::Risk::Green);
        let found: Vec<_> = weaknesses(&document).into_iter().map(|finding| finding.what).collect();
        assert_eq!(
            found,
            [
                "the policy allows every command",
                "the policy's denied commands lack sudo",
                "the policy takes the tool payment for less dangerous than it is by default",
            ]
        );
    }
}
