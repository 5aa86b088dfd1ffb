//! The page of the examples that shows the document.

#[path = "../../../examples/shared/docs.rs"]
mod docs;

use http::{Method, Response};

const PATHS: [&str; 3] = ["/docs", "/docs/style.css", "/docs/script.js"];

fn served(path: &str) -> Response<bytes::Bytes> {
    docs::answer(&Method::GET, path).unwrap()
}

/// The texts in quotation marks after `name=`.
fn attributes<'t>(text: &'t str, name: &str) -> Vec<&'t str> {
    let start = format!("{name}=\"");
    let parts = text.split(start.as_str()).skip(1);
    parts.map(|part| part.split('"').next().unwrap()).collect()
}

#[test]
fn the_page_loads_nothing_from_elsewhere_and_runs_nothing_of_its_own_text() {
    let texts = PATHS.map(|path| String::from_utf8(served(path).into_body().into()).unwrap());
    let [page, style, script] = &texts;
    let mut links = attributes(page, "href");
    links.extend(attributes(page, "src"));
    assert!(links.len() > 3);
    for link in links {
        let is_here = link.starts_with('#') || link == "data:," || link == "openapi.json";
        assert!(
            is_here || PATHS.contains(&format!("/{link}").as_str()),
            "{link}"
        );
    }
    for inline in [" style=", " onclick", " onload", "<style", "<script>"] {
        assert!(!page.contains(inline), "{inline}");
    }
    for text in [style, script] {
        for elsewhere in ["//cdn", "http:", "https:", "url(", "@import", "import("] {
            assert!(!text.contains(elsewhere), "{elsewhere}");
        }
    }
    // What is in the document stays text.
    for html in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
    ] {
        assert!(!script.contains(html), "{html}");
    }
}

#[test]
fn the_pages_policy_allows_no_inline_script_and_no_other_host() {
    for path in PATHS {
        let response = served(path);
        let policy = response.headers()["content-security-policy"]
            .to_str()
            .unwrap();
        let directives: Vec<_> = policy.split("; ").collect();
        for needed in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(directives.contains(&needed), "{needed}");
        }
        assert!(!policy.contains("unsafe"));
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    }
}

#[test]
fn the_page_is_only_read() {
    assert!(docs::answer(&Method::HEAD, "/docs").is_some());
    assert!(docs::answer(&Method::POST, "/docs").is_none());
    assert!(docs::answer(&Method::GET, "/docs/").is_none());
}
