//! Keeps the passwords of addresses out of what wrong usage is answered with: clap repeats what was given.

use std::ffi::OsString;

use mc_store::address::without_password;

/// The text without the passwords of the addresses among `given`, the arguments and the values of variables. Nothing where the
/// text repeats none of them.
pub(super) fn passwords(text: &str, given: impl IntoIterator<Item = OsString>) -> Option<String> {
    let mut hidden = text.to_owned();
    for word in given {
        let word = word.to_string_lossy();
        // The value of --store=URL is repeated without the name of the option.
        let value = word.split_once('=').filter(|_| word.starts_with('-')).map(|(_, value)| value);
        for secret in [Some(&*word), value].into_iter().flatten().filter(|word| !word.is_empty()) {
            hidden = hidden.replace(secret, &without_password(secret));
        }
    }
    (hidden != text).then_some(hidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_repeated_without_its_password() {
        let given = ["--store=postgre://u:s3cret@h/d", "fly"].map(OsString::from);
        let text = "error: invalid value 'postgre://u:s3cret@h/d' for '--store <URL>'";
        let hidden = passwords(text, given).unwrap();
        assert_eq!(hidden, "error: invalid value 'postgre://u:***@h/d' for '--store <URL>'");
    }

    #[test]
    fn a_text_without_addresses_stays_as_it_is() {
        let given = ["fly", "", "--store"].map(OsString::from);
        assert_eq!(passwords("error: unrecognized subcommand 'fly'", given), None);
    }
}
