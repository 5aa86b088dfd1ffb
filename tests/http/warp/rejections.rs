//! Who answers which rejection.

use admittance::http::{Problem, ProblemCode};
use admittance::warp::{current_user, recover, recover_all, routes};
use serde_json::Value;
use warp::reject::Reject;
use warp::{Filter, Rejection};

use crate::warp::client::{App, Client, app, bearer, request, send};

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
        .and(current_user(&client.auth))
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
    let client = Client::new();
    let app = app(own(&client)
        .or(routes(&client.api))
        .recover(recover)
        .recover(async |rejection: Rejection| {
            Ok::<_, Rejection>(format!(
                "found {}, paper {}",
                !rejection.is_not_found(),
                rejection.find::<OutOfPaper>().is_none()
            ))
        }));
    let answer = send(&app, bearer("GET", "/hello", "x")).await;
    assert_eq!(answer.code(), (401, "invalid_token"));
    let answer = send(&app, request("GET", "/print")).await;
    assert_eq!(answer.text(), (200, "found true, paper false"));
    let answer = send(&app, request("GET", "/nothing")).await;
    assert_eq!(answer.text(), (200, "found false, paper true"));
    let answer = send(&app, request("POST", "/hello")).await;
    assert_eq!(answer.text(), (200, "found true, paper true"));
}

#[tokio::test]
async fn a_problem_of_the_applications_own_is_answered_as_it_is() {
    let client = Client::new();
    for app in [app(own(&client).recover(recover)), all(&client)] {
        let answer = send(&app, request("GET", "/closed")).await;
        assert_eq!(answer.code(), (409, "account_disabled"));
    }
}

fn all(client: &Client) -> App {
    let cors = warp::cors().allow_origin("https://exam.example");
    let shared = warp::path!("shared").map(|| "shared").with(cors);
    app(own(client)
        .or(shared)
        .or(routes(&client.api))
        .recover(recover_all))
}

#[tokio::test]
async fn every_rejection_can_be_answered_as_a_problem() {
    let client = Client::new();
    let app = all(&client);
    let json = |body: &str| request("POST", "/json").body(body);
    let plain = |body: &str| json(body).header("content-type", "text/plain");
    for (asked, expected) in [
        (bearer("GET", "/hello", "x"), (401, "invalid_token")),
        (request("GET", "/nothing"), (404, "not_found")),
        (request("POST", "/hello"), (405, "method_not_allowed")),
        (request("GET", "/json"), (405, "method_not_allowed")),
        (request("POST", "/json"), (400, "malformed_request")),
        (json("{"), (400, "malformed_request")),
        (json("[1, 2, 3, 4]"), (413, "payload_too_large")),
        (plain("{}"), (415, "unsupported_media_type")),
        (request("GET", "/query?a=b"), (400, "malformed_request")),
        (request("GET", "/header"), (400, "malformed_request")),
        (
            request("GET", "/header").header("x-level", "high"),
            (400, "malformed_request"),
        ),
        (request("GET", "/cookie"), (400, "malformed_request")),
        (
            request("GET", "/cookie").header("cookie", "other=1"),
            (400, "malformed_request"),
        ),
        (
            request("GET", "/shared").header("origin", "https://other.example"),
            (403, "forbidden"),
        ),
        (request("GET", "/print"), (500, "internal")),
    ] {
        let name = format!("{asked:?}");
        let answer = send(&app, asked).await;
        assert_eq!(answer.code(), expected, "{name}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert!(!answer.text().1.contains("OutOfPaper"));
    }
}
