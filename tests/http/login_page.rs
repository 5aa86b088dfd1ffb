//! A browser without a session is sent to the login page, and nothing else is.

use admittance::axum::Authenticator;
use admittance::http::{Guard, HttpConfig, safe_next};
use axum::Router;
use axum::routing::get as on_get;

use crate::answer::Answer;
use crate::browser::{Browser, TOKEN, with_cookies};
use crate::client::{Client, text};
use crate::guard::guarded;
use crate::request::{Request, get};
use crate::transport::{App, Framework, each_framework};
use support::bed::config;

each_framework!(
    a_navigation_without_a_session_goes_to_the_login_page,
    every_other_request_gets_the_problem,
    asvs_3_7_2_the_way_back_stays_on_this_server,
    a_guarded_login_page_does_not_lead_to_itself,
);

const HTML: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

fn navigation(line: &str) -> Request {
    Request::line(line)
        .header("Host", "exam.example")
        .header("Accept", HTML)
        .header("Sec-Fetch-Mode", "navigate")
        .header("Sec-Fetch-Site", "none")
}

fn app(client: &Client, framework: Framework, page: &str) -> App {
    let guard = Guard::session(&Authenticator::from(&client.api));
    let guard = guard.login_page(page).unwrap();
    guarded(framework, &client.api, &guard)
}

fn location(answer: &Answer) -> (u16, String) {
    (answer.status, answer.header("location"))
}

async fn a_navigation_without_a_session_goes_to_the_login_page(framework: Framework) {
    let client = Client::new(framework);
    let app = app(&client, framework, "/login");
    let answer = app
        .send(&navigation("GET /exams/7?page=2&sort=a%20b"))
        .await;
    let way = "/login?next=%2Fexams%2F7%3Fpage%3D2%26sort%3Da%2520b".to_owned();
    assert_eq!(location(&answer), (303, way));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.body, b"");
    let plain = get("/exams/7").header("Accept", "Text/HTML; q=0.5");
    let other_scheme = navigation("HEAD /exams/7").header("Authorization", "Basic YTpi");
    for asked in [plain, other_scheme] {
        let way = "/login?next=%2Fexams%2F7".to_owned();
        assert_eq!(location(&app.send(&asked).await), (303, way), "{asked}");
    }
}

async fn every_other_request_gets_the_problem(framework: Framework) {
    let client = Client::new(framework);
    let app = app(&client, framework, "/login");
    let ann = client.register("ann@example.org").await;
    for asked in [
        get("/exams/7"),
        get("/exams/7").header("Accept", "*/*"),
        get("/exams/7").header("Accept", "application/json"),
        get("/exams/7").header("Accept", "text/htmlx, text/plain"),
        navigation("POST /exams/7"),
        navigation("PUT /exams/7"),
        navigation("GET /exams/7").with("Sec-Fetch-Mode", "cors"),
        navigation("GET /exams/7").with("Sec-Fetch-Mode", "no-cors"),
        navigation("GET /exams/7").header("Sec-Fetch-Mode", "cors"),
        navigation("GET /exams/7").bearer("x"),
    ] {
        let answer = app.send(&asked).await;
        assert_eq!(answer.code(), (401, "invalid_token"), "{asked}");
        assert_eq!(answer.header("location"), "", "{asked}");
    }
    let let_in = navigation("GET /exams/7").bearer(text(&ann, "token"));
    assert_eq!(app.send(&let_in).await.status, 200);

    // A browser whose session is dead is sent there, one that lacks something else is not.
    let mut browser = Browser::at(framework, with_cookies());
    browser.register("bob@example.org").await;
    let auth = Authenticator::from(&browser.client.api);
    let guard = Guard::session(&auth).verified().login_page("/login");
    let app = guarded(framework, &browser.client.api, &guard.unwrap());
    let cookie =
        |value: &str| navigation("GET /exams/7").header("Cookie", format!("{TOKEN}={value}"));
    let (_, token) = browser.jar.iter().find(|(name, _)| name == TOKEN).unwrap();
    let unverified = app.send(&cookie(token)).await;
    assert_eq!(unverified.code(), (409, "not_verified"));
    let dead = app.send(&cookie("x")).await;
    assert_eq!(location(&dead).1, "/login?next=%2Fexams%2F7");
    let foreign = cookie(token)
        .header("Upgrade", "websocket")
        .with("Sec-Fetch-Site", "cross-site")
        .header("Origin", "https://evil.example");
    assert_eq!(app.send(&foreign).await.code(), (403, "forbidden"));
}

async fn asvs_3_7_2_the_way_back_stays_on_this_server(framework: Framework) {
    let client = Client::new(framework);
    let guard = Guard::session(&Authenticator::from(&client.api));
    let guard = guard.login_page("/login").unwrap();
    let auth = guard.clone();
    // Every path is behind the guard.
    let app = match framework {
        Framework::Axum => Router::new().fallback(async || "in").layer(guard).into(),
        Framework::Warp => App::warp(admittance::warp::protect(&auth, any_path(), |user| {
            warp::Filter::map(user, |_| "in")
        })),
    };
    for target in [
        "//evil.example",
        "//evil.example/exams",
        "///evil.example",
        "/.//evil.example",
        "/a/..//evil.example",
        "/%2fevil.example",
        "/%5Cevil.example",
        "http://evil.example//evil.example",
    ] {
        let answer = app.send(&navigation(&format!("GET {target}"))).await;
        assert_eq!(location(&answer), (303, "/login".to_owned()), "{target}");
    }
    for target in [
        "/exams?next=//evil.example",
        "/exams?next=https://evil.example/&a=1#x",
        "/exams/..;/x",
        "http://evil.example/exams",
    ] {
        let answer = app.send(&navigation(&format!("GET {target}"))).await;
        let (status, way) = location(&answer);
        assert_eq!(status, 303, "{target}");
        let way = url(&way);
        assert_eq!((way.0.as_str(), way.1.len()), ("/login", 1), "{target}");
        let next = way.1[0].as_str();
        assert_eq!(safe_next(next), Some(next), "{target}");
        assert!(next.starts_with("/exams"), "{target}: {next}");
    }
}

/// The path of `location`, and the values of its only parameter `next`.
fn url(location: &str) -> (String, Vec<String>) {
    let (path, query) = location.split_once('?').unwrap();
    let parts: Vec<_> = query.split('&').collect();
    let values = parts.iter().map(|part| {
        let value = part.strip_prefix("next=").unwrap();
        let mut bytes = Vec::new();
        let mut rest = value.bytes();
        while let Some(byte) = rest.next() {
            match byte {
                b'%' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    let digits = std::str::from_utf8(&digits).unwrap().to_owned();
                    bytes.push(u8::from_str_radix(&digits, 16).unwrap());
                }
                byte => bytes.push(byte),
            }
        }
        String::from_utf8(bytes).unwrap()
    });
    (path.to_owned(), values.collect())
}

fn any_path() -> impl warp::Filter<Extract = (), Error = std::convert::Infallible> + Clone {
    warp::any()
}

async fn a_guarded_login_page_does_not_lead_to_itself(framework: Framework) {
    let client = Client::new(framework);
    let app = app(&client, framework, "/exams/7");
    let answer = app
        .send(&navigation("GET /exams/7?next=%2Fexams%2F8"))
        .await;
    assert_eq!(answer.code(), (401, "invalid_token"));
    let answer = app.send(&navigation("GET /exams/8")).await;
    assert_eq!(location(&answer).1, "/exams/7?next=%2Fexams%2F8");
}

#[test]
fn a_login_page_is_a_path_of_this_server() {
    let client = Client::with(Framework::Axum, config(), HttpConfig::default());
    let auth = Authenticator::from(&client.api);
    for page in [
        "",
        "login",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example/login",
        "/login?a=b",
        "/login#a",
        "/log in",
        "/login\r\nSet-Cookie: a=b",
    ] {
        let refused = Guard::session(&auth).login_page(page);
        assert!(refused.is_err(), "{page:?}");
    }
    assert!(Guard::session(&auth).login_page("/account/login").is_ok());
}

/// A nested router cuts its prefix off the path.
#[tokio::test]
async fn the_way_back_is_whole_in_a_nested_router() {
    let client = Client::new(Framework::Axum);
    let guard = Guard::session(&Authenticator::from(&client.api));
    let inner = Router::new()
        .route("/exams", on_get(async || "exams"))
        .route_layer(guard.login_page("/login").unwrap());
    let app = App::from(Router::new().nest("/school", inner));
    let answer = app.send(&navigation("GET /school/exams")).await;
    assert_eq!(location(&answer).1, "/login?next=%2Fschool%2Fexams");
}
