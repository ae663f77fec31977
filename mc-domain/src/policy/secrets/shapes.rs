//! Credentials that are known by their own shape, whatever stands before them: one row per issuer.
//!
//! The shapes are what their issuers document and what the well-known scanners look for; `source` says where a shape was
//! looked up. The lengths here are often shorter than an issuer's, so that a key that was cut short is found too. A row
//! that could stand in base64 or in a hash by chance is bounded on both sides, or left out: `EAAA…` of Square and
//! Facebook is what the zeros of a picture look like.

use std::sync::LazyLock;

use regex::Regex;

use super::kind::{
    Secret,
    SecretKind::{self, ApiKey, AwsKey, GithubToken, GitlabToken, SlackToken, Token, WebToken},
    regex,
};

/// What one issuer's credentials look like.
struct Shape {
    kind: SecretKind,
    /// One of these is in every such credential; the pattern is tried only where one is in the text.
    holds: &'static str,
    /// The first group is the credential.
    pattern: &'static str,
    /// Where the shape was looked up.
    #[cfg_attr(not(test), expect(dead_code, reason = "it is for whoever reads or extends the table"))]
    source: &'static str,
}

const fn shape(kind: SecretKind, holds: &'static str, pattern: &'static str, source: &'static str) -> Shape {
    Shape { kind, holds, pattern, source }
}

const GITHUB: &str = "GitHub secret scanning, supported patterns";
const GITLEAKS: &str = "gitleaks, default rules";
const TRUFFLEHOG: &str = "TruffleHog, detectors";
const ISSUER: &str = "the issuer's own documentation";

/// Issuers that have several shapes have them in one row.
const TABLE: &[Shape] = &[
    // Our own: of a credential, and of a browser's session.
    shape(Token, "mcs?_", r"(?:(?-u:\b)|_)(mcs?_[A-Za-z0-9_-]{40,})", ISSUER),
    shape(
        GithubToken,
        r"gh[pousr]_|github_pat_",
        r"(gh[pousr]_[A-Za-z0-9]{8,}|github_pat_[A-Za-z0-9_]{8,})",
        GITHUB,
    ),
    shape(
        GitlabToken,
        r"gl(?:pat|cbt|dt|ffct|ft|imt|agent|oas|ptt|rt|soat|trt|wt)-|GR1348941",
        r"(gl(?:pat|cbt|dt|ffct|ft|imt|agent|oas|ptt|rt|soat|trt|wt)-[A-Za-z0-9_-]{8,}(?:\.[0-9a-z]{2}\.?[0-9a-z]{7,9})?|GR1348941[A-Za-z0-9_-]{20})",
        GITLEAKS,
    ),
    shape(
        SlackToken,
        "xox[a-z]-|xox[a-z]\\.xox|xapp-",
        r"(xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{8,}|xapp-[A-Za-z0-9-]{8,})",
        GITLEAKS,
    ),
    shape(
        SlackToken,
        r"hooks\.slack\.com/",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/_-]{8,})",
        GITLEAKS,
    ),
    shape(
        AwsKey,
        "AKIA|ASIA|AROA|AIDA|AGPA|ABIA|ACCA",
        r"((?:AKIA|ASIA|AROA|AIDA|AGPA|ABIA|ACCA)[A-Z0-9]{12,})",
        GITLEAKS,
    ),
    shape(
        AwsKey,
        "ABSK|bedrock-api-key-",
        r"((?-u:\b)ABSK[A-Za-z0-9+/]{80,}={0,2}|bedrock-api-key-[A-Za-z0-9+/=]{20,})",
        GITLEAKS,
    ),
    shape(ApiKey, "sk-", r"(?:(?-u:\b)|_)(sk-[A-Za-z0-9_-]{8,})", GITLEAKS),
    shape(
        ApiKey,
        "[spr]k_(?:live|test|prod)_",
        r"(?:(?-u:\b)|_)([spr]k_(?:live|test|prod)_[A-Za-z0-9_]{4,})",
        GITLEAKS,
    ),
    shape(ApiKey, "[spr]k_", r"(?:(?-u:\b)|_)([spr]k_[A-Za-z0-9]{16,})", GITLEAKS),
    shape(ApiKey, "whsec_", r"(whsec_[A-Za-z0-9+/=]{16,})", ISSUER),
    shape(
        WebToken,
        "eyJ",
        r"(eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+){0,2})",
        GITLEAKS,
    ),
    shape(WebToken, "ZXlKaGJHY2lPaU", r"(ZXlKaGJHY2lPaU[A-Za-z0-9+/_-]{30,}={0,2})", GITLEAKS),
    // Clouds and their consoles.
    shape(ApiKey, "AIza", r"(AIza[A-Za-z0-9_-]{30,})", GITLEAKS),
    shape(
        Token,
        r"ya29\.|1//0|GOCSPX-",
        r"((?-u:\b)ya29\.[A-Za-z0-9_.-]{16,}|(?-u:\b)1//0[A-Za-z0-9_-]{30,}|GOCSPX-[A-Za-z0-9_-]{20,})",
        TRUFFLEHOG,
    ),
    shape(ApiKey, "Q~", r"(?:^|[^A-Za-z0-9_~.-])([A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34})", GITLEAKS),
    shape(Token, "do[opr]_v1_", r"(do[opr]_v1_[A-Fa-f0-9]{16,})", GITLEAKS),
    shape(ApiKey, "LTAI", r"(?-u:\b)(LTAI[A-Za-z0-9]{16,24})(?-u:\b)", GITLEAKS),
    shape(ApiKey, r"v1\.0-", r"(?-u:\b)(v1\.0-[a-f0-9]{24}-[a-f0-9]{100,146})", GITLEAKS),
    shape(Token, "HRKU-", r"(HRKU-[A-Za-z0-9_-]{30,})", GITLEAKS),
    shape(
        Token,
        "fo1_|fm1[ar]_|fm2_",
        r"(?-u:\b)(fo1_[A-Za-z0-9_-]{40,}|fm(?:1[ar]|2)_[A-Za-z0-9+/]{60,}={0,3})",
        GITLEAKS,
    ),
    shape(Token, "sha256~", r"(sha256~[A-Za-z0-9_-]{40,})", GITLEAKS),
    shape(Token, r"\.atlasv1\.", r"(?-u:\b)([A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{40,})", GITLEAKS),
    shape(Token, r"hv[sbr]\.", r"(?-u:\b)(hv[sbr]\.[A-Za-z0-9_-]{20,})", GITLEAKS),
    shape(Token, "tskey-", r"(tskey-[a-z]{2,16}-[A-Za-z0-9-]{16,})", TRUFFLEHOG),
    shape(Token, "pul-", r"(?-u:\b)(pul-[a-f0-9]{40})(?-u:\b)", GITLEAKS),
    shape(
        Token,
        "nfp_|rnd_|vercel_blob_rw_",
        r"(?-u:\b)(nfp_[A-Za-z0-9]{30,}|rnd_[A-Za-z0-9]{24,}|vercel_blob_rw_[A-Za-z0-9_]{20,})",
        GITHUB,
    ),
    shape(Token, "sbp_|sb_secret_", r"(?-u:\b)(sbp_[a-f0-9]{30,}|sb_secret_[A-Za-z0-9_-]{16,})", GITHUB),
    shape(Token, "pscale_", r"(pscale_(?:tkn|oauth|pw)_[A-Za-z0-9_=.-]{24,})", GITLEAKS),
    shape(Token, "dapi", r"(?-u:\b)(dapi[a-f0-9]{32}(?:-[0-9])?)(?-u:\b)", GITLEAKS),
    // Models and what is built on them.
    shape(Token, "hf_|api_org_", r"(?-u:\b)((?:hf|api_org)_[A-Za-z0-9]{24,})", GITLEAKS),
    shape(ApiKey, "gsk_", r"(?-u:\b)(gsk_[A-Za-z0-9]{20,})", TRUFFLEHOG),
    shape(ApiKey, "xai-", r"(?-u:\b)(xai-[A-Za-z0-9]{20,})", TRUFFLEHOG),
    shape(ApiKey, "pplx-", r"(?-u:\b)(pplx-[A-Za-z0-9]{24,})", GITLEAKS),
    shape(ApiKey, "r8_", r"(?-u:\b)(r8_[A-Za-z0-9]{30,})", TRUFFLEHOG),
    shape(ApiKey, "nvapi-", r"(nvapi-[A-Za-z0-9_-]{30,})", TRUFFLEHOG),
    shape(
        ApiKey,
        "pcsk_|lsv2_",
        r"(?-u:\b)(pcsk_[A-Za-z0-9_]{30,}|lsv2_(?:pt|sk)_[A-Za-z0-9_]{24,})",
        GITHUB,
    ),
    shape(
        ApiKey,
        "csk-|tvly-",
        r"(?-u:\b)(csk-[a-z0-9]{40,}|tvly-(?:dev-|prod-)?[A-Za-z0-9]{24,})",
        TRUFFLEHOG,
    ),
    // Packages and builds.
    shape(Token, "npm_", r"(?-u:\b)(npm_[A-Za-z0-9]{30,})", GITLEAKS),
    shape(Token, "pypi-", r"(pypi-AgE[A-Za-z0-9_-]{16,})", GITLEAKS),
    shape(Token, "rubygems_", r"(rubygems_[a-f0-9]{40,})", GITLEAKS),
    shape(Token, "(?i:clojars_)", r"((?i:clojars)_[A-Za-z0-9]{40,})", GITLEAKS),
    shape(Token, "dckr_[po]at_", r"(dckr_[po]at_[A-Za-z0-9_-]{20,})", TRUFFLEHOG),
    shape(Token, "cio[A-Za-z0-9]", r"(?-u:\b)(cio[A-Za-z0-9]{32})(?-u:\b)", GITHUB),
    shape(Token, "oy2[a-z0-9]", r"(?-u:\b)(oy2[a-z0-9]{43})(?-u:\b)", GITHUB),
    shape(Token, "AKCp|cmVmd", r"(?-u:\b)(AKCp[A-Za-z0-9]{69}|cmVmd[A-Za-z0-9]{59})(?-u:\b)", GITLEAKS),
    shape(Token, "sq[apu]_", r"(?-u:\b)(sq[apu]_[a-f0-9]{40})(?-u:\b)", TRUFFLEHOG),
    shape(Token, "bkua_|CCIPAT_", r"(?-u:\b)(bkua_[a-f0-9]{40}|CCIPAT_[A-Za-z0-9_]{30,})", TRUFFLEHOG),
    shape(Token, "sgp_", r"(?-u:\b)(sgp_(?:(?:[A-Fa-f0-9]{16}|local)_)?[A-Fa-f0-9]{40})(?-u:\b)", GITLEAKS),
    shape(Token, "sntry[su]_", r"(sntry[su]_[A-Za-z0-9+/=_]{32,})", GITLEAKS),
    shape(
        Token,
        r"dp\.[a-z]",
        r"(?-u:\b)(dp\.(?:pt|ct|st|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44})",
        GITLEAKS,
    ),
    shape(Token, r"dt0[a-z]01\.", r"(dt0[a-z]01\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{40,})", GITLEAKS),
    shape(
        Token,
        "gl(?:c|sa)_",
        r"(?-u:\b)(glc_[A-Za-z0-9+/]{32,}={0,3}|glsa_[A-Za-z0-9]{24,}(?:_[A-Fa-f0-9]{8})?)",
        GITLEAKS,
    ),
    shape(ApiKey, "NR(?:AK|JS|II)-|NRRA-", r"(?-u:\b)(NR(?:AK|JS|II|RA)-[A-Za-z0-9_-]{19,})", GITLEAKS),
    shape(
        Token,
        "pnu_|api-[a-z0-9]{2}-PMAK|PMAK-",
        r"(?-u:\b)(pnu_[A-Za-z0-9]{36}|PMAK-[A-Fa-f0-9]{24}-[A-Fa-f0-9]{34})",
        GITLEAKS,
    ),
    // Mail, messages and payment.
    shape(ApiKey, r"SG\.", r"(?-u:\b)(SG\.[A-Za-z0-9_=-]{16,}(?:\.[A-Za-z0-9_=-]+)?)", GITLEAKS),
    shape(
        ApiKey,
        "xkeysib-|xsmtpsib-",
        r"(x(?:keysib|smtpsib)-[a-f0-9]{40,}(?:-[A-Za-z0-9]{16})?)",
        GITLEAKS,
    ),
    shape(ApiKey, "key-", r"(?-u:\b)(key-[a-f0-9]{32})(?-u:\b)", TRUFFLEHOG),
    shape(ApiKey, "-us[0-9]", r"(?-u:\b)([a-f0-9]{32}-us[0-9]{1,2})(?-u:\b)", GITLEAKS),
    shape(ApiKey, "SK[0-9a-f]", r"(?-u:\b)(SK[0-9A-Fa-f]{32})(?-u:\b)", GITLEAKS),
    shape(Token, "[0-9]:AA", r"(?-u:\b)([0-9]{8,10}:AA[A-Za-z0-9_-]{32,33})", GITLEAKS),
    shape(
        Token,
        r"discord(?:app)?\.com/api/webhooks/",
        r"discord(?:app)?\.com/api/webhooks/[0-9]{5,25}/([A-Za-z0-9_-]{20,})",
        TRUFFLEHOG,
    ),
    shape(
        Token,
        r"webhook\.office\.com/webhookb2/",
        r"webhook\.office\.com/webhookb2/([A-Za-z0-9@/-]{30,})",
        GITLEAKS,
    ),
    shape(Token, "sq0[a-z]{3}-", r"(sq0[a-z]{3}-[A-Za-z0-9_-]{20,})", GITLEAKS),
    shape(
        ApiKey,
        "shp(?:at|ca|pa|ss)_|shippo_",
        r"(?-u:\b)(shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{24,}|shippo_(?:live|test)_[A-Fa-f0-9]{32,})",
        GITLEAKS,
    ),
    shape(ApiKey, "EZ[AT]K", r"(?-u:\b)(EZ[AT]K[A-Za-z0-9]{54})(?-u:\b)", GITLEAKS),
    shape(ApiKey, "FLWSECK|FLWPUBK", r"(FLW(?:SECK|PUBK)(?:_TEST)?-[A-Za-z0-9]{12,}(?:-X)?)", GITLEAKS),
    shape(
        ApiKey,
        "duffel_|fio-u-",
        r"(duffel_(?:test|live)_[A-Za-z0-9_=-]{30,}|fio-u-[A-Za-z0-9_=-]{40,})",
        GITLEAKS,
    ),
    // Work and papers.
    shape(ApiKey, "lin_(?:api|oauth)_", r"(?-u:\b)(lin_(?:api|oauth)_[A-Za-z0-9]{20,})", GITLEAKS),
    shape(
        Token,
        "ATATT3|ATCTT3|ATBB",
        r"(AT[AC]TT3[A-Za-z0-9_=-]{40,}|(?-u:\b)ATBB[A-Za-z0-9]{24,40}(?-u:\b))",
        GITLEAKS,
    ),
    shape(Token, "ntn_", r"(?-u:\b)(ntn_[0-9]{11}[A-Za-z0-9]{30,})", GITLEAKS),
    shape(
        Token,
        "fig[ord]_|CFPAT-|tfp_",
        r"(?-u:\b)(fig[ord]_[A-Za-z0-9_-]{30,}|CFPAT-[A-Za-z0-9_-]{30,}|tfp_[A-Za-z0-9_.=-]{40,})",
        GITHUB,
    ),
    shape(Token, "pat[A-Za-z0-9]", r"(?-u:\b)(pat[A-Za-z0-9]{14}\.[a-f0-9]{64})(?-u:\b)", GITLEAKS),
    shape(
        Token,
        "[ps]at\\.",
        r"(?-u:\b)([ps]at\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20})(?-u:\b)",
        GITLEAKS,
    ),
    shape(
        Token,
        "rdme_|sm_[aps]at_|tk-us-|ico-",
        r"(?-u:\b)(rdme_[a-z0-9]{60,}|sm_[aps]at_[A-Za-z0-9]{16}|tk-us-[A-Za-z0-9_-]{40,}|ico-[A-Za-z0-9]{32})(?-u:\b)",
        GITLEAKS,
    ),
    shape(ApiKey, r"_mmk", r"(?-u:\b)([A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk)(?-u:\b)", GITLEAKS),
    shape(ApiKey, "API-[A-Z0-9]", r"(?-u:\b)(API-[A-Z0-9]{26})(?-u:\b)", GITLEAKS),
    shape(ApiKey, "p8e-", r"(?-u:\b)(p8e-[A-Za-z0-9]{32})(?-u:\b)", GITLEAKS),
    // Whatever opens other secrets.
    shape(ApiKey, "AGE-SECRET-KEY-1", r"(AGE-SECRET-KEY-1[A-Z0-9]{40,})", GITLEAKS),
    shape(
        ApiKey,
        "A3-|ops_eyJ",
        r"(?-u:\b)(A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}|ops_eyJ[A-Za-z0-9+/]{40,}={0,3})",
        GITLEAKS,
    ),
];

static PATTERNS: LazyLock<Vec<Regex>> =
    LazyLock::new(|| TABLE.iter().map(|shape| regex(shape.pattern)).collect());

/// What the credentials of each row hold, in the order of the rows: these are searched for all at once, the patterns only
/// where it is worth it.
pub(super) fn holds() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|shape| shape.holds)
}

/// Adds the credentials in `text` that are of the shape of one of `rows`.
pub(super) fn find(text: &str, rows: impl Iterator<Item = usize>, found: &mut Vec<Secret>) {
    for row in rows {
        let spans = PATTERNS[row].captures_iter(text).filter_map(|groups| groups.get(1));
        found.extend(spans.map(|span| Secret { kind: TABLE[row].kind, span: span.range() }));
    }
}

#[cfg(test)]
mod tests {
    use super::{super::redact, *};

    /// One credential of each shape and more, taken apart: `<a22>` stands for 22 letters and digits, `<x22>` for hex
    /// digits, `<u22>` for capitals and digits, `<l22>` for small letters and digits, `<d22>` for digits. They are put
    /// together when the tests run, so that no scanner takes this file for a leak.
    const SAMPLES: &[&str] = &[
        "mc|_<a43>",
        "mc|s_<a43>",
        "gh|p_<a36>",
        "gh|o_<a36>",
        "gh|u_<a36>",
        "gh|s_<a36>",
        "gh|r_<a36>",
        "github|_pat_<a82>",
        "gl|pat-<a20>",
        "gl|pat-<a27>.<l2>.<l9>",
        "gl|pat-<a27>.<l9>",
        "gl|rt-<a20>",
        "gl|dt-<a20>",
        "gl|ptt-<x40>",
        "gl|soat-<a20>",
        "gl|cbt-<a3>_<a20>",
        "gl|ft-<a20>",
        "gl|imt-<a25>",
        "gl|agent-<a50>",
        "gl|oas-<a64>",
        "gl|ffct-<a20>",
        "GR|1348941<a20>",
        "xo|xb-<d12>-<d12>-<a24>",
        "xo|xp-<d12>-<d12>-<d12>-<a32>",
        "xo|xe.xo|xp-1-<u163>",
        "xap|p-1-<u11>-<d13>-<x64>",
        "AK|IA<u16>",
        "AS|IA<u16>",
        "AB|IA<u16>",
        "AC|CA<u16>",
        "AB|SK<a120>",
        "bedrock-api|-key-<a40>",
        "sk|-ant-api03-<a93>AA",
        "sk|-proj-<a74>",
        "sk|-<a48>",
        "sk|-or-v1-<x64>",
        "sk|_live_<a24>",
        "rk|_test_<a24>",
        "pk|_<a32>",
        "wh|sec_<a32>",
        "ey|J<a30>.<a40>.<a43>",
        "ey|J<a30>.<a40>.<a16>.<a60>.<a22>",
        "ZX|lKaGJHY2lPaU<a60>",
        "AI|za<a35>",
        "ya|29.<a60>",
        "1/|/0<a60>",
        "GOC|SPX-<a28>",
        "<a3>8|Q~<a34>",
        "do|p_v1_<x64>",
        "do|o_v1_<x64>",
        "do|r_v1_<x64>",
        "LT|AI<a20>",
        "v1|.0-<x24>-<x146>",
        "HR|KU-AA<a58>",
        "fo|1_<a43>",
        "fm|2_<a100>",
        "sha|256~<a43>",
        "<a14>.atlas|v1.<a64>",
        "hv|s.<a95>",
        "hv|b.<a140>",
        "tsk|ey-auth-<a12>-<a24>",
        "pu|l-<x40>",
        "nf|p_<a40>",
        "rn|d_<a32>",
        "vercel|_blob_rw_<a40>",
        "sb|p_<x40>",
        "sb|_secret_<a24>",
        "pscale|_tkn_<a43>",
        "da|pi<x32>",
        "hf|_<a34>",
        "api|_org_<a34>",
        "gs|k_<a52>",
        "xa|i-<a80>",
        "pp|lx-<a48>",
        "r8|_<a37>",
        "nv|api-<a64>",
        "pc|sk_<a60>",
        "ls|v2_pt_<x32>_<x10>",
        "cs|k-<l48>",
        "tv|ly-<a32>",
        "np|m_<a36>",
        "py|pi-AgEIcHlwaS5vcmc<a60>",
        "rubygems|_<x48>",
        "CLO|JARS_<l60>",
        "dc|kr_pat_<a27>",
        "ci|o<a32>",
        "oy|2<l43>",
        "AK|Cp<a69>",
        "cm|Vmd<a59>",
        "sq|p_<x40>",
        "bk|ua_<x40>",
        "CCI|PAT_<a22>_<x40>",
        "sg|p_<x40>",
        "sntr|yu_<x64>",
        "sntr|ys_<a60>",
        "dp|.pt.<a43>",
        "dp|.st.dev.<a43>",
        "dt|0c01.<u24>.<u64>",
        "gl|c_<a40>",
        "gl|sa_<a32>_<x8>",
        "NR|AK-<u27>",
        "pn|u_<a36>",
        "PM|AK-<x24>-<x34>",
        "S|G.<a22>.<a43>",
        "xkey|sib-<x64>-<a16>",
        "k|ey-<x32>",
        "<x32>-u|s14",
        "S|K<x32>",
        "<d10>:A|A<a33>",
        "https://discord.com/api/|webhooks/<d18>/<a68>",
        "https://acme.webhook.office.com/|webhookb2/<x8>-<a40>",
        "https://hooks.slack.com/|services/T<u8>/B<u8>/<a24>",
        "sq|0csp-<a43>",
        "sq|0atp-<a22>",
        "shp|at_<x32>",
        "shp|ss_<x32>",
        "ship|po_live_<x40>",
        "EZ|AK<a54>",
        "FLW|SECK_TEST-<a32>-X",
        "duf|fel_live_<a43>",
        "fi|o-u-<a64>",
        "lin|_api_<a40>",
        "lin|_oauth_<x64>",
        "AT|ATT3<a186>",
        "AT|BB<a32>",
        "nt|n_<d11><a35>",
        "fig|d_<a40>",
        "CF|PAT-<a43>",
        "tf|p_<a59>",
        "pa|t<a14>.<x64>",
        "pa|t.<a22>.<a24>.<a20>",
        "rd|me_<l70>",
        "sm|_aat_<a16>",
        "tk|-us-<a48>",
        "ic|o-<a32>",
        "<a6>_<a29>_m|mk",
        "AP|I-<u26>",
        "p8|e-<a32>",
        "AGE-SECRET|-KEY-1<u58>",
        "A|3-<u6>-<u11>-<u5>-<u5>-<u5>",
        "op|s_eyJ<a250>",
    ];

    const LETTERS: &str = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0";

    fn built(sample: &str) -> String {
        let mut text = String::new();
        for (at, part) in sample.replace('|', "").split(['<', '>']).enumerate() {
            match part.split_at_checked(1).filter(|_| at % 2 == 1) {
                Some((kind, count)) => {
                    let of_kind = |c: &char| match kind {
                        "x" => c.is_ascii_digit() || matches!(c, 'a'..='f'),
                        "u" => c.is_ascii_digit() || c.is_ascii_uppercase(),
                        "l" => c.is_ascii_digit() || c.is_ascii_lowercase(),
                        "d" => c.is_ascii_digit(),
                        _ => true,
                    };
                    text.extend(LETTERS.chars().filter(of_kind).cycle().take(count.parse().unwrap()));
                }
                None => text.push_str(part),
            }
        }
        text
    }

    #[test]
    fn every_shape_is_taken_out_whole() {
        for sample in SAMPLES {
            let secret = built(sample);
            for text in [format!("use {secret} for it"), format!("(\"{secret}\")"), format!("k={secret}\n")] {
                let redacted = redact(&text);
                // Of an address the part that is known to everybody may stay.
                let end = &secret[secret.len() - 12..];
                assert!(!redacted.contains(end) && redacted.contains("[redacted:"), "{sample}: {redacted}");
            }
            if !secret.contains("://") {
                let bare = redact(&secret);
                assert!(bare.starts_with("[redacted:") && bare.ends_with(']'), "{sample}: {bare}");
            }
        }
    }

    #[test]
    fn every_row_has_a_sample_and_a_source() {
        let samples: Vec<_> = SAMPLES.iter().map(|sample| built(sample)).collect();
        for (row, shape) in TABLE.iter().enumerate() {
            let known = samples
                .iter()
                .any(|text| super::super::regex(shape.holds).is_match(text) && PATTERNS[row].is_match(text));
            assert!(known, "no sample of {}", shape.pattern);
            assert!(!shape.source.is_empty());
        }
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        let picture = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
        let zeros =
            format!("/9j/4AAQSkZJRgABAQ{}EAAAEAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoM", "A".repeat(200));
        for text in [
            "019c1860-0000-7000-8000-000000000046",
            "e361d14f0c2b7a9d8e4f5061728394a5b6c7d8e9",
            "4b1d2f0c2b7a9d8e4f5061728394a5b6c7d8e9a04b1d2f0c2b7a9d8e4f506172",
            picture,
            &zeros,
            "product, inputTokens, hf_model_name, lin_api_version, gsk_ and xai-research",
            "pat.example, the format. Then SG. is Singapore; key-value store; cio2024, oy2",
            "path/to/patient.records, SKU12345, sha256~ and dp.title, EAAA",
            "task-management-system, pul-down, api_org_chart, pypi-package, npm_config_registry",
        ] {
            assert_eq!(redact(text), text);
        }
    }
}
