//! The kinds of credentials, and one that was found.

use std::ops::Range;

use regex::Regex;

use crate::values::string_enum;

string_enum! {
    /// What kind of credential was found.
    SecretKind {
        /// A block of PEM with a private key.
        PrivateKey = "private_key",
        /// A token of GitHub, by its prefix.
        GithubToken = "github_token",
        /// A token of GitLab, by its prefix.
        GitlabToken = "gitlab_token",
        /// A Slack token or webhook address.
        SlackToken = "slack_token",
        /// An access key id of AWS, by its prefix.
        AwsKey = "aws_key",
        /// A key of an API, by its shape or by its name.
        ApiKey = "api_key",
        /// A JSON web token, by its three parts.
        WebToken = "web_token",
        /// The credentials of an `Authorization` header.
        Authorization = "authorization",
        /// The password in a URL's user information.
        UrlPassword = "url_password",
        /// A value named as a password.
        Password = "password",
        /// A value named as a token.
        Token = "token",
        /// A value named as a secret or a credential.
        Secret = "secret",
    }
}

impl SecretKind {
    /// The length of the longest of their words.
    pub(super) const MAX_BYTES: usize = 13;
}

/// One credential that was found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// The kind of credential, which the marker in its place names.
    pub kind: SecretKind,
    /// The bytes of the text that it takes up.
    pub span: Range<usize>,
}

/// Compiles a pattern that is a constant of this crate.
pub(super) fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is a constant that the tests compile")
}
