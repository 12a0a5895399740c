//! Every address of the pages with who may call it. A route without that word cannot be added, so nothing is open by
//! oversight.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    handler::Handler,
    http::Method,
    middleware::{self, Next},
    response::Response,
    routing::{MethodFilter, on},
};

use super::{
    backend::Backend,
    errors::Trouble,
    page::Page,
    who::{self, Visitor},
};
use crate::people::accounts::Role;

/// Who may call an address. What it then shows of whom is the handler's matter: staff see their classes only, learners
/// themselves only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody, signed in or not.
    Everyone,
    /// Whoever is signed in.
    SignedIn,
    /// A learner.
    Learner,
    /// A teacher or an administrator.
    Staff,
    /// An administrator.
    Administrator,
}

/// Why somebody may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Nobody is signed in: 401.
    SignIn,
    /// Somebody else may: 403.
    NotYours,
}

impl Access {
    /// Whether somebody with this role may, or nobody in particular.
    pub(crate) fn allows(self, role: Option<Role>) -> Result<(), Refusal> {
        let allowed = match (self, role) {
            (Access::Everyone, _) | (Access::SignedIn, Some(_)) => true,
            (_, None) => return Err(Refusal::SignIn),
            (Access::Learner, Some(role)) => role == Role::Learner,
            (Access::Staff, Some(role)) => role != Role::Learner,
            (Access::Administrator, Some(role)) => role == Role::Administrator,
        };
        if allowed {
            Ok(())
        } else {
            Err(Refusal::NotYours)
        }
    }
}

/// One address and method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) access: Access,
}

/// The table of all addresses, and the router that serves exactly these.
pub(crate) struct Routes {
    router: Router<Arc<dyn Backend>>,
    table: Vec<Route>,
}

impl Routes {
    pub(crate) fn new() -> Routes {
        Routes {
            router: Router::new(),
            table: Vec::new(),
        }
    }

    /// Adds an address that is read.
    pub(crate) fn get<T: 'static>(
        self,
        access: Access,
        path: &'static str,
        handler: impl Handler<T, Arc<dyn Backend>>,
    ) -> Routes {
        self.add(Method::GET, access, path, handler)
    }

    /// Adds an address that changes something.
    pub(crate) fn post<T: 'static>(
        self,
        access: Access,
        path: &'static str,
        handler: impl Handler<T, Arc<dyn Backend>>,
    ) -> Routes {
        self.add(Method::POST, access, path, handler)
    }

    fn add<T: 'static>(
        mut self,
        method: Method,
        access: Access,
        path: &'static str,
        handler: impl Handler<T, Arc<dyn Backend>>,
    ) -> Routes {
        let filter = match method {
            Method::POST => MethodFilter::POST,
            _ => MethodFilter::GET,
        };
        let guarded =
            on(filter, handler).route_layer(middleware::from_fn_with_state(access, enforce));
        self.router = self.router.route(path, guarded);
        self.table.push(Route {
            method,
            path,
            access,
        });
        self
    }

    /// The router.
    pub(crate) fn router(self) -> Router<Arc<dyn Backend>> {
        self.router
    }

    /// The table.
    #[cfg(test)]
    pub(crate) fn table(&self) -> &[Route] {
        &self.table
    }
}

async fn enforce(State(access): State<Access>, request: Request, next: Next) -> Response {
    let visitor: Arc<Visitor> = who::of(request.extensions());
    let trouble = match access.allows(visitor.role()) {
        Ok(()) => return next.run(request).await,
        Err(Refusal::SignIn) => Trouble::SignIn,
        Err(Refusal::NotYours) => Trouble::NotYours,
    };
    trouble.answer(Page::of(request.uri(), request.headers(), visitor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may() {
        use Access::*;
        let nobody = [Everyone, SignedIn, Learner, Staff, Administrator].map(|a| a.allows(None));
        let no = Err(Refusal::SignIn);
        assert_eq!(nobody, [Ok(()), no, no, no, no]);
        let may = |role| {
            [Everyone, SignedIn, Learner, Staff, Administrator]
                .map(|access: Access| access.allows(Some(role)).is_ok())
        };
        assert_eq!(may(Role::Learner), [true, true, true, false, false]);
        assert_eq!(may(Role::Teacher), [true, true, false, true, false]);
        assert_eq!(may(Role::Administrator), [true, true, false, true, true]);
    }
}
