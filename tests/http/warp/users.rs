//! The filters that an application's own routes are protected with.

use std::time::Duration;

use admittance::authz::{Permission, Role, RolePolicy};
use admittance::http::{CookieConfig, HttpConfig};
use admittance::warp::{
    CurrentUser, OptionalUser, current_user, optional_user, recent_login, recover,
    require_permission, routes,
};
use serde_json::json;
use warp::Filter;

use crate::warp::client::{App, Client, app, bearer, registration, request, send};
use support::bed::{PASSWORD, config};

fn name(user: CurrentUser) -> String {
    user.user().name.as_str().to_owned()
}

fn maybe(OptionalUser(user): OptionalUser) -> String {
    user.map_or("nobody".to_owned(), name)
}

fn application(client: &Client) -> App {
    let auth = &client.auth;
    let grade = Permission::new("exam:grade").unwrap();
    let hello = warp::path!("hello").and(current_user(auth)).map(name);
    let maybe = warp::path!("maybe").and(optional_user(auth)).map(maybe);
    let grade = warp::path!("grade")
        .and(require_permission(auth, grade))
        .map(name);
    let careful = warp::path!("careful")
        .and(recent_login(auth, Duration::from_secs(300)))
        .map(name);
    let own = hello
        .or(maybe)
        .unify()
        .or(grade)
        .unify()
        .or(careful)
        .unify();
    app(own.or(routes(&client.api)).recover(recover))
}

#[tokio::test]
async fn a_route_lets_in_whoever_is_logged_in() {
    let client = Client::new();
    let app = application(&client);
    let token = client.register("ann@example.org").await;
    let ask = async |token: &str| send(&app, bearer("GET", "/hello", token)).await;
    assert_eq!(ask(&token).await.text(), (200, "Ann"));
    let refused = ask("x").await;
    assert_eq!(refused.code(), (401, "invalid_token"));
    assert_eq!(refused.header("content-type"), "application/problem+json");
    assert_eq!(refused.header("cache-control"), "no-store");
    assert_eq!(
        refused.header("www-authenticate"),
        "Bearer error=\"invalid_token\""
    );
    let bare = send(&app, request("GET", "/hello")).await;
    assert_eq!(bare.code(), (401, "invalid_token"));
    assert_eq!(bare.header("www-authenticate"), "Bearer");

    let logout = send(&app, bearer("POST", "/logout", &token)).await;
    assert_eq!(logout.status, 200);
    assert_eq!(ask(&token).await.code(), (401, "invalid_token"));
}

#[tokio::test]
async fn an_optional_user_is_nobody_only_without_a_token() {
    let client = Client::new();
    let app = application(&client);
    let token = client.register("ann@example.org").await;
    let bare = send(&app, request("GET", "/maybe")).await;
    assert_eq!(bare.text(), (200, "nobody"));
    let ann = send(&app, bearer("GET", "/maybe", &token)).await;
    assert_eq!(ann.text(), (200, "Ann"));
    let wrong = send(&app, bearer("GET", "/maybe", "x")).await;
    assert_eq!(wrong.code(), (401, "invalid_token"));
}

#[tokio::test]
async fn asvs_8_2_1_a_route_that_needs_a_permission_denies_by_default() {
    for (role, expected) in [("examiner", 200), ("student", 403)] {
        let mut settings = config();
        settings.roles = RolePolicy::new()
            .grant(
                Role::new("examiner").unwrap(),
                [Permission::new("exam:grade").unwrap()],
            )
            .initial_role(Role::new(role).unwrap());
        let client = Client::with(settings, HttpConfig::default());
        let app = application(&client);
        let token = client.register("ann@example.org").await;
        let answer = send(&app, bearer("GET", "/grade", &token)).await;
        assert_eq!(answer.status, expected, "{role}");
        if expected == 403 {
            assert_eq!(answer.code(), (403, "forbidden"));
        }
        let answer = send(&app, bearer("GET", "/grade", "x")).await;
        assert_eq!(answer.code(), (401, "invalid_token"));
    }
}

#[tokio::test]
async fn asvs_7_5_3_a_route_that_needs_a_recent_password_accepts_a_repeated_one() {
    let client = Client::new();
    let app = application(&client);
    let token = client.register("ann@example.org").await;
    let careful = async |token: &str| send(&app, bearer("GET", "/careful", token)).await;
    client.bed.clock.advance(Duration::from_secs(300));
    assert_eq!(careful(&token).await.text(), (200, "Ann"));
    client.bed.clock.advance(Duration::from_secs(1));
    assert_eq!(careful(&token).await.code(), (403, "recent_login_required"));
    assert_eq!(careful("x").await.code(), (401, "invalid_token"));

    let proof = json!({"current_password": PASSWORD});
    let request = bearer("POST", "/password/confirm", &token).json(&proof);
    let confirmed = send(&app, request).await;
    let token = confirmed.body["token"].as_str().unwrap();
    assert_eq!(careful(token).await.text(), (200, "Ann"));
}

#[tokio::test]
async fn asvs_3_5_1_a_session_in_a_cookie_is_let_in_from_pages_of_the_own_site() {
    let mut http = HttpConfig::default();
    http.cookies = Some(CookieConfig::new());
    let client = Client::with(config(), http);
    let app = application(&client);
    let request_session = request("POST", "/register")
        .header("admittance-session", "cookie")
        .header("sec-fetch-site", "same-origin")
        .json(&registration("ann@example.org"));
    let cookies = send(&app, request_session).await.all("set-cookie");
    assert_eq!(cookies.len(), 2);
    let pair = |cookie: &str| cookie.split(';').next().unwrap().to_owned();
    let cookie = cookies
        .iter()
        .map(|cookie| pair(cookie))
        .collect::<Vec<_>>();
    let cookie = cookie.join("; ");

    for path in ["/hello", "/maybe"] {
        let ask = async |method: &str, site: &str| {
            let asked = request(method, path)
                .header("cookie", &*cookie)
                .header("sec-fetch-site", site);
            send(&app, asked).await
        };
        assert_eq!(ask("GET", "cross-site").await.text(), (200, "Ann"));
        assert_eq!(ask("POST", "same-origin").await.text(), (200, "Ann"));
        assert_eq!(ask("POST", "cross-site").await.code(), (403, "forbidden"));

        // The host may come beside the headers (RFC 9113 §8.3.1), and be another one
        // than they say.
        let ask = async |origin: &str, host: Option<&str>| {
            let asked = request("POST", &format!("https://exam.example{path}"))
                .header("cookie", &*cookie)
                .header("origin", origin);
            let asked = host
                .into_iter()
                .fold(asked, |asked, host| asked.header("host", host));
            send(&app, asked).await.status
        };
        assert_eq!(ask("https://exam.example", None).await, 200);
        assert_eq!(ask("https://blog.exam.example", None).await, 403);
        let other = Some("other.example");
        assert_eq!(ask("https://exam.example", other).await, 403);
        assert_eq!(ask("https://other.example", other).await, 200);

        // A dead cookie is nobody's, where nothing is changed.
        let ask = async |method: &str| {
            let asked = request(method, path)
                .header("cookie", "__Host-admittance_token=x")
                .header("sec-fetch-site", "same-origin");
            send(&app, asked).await
        };
        match path {
            "/maybe" => assert_eq!(ask("GET").await.text(), (200, "nobody")),
            _ => assert_eq!(ask("GET").await.code(), (401, "invalid_token")),
        }
        assert_eq!(ask("POST").await.code(), (401, "invalid_token"));
    }
}
