//! The kinds of credentials, and one that was found.

use std::ops::Range;

use regex::Regex;

use crate::values::string_enum;

string_enum! {
    /// What kind of credential was found.
    SecretKind {
        /// A PEM private key block.
        PrivateKey = "private_key",
        /// A GitHub token.
        GithubToken = "github_token",
        /// A GitLab token.
        GitlabToken = "gitlab_token",
        /// A Slack token or webhook address.
        SlackToken = "slack_token",
        /// An AWS access key id.
        AwsKey = "aws_key",
        /// A key of an API, by its shape or by its name.
        ApiKey = "api_key",
        /// A JSON web token.
        WebToken = "web_token",
        /// What an `Authorization` header carries.
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

/// One credential in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// What it is.
    pub kind: SecretKind,
    /// Where it is, in bytes.
    pub span: Range<usize>,
}

/// Compiles a pattern of ours.
pub(super) fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is a constant that the tests compile")
}
