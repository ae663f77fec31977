//! What of a database on a server lets others read or change the log.

use std::ffi::OsString;

use mc_store::{error::StoreError, postgres::Exposure};

use super::{Finding, Severity};
use crate::store_url::StoreUrl;

/// What is wrong with the address, the connection, the role and the guards.
pub(super) fn findings(url: &StoreUrl) -> Result<Vec<Finding>, StoreError> {
    let exposure = Exposure::of(url.reveal())?;
    let of_address = in_arguments(url, std::env::args_os());
    Ok(of_address.into_iter().chain(of_database(url, &exposure)).collect())
}

/// Other users of the machine can read the arguments of a process, and a shell keeps them.
fn in_arguments(url: &StoreUrl, arguments: impl IntoIterator<Item = OsString>) -> Option<Finding> {
    let holds = |argument: OsString| argument.to_string_lossy().contains(url.reveal());
    (url.has_password() && arguments.into_iter().any(holds)).then(|| Finding {
        severity: Severity::High,
        what: format!("the password of {url} is in the command line, where other users of the machine can read it"),
        remedy: "Give the address in MC_STORE, or the password in ~/.pgpass (PGPASSFILE), and change the password",
    })
}

fn of_database(url: &StoreUrl, exposure: &Exposure) -> Vec<Finding> {
    let role = &exposure.role;
    let conditions = [
        (
            !exposure.is_encrypted && !exposure.is_local,
            Severity::High,
            format!(
                "the connection to {url} is not encrypted: whoever is between can read and change everything"
            ),
            "Add ?sslmode=verify-full to the address",
        ),
        (
            exposure.is_superuser,
            Severity::High,
            format!("the role {role} is a superuser: it may do everything on the server of the database"),
            "Connect as a role that may only do what a server needs: docs/postgres-roles.sql",
        ),
        (
            exposure.owns_tables && !exposure.is_superuser,
            Severity::Medium,
            format!(
                "the role {role} owns the tables, so it may drop what keeps others from changing the log"
            ),
            "Connect as a role that may only do what a server needs: docs/postgres-roles.sql",
        ),
    ];
    let found = conditions.into_iter().filter(|(applies, ..)| *applies);
    let found = found.map(|(_, severity, what, remedy)| Finding { severity, what, remedy });
    let guards = exposure.missing_guards.iter().map(|missing| Finding {
        severity: Severity::Critical,
        what: missing.clone(),
        remedy: "Find out who removed it, verify the log, and copy it to a new database",
    });
    found.chain(guards).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exposure() -> Exposure {
        Exposure {
            is_encrypted: true,
            is_local: false,
            role: "mission_control".to_owned(),
            is_superuser: false,
            owns_tables: false,
            missing_guards: vec![],
        }
    }

    fn url() -> StoreUrl {
        "postgres://sofie:s3cret@db/missions".parse().unwrap()
    }

    #[test]
    fn a_database_as_it_has_to_be_has_no_findings() {
        assert_eq!(of_database(&url(), &exposure()), []);
        let local = Exposure { is_encrypted: false, is_local: true, ..exposure() };
        assert_eq!(of_database(&url(), &local), []);
    }

    #[test]
    fn a_plain_connection_a_mighty_role_and_missing_guards_are_found() {
        let exposed = Exposure {
            is_encrypted: false,
            is_superuser: true,
            owns_tables: true,
            missing_guards: vec!["the database lacks events_are_not_deleted".to_owned()],
            ..exposure()
        };
        let found: Vec<_> = of_database(&url(), &exposed).into_iter().map(|finding| finding.what).collect();
        assert_eq!(found.len(), 3);
        assert!(found[0].contains("not encrypted") && !found[0].contains("s3cret"), "{}", found[0]);
        let owner = Exposure { owns_tables: true, ..exposure() };
        assert_eq!(of_database(&url(), &owner)[0].severity, Severity::Medium);
    }

    #[test]
    fn a_password_in_the_command_line_is_found() {
        let given = |argument: &str| in_arguments(&url(), [OsString::from(argument)]);
        assert_eq!(given("--store=postgres://sofie@db/missions"), None);
        let found = given("--store=postgres://sofie:s3cret@db/missions").unwrap();
        assert!(!found.what.contains("s3cret"), "{}", found.what);
    }
}
