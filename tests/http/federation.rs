//! Sign in with others, over HTTP.

use admittance::config::{AuthConfig, LimitPolicy, RegistrationMode};
use admittance::federation::Provider;
use admittance::http::HttpConfig;
use admittance::limit::Quota;
use admittance::mail::MailKind;
use admittance::secret::SecretBytes;
use admittance::service::FinishFederation;
use admittance::store::{MemoryStore, UserStore};
use admittance::token::SigningKey;
use admittance::user::UserStatus;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::client::{Client, text};
use crate::request::{Request, get, post};
use crate::transport::{Framework, each_framework};
use support::bed::{Bed, PASSWORD, config, mail_config};
use support::provider::{self, Pupil, School};
use support::second_factor::Cards;

each_framework!(
    a_person_signs_in_and_again,
    a_login_that_is_refused_has_a_problem_for_each_reason,
    an_address_that_has_an_account_is_linked_by_its_password,
    an_address_that_has_an_account_is_linked_by_its_session,
    an_account_that_nobody_has_confirmed_can_be_started_anew,
    identities_are_linked_listed_and_unlinked,
    a_provider_proves_again_who_somebody_is,
    with_verify_first_an_address_that_nobody_vouches_for_is_confirmed_first,
    a_second_factor_completes_the_login,
    a_second_factor_comes_before_the_link,
    starts_and_answers_are_limited,
);

pub(crate) const ANN: &str = "ann@school.example";

pub(crate) struct Exam {
    pub(crate) client: Client,
    school: School,
}

pub(crate) fn pupil() -> Pupil {
    Pupil::new("7", ANN)
}

impl Exam {
    pub(crate) fn new(framework: Framework) -> Self {
        Self::with(framework, config(), HttpConfig::default())
    }

    pub(crate) fn with(framework: Framework, config: AuthConfig, http: HttpConfig) -> Self {
        let mut school = None;
        let bed = Bed::built(MemoryStore::new(), config, |builder, mailbox| {
            let clock = admittance::clock::ManualClock::default();
            let provider = School::new(clock.clone());
            school = Some((provider.clone(), clock.clone()));
            builder
                .mail(mailbox, mail_config())
                .clock(clock)
                .second_factor(Cards::of_holders("card", &["sms"]))
                .federation(provider.federation().provider(apple()))
        });
        let (school, clock) = school.unwrap();
        let client = Client::over(framework, Bed { clock, ..bed }, http);
        Self { client, school }
    }

    async fn start(&self) -> Value {
        let started = self.client.post("/login/school", json!({})).await;
        assert_eq!(started.status, 200, "{started}");
        started.json
    }

    /// What the page of the application sends.
    pub(crate) fn answer(&self, started: &Value, pupil: &Pupil) -> Value {
        let answer = self
            .school
            .answers(text(started, "authorization_url"), pupil);
        let mut body = parameters(&answer);
        if let Some(flow) = started.get("flow") {
            body["flow"] = flow.clone();
        }
        body
    }

    async fn finish(&self, body: Value) -> Answer {
        self.client.post("/login/school/callback", body).await
    }

    async fn sign_in(&self, pupil: &Pupil) -> Answer {
        let started = self.start().await;
        self.finish(self.answer(&started, pupil)).await
    }

    async fn link_required(&self) -> (String, Value) {
        let refused = self.sign_in(&pupil()).await;
        assert_eq!(refused.code(), (409, "link_required"));
        assert_eq!(refused.json["expires_in"], 600);
        let ticket = text(&refused.json, "ticket").to_owned();
        (ticket, refused.json["can_start_anew"].clone())
    }
}

/// A provider that answers by a form.
fn apple() -> Provider {
    let key = SigningKey::es256_pem(&SecretBytes::new(provider::KEY)).unwrap();
    Provider::apple("org.example.exam", "TEAM123456", "KEY1234567", key)
        .redirect_uri("https://exam.example/login/apple/form")
        .build()
        .unwrap()
}

fn parameters(answer: &FinishFederation) -> Value {
    let mut body = json!({});
    if let Some(state) = &answer.state {
        body["state"] = json!(state.expose_secret());
    }
    if let Some(code) = &answer.code {
        body["code"] = json!(code.expose_secret());
    }
    for (name, value) in [("iss", &answer.iss), ("error", &answer.error)] {
        if let Some(value) = value {
            body[name] = json!(value);
        }
    }
    body
}

async fn a_person_signs_in_and_again(framework: Framework) {
    let exam = Exam::new(framework);
    let providers = exam.client.send(get("/providers")).await;
    assert_eq!(
        providers.json["providers"][0],
        json!({"id": "school", "name": "School"})
    );
    let request = json!({"return_to": "/exams", "remember": true});
    let started = exam.client.post("/login/school", request).await;
    assert_eq!(started.json["expires_in"], 600);
    let first = exam.finish(exam.answer(&started.json, &pupil())).await;
    assert_eq!(first.status, 200);
    assert_eq!(
        (&first.json["created"], &first.json["return_to"]),
        (&json!(true), &json!("/exams"))
    );
    assert_eq!(first.json["email"], ANN);
    let again = exam.sign_in(&pupil()).await;
    assert_eq!(
        (&again.json["created"], again.json.get("return_to")),
        (&json!(false), None)
    );
    assert_eq!(again.json["user_id"], first.json["user_id"]);
    let profile = exam
        .client
        .get("/profile", text(&again.json, "token"))
        .await;
    assert_eq!(profile.json["is_verified"], true);
    // Without a body too.
    let bare = exam
        .client
        .send(Request::new("POST", "/login/school"))
        .await;
    assert_eq!(bare.status, 200);
}

async fn a_login_that_is_refused_has_a_problem_for_each_reason(framework: Framework) {
    let exam = Exam::new(framework);
    let none = exam.client.post("/login/none", json!({})).await;
    assert_eq!(none.code(), (404, "not_found"));
    let none = exam
        .client
        .post("/login/none/callback", json!({"state": "x"}))
        .await;
    assert_eq!(none.code(), (404, "not_found"));
    let elsewhere = json!({"return_to": "https://evil.example"});
    let refused = exam.client.post("/login/school", elsewhere).await;
    assert_eq!(refused.code(), (422, "validation_failed"));
    assert_eq!(refused.json["errors"][0]["field"], "return_to");
    let unknown = exam
        .client
        .post("/login/school", json!({"email": "x"}))
        .await;
    assert_eq!(unknown.code(), (400, "malformed_request"));

    let refused = exam.finish(json!({"state": "forged"})).await;
    assert_eq!(refused.code(), (401, "invalid_flow"));
    assert_eq!(
        exam.finish(json!({})).await.code(),
        (422, "validation_failed")
    );

    let started = exam.start().await;
    let mut denied = parameters(&exam.school.denies(text(&started, "authorization_url")));
    denied["flow"] = started["flow"].clone();
    assert_eq!(exam.finish(denied).await.code(), (403, "provider_denied"));

    let started = exam.start().await;
    let answer = exam.answer(&started, &pupil());
    exam.school.is_down(true);
    let down = exam.finish(answer).await;
    assert_eq!(down.code(), (503, "provider_unavailable"));
    assert_eq!(down.header("retry-after"), "30");
    exam.school.is_down(false);

    let without = exam.sign_in(&pupil().without("email")).await;
    assert_eq!(without.code(), (422, "validation_failed"));

    let first = exam.sign_in(&pupil()).await;
    let id = text(&first.json, "user_id").parse().unwrap();
    let store = &exam.client.bed.store;
    let version = store.user(id).await.unwrap().unwrap().version;
    store
        .set_status(id, version, UserStatus::Disabled)
        .await
        .unwrap();
    assert_eq!(
        exam.sign_in(&pupil()).await.code(),
        (409, "account_disabled")
    );

    let fresh = Exam::new(framework);
    fresh.school.is_down(true);
    let down = fresh.client.post("/login/school", json!({})).await;
    assert_eq!(down.code(), (503, "provider_unavailable"));
}

async fn an_address_that_has_an_account_is_linked_by_its_password(framework: Framework) {
    let exam = Exam::new(framework);
    exam.client.register(ANN).await;
    let (ticket, can_start_anew) = exam.link_required().await;
    assert_eq!(can_start_anew, true);
    let link = |password: Value| json!({"ticket": ticket, "current_password": password});
    for (body, wanted) in [
        (json!({"ticket": ""}), "validation_failed"),
        (json!({"ticket": "adl_x"}), "invalid_flow"),
        (json!({"ticket": ticket}), "proof_required"),
        (link(json!("wrong-Orbit-47-lantern")), "invalid_credentials"),
        (link(json!(PASSWORD)), "200"),
        (link(json!(PASSWORD)), "invalid_flow"),
    ] {
        exam.client
            .ask("POST /identities/link", "", body, wanted)
            .await;
    }
    assert_eq!(exam.sign_in(&pupil()).await.json["created"], false);
}

async fn an_address_that_has_an_account_is_linked_by_its_session(framework: Framework) {
    let exam = Exam::new(framework);
    let ann = exam.client.register(ANN).await;
    let token = text(&ann, "token");
    let (ticket, _) = exam.link_required().await;
    let linked = exam
        .client
        .ask(
            "POST /identities/link",
            token,
            json!({"ticket": ticket}),
            "200",
        )
        .await;
    assert_eq!(
        linked,
        json!({"message": "You can sign in this way from now on."})
    );

    let old = Exam::new(framework);
    let ann = old.client.register(ANN).await;
    old.client
        .bed
        .clock
        .advance(std::time::Duration::from_secs(601));
    let (ticket, _) = old.link_required().await;
    let (line, body) = ("POST /identities/link", json!({"ticket": ticket}));
    let wanted = "recent_login_required";
    let refused = old
        .client
        .ask(line, text(&ann, "token"), body, wanted)
        .await;
    assert_eq!(refused["methods"], json!(["pwd"]));
}

async fn an_account_that_nobody_has_confirmed_can_be_started_anew(framework: Framework) {
    let exam = Exam::new(framework);
    let squatter = exam.client.register(ANN).await;
    let (ticket, _) = exam.link_required().await;
    let body = json!({"ticket": ticket, "start_anew": true});
    let opened = exam
        .client
        .ask("POST /identities/link", "", body, "200")
        .await;
    assert_eq!(opened["created"], true);
    assert_ne!(opened["user_id"], squatter["user_id"]);
    let gone = exam.client.get("/profile", text(&squatter, "token")).await;
    assert_eq!(gone.code(), (401, "invalid_token"));
}

async fn identities_are_linked_listed_and_unlinked(framework: Framework) {
    let exam = Exam::new(framework);
    let ann = exam.client.register("ann@elsewhere.example").await;
    let token = text(&ann, "token");
    let body = json!({"return_to": "/account"});
    let started = exam
        .client
        .ask("POST /identities/school", token, body, "200")
        .await;
    let request = post("/login/school/callback", exam.answer(&started, &pupil())).bearer(token);
    let linked = exam.client.send(request).await;
    assert_eq!(
        (linked.status, &linked.json["created"]),
        (200, &json!(false))
    );
    let token = text(&linked.json, "token");
    let list = exam.client.get("/identities", token).await;
    let identity = &list.json["identities"][0];
    assert_eq!(
        (&identity["provider"], &identity["email"]),
        (&json!("school"), &json!(ANN))
    );
    let path = format!("DELETE /identities/{}", text(identity, "identity_id"));
    for (line, wanted) in [
        ("DELETE /identities/0123456789abcdef01234567", "not_found"),
        ("DELETE /identities/x", "not_found"),
        (&path, "204"),
        (&path, "not_found"),
    ] {
        exam.client.ask(line, token, Value::Null, wanted).await;
    }
    let none = exam.client.get("/identities", token).await;
    assert_eq!(none.json, json!({"identities": []}));

    // Another account has it.
    exam.sign_in(&pupil()).await;
    let started = exam
        .client
        .ask("POST /identities/school", token, json!({}), "200")
        .await;
    let answer = post("/login/school/callback", exam.answer(&started, &pupil())).bearer(token);
    assert_eq!(
        exam.client.send(answer).await.code(),
        (409, "identity_taken")
    );
    let unknown = exam
        .client
        .ask("POST /identities/none", token, json!({}), "not_found");
    unknown.await;
    let elsewhere = json!({"return_to": "//evil.example"});
    exam.client
        .ask(
            "POST /identities/school",
            token,
            elsewhere,
            "validation_failed",
        )
        .await;

    // The last way in.
    let now = 1_767_225_600;
    let fresh = Pupil::new("8", "b@school.example").with("auth_time", json!(now));
    let only = exam.sign_in(&fresh).await;
    let token = text(&only.json, "token");
    let list = exam.client.get("/identities", token).await;
    let path = format!(
        "DELETE /identities/{}",
        text(&list.json["identities"][0], "identity_id")
    );
    exam.client
        .ask(&path, token, Value::Null, "last_credential")
        .await;

    exam.client
        .bed
        .clock
        .advance(std::time::Duration::from_secs(601));
    for line in ["POST /identities/school", &path] {
        exam.client
            .ask(line, token, Value::Null, "recent_login_required")
            .await;
    }
    exam.school.is_down(true);
    let down = Exam::new(framework);
    down.school.is_down(true);
    let ann = down.client.register("ann@elsewhere.example").await;
    let (line, token) = ("POST /identities/school", text(&ann, "token"));
    down.client
        .ask(line, token, json!({}), "provider_unavailable")
        .await;
}

async fn a_provider_proves_again_who_somebody_is(framework: Framework) {
    let exam = Exam::new(framework);
    let first = exam.sign_in(&pupil()).await;
    let token = text(&first.json, "token");
    let body = json!({"method": "fed", "provider": "school", "return_to": "/account"});
    let started = exam
        .client
        .ask("POST /reauthenticate", token, body, "200")
        .await;
    assert!(text(&started, "authorization_url").contains("max_age=300"));
    let answer = post("/login/school/callback", exam.answer(&started, &pupil())).bearer(token);
    let again = exam.client.send(answer).await;
    assert_eq!(
        (again.status, &again.json["return_to"]),
        (200, &json!("/account"))
    );
    let old = exam.client.get("/profile", token).await;
    assert_eq!(old.code(), (401, "invalid_token"));
    for provider in [json!("none"), Value::Null] {
        let token = text(&again.json, "token");
        let body = json!({"method": "fed", "provider": provider});
        exam.client
            .ask("POST /reauthenticate", token, body, "validation_failed")
            .await;
    }
    let down = Exam::new(framework);
    let first = down.sign_in(&pupil()).await;
    down.client
        .bed
        .clock
        .advance(std::time::Duration::from_secs(90_000));
    let _ = first;
}

async fn with_verify_first_an_address_that_nobody_vouches_for_is_confirmed_first(
    framework: Framework,
) {
    let mut config = config();
    config.registration = RegistrationMode::VerifyFirst;
    let exam = Exam::with(framework, config, HttpConfig::default());
    let pending = exam
        .sign_in(&Pupil::new("7", "ann@elsewhere.example"))
        .await;
    assert_eq!(pending.status, 202);
    let token = exam.client.bed.mailed(MailKind::CompleteRegistration).await;
    let link = |ticket: Value| json!({"token": token.expose_secret(), "ticket": ticket});
    for (ticket, wanted) in [
        (Value::Null, "proof_required"),
        (json!("adl_x"), "proof_required"),
        (pending.json["ticket"].clone(), "200"),
        (pending.json["ticket"].clone(), "invalid_link"),
    ] {
        exam.client
            .ask("POST /email/verify", "", link(ticket), wanted)
            .await;
    }
    let again = exam
        .sign_in(&Pupil::new("7", "ann@elsewhere.example"))
        .await;
    assert_eq!((again.status, &again.json["created"]), (200, &json!(false)));
}

async fn a_second_factor_completes_the_login(framework: Framework) {
    let exam = Exam::new(framework);
    let card = Pupil::new("9", "card@school.example");
    // The account is new, so it has no factor yet.
    assert_eq!(exam.sign_in(&card).await.status, 200);
    let asked = exam.sign_in(&card).await;
    assert_eq!(asked.code(), (401, "second_factor_required"));
    let proof = json!({"ticket": asked.json["ticket"], "method": "sms",
        "code": support::second_factor::CODE});
    let opened = exam
        .client
        .ask("POST /login/factor", "", proof, "200")
        .await;
    let exported = exam
        .client
        .get("/account/export", text(&opened, "token"))
        .await;
    assert_eq!(exported.json["identities"][0]["provider"], "school");
}

async fn a_second_factor_comes_before_the_link(framework: Framework) {
    let exam = Exam::new(framework);
    let registered = exam.client.register("card@school.example").await;
    let token = text(&registered, "token");
    let refused = exam.sign_in(&Pupil::new("9", "card@school.example")).await;
    assert_eq!(refused.code(), (409, "link_required"));
    let ticket = &refused.json["ticket"];
    // The session is older than the second factor.
    for (line, body) in [
        ("POST /identities/link", json!({"ticket": ticket})),
        ("POST /identities/school", json!({})),
    ] {
        let wanted = "recent_login_required";
        let refused = exam.client.ask(line, token, body, wanted).await;
        assert_eq!(refused["methods"], json!(["sms"]), "{line}");
    }
    let body = json!({"ticket": ticket, "current_password": PASSWORD});
    let (line, wanted) = ("POST /identities/link", "second_factor_required");
    let asked = exam.client.ask(line, "", body, wanted).await;
    let proof = json!({"ticket": asked["ticket"], "method": "sms",
        "code": support::second_factor::CODE});
    let opened = exam
        .client
        .ask("POST /login/factor", "", proof, "200")
        .await;
    let token = text(&opened, "token");
    let none = exam.client.get("/identities", token).await;
    assert_eq!(none.json, json!({"identities": []}));
    let linked = json!({"ticket": ticket});
    exam.client
        .ask("POST /identities/link", token, linked, "200")
        .await;
}

async fn starts_and_answers_are_limited(framework: Framework) {
    let mut config = config();
    config.limits = LimitPolicy::off();
    config.limits.federation_by_address = Some(Quota::new(1, std::time::Duration::from_secs(60)));
    config.limits.checks_by_session = Some(Quota::new(3, std::time::Duration::from_secs(60)));
    let exam = Exam::with(framework, config, HttpConfig::default());
    exam.start().await;
    let refused = exam.client.post("/login/school", json!({})).await;
    assert_eq!(refused.code(), (429, "rate_limited"));
    let forged = json!({"state": "A".repeat(43)});
    assert_eq!(
        exam.finish(forged.clone()).await.code(),
        (401, "invalid_flow")
    );
    assert_eq!(exam.finish(forged).await.code(), (429, "rate_limited"));
    let ann = exam.client.register("ann@elsewhere.example").await;
    let token = text(&ann, "token");
    exam.client
        .ask("POST /identities/school", token, json!({}), "rate_limited")
        .await;
    let none = "DELETE /identities/0123456789abcdef01234567";
    exam.client.ask(none, token, Value::Null, "not_found").await;
    exam.client.ask(none, token, Value::Null, "not_found").await;
    exam.client
        .ask(none, token, Value::Null, "rate_limited")
        .await;
    let ticket = json!({"ticket": "adl_x"});
    exam.client
        .ask("POST /identities/link", token, ticket, "rate_limited")
        .await;
}
