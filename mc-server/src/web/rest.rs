//! The REST interface as a page asks it: in this process, as the caller of the page.

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Method, Request, header},
    response::Response,
};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::ServiceExt;

use crate::{
    access::{Admission, Caller},
    extract::IdempotencyKey,
    problem::Problem,
};

/// The routes, asked as one caller.
#[derive(Clone)]
pub(super) struct Rest {
    routes: Router,
    caller: Caller,
}

/// A write, with what keeps it from being done twice, or over what somebody else did.
#[derive(Debug, Clone)]
pub(super) struct Write {
    pub(super) method: Method,
    /// The address below `/api`, with its query.
    pub(super) path: String,
    pub(super) body: Value,
    /// The idempotency key, where the route takes one.
    pub(super) key: Option<String>,
    /// The version that the caller has seen, where it must still be that.
    pub(super) version: Option<u64>,
}

impl Rest {
    pub(super) fn new(routes: Router, caller: Caller) -> Self {
        Self { routes, caller }
    }

    /// Reads what is at `path`, such as `/api/tasks`.
    ///
    /// # Errors
    /// The problem that the route answers with.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Problem> {
        Ok(self.get_page(path).await?.0)
    }

    /// Reads a page of a list, and the address of the next one where there is one.
    ///
    /// # Errors
    /// The problem that the route answers with.
    pub(super) async fn get_page<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<(T, Option<String>), Problem> {
        let request = Request::get(path).body(Body::empty());
        let response = self.send(request.map_err(|_| unreadable(path))?).await?;
        let link = response.headers().get(header::LINK).and_then(|link| link.to_str().ok());
        let next = link.and_then(|link| link.split(['<', '>']).nth(1)).map(str::to_owned);
        Ok((json(path, response).await?, next))
    }

    /// Reads what is at `path` as text, such as a report.
    ///
    /// # Errors
    /// The problem that the route answers with.
    pub(super) async fn get_text(&self, path: &str) -> Result<String, Problem> {
        let request = Request::get(path).body(Body::empty());
        let response = self.send(request.map_err(|_| unreadable(path))?).await?;
        String::from_utf8(bytes(path, response).await?).map_err(|_| unreadable(path))
    }

    /// Does a write, and answers what the route does.
    ///
    /// # Errors
    /// The problem that the route answers with.
    pub(super) async fn write(&self, write: &Write) -> Result<Value, Problem> {
        let mut request = Request::new(Body::from(write.body.to_string()));
        *request.method_mut() = write.method.clone();
        *request.uri_mut() = write.path.parse().map_err(|_| unreadable(&write.path))?;
        if let Some(key) = &write.key {
            let key = IdempotencyKey::new(key)?;
            let key = HeaderValue::from_str(key.as_str()).map_err(|_| unreadable(&write.path))?;
            request.headers_mut().insert("idempotency-key", key);
        }
        if let Some(version) = write.version {
            let tag =
                HeaderValue::from_str(&format!("\"{version}\"")).map_err(|_| unreadable(&write.path))?;
            request.headers_mut().insert(header::IF_MATCH, tag);
        }
        let response = self.send(request).await?;
        json(&write.path, response).await
    }

    async fn send(&self, mut request: Request<Body>) -> Result<Response, Problem> {
        request.extensions_mut().insert(Admission(Ok(self.caller.clone())));
        let Ok(response) = self.routes.clone().oneshot(request).await;
        match response.extensions().get::<Problem>() {
            Some(problem) => Err(problem.clone()),
            None => Ok(response),
        }
    }
}

async fn json<T: DeserializeOwned>(path: &str, response: Response) -> Result<T, Problem> {
    serde_json::from_slice(&bytes(path, response).await?).map_err(|error| {
        tracing::error!(path, %error, "a page does not understand an answer");
        Problem::internal()
    })
}

async fn bytes(path: &str, response: Response) -> Result<Vec<u8>, Problem> {
    let body = response.into_body().collect().await.map_err(|_| unreadable(path))?;
    Ok(body.to_bytes().into())
}

fn unreadable(path: &str) -> Problem {
    tracing::error!(path, "a page cannot ask for this");
    Problem::internal()
}
