//! A line of the table of routes, and the router that is made of such lines.

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    handler::Handler,
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
    routing::{self, MethodRouter},
};

use crate::{
    access::{Guarded, Needs, refused},
    app::App,
    extract::{Contract, Contracted, Honours, MC_POSITION},
    health::Health,
    problem::{Excerpt, Kind, Problem},
};

/// A line of the table: a method, a path, what the route asks of its caller, the handler, and what it honours of a request.
pub(crate) struct Route<S> {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) needs: Needs,
    pub(crate) contract: Arc<Contract>,
    handler: MethodRouter<S>,
}

/// What all routes with the same state honour, beside what their handlers take.
pub(crate) trait Common {
    /// Adds the headers that all routes with this state honour.
    fn common(contract: &mut Contract);
}

impl Common for Health {
    fn common(_: &mut Contract) {}
}

impl Common for App {
    /// The gate waits for the position that `Mc-Position` names before it passes a request on.
    fn common(contract: &mut Contract) {
        contract.headers.push(MC_POSITION);
    }
}

macro_rules! methods {
    ($($function:ident = $method:ident,)+) => {
        $(
            pub(crate) fn $function<S, H, T>(path: &'static str, needs: Needs, handler: H) -> Route<S>
            where
                S: Common + Clone + Send + Sync + 'static,
                H: Handler<T, S>,
                T: Honours + 'static,
            {
                let mut contract = Contract::of::<T>();
                S::common(&mut contract);
                let contract = Arc::new(contract);
                let handler = Contracted::new(path, Arc::clone(&contract), handler);
                let handler = routing::$function(Guarded::new(needs, handler));
                Route { method: Method::$method, path, needs, contract, handler }
            }
        )+
    };
}

methods! {
    get = GET,
    post = POST,
    put = PUT,
    patch = PATCH,
    delete = DELETE,
}

pub(crate) fn router<S: Clone + Send + Sync + 'static>(routes: Vec<Route<S>>) -> Router<S> {
    let router =
        routes.into_iter().fold(Router::new(), |router, route| router.route(route.path, route.handler));
    // After the routes: it concerns those that are there already.
    router.fallback(no_such_route).method_not_allowed_fallback(method_not_allowed)
}

/// `OPTIONS *` asks for the server as a whole, which has no options of its own.
pub(crate) async fn no_such_route(request: Request) -> Response {
    if let Some(refused) = refused(&request) {
        return refused.into_response();
    }
    if request.method() == Method::OPTIONS && request.uri().path() == "*" {
        return StatusCode::NO_CONTENT.into_response();
    }
    let path = Excerpt(request.uri().path());
    Problem::new(
        Kind::NoSuchRoute,
        format!(
            "There is nothing at {path}. The interface starts at /api; check the path for a missing part or a trailing slash."
        ),
    )
    .into_response()
}

/// The router adds the `Allow` header. Asked for its options, a path answers with nothing else.
pub(crate) async fn method_not_allowed(request: Request) -> Response {
    if let Some(refused) = refused(&request) {
        return refused.into_response();
    }
    if request.method() == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    let (method, path) = (request.method(), Excerpt(request.uri().path()));
    Problem::new(
        Kind::MethodNotAllowed,
        format!(
            "{path} exists, but not with the method {method}. The Allow header lists the methods it has."
        ),
    )
    .into_response()
}
