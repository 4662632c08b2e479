//! The route table: every address with its method, handler and permission, in one value that the
//! server mounts and tests enumerate.

use std::any::type_name;
use std::marker::PhantomData;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Handler, HttpMessage, Responder, Route};

use super::contract::{Gives, Operation, Takes};
use super::permits::{Open, Passed, Permission, Permit};
use super::request::Caller;
use super::{Role, session};
use crate::error::Error;

/// One address and method.
pub struct Entry {
    /// The method.
    pub method: Method,
    /// The path with `{names}`, below the scope it is mounted in.
    pub path: String,
    /// The permission's name, or `open`.
    pub permission: &'static str,
    /// Who has it; empty for `open`.
    pub roles: &'static [Role],
    /// What it takes and answers.
    pub operation: Operation,
    route: Route,
}

/// A table of addresses.
#[derive(Default)]
pub struct Routes {
    prefix: &'static str,
    entries: Vec<Entry>,
}

/// The parameters of a handler whose first one is a permit, or says that none is needed.
pub trait Guarded {
    /// The permission's name.
    const PERMISSION: &'static str;
    /// Who has it.
    const ROLES: &'static [Role];
    /// Puts the check in front of the route.
    fn guard(route: Route) -> Route;
    /// Tells what the parameters take from a request.
    fn told(operation: &mut Operation);
}

macro_rules! guarded {
    ($($rest:ident)*) => {
        impl<P: Permission, $($rest: Takes),*> Guarded for (Permit<P>, $($rest,)*) {
            const PERMISSION: &'static str = P::NAME;
            const ROLES: &'static [Role] = P::ROLES;
            fn guard(route: Route) -> Route {
                route.wrap(from_fn(check::<P, _>))
            }
            fn told(operation: &mut Operation) {
                operation.refuses(&[401, 403]);
                $($rest::told(operation);)*
            }
        }
        impl<$($rest: Takes),*> Guarded for (Open, $($rest,)*) {
            const PERMISSION: &'static str = "open";
            const ROLES: &'static [Role] = &[];
            fn guard(route: Route) -> Route {
                route
            }
            fn told(_operation: &mut Operation) {
                $($rest::told(_operation);)*
            }
        }
    };
}
guarded!();
guarded!(A);
guarded!(A B);
guarded!(A B C);
guarded!(A B C D);

/// Lets only an actor with `P` through to the handler and its extractors.
async fn check<P: Permission, B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    match permitted::<P>(&request).await {
        Ok(()) => Ok(next.call(request).await?.map_into_left_body()),
        Err(error) => Ok(request.error_response(error).map_into_right_body()),
    }
}

async fn permitted<P: Permission>(request: &ServiceRequest) -> Result<(), Error> {
    let actor = session::actor(request).await?;
    if !P::ROLES.contains(&actor.role) {
        session::denied(request, &actor, P::NAME).await?;
        return Err(Error::Forbidden);
    }
    request.extensions_mut().insert(Caller(actor.id.clone()));
    request.extensions_mut().insert(Passed::<P> { actor, of: PhantomData });
    Ok(())
}

impl Routes {
    /// A table of addresses that all begin with `prefix`.
    pub fn at(prefix: &'static str) -> Routes {
        Routes { prefix, entries: Vec::new() }
    }

    /// A GET address.
    pub fn get<F, Args>(self, path: &str, handler: F, summary: &'static str) -> Routes
    where
        F: Handler<Args>,
        Args: FromRequest + Guarded + 'static,
        F::Output: Responder + Gives + 'static,
    {
        self.add(Method::GET, path, handler, summary)
    }

    /// A GET address whose handler reads the query. At any other a query is refused.
    pub fn list<F, Args>(self, path: &str, handler: F, summary: &'static str) -> Routes
    where
        F: Handler<Args>,
        Args: FromRequest + Guarded + 'static,
        F::Output: Responder + Gives + 'static,
    {
        self.route::<F, Args>(Method::GET, path, Route::new().method(Method::GET).to(handler), summary)
    }

    /// A POST address.
    pub fn post<F, Args>(self, path: &str, handler: F, summary: &'static str) -> Routes
    where
        F: Handler<Args>,
        Args: FromRequest + Guarded + 'static,
        F::Output: Responder + Gives + 'static,
    {
        self.add(Method::POST, path, handler, summary)
    }

    /// A PUT address.
    pub fn put<F, Args>(self, path: &str, handler: F, summary: &'static str) -> Routes
    where
        F: Handler<Args>,
        Args: FromRequest + Guarded + 'static,
        F::Output: Responder + Gives + 'static,
    {
        self.add(Method::PUT, path, handler, summary)
    }

    /// A PATCH address: a JSON merge patch.
    pub fn patch<F, Args>(self, path: &str, handler: F, summary: &'static str) -> Routes
    where
        F: Handler<Args>,
        Args: FromRequest + Guarded + 'static,
        F::Output: Responder + Gives + 'static,
    {
        self.add(Method::PATCH, path, handler, summary)
    }

    /// A DELETE address.
    pub fn delete<F, Args>(self, path: &str, handler: F, summary: &'static str) -> Routes
    where
        F: Handler<Args>,
        Args: FromRequest + Guarded + 'static,
        F::Output: Responder + Gives + 'static,
    {
        self.add(Method::DELETE, path, handler, summary)
    }

    /// The address added last may answer this problem too.
    pub fn refusing(mut self, status: u16) -> Routes {
        if let Some(entry) = self.entries.last_mut() {
            entry.operation.refuses(&[status]);
        }
        self
    }

    /// Another room's table beside this one.
    pub fn with(mut self, other: Routes) -> Routes {
        let prefix = self.prefix;
        self.entries
            .extend(other.entries.into_iter().map(|entry| Entry { path: format!("{prefix}{}", entry.path), ..entry }));
        self
    }

    /// All entries, for a test that asks each address as each role.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Puts the table into the server. A method an address does not have answers 405.
    pub fn mount(self, server: &mut ServiceConfig) {
        let mut paths: Vec<(String, Vec<Route>)> = Vec::new();
        for entry in self.entries {
            match paths.iter_mut().find(|(path, _)| *path == entry.path) {
                Some((_, routes)) => routes.push(entry.route),
                None => paths.push((entry.path, vec![entry.route])),
            }
        }
        // The server takes the first pattern that fits: `/services/match` must stand before
        // `/services/{id}`, whatever the order of the rooms.
        paths.sort_by_key(|(path, _)| path.split('/').map(|part| part.starts_with('{')).collect::<Vec<bool>>());
        for (path, routes) in paths {
            let resource = routes.into_iter().fold(web::resource(path), actix_web::Resource::route);
            server.service(resource.default_service(web::to(wrong_method)));
        }
    }

    fn add<F, Args>(self, method: Method, path: &str, handler: F, summary: &'static str) -> Routes
    where
        F: Handler<Args>,
        Args: FromRequest + Guarded + 'static,
        F::Output: Responder + Gives + 'static,
    {
        let route = Route::new().method(method.clone()).to(handler);
        // An open address is a page or a probe; what others append to a link must not close it.
        let strict = if Args::ROLES.is_empty() { route } else { route.wrap(from_fn(without_query)) };
        self.route::<F, Args>(method, path, strict, summary)
    }

    fn route<F, Args>(mut self, method: Method, path: &str, route: Route, summary: &'static str) -> Routes
    where
        F: Handler<Args>,
        Args: Guarded,
        F::Output: Gives,
    {
        let mut operation = Operation::new(type_name::<F>(), summary);
        Args::told(&mut operation);
        F::Output::told(&mut operation);
        self.entries.push(Entry {
            method,
            path: format!("{}{path}", self.prefix),
            permission: Args::PERMISSION,
            roles: Args::ROLES,
            operation,
            route: Args::guard(route),
        });
        self
    }
}

/// Refuses a query at an address that has no use for one.
async fn without_query<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    if request.query_string().is_empty() {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    Ok(request.error_response(Error::invalid("?", "unknown_parameter")).map_into_right_body())
}

async fn wrong_method() -> Result<&'static str, Error> {
    Err(Error::MethodNotAllowed)
}
