//! The pages of credentials and of health.

use axum::http::Method;
use form_urlencoded::Serializer;
use mc_domain::credential::Bearer;
use serde_json::json;

use crate::app::{Answer, App, NOBODY};

const SCRIPT: &str = "<script>alert(1)</script>";

async fn sent(app: &App, path: impl Into<String>, by: &str, fields: &[(&str, &str)]) -> Answer {
    let body = Serializer::new(String::new()).extend_pairs(fields).finish();
    app.send(Method::POST, path, body).by(by).await
}

/// The secret that a page shows.
fn secret(page: &str) -> &str {
    let from = page.find("mc_").expect("a secret");
    page[from..].split('<').next().unwrap()
}

#[tokio::test]
async fn a_credential_is_issued_and_its_secret_shown_once() {
    let app = App::new().await;
    let olga = app.operator("Olga", &[]).await;
    let fields = [("name", "Aude"), ("role", "auditor"), ("projects", "openclaw"), ("_key", "k-1")];
    let issued = sent(&app, "/credentials/new", &olga, &fields).await.expect(200);
    let issued = issued.recorded(&["credential.issued"]);
    assert_eq!(issued.header("cache-control"), "no-store");
    assert!(!issued.text.contains("<form class=\"form\""), "{}", issued.text);
    let new = secret(&issued.text).to_owned();
    assert_eq!(app.get("/api/whoami").by(&new).await.expect(200)["role"], "auditor");
    let again = sent(&app, "/credentials/new", &olga, &fields).await.expect(200).recorded(&[]);
    assert!(!again.text.contains(&new) && again.text.contains("was sent before"), "{}", again.text);
    let list = app.get("/credentials").by(&olga).await.expect(200).text;
    assert!(list.contains("Aude") && list.contains("yours") && !list.contains(&new), "{list}");
}

#[tokio::test]
async fn a_refused_credential_shows_why_at_the_field_and_keeps_what_was_typed() {
    let app = App::new().await;
    let olga = app.operator("Olga", &[]).await;
    let fields = [("name", SCRIPT), ("role", "agent"), ("expiresAt", "2020-01-01T00:00")];
    let refused = sent(&app, "/credentials/new", &olga, &fields).await.expect(422);
    assert!(
        refused.text.contains("-error\"") && refused.text.contains("2020-01-01T00:00"),
        "{}",
        refused.text
    );
    assert!(!refused.text.contains(SCRIPT) && refused.facts.is_empty());
}

#[tokio::test]
async fn a_credential_is_renamed_and_revoked_with_a_reason() {
    let app = App::new().await;
    let olga = app.operator("Olga", &[]).await;
    let aude = app.issue(SCRIPT, Bearer::Auditor, &["openclaw"], None).await;
    let path = |what: &str| format!("/credentials/{}/{what}", aude.id);
    let list = app.get("/credentials").by(&olga).await.expect(200).text;
    assert!(
        list.contains(&path("edit")) && list.contains(&path("revoke")) && !list.contains(SCRIPT),
        "{list}"
    );
    let done = sent(&app, path("edit"), &olga, &[("name", "Aude")]).await.expect(303);
    assert!(done.recorded(&["credential.renamed"]).header("location").starts_with("/credentials?done="));
    let form = app.get(path("revoke")).by(&olga).await.expect(200).text;
    assert!(form.contains("Revoke Aude") && !form.contains("logged out"));
    let own = app.get(format!("/credentials/{}/revoke", olga.id)).by(&olga).await.expect(200).text;
    assert!(own.contains("you will be logged out"));
    sent(&app, path("revoke"), &olga, &[("reason", SCRIPT)]).await.expect(303);
    app.get("/api/whoami").by(&aude).await.expect(401);
    let gone = app.get("/credentials").by(&olga).await.expect(200).text;
    assert!(!gone.contains("Aude"));
    let all = app.get("/credentials?all=true").by(&olga).await.expect(200).text;
    assert!(
        all.contains("Aude")
            && all.contains("state-off")
            && !all.contains(SCRIPT)
            && !all.contains(&path("revoke"))
    );
    app.get(format!("/credentials/{NOBODY}/revoke")).by(&olga).await.expect(404);
}

#[tokio::test]
async fn an_auditor_sees_credentials_and_acts_on_none() {
    let app = App::new().await;
    let olga = app.operator("Olga", &[]).await;
    let aude = app.issue("Aude", Bearer::Auditor, &[], None).await;
    let list = app.get("/credentials").by(&aude).await.expect(200).text;
    assert!(
        list.contains("Olga") && !list.contains("/revoke") && !list.contains("/credentials/new"),
        "{list}"
    );
    app.get("/credentials/new").by(&aude).await.expect(403);
    sent(&app, format!("/credentials/{}/revoke", olga.id), &aude, &[]).await.expect(403);
    let limited = app.operator("Lena", &["openclaw"]).await;
    app.get("/credentials").by(&limited).await.expect(403);
    assert!(!app.get("/").by(&limited).await.expect(200).text.contains("href=\"/credentials\""));
}

#[tokio::test]
async fn a_monitor_is_at_home_on_the_page_of_health_and_nowhere_else() {
    let app = App::new().await;
    app.operator("Olga", &[]).await;
    let monitor = app.issue("Moni", Bearer::Monitor, &[], None).await;
    assert_eq!(app.get("/").by(&monitor).await.expect(303).header("location"), "/health-and-workers");
    let page = app.get("/health-and-workers").by(&monitor).await.expect(200).text;
    assert!(page.contains("Position of the log") && page.contains("id=\"workers\""), "{page}");
    assert_eq!(page.matches("data-go=").count(), 1, "{page}");
    for path in ["/costs", "/standup", "/feed", "/runs", "/policy", "/credentials"] {
        app.get(path).by(&monitor).await.expect(403);
    }
}

#[tokio::test]
async fn health_tells_an_agent_no_more_than_what_works() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    let everybody = app.get("/health-and-workers").await.expect(200).text;
    assert!(everybody.contains("Position of the log"));
    app.operator("Olga", &[]).await;
    let scout = app.credential_of(&scout).await;
    let page = app.get("/health-and-workers").by(&scout).await.expect(200).text;
    assert!(
        page.contains("state-good")
            && !page.contains("Position of the log")
            && !page.contains("id=\"workers\"")
    );
    assert_eq!(app.get("/health").by(&scout).await.expect(200)["workers"], json!(null));
    app.get("/health-and-workers").await.expect(303);
}
