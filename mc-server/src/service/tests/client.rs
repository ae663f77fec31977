//! A client for the server in this process.

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request},
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::state;
use crate::service::recovered_service;

/// The server, with an agent that has one dollar a day and a task that it works on.
pub(super) struct Client(Router);

/// The status, the headers and the body of an answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
    pub(super) text: String,
}

impl Client {
    pub(super) async fn new() -> Self {
        Self(recovered_service(state().await))
    }

    pub(super) async fn send(&self, method: Method, path: &str, body: Value, key: Option<&str>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let response = self.0.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status: parts.status.as_u16(), headers: parts.headers, body, text }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, Value::Null, None).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, body, None).await
    }

    pub(super) async fn agent(&self, name: &str, daily_cap: f64) -> String {
        let budgets = json!({ "dailyCap": daily_cap, "perRunCap": daily_cap });
        let body = json!({ "name": name, "role": "specialist", "budgets": budgets });
        self.post("/api/agents", body).await.expect(201).id()
    }

    pub(super) async fn task(&self, agent: &str) -> String {
        let body = json!({ "title": "Write it", "type": "docs", "assigneeIds": [agent] });
        let task = self.post("/api/tasks", body).await.expect(201).id();
        let start = json!({ "toStatus": "in_progress", "workPlan": ["a", "b", "c"] });
        self.post(&format!("/api/tasks/{task}/transition"), start).await.expect(200);
        task
    }

    pub(super) async fn run(&self, agent: &str, estimated_cost: f64) -> Answer {
        let body = json!({ "agentId": agent, "model": "sonnet", "estimatedCost": estimated_cost });
        self.post("/api/runs", body).await
    }
}

impl Answer {
    #[track_caller]
    pub(super) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    #[track_caller]
    pub(super) fn refused(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{}", self.text);
        self
    }

    pub(super) fn id(&self) -> String {
        self.body["id"].as_str().unwrap().to_owned()
    }
}
