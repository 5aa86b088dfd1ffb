//! axum: the identity behind a request is resolved once, whatever asks for it, and never for
//! another credential, another service or a page of another site.

use admittance::MemoryStore;
use admittance::axum::{
    Authenticator, CurrentUser, Guard, OptionalUser, RecentLogin, RequirePermission,
    RequiredPermission,
};
use admittance::config::AuthConfig;
use admittance::http::HttpConfig;
use axum::Router;
use axum::extract::{Extension, FromRef, Request};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::{Next, from_fn};
use axum::routing::any;
use support::bed::{Bed, config};
use support::faulty::FaultyStore;

use crate::browser::{Browser, OWN};
use crate::client::{Client, text};
use crate::request::{Request as Asked, get};
use crate::transport::{App, Framework};

fn name(user: &CurrentUser) -> String {
    user.user().email.as_str().to_owned()
}

fn perhaps(user: Option<&CurrentUser>) -> String {
    user.map_or("nobody".to_owned(), name)
}

struct TakeExams;

impl RequiredPermission for TakeExams {
    const NAME: &'static str = "exam:take";
}

fn settings() -> AuthConfig {
    use admittance::authz::{Permission, Role, RolePolicy};
    let mut settings = config();
    let student = Role::new("student").unwrap();
    settings.roles = RolePolicy::new()
        .grant(student.clone(), [Permission::new("exam:take").unwrap()])
        .initial_role(student);
    settings
}

#[tokio::test]
async fn a_guard_and_any_number_of_extractors_read_the_session_and_the_user_once() {
    let store = FaultyStore::new(MemoryStore::new());
    let bed = Bed::over(store.clone(), settings());
    let client = Client::over(Framework::Axum, bed, HttpConfig::default());
    let auth = Authenticator::from(&client.api);
    let both = async |one: CurrentUser, OptionalUser(two): OptionalUser| {
        format!("{} {}", name(&one), perhaps(two.as_ref()))
    };
    let all =
        async |one: Option<CurrentUser>,
               _: RequirePermission<TakeExams>,
               _: RecentLogin<5>,
               two: CurrentUser| { format!("{} {}", perhaps(one.as_ref()), name(&two)) };
    let app = Router::new()
        .route("/both", any(both))
        .route("/all", any(all))
        .route_layer(Guard::session(&auth))
        .route_layer(Guard::session(&auth).recent_login(std::time::Duration::from_secs(60)))
        .with_state(auth);
    let app = App::from(app);
    let ann = client.register("ann@example.org").await;
    for path in ["/both", "/all"] {
        store.watch(0);
        let answer = app.send(&get(path).bearer(text(&ann, "token"))).await;
        assert_eq!(answer.text(), "ann@example.org ann@example.org");
        let mut reads = store.calm();
        reads.sort_unstable();
        assert_eq!(reads, ["session", "user"], "{path}");
    }
}

/// An application whose guard sees each request before `change` has changed it, and whose
/// extractors see it afterwards.
fn with_middleware(auth: &Authenticator, change: fn(&mut Request)) -> App {
    let change = move |mut request: Request, next: Next| {
        change(&mut request);
        next.run(request)
    };
    let app = Router::new()
        .route("/required", any(async |user: CurrentUser| name(&user)))
        .route(
            "/optional",
            any(async |user: Option<CurrentUser>| perhaps(user.as_ref())),
        )
        .layer(from_fn(change))
        .layer(Guard::session(auth));
    App::from(app.with_state(auth.clone()))
}

#[tokio::test]
async fn a_credential_that_a_middleware_replaces_replaces_the_user() {
    let client = Client::new(Framework::Axum);
    let auth = Authenticator::from(&client.api);
    let app = |change| with_middleware(&auth, change);
    let ann = client.register("ann@example.org").await;
    let bob = client.register("bob@example.org").await;
    let asked = |path| {
        get(path)
            .bearer(text(&ann, "token"))
            .header("X-Other", format!("Bearer {}", text(&bob, "token")))
    };

    let stripped = app(|request| {
        request.headers_mut().remove(header::AUTHORIZATION);
    });
    let refused = stripped.send(&asked("/required")).await;
    assert_eq!(refused.code(), (401, "invalid_token"));
    assert_eq!(stripped.send(&asked("/optional")).await.text(), "nobody");

    let replaced = app(|request| {
        let other = request.headers_mut().remove("x-other").unwrap();
        request.headers_mut().insert(header::AUTHORIZATION, other);
    });
    for path in ["/required", "/optional"] {
        assert_eq!(replaced.send(&asked(path)).await.text(), "bob@example.org");
    }

    let spoiled = app(|request| {
        let spoiled = HeaderValue::from_static("Bearer x");
        request.headers_mut().insert(header::AUTHORIZATION, spoiled);
    });
    for path in ["/required", "/optional"] {
        let refused = spoiled.send(&asked(path)).await;
        assert_eq!(refused.code(), (401, "invalid_token"), "{path}");
    }
}

/// An application with two services, whose tokens are signed with the same key.
#[derive(Clone, FromRef)]
struct Second {
    auth: Authenticator,
}

#[tokio::test]
async fn two_services_of_one_application_do_not_share_identities() {
    let (one, other) = (Client::new(Framework::Axum), Client::new(Framework::Axum));
    let ann = one.register("ann@example.org").await;
    let app = Router::new()
        .route("/required", any(async |user: CurrentUser| name(&user)))
        .layer(Guard::session(&Authenticator::from(&one.api)))
        .with_state(Second {
            auth: Authenticator::from(&other.api),
        });
    let refused = App::from(app)
        .send(&get("/required").bearer(text(&ann, "token")))
        .await;
    assert_eq!(refused.code(), (401, "invalid_token"));
}

#[tokio::test]
async fn a_refusal_is_not_kept_and_neither_is_an_identity_after_a_logout() {
    let client = Client::new(Framework::Axum);
    let auth = Authenticator::from(&client.api);
    let ann = client.register("ann@example.org").await;
    let token = text(&ann, "token").to_owned();
    let app = Router::new()
        .route("/required", any(async |user: CurrentUser| name(&user)))
        .with_state(auth);
    let app = App::from(app);
    let asked = get("/required").bearer(&token);
    assert_eq!(app.send(&asked).await.status, 200);
    client
        .ask("POST /logout", &token, serde_json::json!(null), "200")
        .await;
    assert_eq!(app.send(&asked).await.code(), (401, "invalid_token"));
}

/// What a request may do follows from its method and headers as they are, also if it was
/// resolved when they were others.
#[tokio::test]
async fn asvs_3_5_1_the_origin_is_checked_each_time_an_identity_is_asked_for() {
    let mut browser = Browser::new(Framework::Axum);
    browser.register("ann@example.org").await;
    let auth = Authenticator::from(&browser.client.api);
    let app = |change| with_middleware(&auth, change);
    let foreign = |asked: Asked| {
        asked
            .with("Sec-Fetch-Site", "cross-site")
            .with("Origin", "https://evil.example")
    };
    // The guard sees a read of a foreign page, and the extractor a write of it.
    let overridden = app(|request| *request.method_mut() = Method::POST);
    let unchanged = app(|_| {});
    for path in ["/required", "/optional"] {
        let line = format!("GET {path}");
        let asked = foreign(browser.request(&line, None));
        assert_eq!(unchanged.send(&asked).await.text(), "ann@example.org");
        let refused = overridden.send(&asked).await;
        assert_eq!(refused.code(), (403, "forbidden"), "{path}");
        let own = browser.request(&line, None).with("Origin", OWN);
        assert_eq!(overridden.send(&own).await.text(), "ann@example.org");
    }
}

#[tokio::test]
async fn what_an_application_puts_into_the_extensions_is_no_identity() {
    let client = Client::new(Framework::Axum);
    let ann = client.register("ann@example.org").await;
    let token = admittance::secret::AccessToken::new(text(&ann, "token"));
    let user = client
        .bed
        .auth
        .validate_token(token.expose_secret(), &client.bed.here);
    let user = CurrentUser(user.await.unwrap());
    let app = Router::new()
        .route("/required", any(async |user: CurrentUser| name(&user)))
        .layer(Extension(user))
        .layer(Extension(token))
        .with_state(Authenticator::from(&client.api));
    let refused = App::from(app).send(&get("/required")).await;
    assert_eq!(refused.code(), (401, "invalid_token"));
}
