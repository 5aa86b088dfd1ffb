//! What only the warp filters have: which rejection is answered by what, and paths that
//! are left to other filters.

use admittance::http::{HttpConfig, Problem, ProblemCode};
use admittance::warp::{Authenticator, current_user, recover, recover_all, routes};
use serde_json::Value;
use warp::reject::Reject;
use warp::{Filter, Rejection};

use crate::client::{Client, registration, text};
use crate::request::{Request, get};
use crate::transport::{App, Framework};
use support::bed::config;

#[derive(Debug)]
struct OutOfPaper;
impl Reject for OutOfPaper {}

async fn out_of_paper() -> Result<&'static str, Rejection> {
    Err(warp::reject::custom(OutOfPaper))
}

async fn closed() -> Result<&'static str, Rejection> {
    Err(Problem::new(ProblemCode::AccountDisabled).into())
}

/// An application with filters of its own, before anything is recovered.
fn own(
    client: &Client,
) -> impl Filter<Extract = (String,), Error = Rejection> + Clone + Send + Sync + 'static {
    let hello = warp::path!("hello")
        .and(warp::get())
        .and(current_user(&Authenticator::from(&client.api)))
        .map(|_| "hello");
    let print = warp::path!("print").and_then(out_of_paper);
    let closed = warp::path!("closed").and_then(closed);
    let json = warp::path!("json")
        .and(warp::post())
        .and(warp::body::content_length_limit(8))
        .and(warp::body::json())
        .map(|_: Value| "json");
    let query = warp::path!("query")
        .and(warp::query::<Vec<(String, u8)>>())
        .map(|_| "query");
    let header = warp::path!("header")
        .and(warp::header::<u8>("x-level"))
        .map(|_| "header");
    let cookie = warp::path!("cookie")
        .and(warp::cookie::<String>("theme"))
        .map(|_| "cookie");
    hello
        .or(print)
        .unify()
        .or(closed)
        .unify()
        .or(json)
        .unify()
        .or(query)
        .unify()
        .or(header)
        .unify()
        .or(cookie)
        .unify()
        .map(str::to_owned)
}

#[tokio::test]
async fn only_what_the_filters_for_users_refuse_is_recovered() {
    let client = Client::new(Framework::Warp);
    let app = App::warp(
        own(&client)
            .or(routes(&client.api))
            .recover(recover)
            .recover(async |rejection: Rejection| {
                Ok::<_, Rejection>(format!(
                    "found {}, paper {}",
                    !rejection.is_not_found(),
                    rejection.find::<OutOfPaper>().is_none()
                ))
            }),
    );
    let answer = app.send(&get("/hello").bearer("x")).await;
    assert_eq!(answer.code(), (401, "invalid_token"));
    let answer = app.send(&get("/print")).await;
    assert_eq!(
        (answer.status, answer.text()),
        (200, "found true, paper false")
    );
    let answer = app.send(&get("/nothing")).await;
    assert_eq!(
        (answer.status, answer.text()),
        (200, "found false, paper true")
    );
    let answer = app.send(&Request::new("POST", "/hello")).await;
    assert_eq!(
        (answer.status, answer.text()),
        (200, "found true, paper true")
    );
}

#[tokio::test]
async fn a_problem_of_the_applications_own_is_answered_as_it_is() {
    let client = Client::new(Framework::Warp);
    for app in [App::warp(own(&client).recover(recover)), all(&client)] {
        let answer = app.send(&get("/closed")).await;
        assert_eq!(answer.code(), (409, "account_disabled"));
    }
}

fn all(client: &Client) -> App {
    let cors = warp::cors().allow_origin("https://exam.example");
    let shared = warp::path!("shared").map(|| "shared").with(cors);
    App::warp(
        own(client)
            .or(shared)
            .or(routes(&client.api))
            .recover(recover_all),
    )
}

#[tokio::test]
async fn every_rejection_can_be_answered_as_a_problem() {
    let client = Client::new(Framework::Warp);
    let app = all(&client);
    let json = |body: &str| Request::new("POST", "/json").text("application/json", body);
    let plain = |body: &str| Request::new("POST", "/json").text("text/plain", body);
    for (asked, expected) in [
        (get("/hello").bearer("x"), (401, "invalid_token")),
        (get("/nothing"), (404, "not_found")),
        (Request::new("POST", "/hello"), (405, "method_not_allowed")),
        (get("/json"), (405, "method_not_allowed")),
        (Request::new("POST", "/json"), (400, "malformed_request")),
        (json("{"), (400, "malformed_request")),
        (json("[1, 2, 3, 4]"), (413, "payload_too_large")),
        (plain("{}"), (415, "unsupported_media_type")),
        (get("/query?a=b"), (400, "malformed_request")),
        (get("/header"), (400, "malformed_request")),
        (
            get("/header").header("x-level", "high"),
            (400, "malformed_request"),
        ),
        (get("/cookie"), (400, "malformed_request")),
        (
            get("/cookie").header("cookie", "other=1"),
            (400, "malformed_request"),
        ),
        (
            get("/shared").header("origin", "https://other.example"),
            (403, "forbidden"),
        ),
        (get("/print"), (500, "internal")),
    ] {
        let answer = app.send(&asked).await;
        assert_eq!(answer.code(), expected, "{asked}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert!(!answer.text().contains("OutOfPaper"));
    }
}

#[tokio::test]
async fn what_is_no_path_of_the_contract_is_left_to_the_application() {
    let client = Client::new(Framework::Warp);
    let own = warp::path::full().map(|path: warp::path::FullPath| path.as_str().to_owned());
    let app = App::warp(routes(&client.api).or(own));
    for path in [
        "/",
        "/nothing",
        "/login/",
        "//login",
        "/login/x",
        "/LOGIN",
        "/%6Cogin",
        "/sessions/",
        "/sessions/x/y",
        "/admin/users",
        "/admin/users/x/sessions/y",
    ] {
        for method in ["GET", "POST"] {
            let answer = app.send(&Request::new(method, path)).await;
            assert_eq!((answer.status, answer.text()), (200, path), "{method}");
        }
    }
    let answer = app.send(&get("/login")).await;
    assert_eq!(answer.code(), (405, "method_not_allowed"));
}

#[tokio::test]
async fn the_routes_may_stand_behind_a_path() {
    let client = Client::new(Framework::Warp);
    let app = App::warp(
        warp::path("auth")
            .and(routes(&client.api))
            .recover(recover_all),
    );
    let ann = client.register("ann@example.org").await;
    let ask = async |path: &str| app.send(&get(path).bearer(text(&ann, "token"))).await;
    assert_eq!(ask("/auth/profile").await.json["email"], "ann@example.org");
    for path in ["/profile", "/auth", "/auth/", "/auth//profile"] {
        assert_eq!(ask(path).await.code(), (404, "not_found"), "{path}");
    }
}

/// `warp::serve` sets the address that `warp::addr::remote` gives; all other tests set
/// `Peer`.
#[tokio::test]
async fn the_address_of_the_client_is_that_of_the_server_of_warp() {
    let client = Client::with(Framework::Warp, config(), HttpConfig::default());
    let answer = warp::test::request()
        .method("POST")
        .path("/register")
        .remote_addr("192.0.2.8:4711".parse().unwrap())
        .json(&registration("ann@example.org"))
        .reply(&routes(&client.api))
        .await;
    let ann: Value = serde_json::from_slice(answer.body()).unwrap();
    let sessions = client.get("/sessions", text(&ann, "token")).await;
    assert_eq!(sessions.json["sessions"][0]["ip"], "192.0.2.8");
}
