//! Sessions in cookies.

use std::time::Duration;

use admittance::http::{CookieConfig, HttpConfig, SESSION_HEADER};
use admittance::mail::MailKind;
use serde_json::json;

use crate::browser::{Browser, REFRESH, TOKEN, with_cookies};
use crate::client::{Client, registration, text};
use crate::every_answer::names_of;
use crate::request::Request;
use crate::set_cookie::set_cookies;
use crate::transport::{Framework, each_framework};
use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config};

each_framework!(
    asvs_3_3_1_and_3_3_2_and_3_3_3_and_3_3_4_every_cookie_has_its_attributes,
    asvs_3_3_5_no_cookie_is_longer_than_browsers_keep,
    the_setting_for_localhost_has_other_names_and_no_secure,
    a_script_never_sees_a_token,
    a_client_that_does_not_ask_for_cookies_gets_none,
    where_cookies_are_off_none_is_set_or_looked_at,
    only_the_word_cookie_asks_for_cookies,
    ghsa_31_a_planted_cookie_is_not_taken_for_the_browsers_own,
    ghsa_31_a_name_that_is_not_quite_ours_is_somebody_elses,
    cookies_of_others_do_no_harm,
    a_refresh_token_in_a_body_gets_a_body,
    asvs_7_4_1_logout_ends_a_session_of_which_the_refresh_token_is_left,
    asvs_7_4_1_logout_removes_the_cookies_also_when_they_are_invalid,
    a_link_works_although_the_session_in_the_browser_has_expired,
    asvs_14_3_1_logout_forgets_what_the_browser_keeps,
    an_expired_access_token_is_renewed_without_a_script_that_sees_it,
    a_login_that_is_not_to_be_remembered_ends_with_the_browser,
);

const ANN: &str = "ann@example.org";

async fn asvs_3_3_1_and_3_3_2_and_3_3_3_and_3_3_4_every_cookie_has_its_attributes(
    framework: Framework,
) {
    let mut browser = Browser::new(framework);
    let answers = [
        browser.register(ANN).await,
        browser.ask("POST /refresh", None).await,
        browser
            .ask(
                "POST /password/confirm",
                json!({"current_password": PASSWORD}),
            )
            .await,
        browser
            .ask("POST /login", json!({"email": ANN, "password": PASSWORD}))
            .await,
        browser.ask("POST /logout", None).await,
    ];
    for answer in &answers {
        let cookies = set_cookies(answer);
        let names: Vec<_> = cookies.iter().map(|cookie| cookie.name.as_str()).collect();
        assert_eq!(names, [TOKEN, REFRESH], "{answer:?}");
        for cookie in cookies {
            let wanted = ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"];
            assert_eq!(cookie.attributes, wanted, "{cookie:?}");
        }
    }
    let ages = |answer| -> Vec<_> {
        let cookies = set_cookies(answer).into_iter();
        cookies.map(|cookie| cookie.max_age).collect()
    };
    let [registered, .., left] = &answers;
    assert_eq!(ages(registered), [Some(900), Some(7 * 24 * 3600)]);
    assert_eq!(ages(left), [Some(0), Some(0)]);
}

async fn asvs_3_3_5_no_cookie_is_longer_than_browsers_keep(framework: Framework) {
    let mut browser = Browser::new(framework);
    let mut http = with_cookies();
    let long = CookieConfig::new().named(&"n".repeat(40));
    http.cookies = Some(long.unwrap());
    let mut register_for = async |audience: &str| {
        let mut config = config();
        config.audience = audience.to_owned();
        browser.client = Client::over(framework, Bed::with(config), http.clone());
        browser.jar.clear();
        browser.ask("POST /register", registration(ANN)).await
    };
    let cookies = set_cookies(&register_for("x").await);
    assert!(cookies.iter().all(|cookie| cookie.bytes <= 4096));

    // With a long name, the longest token fits no cookie. That is an error, not a
    // cookie that a browser drops. Each of these characters takes six bytes of JSON.
    let room = (4096 - cookies[0].value.len()) * 3 / 4;
    let answer = register_for(&"\u{1}".repeat(room / 6 - 4)).await;
    assert_eq!(answer.code(), (500, "internal"));
    assert!(set_cookies(&answer).is_empty());
    let less = register_for(&"\u{1}".repeat(room / 6 - 12)).await;
    assert_eq!(less.status, 201);
    let bytes = set_cookies(&less)[0].bytes;
    assert!((4000..=4096).contains(&bytes), "{bytes}");
}

async fn the_setting_for_localhost_has_other_names_and_no_secure(framework: Framework) {
    let mut http = with_cookies();
    let cookies = CookieConfig::insecure_for_localhost();
    assert!(!cookies.is_secure());
    http.cookies = Some(cookies.named("exam").unwrap());
    let mut browser = Browser::at(framework, http);
    for cookie in set_cookies(&browser.register(ANN).await) {
        assert_eq!(cookie.attributes, ["HttpOnly", "Path=/", "SameSite=Lax"]);
    }
    assert_eq!(browser.names(), ["exam_refresh", "exam_token"]);
    assert_eq!(browser.ask("GET /profile", None).await.status, 200);
    let with_prefix = CookieConfig::new().named("exam").unwrap();
    assert_eq!(with_prefix.token_name(), "__Host-exam_token");
    assert_eq!(with_prefix.refresh_name(), "__Host-exam_refresh");
    for name in ["", "a b", "a;b", "a=b", "\u{e4}", &"x".repeat(41)] {
        assert!(CookieConfig::new().named(name).is_err(), "{name}");
    }
}

async fn a_script_never_sees_a_token(framework: Framework) {
    let mut browser = Browser::new(framework);
    let registered = browser.register(ANN).await;
    let link = browser.client.bed.mailed(MailKind::VerifyEmail).await;
    let link = link.expose_secret();
    let proof = json!({"token": link, "password": PASSWORD});
    browser.jar.clear();
    let verified = browser.ask("POST /email/verify", proof).await;
    let change = json!({"current_password": PASSWORD, "new_password": OTHER_PASSWORD, "confirm_password": OTHER_PASSWORD});
    let answers = [
        registered,
        verified,
        browser.ask("POST /refresh", None).await,
        browser.ask("POST /password/change", change).await,
        browser
            .ask(
                "POST /password/confirm",
                json!({"current_password": OTHER_PASSWORD}),
            )
            .await,
        browser
            .ask(
                "POST /login",
                json!({"email": ANN, "password": OTHER_PASSWORD}),
            )
            .await,
    ];
    for answer in answers {
        assert!(answer.is_success(), "{answer:?}");
        assert_eq!(
            names_of(&answer.json),
            [
                "email",
                "expires_in",
                "is_verified",
                "message",
                "missing",
                "name",
                "user_id"
            ]
        );
        assert_eq!(set_cookies(&answer).len(), 2);
        // Nor does a log that prints headers.
        let printed = format!("{:?}", answer.headers);
        assert!(
            !printed.contains("eyJ") && !printed.contains("adr_"),
            "{printed}"
        );
    }
}

async fn a_client_that_does_not_ask_for_cookies_gets_none(framework: Framework) {
    let client = Client::mailing_at(framework, config(), with_cookies());
    let answer = client.post("/register", registration(ANN)).await;
    assert!(set_cookies(&answer).is_empty());
    let (token, refresh) = (
        text(&answer.json, "token"),
        text(&answer.json, "refresh_token"),
    );
    let renewed = client
        .post("/refresh", json!({"refresh_token": refresh}))
        .await;
    assert!(set_cookies(&renewed).is_empty());
    assert!(renewed.json["token"].is_string());
    let left = client
        .send(Request::new("POST", "/logout").bearer(token))
        .await;
    assert_eq!(left.status, 200);
    assert!(set_cookies(&left).is_empty());
    assert_eq!(left.header("clear-site-data"), "");
    // Without a body and a cookie nobody is logged in; a declared but empty body is
    // malformed.
    let nobody = client.send(Request::new("POST", "/refresh"));
    assert_eq!(nobody.await.code(), (401, "invalid_token"));
    let empty = Request::new("POST", "/refresh").text("application/json", "");
    assert_eq!(client.send(empty).await.code(), (400, "malformed_request"));
}

async fn where_cookies_are_off_none_is_set_or_looked_at(framework: Framework) {
    let mut browser = Browser::new(framework);
    browser.register(ANN).await;
    let bed = std::mem::replace(&mut browser.client, Client::new(framework)).bed;
    browser.client = Client::over(framework, bed, HttpConfig::default());
    assert_eq!(
        browser.ask("GET /profile", None).await.code(),
        (401, "invalid_token")
    );
    let asked = json!({"email": ANN, "password": PASSWORD});
    let answer = browser.ask("POST /login", asked).await;
    assert_eq!(answer.code(), (400, "malformed_request"));
}

async fn only_the_word_cookie_asks_for_cookies(framework: Framework) {
    let browser = Browser::new(framework);
    for value in ["bearer", "Cookie", "", "cookie, cookie", "cookie;x"] {
        let body = registration(ANN);
        let request = browser.request("POST /register", Some(&body));
        let request = request.with(SESSION_HEADER.as_str(), value);
        let answer = browser.client.send(request).await;
        assert_eq!(answer.code(), (400, "malformed_request"), "{value}");
    }
}

async fn ghsa_31_a_planted_cookie_is_not_taken_for_the_browsers_own(framework: Framework) {
    let mut browser = Browser::new(framework);
    browser.register(ANN).await;
    let own = browser.jar.clone();
    let mut other = Browser {
        client: std::mem::replace(&mut browser.client, Client::new(framework)),
        jar: Vec::new(),
    };
    other.register("eve@example.org").await;
    for planted in [[own.clone(), other.jar.clone()], [other.jar.clone(), own]] {
        other.jar = planted.concat();
        let profile = other.ask("GET /profile", None).await;
        assert_eq!(profile.code(), (401, "invalid_token"));
        let refreshed = other.ask("POST /refresh", None).await;
        assert_eq!(refreshed.code(), (401, "invalid_token"));
    }
}

/// A browser does not recognise the prefix after an unusual space, and accepts such a
/// cookie from a neighbouring host.
async fn ghsa_31_a_name_that_is_not_quite_ours_is_somebody_elses(framework: Framework) {
    let mut browser = Browser::new(framework);
    browser.register(ANN).await;
    let own = browser.jar.clone();
    browser.jar.clear();
    browser.register("eve@example.org").await;
    let eve = std::mem::take(&mut browser.jar);
    let spaces = [
        "\u{a0}", "\u{85}", "\u{1680}", "\u{2000}", "\u{2028}", "\u{3000}", "\u{feff}", "\t", "\"",
    ];
    for (space, is_before) in spaces
        .iter()
        .flat_map(|space| [(space, true), (space, false)])
    {
        let around = |name: &String| match is_before {
            true => format!("{space}{name}"),
            false => format!("{name}{space}"),
        };
        let planted = eve
            .iter()
            .map(|(name, value)| (around(name), value.clone()));
        browser.jar = planted.collect();
        for line in ["GET /profile", "POST /refresh", "POST /logout"] {
            let answer = browser.ask(line, None).await;
            assert_eq!(answer.code(), (401, "invalid_token"), "{line} {space:?}");
        }
        browser.jar.extend(own.clone());
        let profile = browser.ask("GET /profile", None).await;
        assert_eq!(text(&profile.json, "email"), ANN, "{space:?}");
    }
    browser.jar = eve;
    assert_eq!(browser.ask("POST /refresh", None).await.status, 200);
}

async fn cookies_of_others_do_no_harm(framework: Framework) {
    let mut browser = Browser::new(framework);
    browser.register(ANN).await;
    let request = browser.request("GET /profile", None);
    let own = request.value("Cookie").unwrap().to_owned();
    let request = request
        .with("Cookie", "theme=dark; broken; =; a=\"b\"")
        .header("Cookie", b"x=\xff\xfe")
        .header("Cookie", own);
    assert_eq!(browser.client.send(request).await.status, 200);
}

async fn a_refresh_token_in_a_body_gets_a_body(framework: Framework) {
    let mut browser = Browser::new(framework);
    browser.register(ANN).await;
    let kept = browser.jar.clone();
    let own = browser.client.register("lee@example.org").await;
    let body = json!({"refresh_token": text(&own, "refresh_token")});
    let renewed = browser.ask("POST /refresh", body).await;
    assert_eq!(text(&renewed.json, "token_type"), "Bearer");
    assert!(set_cookies(&renewed).is_empty());
    assert_eq!(browser.jar, kept);
    let profile = browser.ask("GET /profile", None).await;
    assert_eq!(text(&profile.json, "email"), ANN);
}

/// The access token's cookie expires after fifteen minutes, and a later logout must
/// still end the session.
async fn asvs_7_4_1_logout_ends_a_session_of_which_the_refresh_token_is_left(framework: Framework) {
    // Also by a replaced refresh token: the session is the same.
    for is_replaced in [false, true] {
        let mut browser = Browser::new(framework);
        browser.register(ANN).await;
        let replaced = browser.jar.clone();
        browser.client.bed.clock.advance(Duration::from_secs(60));
        browser.ask("POST /refresh", None).await;
        let newest = browser.jar.clone();
        if is_replaced {
            browser.jar = replaced;
        }
        browser.jar.retain(|(name, _)| name == REFRESH);

        // Not for a page of another site.
        let request = browser.request("POST /logout", None).without("Origin");
        let request = request.with("Sec-Fetch-Site", "cross-site");
        let answer = browser.client.send(request).await;
        assert_eq!(answer.code(), (403, "forbidden"));
        assert!(set_cookies(&answer).is_empty());
        // Nor beside a token in the header, which takes precedence over cookies.
        let request = browser.request("POST /logout", None).bearer("x");
        let answer = browser.client.send(request).await;
        assert_eq!(answer.code(), (401, "invalid_token"));
        assert!(set_cookies(&answer).is_empty());
        let kept = std::mem::replace(&mut browser.jar, newest.clone());
        assert_eq!(browser.ask("GET /profile", None).await.status, 200);

        browser.jar = kept;
        let answer = browser.ask("POST /logout", None).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let cleared = answer.header("clear-site-data");
        assert_eq!(cleared, "\"storage\"");
        assert!(browser.jar.is_empty());
        browser.jar = newest;
        assert_eq!(browser.ask("GET /profile", None).await.status, 401);
        assert_eq!(browser.ask("POST /refresh", None).await.status, 401);
    }
}

/// A logout removes the cookies whatever they hold: otherwise the browser would send a
/// dead one forever.
async fn asvs_7_4_1_logout_removes_the_cookies_also_when_they_are_invalid(framework: Framework) {
    let mut browser = Browser::new(framework);
    browser.register(ANN).await;
    browser.client.bed.clock.advance(Duration::from_secs(901));
    let of = |name: &str| {
        browser
            .jar
            .iter()
            .find(|(of, _)| of == name)
            .unwrap()
            .clone()
    };
    let (token, refresh) = (of(TOKEN), of(REFRESH));
    let planted = (REFRESH.to_owned(), "x".to_owned());
    let jars = [
        vec![token.clone()],
        vec![planted.clone()],
        vec![refresh.clone(), planted],
        vec![(TOKEN.to_owned(), String::new())],
    ];
    for jar in jars {
        browser.jar = jar.clone();
        // Not for a page of another site.
        let request = browser.request("POST /logout", None).without("Origin");
        let request = request.with("Sec-Fetch-Site", "cross-site");
        let answer = browser.client.send(request).await;
        assert_eq!(answer.status, 403, "{jar:?}");
        assert!(set_cookies(&answer).is_empty());

        let answer = browser.ask("POST /logout", None).await;
        assert_eq!(answer.code(), (401, "invalid_token"), "{jar:?}");
        assert!(browser.jar.is_empty(), "{jar:?}");
        assert_eq!(answer.header("clear-site-data"), "\"storage\"");
    }
    // Values that are not text.
    for name in [TOKEN, REFRESH] {
        let bytes = [name.as_bytes(), b"=\xff"].concat();
        let request = browser.request("POST /logout", None);
        let request = request.with("Cookie", bytes);
        let answer = browser.client.send(request).await;
        assert_eq!(answer.code(), (401, "invalid_token"), "{name}");
        assert_eq!(set_cookies(&answer).len(), 2, "{name}");
    }
    // Without cookies there is nothing to remove.
    let answer = browser.ask("POST /logout", None).await;
    assert_eq!(answer.code(), (401, "invalid_token"));
    assert!(set_cookies(&answer).is_empty());
    browser.jar = vec![token, refresh];
    assert_eq!(browser.ask("POST /refresh", None).await.status, 200);
}

async fn a_link_works_although_the_session_in_the_browser_has_expired(framework: Framework) {
    let mut browser = Browser::new(framework);
    browser.register(ANN).await;
    let link = browser.client.bed.mailed(MailKind::VerifyEmail).await;
    let proof = json!({"token": link.expose_secret(), "password": PASSWORD});
    browser.client.bed.clock.advance(Duration::from_secs(901));
    let request = browser.request("POST /email/verify", Some(&proof));
    let refused = browser.client.send(request.bearer("x")).await;
    assert_eq!(refused.code(), (401, "invalid_token"));
    // A client that does not ask for cookies learns that the session has expired.
    let request = browser.request("POST /email/verify", Some(&proof));
    let request = request.without(SESSION_HEADER.as_str());
    let refused = browser.client.send(request).await;
    assert_eq!(refused.code(), (401, "invalid_token"));
    let verified = browser.ask("POST /email/verify", proof).await;
    assert_eq!(verified.status, 200, "{verified:?}");
    let profile = browser.ask("GET /profile", None).await;
    assert_eq!(profile.json["is_verified"], true);
}

async fn asvs_14_3_1_logout_forgets_what_the_browser_keeps(framework: Framework) {
    let mut browser = Browser::new(framework);
    let ends = [
        ("POST /logout", None),
        (
            "DELETE /account",
            Some(json!({"current_password": PASSWORD})),
        ),
    ];
    for (line, body) in ends {
        browser.register(ANN).await;
        let kept = browser.jar.clone();
        let answer = browser.ask(line, body).await;
        assert!(answer.is_success(), "{line}: {answer:?}");
        assert_eq!(answer.header("clear-site-data"), "\"storage\"");
        assert!(browser.jar.is_empty(), "{line}");
        browser.jar = kept;
        assert_eq!(
            browser.ask("GET /profile", None).await.status,
            401,
            "{line}"
        );
        assert_eq!(
            browser.ask("POST /refresh", None).await.status,
            401,
            "{line}"
        );
        if line == "POST /logout" {
            let login = json!({"email": ANN, "password": PASSWORD});
            browser.ask("POST /login", login).await;
            let proof = json!({"current_password": PASSWORD});
            browser.ask("DELETE /account", proof).await;
        }
    }
    // So does ending the current session by its id.
    browser.register(ANN).await;
    let sessions = browser.ask("GET /sessions", None).await;
    let id = text(&sessions.json["sessions"][0], "session_id").to_owned();
    let answer = browser.ask(&format!("DELETE /sessions/{id}"), None).await;
    assert_eq!(answer.status, 204);
    assert!(browser.jar.is_empty());
}

async fn an_expired_access_token_is_renewed_without_a_script_that_sees_it(framework: Framework) {
    let mut browser = Browser::new(framework);
    browser.register(ANN).await;
    browser.client.bed.clock.advance(Duration::from_secs(901));
    assert_eq!(
        browser.ask("GET /profile", None).await.code(),
        (401, "invalid_token")
    );
    assert_eq!(
        browser.names(),
        [REFRESH, TOKEN],
        "a refusal takes nothing away"
    );
    assert_eq!(browser.ask("POST /refresh", None).await.status, 200);
    assert_eq!(browser.ask("GET /profile", None).await.status, 200);
    // After the session itself has expired, the refusal removes no cookies either: by
    // now the browser may hold those of a newer session.
    browser
        .client
        .bed
        .clock
        .advance(Duration::from_secs(8 * 24 * 3600));
    for line in ["POST /refresh", "GET /profile"] {
        let refused = browser.ask(line, None).await;
        assert_eq!(refused.code(), (401, "invalid_token"), "{line}");
        assert!(set_cookies(&refused).is_empty(), "{line}");
        assert_eq!(refused.header("clear-site-data"), "", "{line}");
    }
    // A logout removes them.
    let left = browser.ask("POST /logout", None).await;
    assert_eq!(left.code(), (401, "invalid_token"));
    assert_eq!(left.header("clear-site-data"), "\"storage\"");
    assert!(browser.jar.is_empty());
    assert_eq!(
        browser.ask("POST /refresh", None).await.code(),
        (401, "invalid_token")
    );
}

async fn a_login_that_is_not_to_be_remembered_ends_with_the_browser(framework: Framework) {
    let mut browser = Browser::new(framework);
    browser.register(ANN).await;
    let login = json!({"email": ANN, "password": PASSWORD, "remember": false});
    let opened = browser.ask("POST /login", login).await;
    let confirmed = browser
        .ask(
            "POST /password/confirm",
            json!({"current_password": PASSWORD}),
        )
        .await;
    let renewed = browser.ask("POST /refresh", None).await;
    for answer in [opened, confirmed, renewed] {
        for cookie in set_cookies(&answer) {
            assert_eq!(cookie.max_age, None, "{cookie:?}");
        }
    }
}
