//! The server in this process, on its own log and with a fixed clock, and a client for it.

use std::{
    future::IntoFuture,
    ops::{Deref, Index},
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request as HttpRequest, StatusCode, header},
};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use http_body_util::BodyExt;
use mc_domain::{
    actor::Actor,
    aggregate::CommandContext,
    credential::{Bearer, Credential, Grant},
    ids::{AgentId, CredentialId, ProjectId},
    operation::{Rejection, issue_credential, revoke_credential},
    reach::Reach,
    transaction::Transaction,
    values::Name,
};
use mc_server::{
    access::Secret,
    app::App as State,
    health::{Health, Phase},
    layers::HostPolicy,
    refusal::Refused,
    service::{self, Gate},
};
use mc_store::{
    log::{EventLog, MAX_PAGE_EVENTS, StoredEvent},
    repository::CommandEnvelope,
    testing::Place,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;
use uuid::Uuid;

/// An id that no entity has.
pub const NOBODY: &str = "01890000-0000-7000-8000-000000000000";

/// The time at which the clock of every app begins: noon, so that some hours later it is still the same day.
pub fn beginning() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_790_078_400_000).unwrap()
}

/// A valid work plan, with three bullets.
pub fn plan() -> Value {
    json!(["Collect", "Compare", "Conclude"])
}

/// A running server, with what a test needs to ask it and to look into its log.
pub struct App {
    router: Router,
    state: State,
    now: Arc<Mutex<DateTime<Utc>>>,
    place: Place,
}

impl App {
    /// Starts a server on a log in memory, or where the environment chooses.
    pub async fn new() -> Self {
        let place = Place::chosen();
        Self::on(place.open(), beginning(), place).await
    }

    /// Starts a server on a log in a file, or where the environment chooses, so that it can be restarted.
    pub async fn on_disk() -> Self {
        let place = Place::lasting();
        Self::on(place.open(), beginning(), place).await
    }

    /// Starts a server on a log that the test has opened itself, in a file of `directory`.
    pub async fn on_log(log: Arc<dyn EventLog>, directory: TempDir) -> Self {
        Self::on(log, beginning(), Place::in_directory(directory)).await
    }

    /// Starts a server as one of the nodes on a log.
    pub async fn on_node<N: EventLog + 'static>(node: &Arc<N>) -> Self {
        Self::on(Arc::clone(node) as Arc<dyn EventLog>, beginning(), Place::in_memory()).await
    }

    async fn on(log: Arc<dyn EventLog>, now: DateTime<Utc>, place: Place) -> Self {
        let now = Arc::new(Mutex::new(now));
        let clock = Arc::clone(&now);
        let clock = Arc::new(move || *clock.lock().unwrap());
        let operator = Name::new("Sofie").unwrap();
        let state =
            State::recover(log, operator, clock, Health::starting(), Default::default()).await.unwrap();
        state.health().reach(Phase::Ready);
        Self { router: service::recovered_service(state.clone()), state, now, place }
    }

    /// Ends this server, and starts a new one on the same log, which must not be in memory.
    pub async fn restarted(self) -> Self {
        let (now, place) = (self.now(), self.place);
        self.state.log().close().await;
        drop(self.state);
        Self::on(place.open(), now, place).await
    }

    /// The state that the handlers work with.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The time that the clock shows.
    pub fn now(&self) -> DateTime<Utc> {
        *self.now.lock().unwrap()
    }

    /// Moves the clock forward.
    pub fn wait(&self, time: TimeDelta) {
        *self.now.lock().unwrap() += time;
    }

    /// The position of the last recorded event.
    pub fn head(&self) -> u64 {
        self.state.log().head()
    }

    pub fn get(&self, path: impl Into<String>) -> Request<'_> {
        self.send(Method::GET, path, Body::empty())
    }

    pub fn post(&self, path: impl Into<String>, body: Value) -> Request<'_> {
        self.send(Method::POST, path, body.to_string())
    }

    pub fn patch(&self, path: impl Into<String>, body: Value) -> Request<'_> {
        self.send(Method::PATCH, path, body.to_string())
    }

    pub fn put(&self, path: impl Into<String>, body: Value) -> Request<'_> {
        self.send(Method::PUT, path, body.to_string())
    }

    pub fn delete(&self, path: impl Into<String>) -> Request<'_> {
        self.send(Method::DELETE, path, Body::empty())
    }

    /// The same server, which answers for these hosts.
    pub fn answering_for(mut self, hosts: HostPolicy) -> Self {
        let gate = Gate::default();
        gate.open(self.state.clone());
        self.router = service::service(self.state.health().clone(), gate, hosts);
        self
    }

    /// A request without a content type, because no route needs one.
    pub fn send(&self, method: Method, path: impl Into<String>, body: impl Into<Body>) -> Request<'_> {
        let mut request = HttpRequest::new(body.into());
        *request.method_mut() = method;
        *request.uri_mut() = path.into().parse().unwrap();
        Request { app: self, request }
    }

    /// Registers an agent of the default project that takes every type of task.
    pub async fn agent(&self, name: &str) -> String {
        self.post("/api/agents", json!({ "name": name })).await.expect(201).id()
    }

    /// Registers an agent of another project.
    pub async fn foreign_agent(&self, name: &str) -> String {
        self.post("/api/projects", json!({ "name": "Elsewhere", "slug": "elsewhere" })).await.expect(201);
        let body = json!({ "name": name, "projectId": "elsewhere" });
        self.post("/api/agents", body).await.expect(201).id()
    }

    /// Creates a task in the inbox.
    pub async fn task(&self, title: &str) -> String {
        self.post("/api/tasks", json!({ "title": title, "type": "docs" })).await.expect(201).id()
    }

    /// Creates a task that `agent` is assigned to.
    pub async fn assigned(&self, agent: &str) -> String {
        let body = json!({ "title": "Write the guide", "type": "docs", "assigneeIds": [agent] });
        self.post("/api/tasks", body).await.expect(201).id()
    }

    /// Creates a task that `agent` works on.
    pub async fn in_progress(&self, agent: &str) -> String {
        let task = self.assigned(agent).await;
        self.moved(&task, json!({ "toStatus": "in_progress", "workPlan": plan() })).await;
        task
    }

    /// Issues the credential of an operator of these projects, or of all where none is named.
    pub async fn operator(&self, name: &str, projects: &[&str]) -> Key {
        self.issue(name, Bearer::Operator, projects, None).await
    }

    /// Issues the credential of an agent, which is known by its id.
    pub async fn credential_of(&self, agent: &str) -> Key {
        let agent: AgentId = agent.parse().unwrap();
        self.issue("A key", Bearer::Agent(agent), &[], None).await
    }

    /// Issues a credential, good for the projects of these slugs or ids, or for all where none is named.
    pub async fn issue(
        &self,
        name: &str,
        bearer: Bearer,
        projects: &[&str],
        expires_at: Option<DateTime<Utc>>,
    ) -> Key {
        let (secret, id) = (Secret::draw().unwrap(), CredentialId::new(Uuid::now_v7()));
        let (reach, governors) = self.state.projected().read(|views| {
            let found = projects.iter().map(|project| views.projects.find(project).unwrap());
            let found: std::collections::BTreeSet<ProjectId> = found.collect();
            (Reach::from(found), views.credentials.governors())
        });
        let grant = Grant { name: Name::new(name).unwrap(), bearer, reach, expires_at };
        self.execute(|tx| {
            tx.create::<Credential>(id);
            issue_credential(tx, id, grant.clone(), secret.hash(), &governors)
        })
        .await;
        Key { id, secret: secret.reveal().to_owned() }
    }

    /// Revokes a credential.
    pub async fn revoke(&self, key: &Key) {
        self.execute(|tx| revoke_credential(tx, key.id, None, None)).await;
    }

    /// Carries out an operation as Sofie does, beside the interface.
    async fn execute(&self, mut operation: impl FnMut(&mut Transaction<'_>) -> Result<(), Rejection> + Send) {
        let sofie = Actor::Human(Name::new("Sofie").unwrap());
        let envelope = CommandEnvelope::new(CommandContext::new(self.now(), sofie));
        let executed =
            self.state.repository().execute(&envelope, |tx| operation(tx).map_err(Refused::from)).await;
        executed.unwrap();
        self.state.read(|_| ()).await.unwrap();
    }

    /// Moves a task, which must succeed.
    pub async fn moved(&self, task: &str, to: Value) -> Answer {
        self.post(format!("/api/tasks/{task}/transition"), to).await.expect(200)
    }
}

/// A credential that was issued, with its secret in clear.
pub struct Key {
    pub id: CredentialId,
    secret: String,
}

impl Deref for Key {
    type Target = str;

    fn deref(&self) -> &str {
        &self.secret
    }
}

/// A request; awaiting it sends it.
#[must_use = "a request is sent by awaiting it"]
pub struct Request<'a> {
    app: &'a App,
    request: HttpRequest<Body>,
}

impl Request<'_> {
    /// Adds a header.
    pub fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.request.headers_mut().append(name, value.as_ref().try_into().unwrap());
        self
    }

    /// Adds an idempotency key.
    pub fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    /// Shows a credential.
    pub fn by(self, secret: &str) -> Self {
        self.header("authorization", format!("Bearer {secret}"))
    }

    /// Adds the condition that the entity has this tag.
    pub fn if_match(self, tag: impl AsRef<str>) -> Self {
        self.header("if-match", tag.as_ref())
    }

    /// Sends the request, and returns the response before its body ends, for an endless stream.
    pub async fn response(self) -> axum::response::Response {
        self.app.router.clone().oneshot(self.request).await.unwrap()
    }
}

impl<'a> IntoFuture for Request<'a> {
    type Output = Answer;
    type IntoFuture = BoxFuture<'a, Answer>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let (app, before) = (self.app, self.app.head());
            let asked = format!("{} {}", self.request.method(), self.request.uri());
            let (parts, body) = self.response().await.into_parts();
            let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
            let facts = facts_since(app, before).await;
            let body = serde_json::from_str(&text).unwrap_or(Value::Null);
            Answer { asked, status: parts.status, headers: parts.headers, body, text, facts }
        })
    }
}

/// The events above `position`, at most a page.
pub async fn facts_since(app: &App, position: u64) -> Vec<StoredEvent> {
    if app.head() == position {
        return vec![];
    }
    app.state.log().read_all(position, MAX_PAGE_EVENTS).await.unwrap()
}

/// An answer, with the events that were recorded meanwhile.
#[derive(Debug)]
pub struct Answer {
    asked: String,
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// The body as JSON, null when it is not JSON.
    pub body: Value,
    pub text: String,
    pub facts: Vec<StoredEvent>,
}

impl Answer {
    /// Asserts the status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.asked, self.text);
        self
    }

    /// Asserts the names of the new events, in this order.
    #[track_caller]
    pub fn recorded(self, types: &[&str]) -> Self {
        let recorded: Vec<_> = self.facts.iter().map(|fact| &*fact.event_type).collect();
        assert_eq!(recorded, types, "{}", self.asked);
        self
    }

    /// Asserts a refusal of this status and kind, in the form of every refusal, without new events.
    #[track_caller]
    pub fn refused(self, status: u16, kind: &str) -> Self {
        let asked = &self.asked;
        assert_eq!(
            (self.status.as_u16(), self["code"].as_str()),
            (status, Some(kind)),
            "{asked}: {}",
            self.text
        );
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json", "{asked}");
        assert_eq!(self["type"], format!("/problems/{}", kind.replace('_', "-")), "{asked}");
        assert_eq!(self["status"], status, "{asked}");
        assert_eq!(self["instance"], self.header("x-request-id"), "{asked}");
        assert!(self["title"].as_str().is_some_and(|title| !title.is_empty()), "{asked}");
        assert!(
            self["detail"].as_str().is_some_and(|detail| detail.ends_with('.')),
            "{asked}: {}",
            self.text
        );
        self.recorded(&[])
    }

    /// Asserts a refusal of exactly these fields.
    #[track_caller]
    pub fn refused_fields(self, fields: &[&str]) -> Self {
        let refused = self.refused(422, "invalid_fields");
        assert_eq!(refused.error_fields(), fields, "{}: {}", refused.asked, refused.text);
        refused
    }

    /// The fields that the member `errors` names.
    pub fn error_fields(&self) -> Vec<&str> {
        let errors = self["errors"].as_array().map_or(&[][..], Vec::as_slice);
        errors.iter().map(|error| error["field"].as_str().unwrap()).collect()
    }

    pub fn id(&self) -> String {
        self["id"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("{} has no {name}", self.asked)).to_str().unwrap()
    }

    pub fn etag(&self) -> &str {
        self.header("etag")
    }

    pub fn is_replayed(&self) -> bool {
        self.headers.contains_key("idempotency-replayed")
    }

    /// The member `name` of every row of a list.
    #[track_caller]
    pub fn column(&self, name: &str) -> Vec<&str> {
        self.body.as_array().unwrap().iter().map(|row| row[name].as_str().unwrap()).collect()
    }

    /// The address of the next page; nothing on the last one.
    pub fn next(&self) -> Option<&str> {
        let link = self.headers.get(header::LINK)?.to_str().unwrap();
        Some(link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap())
    }
}

impl Index<&str> for Answer {
    type Output = Value;

    fn index(&self, member: &str) -> &Value {
        &self.body[member]
    }
}
