//! Sign in with others by a browser, whose session is in cookies.

use std::time::Duration;

use admittance::config::SessionCheck;
use admittance::http::{CookieConfig, HttpConfig, SESSION_HEADER};
use admittance::store::SessionStore;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::client::text;
use crate::federation::{ANN, Exam, pupil};
use crate::request::{get, post};
use crate::set_cookie::set_cookies;
use crate::transport::{Framework, each_framework};
use support::bed::{PASSWORD, config};
use support::provider::Pupil;

each_framework!(
    ghsa_53_a_browser_keeps_what_it_began_in_a_cookie,
    cookies_of_a_session_that_was_ended_elsewhere_do_not_stop_a_login,
);

/// A browser that has the cookie, or none.
async fn by_cookie(exam: &Exam, path: &str, body: Value, cookie: &str) -> Answer {
    let request = post(path, body)
        .header(SESSION_HEADER.as_str(), "cookie")
        .header("Sec-Fetch-Site", "same-origin");
    let request = match cookie {
        "" => request,
        cookie => request.header("Cookie", cookie),
    };
    exam.client.send(request).await
}

async fn ghsa_53_a_browser_keeps_what_it_began_in_a_cookie(framework: Framework) {
    let mut http = HttpConfig::default();
    http.cookies = Some(CookieConfig::default());
    let exam = Exam::with(framework, config(), http);
    let ask =
        async |path: &str, body: Value, cookie: &str| by_cookie(&exam, path, body, cookie).await;
    let started = ask("/login/school", json!({}), "").await;
    assert_eq!(started.json.get("flow"), None);
    let kept = set_cookies(&started);
    assert_eq!(
        (kept.len(), kept[0].name.as_str()),
        (1, "__Host-admittance_flow")
    );
    let cookie = format!("{}={}", kept[0].name, kept[0].value);
    let answer = exam.answer(&started.json, &pupil());
    let elsewhere = ask("/login/school/callback", answer.clone(), "").await;
    assert_eq!(elsewhere.code(), (401, "invalid_flow"));
    let opened = ask("/login/school/callback", answer, &cookie).await;
    assert_eq!(opened.status, 200);
    assert_eq!(opened.json.get("token"), None);
    assert_eq!(set_cookies(&opened).len(), 2);
    // Two tabs have one cookie.
    let again = ask("/login/school", json!({}), &cookie).await;
    assert_eq!(set_cookies(&again)[0].value, kept[0].value);
    // A page of another host begins nothing here.
    let foreign = post("/login/school", json!({}))
        .header(SESSION_HEADER.as_str(), "cookie")
        .header("Sec-Fetch-Site", "cross-site");
    assert_eq!(exam.client.send(foreign).await.code(), (403, "forbidden"));
}

async fn cookies_of_a_session_that_was_ended_elsewhere_do_not_stop_a_login(framework: Framework) {
    let mut http = HttpConfig::default();
    http.cookies = Some(CookieConfig::default());
    let mut settings = config();
    settings.session.check = SessionCheck::Cached {
        max_staleness: Duration::from_secs(30),
        capacity: 10,
    };
    let exam = Exam::with(framework, settings, http);
    let registered = by_cookie(
        &exam,
        "/register",
        json!({"name": "Ann", "email": ANN, "password": PASSWORD, "confirm_password": PASSWORD}),
        "",
    )
    .await;
    let cookies: Vec<_> = set_cookies(&registered)
        .iter()
        .map(|cookie| format!("{}={}", cookie.name, cookie.value))
        .collect();
    let cookies = cookies.join("; ");
    let profile = get("/profile").header("Cookie", &cookies);
    assert_eq!(exam.client.send(profile).await.status, 200);
    // Another instance ends it; the check is kept here.
    let user = text(&registered.json, "user_id").parse().unwrap();
    let store = &exam.client.bed.store;
    assert_eq!(store.end_dead_sessions(user, u64::MAX).await.unwrap(), 1);

    let started = by_cookie(&exam, "/login/school", json!({}), &cookies).await;
    let flow = &set_cookies(&started)[0];
    let cookies = format!("{cookies}; {}={}", flow.name, flow.value);
    let answer = exam.answer(&started.json, &Pupil::new("8", "bob@school.example"));
    let opened = by_cookie(&exam, "/login/school/callback", answer, &cookies).await;
    assert_eq!(opened.status, 200, "{opened}");
}
