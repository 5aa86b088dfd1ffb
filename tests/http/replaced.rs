//! Sessions whose place in a browser's cookies a new one takes.

use std::time::Duration;

use admittance::config::RegistrationMode;
use admittance::event::Operation;
use admittance::http::{CookieConfig, SESSION_HEADER};
use admittance::mail::MailKind;
use serde_json::json;

use crate::browser::{Browser, REFRESH, TOKEN, with_cookies};
use crate::client::{Client, registration, text};
use crate::transport::{Framework, each_framework};
use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config};

each_framework!(
    asvs_7_2_4_a_login_ends_the_session_whose_place_it_takes,
    asvs_7_2_4_it_ends_it_also_when_only_the_refresh_token_is_left,
    asvs_7_2_4_so_does_a_link_that_opens_a_session,
    asvs_7_1_2_a_login_at_the_limit_ends_the_session_it_replaces_and_no_other,
    asvs_16_3_1_the_end_of_the_replaced_session_is_an_event,
    asvs_7_2_4_either_cookie_says_which_session_it_is,
    a_login_that_asks_for_tokens_replaces_no_session,
    a_login_that_cannot_be_kept_ends_nothing,
);

const ANN: &str = "ann@example.org";

async fn asvs_7_2_4_a_login_ends_the_session_whose_place_it_takes(framework: Framework) {
    let mut browser = Browser::new(framework);
    browser.register(ANN).await;
    let before = browser.jar.clone();
    let login = json!({"email": ANN, "password": PASSWORD});
    assert_eq!(browser.ask("POST /login", login).await.status, 200);
    let after = std::mem::replace(&mut browser.jar, before);
    assert_eq!(browser.ask("GET /profile", None).await.status, 401);
    assert_eq!(browser.ask("POST /refresh", None).await.status, 401);
    browser.jar = after;
    let sessions = browser.ask("GET /sessions", None).await;
    assert_eq!(sessions.json["sessions"].as_array().unwrap().len(), 1);
    // A login that is refused ends nothing.
    let wrong = json!({"email": ANN, "password": OTHER_PASSWORD});
    assert_eq!(browser.ask("POST /login", wrong).await.status, 401);
    assert_eq!(browser.ask("GET /profile", None).await.status, 200);
    // Registering as somebody else is a change of user.
    let session = browser.ask("GET /profile", None).await;
    assert_eq!(text(&session.json, "email"), ANN);
    let kept = browser.jar.clone();
    browser.register("lee@example.org").await;
    browser.jar = kept;
    assert_eq!(browser.ask("GET /profile", None).await.status, 401);
}

async fn asvs_7_2_4_it_ends_it_also_when_only_the_refresh_token_is_left(framework: Framework) {
    let mut browser = Browser::new(framework);
    browser.register(ANN).await;
    let login = json!({"email": ANN, "password": PASSWORD});
    browser.client.bed.clock.advance(Duration::from_secs(901));
    let before = browser.jar.clone();
    assert_eq!(browser.ask("POST /login", login.clone()).await.status, 200);
    let sessions = browser.ask("GET /sessions", None).await;
    assert_eq!(sessions.json["sessions"].as_array().unwrap().len(), 1);
    browser.jar = before;
    assert_eq!(browser.ask("POST /refresh", None).await.status, 401);
    // A malformed refresh token counts as none.
    browser.jar = vec![(REFRESH.to_owned(), "x".to_owned())];
    assert_eq!(browser.ask("POST /login", login).await.status, 200);
}

/// Every session that opens in the cookies replaces the one that was there.
async fn asvs_7_2_4_so_does_a_link_that_opens_a_session(framework: Framework) {
    for (mode, kind) in [
        (RegistrationMode::OpenSession, MailKind::VerifyEmail),
        (
            RegistrationMode::VerifyFirst,
            MailKind::CompleteRegistration,
        ),
    ] {
        let mut settings = config();
        settings.registration = mode;
        let mut browser = Browser::new(framework);
        browser.client = Client::over(framework, Bed::mailing_with(settings), with_cookies());
        let asked = browser.ask("POST /register", registration(ANN)).await;
        assert!(asked.is_success(), "{asked:?}");
        let first = browser.client.bed.mailed(kind).await;
        let proof = json!({"token": first.expose_secret(), "password": PASSWORD});
        // Somebody else is logged in where the link is opened.
        let lee = browser.another("lee@example.org").await;
        browser.jar = lee.clone();
        let opened = browser.ask("POST /email/verify", proof).await;
        assert_eq!(opened.status, 200, "{opened:?}");
        let profile = browser.ask("GET /profile", None).await;
        assert_eq!(text(&profile.json, "email"), ANN);
        browser.jar = lee;
        assert_eq!(browser.ask("GET /profile", None).await.status, 401);
        assert_eq!(browser.ask("POST /refresh", None).await.status, 401);
    }
}

/// The replaced session makes room, so the sessions of other devices remain.
async fn asvs_7_1_2_a_login_at_the_limit_ends_the_session_it_replaces_and_no_other(
    framework: Framework,
) {
    let mut settings = config();
    settings.session.max_per_user = Some(2);
    let login = json!({"email": ANN, "password": PASSWORD});
    let mut browser = Browser::new(framework);
    browser.client = Client::over(framework, Bed::mailing_with(settings), with_cookies());
    browser.register(ANN).await;
    let phone = std::mem::take(&mut browser.jar);
    for _ in 0..3 {
        browser.client.bed.clock.advance(Duration::from_secs(1));
        assert_eq!(browser.ask("POST /login", login.clone()).await.status, 200);
    }
    let laptop = std::mem::replace(&mut browser.jar, phone);
    assert_eq!(browser.ask("GET /profile", None).await.status, 200);
    browser.jar = laptop;
    let sessions = browser.ask("GET /sessions", None).await;
    assert_eq!(sessions.json["sessions"].as_array().unwrap().len(), 2);
}

/// Each event says what happened: the login, and before it the end of the session
/// that it replaced, if that had not ended.
async fn asvs_16_3_1_the_end_of_the_replaced_session_is_an_event(framework: Framework) {
    let mut browser = Browser::new(framework);
    browser.register(ANN).await;
    let login = json!({"email": ANN, "password": PASSWORD});
    let before = browser.jar.clone();
    let session = browser.ask("GET /sessions", None).await;
    let session = text(&session.json["sessions"][0], "session_id").to_owned();
    let told = async |browser: &mut Browser| {
        let seen = browser.client.bed.events.all().len();
        assert_eq!(browser.ask("POST /login", login.clone()).await.status, 200);
        browser.client.bed.events.all().split_off(seen)
    };
    let events = told(&mut browser).await;
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!(events[0].operation, Operation::Logout);
    assert_eq!(events[0].session_id.unwrap().to_string(), session);
    assert_eq!(events[1].operation, Operation::Login);
    assert!(events.iter().all(|event| event.refused.is_none()));
    browser.jar = before;
    let events = told(&mut browser).await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0].operation, Operation::Login);
}

/// With one cookie lost or planted, the other still says which session it is.
async fn asvs_7_2_4_either_cookie_says_which_session_it_is(framework: Framework) {
    let login = json!({"email": ANN, "password": PASSWORD});
    for (name, value) in [
        (TOKEN, None),
        (REFRESH, None),
        (TOKEN, Some("x")),
        (REFRESH, Some("x")),
    ] {
        let mut browser = Browser::new(framework);
        browser.register(ANN).await;
        let before = browser.jar.clone();
        match value {
            None => browser.jar.retain(|(of, _)| of != name),
            Some(planted) => browser.jar.push((name.to_owned(), planted.to_owned())),
        }
        assert_eq!(browser.ask("POST /login", login.clone()).await.status, 200);
        browser.jar = before;
        assert_eq!(
            browser.ask("GET /profile", None).await.status,
            401,
            "{name}"
        );
    }
}

/// A client that asks for tokens overwrites no cookies.
async fn a_login_that_asks_for_tokens_replaces_no_session(framework: Framework) {
    let mut browser = Browser::new(framework);
    browser.register(ANN).await;
    let login = json!({"email": ANN, "password": PASSWORD});
    let request = browser.request("POST /login", Some(&login));
    let request = request.without(SESSION_HEADER.as_str());
    let opened = browser.client.send(request).await;
    assert_eq!(text(&opened.json, "token_type"), "Bearer");
    assert_eq!(browser.ask("GET /profile", None).await.status, 200);
    let sessions = browser.ask("GET /sessions", None).await;
    assert_eq!(sessions.json["sessions"].as_array().unwrap().len(), 2);
}

/// Cookies too long for a browser are an error, and the browser keeps those that it has.
async fn a_login_that_cannot_be_kept_ends_nothing(framework: Framework) {
    let named = |name: &str| {
        let mut http = with_cookies();
        http.cookies = Some(CookieConfig::new().named(name).unwrap());
        http
    };
    let mut browser = Browser::at(framework, named("n"));
    browser.register(ANN).await;
    let token = browser.jar[0].1.len();
    let mut config = config();
    config.audience = "\u{1}".repeat((4096 - token) / 8 - 3);
    browser.client = Client::over(framework, Bed::with(config), named("n"));
    browser.jar.clear();
    browser.register(ANN).await;

    let long = "n".repeat(40);
    let bed = std::mem::replace(&mut browser.client, Client::new(framework)).bed;
    browser.client = Client::over(framework, bed, named(&long));
    for (name, _) in &mut browser.jar {
        *name = name.replace("-n_", &format!("-{long}_"));
    }
    let kept = browser.jar.clone();
    let login = json!({"email": ANN, "password": PASSWORD});
    let refused = browser.ask("POST /login", login).await;
    assert_eq!(refused.code(), (500, "internal"));
    assert_eq!(browser.jar, kept);
    assert_eq!(browser.ask("GET /profile", None).await.status, 200);
    // Nor does it open a session that no client would hold.
    let sessions = browser.ask("GET /sessions", None).await;
    assert_eq!(sessions.json["sessions"].as_array().unwrap().len(), 1);
    // Nor is an existing session renewed with cookies that would be dropped.
    let refused = browser.ask("POST /refresh", None).await;
    assert_eq!(refused.code(), (500, "internal"));
    assert_eq!(browser.jar, kept);
}
