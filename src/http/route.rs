//! Paths and their methods.

use std::sync::LazyLock;

use http::{HeaderValue, Method, header};

use super::config::HttpConfig;
use super::endpoint::Endpoint;
use super::problem::{Problem, ProblemCode};

/// A path and what its methods do.
#[doc(hidden)]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Route {
    /// A name in braces matches one segment.
    pub path: &'static str,
    /// `HEAD` goes with `GET`.
    pub methods: Vec<(Method, Endpoint)>,
    allow: HeaderValue,
}

static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    let mut routes: Vec<Route> = Vec::new();
    for endpoint in Endpoint::ALL {
        let (path, method) = (endpoint.path(), (endpoint.method(), *endpoint));
        match routes.iter_mut().find(|route| route.path == path) {
            Some(route) => route.methods.push(method),
            None => routes.push(Route {
                path,
                methods: vec![method],
                allow: HeaderValue::from_static(""),
            }),
        }
    }
    for route in &mut routes {
        // Methods are tokens, so this never fails.
        if let Ok(allow) = route.allowed().try_into() {
            route.allow = allow;
        }
    }
    routes
});

/// All routes, including those that the settings disable.
#[doc(hidden)]
#[must_use]
pub fn routes() -> &'static [Route] {
    &ROUTES
}

impl Route {
    /// Whether the settings enable it.
    pub(super) fn is_on(
        &self,
        config: &HttpConfig,
        has_second_factors: bool,
        has_providers: bool,
    ) -> bool {
        let is_of_providers = self.path == "/providers"
            || self.path.starts_with("/login/{provider}")
            || self.path.starts_with("/identities");
        if is_of_providers {
            return has_providers;
        }
        if self.path == "/login/factor" {
            return has_second_factors;
        }
        if self.path.starts_with("/admin/") {
            return config.admin;
        }
        #[cfg(feature = "openapi")]
        if self.path == "/openapi.json" {
            return config.openapi;
        }
        true
    }

    /// The segments that stand for what is in braces, if `path` is this route's.
    pub(super) fn matches<'p>(&self, path: &'p str) -> Option<Vec<&'p str>> {
        let mut found = Vec::new();
        let (mut segments, mut wanted) = (path.split('/'), self.path.split('/'));
        loop {
            match (wanted.next(), segments.next()) {
                (None, None) => return Some(found),
                (Some(name), Some(segment)) if name.starts_with('{') && !segment.is_empty() => {
                    found.push(segment);
                }
                (Some(name), Some(segment)) if name == segment => {}
                _ => return None,
            }
        }
    }

    pub(super) fn endpoint(&self, method: &Method) -> Result<Endpoint, Problem> {
        let wanted = if method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        let found = self.methods.iter().find(|(method, _)| method == wanted);
        found.map(|(_, endpoint)| *endpoint).ok_or_else(|| {
            Problem::new(ProblemCode::MethodNotAllowed).header(header::ALLOW, self.allow.clone())
        })
    }

    /// The value of `Allow`.
    pub(super) const fn allow(&self) -> &HeaderValue {
        &self.allow
    }

    fn allowed(&self) -> String {
        let names = self.methods.iter().flat_map(|(method, _)| {
            let head = (method == Method::GET).then_some("HEAD");
            std::iter::once(method.as_str()).chain(head)
        });
        names.collect::<Vec<_>>().join(", ")
    }
}
