//! Scripts, styles and pictures: embedded in the binary, each under an address that changes with its content.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

/// A file that pages refer to.
struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

macro_rules! asset {
    ($name:literal, $file:literal, $kind:expr) => {
        Asset { name: $name, kind: $kind, bytes: include_bytes!(concat!("../../assets/", $file)) }
    };
}

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// Every file. The vendored ones are listed with their checksums in `assets/vendor/SHA256SUMS`.
const ASSETS: &[Asset] = &[
    asset!("htmx.js", "vendor/htmx-2.0.11.min.js", JAVASCRIPT),
    asset!("morph.js", "vendor/idiomorph-ext-0.8.0.min.js", JAVASCRIPT),
    asset!("sortable.js", "vendor/sortable-1.15.7.min.js", JAVASCRIPT),
    asset!("page.js", "page.js", JAVASCRIPT),
    asset!("page.css", "page.css", "text/css; charset=utf-8"),
    asset!("icon.svg", "icon.svg", "image/svg+xml"),
];

/// The version of all files together: the beginning of the SHA-256 of their contents.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let hash = ASSETS.iter().fold(Sha256::new(), |hash, asset| hash.chain_update(asset.bytes)).finalize();
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
});

/// The address of a file, such as `/assets/0123456789abcdef/page.css`.
pub(super) fn address(name: &str) -> String {
    format!("/assets/{}/{name}", *VERSION)
}

/// `GET /assets/{version}/{name}`: a file. It never changes under its address, so it is kept for a year.
pub(super) async fn show(Path((_, name)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let tag = format!("\"{}\"", *VERSION);
    let kept = [
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        (header::ETAG, HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"0\""))),
    ];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, kept).into_response();
    }
    (kept, [(header::CONTENT_TYPE, asset.kind)], asset.bytes).into_response()
}
