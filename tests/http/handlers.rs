//! What an application's own handlers do with the cookies of a session.

use admittance::http::{AuthApi, CookieConfig, CookieError, HttpConfig, SESSION_HEADER};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::json;
use support::bed::{Bed, PASSWORD, config, login};

use crate::answer::Answer;
use crate::browser::{Browser, LISTED, OWN, REFRESH, TOKEN, with_cookies};
use crate::client::Client;
use crate::set_cookie::set_cookies;
use crate::transport::{Framework, each_framework};

each_framework!(
    cookies_that_a_handler_sets_are_those_of_the_endpoints,
    asvs_14_3_1_a_handler_forgets_what_a_logout_forgets,
    asvs_7_4_1_a_handler_ends_the_session_of_the_cookies,
);

fn as_answer(headers: HeaderMap) -> Answer {
    Answer::new(200, "OK", headers, Vec::new()).unwrap()
}

async fn cookies_that_a_handler_sets_are_those_of_the_endpoints(framework: Framework) {
    for remember in [None, Some(false)] {
        let mut browser = Browser::new(framework);
        browser.register("ann@example.org").await;
        let mut body = json!({"email": "ann@example.org", "password": PASSWORD});
        if let Some(remember) = remember {
            body["remember"] = json!(remember);
        }
        let endpoint = browser.ask("POST /login", body).await;

        let client = &browser.client;
        let mut request = login("ann@example.org", PASSWORD);
        request.remember = remember;
        let opened = client
            .bed
            .auth
            .login(request, &client.bed.here)
            .await
            .unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("set-cookie", HeaderValue::from_static("theme=dark"));
        client.api.keep(&opened.tokens, &mut headers).unwrap();
        for value in headers.get_all("set-cookie").iter().skip(1) {
            assert!(value.is_sensitive());
        }
        let handler = set_cookies(&as_answer(headers));
        let [theme, handler @ ..] = handler.as_slice() else {
            panic!("no cookies")
        };
        assert_eq!(theme.name, "theme");
        let without_values = |cookies: &[crate::set_cookie::SetCookie]| -> Vec<_> {
            let cookies = cookies.iter().cloned();
            cookies
                .map(|cookie| (cookie.name, cookie.attributes, cookie.max_age))
                .collect()
        };
        let endpoint = set_cookies(&endpoint);
        assert_eq!(without_values(handler), without_values(&endpoint));

        browser.jar.clear();
        for cookie in handler {
            browser
                .jar
                .push((cookie.name.clone(), cookie.value.clone()));
        }
        assert_eq!(browser.names(), [REFRESH, TOKEN]);
        assert_eq!(browser.ask("GET /profile", None).await.status, 200);
        assert_eq!(browser.ask("POST /refresh", None).await.status, 200);
    }
}

async fn asvs_14_3_1_a_handler_forgets_what_a_logout_forgets(framework: Framework) {
    let mut browser = Browser::new(framework);
    browser.register("ann@example.org").await;
    let endpoint = browser.ask("POST /logout", None).await;
    let mut headers = HeaderMap::new();
    browser.client.api.forget(&mut headers).unwrap();
    let handler = as_answer(headers);
    assert_eq!(set_cookies(&handler), set_cookies(&endpoint));
    let cleared = "\"storage\"";
    assert_eq!(handler.header("clear-site-data"), cleared);
    assert_eq!(endpoint.header("clear-site-data"), cleared);
}

async fn asvs_7_4_1_a_handler_ends_the_session_of_the_cookies(framework: Framework) {
    // Both cookies, and each without the other, as when the access token has expired.
    for names in [&[TOKEN, REFRESH][..], &[REFRESH], &[TOKEN]] {
        let mut browser = Browser::new(framework);
        browser.register("ann@example.org").await;
        let all = browser.jar.clone();
        browser
            .jar
            .retain(|(name, _)| names.contains(&name.as_str()));
        let request = browser.request("POST /sign-out", None);
        let request = request.with_body(());
        let (api, here) = (&browser.client.api, &browser.client.bed.here);
        assert!(
            api.log_out(request.headers(), here).await.unwrap(),
            "{names:?}"
        );
        // Once.
        assert!(!api.log_out(request.headers(), here).await.unwrap());
        browser.jar = all;
        assert_eq!(browser.ask("GET /profile", None).await.status, 401);
        assert_eq!(browser.ask("POST /refresh", None).await.status, 401);
    }
    let browser = Browser::new(framework);
    let nothing = HeaderMap::new();
    let (api, here) = (&browser.client.api, &browser.client.bed.here);
    assert!(!api.log_out(&nothing, here).await.unwrap());
}

#[tokio::test]
async fn where_cookies_are_off_a_handler_sets_none() {
    let client = Client::new(Framework::Axum);
    client.register("ann@example.org").await;
    let opened = client.bed.login("ann@example.org", PASSWORD).await.unwrap();
    let mut headers = HeaderMap::new();
    let kept = client.api.keep(&opened.tokens, &mut headers);
    assert_eq!(kept, Err(CookieError::Off));
    assert_eq!(client.api.forget(&mut headers), Err(CookieError::Off));
    assert!(headers.is_empty());
}

#[tokio::test]
async fn asvs_3_3_5_a_token_that_fits_into_no_cookie_sets_none() {
    let mut http = HttpConfig::default();
    http.cookies = Some(CookieConfig::new().named(&"n".repeat(40)).unwrap());
    let opened = async |audience: &str| {
        let mut settings = config();
        settings.audience = audience.to_owned();
        let client = Client::with(Framework::Axum, settings, http.clone());
        client.register("ann@example.org").await;
        let opened = client.bed.login("ann@example.org", PASSWORD).await;
        (client, opened.unwrap().tokens)
    };
    let (client, tokens) = opened("x").await;
    let mut headers = HeaderMap::new();
    client.api.keep(&tokens, &mut headers).unwrap();
    assert_eq!(headers.get_all("set-cookie").iter().count(), 2);
    // Nobody keeps an answer that has a session in it.
    assert_eq!(headers["cache-control"], "no-store");

    // Each of these characters takes six bytes of JSON, and eight of the token.
    let room = 4056 - tokens.token.expose_secret().len();
    let (client, tokens) = opened(&"\u{1}".repeat(room / 8)).await;
    let mut headers = HeaderMap::new();
    let kept = client.api.keep(&tokens, &mut headers);
    assert_eq!(kept, Err(CookieError::Unfit));
    assert!(headers.is_empty());
}

#[test]
fn asvs_3_5_1_a_handler_takes_a_login_only_from_its_own_page() {
    let client = Client::with(Framework::Axum, config(), with_cookies());
    let api: &AuthApi<_, _> = &client.api;
    let of = |origin: Option<&str>, site: Option<&str>| {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("exam.example"));
        for (name, value) in [("origin", origin), ("sec-fetch-site", site)] {
            if let Some(value) = value {
                headers.insert(name, value.parse().unwrap());
            }
        }
        headers
    };
    let evil = Some("https://evil.example");
    for (headers, is_own) in [
        (of(Some(OWN), Some("same-origin")), true),
        (of(Some(OWN), None), true),
        (of(Some(LISTED), Some("same-site")), true),
        (of(evil, Some("cross-site")), false),
        (of(evil, None), false),
        (of(None, None), false),
    ] {
        let allowed = api.require_own_page(&Method::POST, &headers);
        assert_eq!(allowed.is_ok(), is_own, "{headers:?}");
    }
}

#[test]
fn the_header_that_requests_cookies_has_a_name() {
    assert_eq!(SESSION_HEADER, "admittance-session");
}

#[tokio::test]
async fn the_context_of_a_request_has_the_client_behind_the_proxy_and_the_session_that_it_replaces()
{
    let mut http = with_cookies();
    http.trusted_proxies = "10.0.0.0/8".parse().unwrap();
    let client = Client::over(Framework::Axum, Bed::new(), http);
    let (api, auth) = (&client.api, &client.bed.auth);
    let ann = client.bed.register("ann@example.org").await;

    let mut headers = HeaderMap::new();
    headers.insert("x-forwarded-for", HeaderValue::from_static("203.0.113.7"));
    headers.insert("user-agent", HeaderValue::from_static("Firefox"));
    let here = api.request_context(&headers, Some([10, 0, 0, 1].into()));
    assert_eq!(here.ip(), Some([203, 0, 113, 7].into()));
    assert_eq!(here.user_agent(), Some("Firefox"));
    // A stranger's header is not believed.
    let there = api.request_context(&headers, Some([192, 0, 2, 9].into()));
    assert_eq!(there.ip(), Some([192, 0, 2, 9].into()));

    let mut answer = HeaderMap::new();
    api.keep(&ann.tokens, &mut answer).unwrap();
    let cookies = set_cookies(&as_answer(answer));
    let cookies = cookies
        .iter()
        .map(|one| format!("{}={}", one.name, one.value));
    let cookies = cookies.collect::<Vec<_>>().join("; ");
    headers.insert("cookie", cookies.parse().unwrap());
    let here = api.request_context(&headers, None);
    auth.login(login("ann@example.org", PASSWORD), &here)
        .await
        .unwrap();
    assert!(client.bed.validate(&ann.tokens).await.is_err());
}
