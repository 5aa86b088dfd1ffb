//! Browser pages over the HTTP contract: plain HTML, CSS and JavaScript, served
//! from the binary.
//!
//! They know no framework: ask [`answer`] first, and give to the API what it
//! does not answer. The pages live at the root of their origin.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use sha2::{Digest, Sha256};

/// A page: what stands in the layout.
struct Page {
    path: &'static str,
    /// Whether the API has an endpoint at the same path. Mailed links point to
    /// these; only a browser that navigates gets the page.
    shared_with_api: bool,
    title: &'static str,
    script: &'static str,
    main: &'static str,
}

macro_rules! page {
    ($path:literal, $shared:literal, $title:literal, $name:literal) => {
        Page {
            path: $path,
            shared_with_api: $shared,
            title: $title,
            script: concat!("/app/assets/", $name, ".js"),
            main: include_str!(concat!("pages/", $name, ".html")),
        }
    };
}

const PAGES: &[Page] = &[
    page!("/", false, "Welcome", "start"),
    page!("/app/register", false, "Create an account", "register"),
    page!("/app/login", false, "Log in", "login"),
    page!("/app/forgot", false, "Forgot your password?", "forgot"),
    page!("/app/account", false, "Your account", "account"),
    page!("/callback/oidc", false, "One moment", "callback"),
    page!("/password/forgot", true, "Forgot your password?", "forgot"),
    page!("/password/reset", true, "Set a new password", "reset"),
    page!("/email/verify", true, "Confirm your address", "verify"),
    page!("/email/disown", true, "This was not me", "disown"),
    page!(
        "/email/change/confirm",
        true,
        "Confirm your new address",
        "change"
    ),
];

const LAYOUT: &str = include_str!("pages/layout.html");

/// A file that pages load.
struct Asset {
    path: &'static str,
    content_type: &'static str,
    text: &'static str,
}

macro_rules! asset {
    ($name:literal, $content_type:literal) => {
        Asset {
            path: concat!("/app/assets/", $name),
            content_type: $content_type,
            text: include_str!(concat!("pages/", $name)),
        }
    };
}

macro_rules! module {
    ($name:literal) => {
        asset!($name, "text/javascript; charset=utf-8")
    };
}

const ASSETS: &[Asset] = &[
    asset!("base.css", "text/css; charset=utf-8"),
    asset!("forms.css", "text/css; charset=utf-8"),
    asset!("account.css", "text/css; charset=utf-8"),
    asset!("icon.svg", "image/svg+xml"),
    module!("account.js"),
    module!("activity.js"),
    module!("api.js"),
    module!("callback.js"),
    module!("change.js"),
    module!("danger.js"),
    module!("devices.js"),
    module!("disown.js"),
    module!("dom.js"),
    module!("forgot.js"),
    module!("form.js"),
    module!("here.js"),
    module!("link.js"),
    module!("linking.js"),
    module!("login.js"),
    module!("mailed.js"),
    module!("next.js"),
    module!("outcomes.js"),
    module!("profile.js"),
    module!("providers.js"),
    module!("register.js"),
    module!("reset.js"),
    module!("security.js"),
    module!("session.js"),
    module!("start.js"),
    module!("strength.js"),
    module!("ticket.js"),
    module!("verify.js"),
    module!("wait.js"),
    module!("ways.js"),
    module!("words.js"),
];

/// Nothing but what comes from here, no script or style in the markup, no form
/// that a browser sends by itself (which could put a password into a URL), and
/// no string that becomes markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self'; form-action 'none'; base-uri 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const PERMISSIONS: &str = "camera=(), display-capture=(), fullscreen=(), geolocation=(), \
    microphone=(), payment=(), publickey-credentials-get=(), usb=()";

/// The pages as they are sent, in the order of [`PAGES`].
static RENDERED: LazyLock<Vec<Bytes>> = LazyLock::new(|| {
    let render = |page: &Page| {
        // What is put in last is not looked into for placeholders.
        let text = LAYOUT
            .replace("{title}", page.title)
            .replace("{script}", page.script)
            .replace("{main}", page.main.trim_end());
        Bytes::from(text)
    };
    PAGES.iter().map(render).collect()
});

/// The tags of the assets' contents, in the order of [`ASSETS`].
static TAGS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let tag = |asset: &Asset| {
        let digest = Sha256::digest(asset.text);
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("\"{hex}\"")
    };
    ASSETS.iter().map(tag).collect()
});

/// The answer to a request for a page or a file of one; `None` when it is not
/// for the pages. It depends on nothing but what is given, reads no cookie and
/// changes nothing.
pub(crate) fn answer(method: &Method, path: &str, headers: &HeaderMap) -> Option<Response<Bytes>> {
    let is_reading = matches!(*method, Method::GET | Method::HEAD);
    let mut pages = PAGES.iter().zip(RENDERED.iter());
    if let Some((page, text)) = pages.find(|(page, _)| page.path == path) {
        return match page.shared_with_api {
            true => (is_reading && wants_html(headers)).then(|| html(page, text)),
            false if is_reading => Some(html(page, text)),
            false => Some(not_allowed()),
        };
    }
    let mut assets = ASSETS.iter().zip(TAGS.iter());
    let (asset, tag) = assets.find(|(asset, _)| asset.path == path)?;
    Some(match is_reading {
        true => file(asset, tag, headers),
        false => not_allowed(),
    })
}

/// Whether `Accept` names HTML, as browsers do when they navigate. A client of
/// the API that accepts anything does not want a page.
fn wants_html(headers: &HeaderMap) -> bool {
    let ranges = headers.get_all(header::ACCEPT).into_iter();
    ranges
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let is_html = parts
                .next()
                .is_some_and(|name| name.eq_ignore_ascii_case("text/html"));
            let is_refused =
                parts
                    .filter_map(|parameter| parameter.split_once('='))
                    .any(|(name, value)| {
                        name.trim().eq_ignore_ascii_case("q")
                            && value
                                .trim()
                                .parse::<f32>()
                                .is_ok_and(|weight| weight <= 0.0)
                    });
            is_html && !is_refused
        })
}

fn html(page: &Page, text: &Bytes) -> Response<Bytes> {
    let mut response = respond(StatusCode::OK, "text/html; charset=utf-8", text.clone());
    let mut set = |name, value| {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value))
    };
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    // The back button after a logout finds nothing.
    set(header::CACHE_CONTROL, "no-store");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(
        header::HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    );
    set(
        header::HeaderName::from_static("permissions-policy"),
        PERMISSIONS,
    );
    if page.shared_with_api {
        set(header::VARY, "Accept");
    }
    response
}

fn file(asset: &Asset, tag: &str, headers: &HeaderMap) -> Response<Bytes> {
    let known = headers.get_all(header::IF_NONE_MATCH).into_iter();
    let is_known = known
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().trim_start_matches("W/") == tag);
    let (status, text) = if is_known {
        (StatusCode::NOT_MODIFIED, "")
    } else {
        (StatusCode::OK, asset.text)
    };
    let mut response = respond(
        status,
        asset.content_type,
        Bytes::from_static(text.as_bytes()),
    );
    let headers = response.headers_mut();
    // Asked for again each time, so that pages and files are of one version.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

fn not_allowed() -> Response<Bytes> {
    let text = Bytes::from_static(b"This address can only be read.\n");
    let mut response = respond(
        StatusCode::METHOD_NOT_ALLOWED,
        "text/plain; charset=utf-8",
        text,
    );
    let allow = HeaderValue::from_static("GET, HEAD");
    response.headers_mut().insert(header::ALLOW, allow);
    response
}

/// An answer with the headers that every one has. A body to `HEAD` is left out
/// by the server.
fn respond(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, content_type),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
