//! The form by which some providers answer, and a server without providers.

use crate::client::Client;
use crate::federation::Exam;
use crate::request::Request;
use crate::transport::{Framework, each_framework};

each_framework!(
    the_form_of_a_provider_leads_to_the_page_of_the_application,
    without_providers_there_are_no_such_routes,
);

async fn the_form_of_a_provider_leads_to_the_page_of_the_application(framework: Framework) {
    let exam = Exam::new(framework);
    let send = async |path: &str, kind: &str, form: &str| {
        let request = Request::new("POST", path).text(kind, form);
        exam.client.app.send(&request).await
    };
    let form = "application/x-www-form-urlencoded";
    let body = "state=a%20b&code=c%26d&other=x&user=%7B%7D";
    let led = send("/login/apple/form", form, body).await;
    assert_eq!(led.status, 303);
    let expected = "/callback/apple#state=a+b&code=c%26d&user=%7B%7D";
    assert_eq!(led.header("location"), expected);
    assert_eq!(led.header("referrer-policy"), "no-referrer");
    assert_eq!(led.header("cache-control"), "no-store");
    for (path, kind, body, status) in [
        ("/login/school/form", form, "state=a", 404),
        ("/login/none/form", form, "state=a", 404),
        ("/login/apple/form", form, "state=a&state=b", 400),
        ("/login/apple/form", form, "state=%ff", 400),
        ("/login/apple/form", "application/json", "{}", 415),
    ] {
        assert_eq!(send(path, kind, body).await.status, status, "{path} {body}");
    }
}

async fn without_providers_there_are_no_such_routes(framework: Framework) {
    let client = Client::new(framework);
    for line in [
        "GET /providers",
        "POST /login/school",
        "POST /login/school/callback",
        "GET /identities",
    ] {
        let answer = client.send(Request::line(line)).await;
        assert_eq!(answer.code(), (404, "not_found"), "{line}");
    }
}
