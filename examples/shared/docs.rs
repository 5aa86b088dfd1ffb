//! A page that shows the OpenAPI document to people: all of it is served from
//! here, and nothing is loaded from elsewhere.

use bytes::Bytes;
use http::{HeaderValue, Method, Response, header};

/// A file of the page.
struct File {
    path: &'static str,
    content_type: &'static str,
    text: &'static str,
}

/// All of them, the page itself first.
const FILES: [File; 3] = [
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

/// The answer to a request for the page or one of its files; `None` for any other request.
pub(crate) fn answer(method: &Method, path: &str) -> Option<Response<Bytes>> {
    let is_reading = matches!(*method, Method::GET | Method::HEAD);
    let file = FILES.iter().find(|file| is_reading && file.path == path)?;
    let mut response = Response::new(Bytes::from_static(file.text.as_bytes()));
    for (name, value) in [
        (header::CONTENT_TYPE, file.content_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ] {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    Some(response)
}
