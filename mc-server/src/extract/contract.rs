//! What a route honours of a request, beside its path and its body.
//!
//! A route states this with the types its handler takes, so none can be in the table without it: [`Honours`] is asked of each
//! of them, and of whole handlers through [`Contracted`]. What a client sends in vain, a parameter or a condition that nobody
//! would look at, is refused before the handler runs: a request that would do something else than it says does nothing.

use std::{fmt, sync::Arc};

use axum::{
    Extension,
    extract::{Request, State},
    handler::Handler,
    http::{HeaderMap, HeaderName, Method, Uri, header},
    response::{IntoResponse, Response},
};
use futures_util::future::{Either, Ready, ready};
use serde::{
    Deserializer,
    de::{DeserializeOwned, Error as _, Visitor, value::Error},
    forward_to_deserialize_any,
};

use super::{Body, IfMatch, IfNoneMatch, LastEventId, Login, OnlyNew, Path, Query, query};
use crate::{
    access::Caller,
    health::Insider,
    problem::{FieldError, Kind, Problem},
};

/// The header that resumes an event stream after the id it names.
pub(super) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// A log position: of an answer, the one it reflects; of a request, the one its answer has to reflect.
pub const MC_POSITION: HeaderName = HeaderName::from_static("mc-position");
/// The headers that change what a request means, with what each is called in a sentence.
static MEANINGFUL: [(HeaderName, &str); 6] = [
    (HeaderName::from_static("idempotency-key"), "Idempotency-Key"),
    (HeaderName::from_static("x-idempotency-key"), "X-Idempotency-Key"),
    (header::IF_MATCH, "If-Match"),
    (header::IF_NONE_MATCH, "If-None-Match"),
    (LAST_EVENT_ID, "Last-Event-ID"),
    (MC_POSITION, "Mc-Position"),
];

/// The parameters and the headers that a route honours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contract {
    /// The names of the query's parameters.
    pub parameters: Vec<&'static str>,
    /// Of the headers that change what a request means, those it looks at.
    pub headers: Vec<HeaderName>,
}

/// What a part of a handler's arguments makes it honour.
pub trait Honours {
    /// Adds what it honours to the contract of its route.
    fn declare(contract: &mut Contract);
}

macro_rules! honour_nothing {
    ($($part:ty $(, $of:ident)?;)+) => {
        $(impl$(<$of>)? Honours for $part {
            fn declare(_: &mut Contract) {}
        })+
    };
}

honour_nothing! {
    State<S>, S;
    Path<T>, T;
    Extension<T>, T;
    Option<Extension<T>>, T;
    Uri;
    HeaderMap;
    Insider;
    Caller;
    Login;
}

macro_rules! honour_headers {
    ($($part:ty: $($header:expr),+;)+) => {
        $(impl Honours for $part {
            fn declare(contract: &mut Contract) {
                contract.headers.extend([$($header),+]);
            }
        })+
    };
}

honour_headers! {
    IfMatch: header::IF_MATCH;
    IfNoneMatch: header::IF_NONE_MATCH;
    OnlyNew: header::IF_NONE_MATCH;
    LastEventId: LAST_EVENT_ID;
}

impl<T> Honours for Body<T> {
    fn declare(contract: &mut Contract) {
        contract.headers.extend(super::idempotency::HEADERS.map(HeaderName::from_static));
    }
}

impl<T: DeserializeOwned> Honours for Query<T> {
    fn declare(contract: &mut Contract) {
        let mut names = Names(&[]);
        // It never gets a value: all that is wanted are the names it asks for.
        let _ = T::deserialize(&mut names);
        contract.parameters.extend(names.0);
    }
}

macro_rules! honour_all {
    ($($part:ident)*) => {
        /// The arguments of a handler, behind the marker by which axum tells handlers apart.
        impl<M, $($part: Honours),*> Honours for (M, $($part,)*) {
            fn declare(contract: &mut Contract) {
                $($part::declare(contract);)*
                let _ = contract;
            }
        }
    };
}

honour_all!();
honour_all!(A);
honour_all!(A B);
honour_all!(A B C);
honour_all!(A B C D);
honour_all!(A B C D E);
honour_all!(A B C D E F);
honour_all!(A B C D E F G);

impl Contract {
    /// The contract of a handler with these arguments.
    pub fn of<T: Honours>() -> Self {
        let mut contract = Self::default();
        T::declare(&mut contract);
        contract
    }

    /// Refuses what the route would not look at although it changes what the request means.
    ///
    /// A read is repeated without harm and without a key, and it answers in full where it has no version to compare: there
    /// keys and `If-None-Match` mean nothing (RFC 9110, section 13.1.2).
    ///
    /// # Errors
    /// `malformed-query` or `malformed-header`.
    pub fn check(&self, route: &str, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let asked = Asked { route, method };
        let query = uri.query().unwrap_or_default();
        if self.parameters.is_empty()
            && let Some(name) = query::first_name(query)?
        {
            return Err(asked.takes_no_parameter(name));
        }
        let in_vain = |(header, _): &&(HeaderName, &str)| {
            headers.contains_key(header) && !self.headers.contains(header) && !asked.may_ignore(header)
        };
        match MEANINGFUL.iter().find(in_vain) {
            Some((_, name)) => Err(asked.does_not_honour(name, &self.headers)),
            None => Ok(()),
        }
    }
}

/// The request's method and path, for the sentence of a refusal.
struct Asked<'a> {
    route: &'a str,
    method: &'a Method,
}

impl Asked<'_> {
    fn may_ignore(&self, header: &HeaderName) -> bool {
        let of_writes = *header != LAST_EVENT_ID && *header != MC_POSITION && *header != header::IF_MATCH;
        self.method.is_safe() && of_writes
    }

    fn takes_no_parameter(&self, name: String) -> Problem {
        let error = FieldError::of_parameter(name, format!("is not known; {self} takes no parameters"));
        let detail = format!("The parameter {:?} {}. Leave it out.", error.field, error.message);
        Problem::new(Kind::MalformedQuery, detail).errors(vec![error])
    }

    fn does_not_honour(&self, name: &str, honoured: &[HeaderName]) -> Problem {
        let known = MEANINGFUL.iter().filter(|(header, _)| honoured.contains(header));
        let known: Vec<_> = known.map(|(_, name)| *name).collect();
        let instead = match known.as_slice() {
            [] => "it takes no header that changes what a request means".to_owned(),
            known => format!("of such headers it takes {}", known.join(", ")),
        };
        let detail = format!("{self} does not look at {name}: {instead}. Leave it out.");
        Problem::new(Kind::MalformedHeader, detail)
    }
}

impl fmt::Display for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.route)
    }
}

/// A handler that is asked only what its route honours.
#[derive(Clone)]
pub struct Contracted<H> {
    route: &'static str,
    contract: Arc<Contract>,
    handler: H,
}

impl<H> Contracted<H> {
    /// The handler of that route, by its path in the table.
    pub fn new(route: &'static str, contract: Arc<Contract>, handler: H) -> Self {
        Self { route, contract, handler }
    }
}

impl<T, S, H: Handler<T, S>> Handler<T, S> for Contracted<H> {
    type Future = Either<Ready<Response>, H::Future>;

    fn call(self, request: Request, state: S) -> Self::Future {
        let Self { route, contract, handler } = self;
        match contract.check(route, request.method(), request.uri(), request.headers()) {
            Ok(()) => Either::Right(handler.call(request, state)),
            Err(problem) => Either::Left(ready(problem.into_response())),
        }
    }
}

/// A deserializer without content, which records the field names that a type asks it for.
struct Names(&'static [&'static str]);

impl<'de> Deserializer<'de> for &mut Names {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("there is no value"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0 = fields;
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
