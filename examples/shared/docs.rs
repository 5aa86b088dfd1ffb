//! A page that shows the OpenAPI document to people: all of it is served from
//! here, and nothing is loaded from elsewhere.

use http::{HeaderValue, Response, header};

/// A file of the page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct File {
    /// Where it is.
    pub(crate) path: &'static str,
    content_type: &'static str,
    text: &'static str,
}

/// All of them, the page itself first.
pub(crate) const FILES: [File; 3] = [
    File {
        path: "/docs",
        content_type: "text/html; charset=utf-8",
        text: include_str!("docs/index.html"),
    },
    File {
        path: "/docs/style.css",
        content_type: "text/css; charset=utf-8",
        text: include_str!("docs/style.css"),
    },
    File {
        path: "/docs/script.js",
        content_type: "text/javascript; charset=utf-8",
        text: include_str!("docs/script.js"),
    },
];

/// Scripts and styles from files of this server only, and nothing else that
/// a page could do.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

impl File {
    /// The answer to whoever asks for it.
    pub(crate) fn response(self) -> Response<&'static str> {
        let mut response = Response::new(self.text);
        for (name, value) in [
            (header::CONTENT_TYPE, self.content_type),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::CACHE_CONTROL, "no-cache"),
        ] {
            let value = HeaderValue::from_static(value);
            response.headers_mut().insert(name, value);
        }
        response
    }
}
