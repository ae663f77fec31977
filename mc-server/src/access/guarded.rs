//! A handler that is asked only by callers who have what its route needs.

use axum::{
    extract::Request,
    handler::Handler,
    response::{IntoResponse, Response},
};
use futures_util::future::{Either, Ready, ready};

use super::{Admission, Needs};
use crate::problem::Problem;

/// A handler behind the need of its route.
#[derive(Clone)]
pub(crate) struct Guarded<H> {
    needs: Needs,
    handler: H,
}

impl<H> Guarded<H> {
    pub(crate) fn new(needs: Needs, handler: H) -> Self {
        Self { needs, handler }
    }
}

impl<T, S, H: Handler<T, S>> Handler<T, S> for Guarded<H> {
    type Future = Either<Ready<Response>, H::Future>;

    fn call(self, request: Request, state: S) -> Self::Future {
        let admitted = match (self.needs, request.extensions().get::<Admission>()) {
            (Needs::Nothing, _) => Ok(()),
            (needs, Some(Admission(Ok(caller)))) => needs.check(caller),
            (_, Some(Admission(Err(problem)))) => Err(problem.clone()),
            // The gate puts one into every request, so this is nobody's request.
            (_, None) => Err(Problem::internal()),
        };
        match admitted {
            Ok(()) => Either::Right(self.handler.call(request, state)),
            Err(problem) => Either::Left(ready(problem.into_response())),
        }
    }
}

/// Why the caller of a request without a route is not admitted at all; nothing where it is, or where nobody asked.
pub(crate) fn refused(request: &Request) -> Option<Problem> {
    request.extensions().get::<Admission>().and_then(|admission| admission.0.as_ref().err()).cloned()
}
