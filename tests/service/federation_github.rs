//! Sign in with GitHub, whose addresses take a request of their own.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use admittance::error::{AuthError, Cause};
use admittance::federation::{
    EmailTrust, Federation, HttpClient, HttpRequest, HttpResponse, Provider,
};
use admittance::service::{
    FederatedResponse, FinishFederation, StartFederation, StartedFederation,
};
use admittance::store::{MemoryStore, SessionStore, UserStore};
use async_trait::async_trait;
use serde_json::json;

use support::bed::{Bed, config, mail_config};

/// GitHub's answers, by <https://docs.github.com/en/rest/users>, and the paths that were asked.
#[derive(Clone, Default)]
struct GitHub {
    asked: Arc<Mutex<Vec<String>>>,
    hides_addresses: Arc<Mutex<bool>>,
    /// What happens while the addresses are asked for.
    meanwhile: Arc<Mutex<Option<Act>>>,
}

type Act = Pin<Box<dyn Future<Output = ()> + Send>>;

impl GitHub {
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

#[async_trait]
impl HttpClient for GitHub {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Cause> {
        let path = request
            .url()
            .rsplit("github.com")
            .next()
            .unwrap()
            .to_owned();
        let meanwhile = match path.as_str() {
            "/user/emails" => self.meanwhile.lock().unwrap().take(),
            _ => None,
        };
        if let Some(meanwhile) = meanwhile {
            meanwhile.await;
        }
        let answer = match path.as_str() {
            "/login/oauth/access_token" => {
                json!({"access_token": "gho_1", "token_type": "bearer", "scope": "read:user"})
            }
            "/user" => json!({"id": 583_231, "login": "octocat", "name": "Ann Lee"}),
            "/user/emails" if *self.hides_addresses.lock().unwrap() => {
                json!({"message": "Not Found"})
            }
            "/user/emails" => {
                json!([{"email": "ann@example.org", "primary": true, "verified": true}])
            }
            other => panic!("a request to {other}"),
        };
        self.asked.lock().unwrap().push(path);
        let kind = Some("application/json".to_owned());
        Ok(HttpResponse::new(200, kind, answer.to_string().into()))
    }
}

fn bed(github: &GitHub) -> Bed {
    let federation = Federation::new(github.clone()).provider(
        Provider::github("client", "secret")
            .redirect_uri("https://exam.example/callback/github")
            .email_trust(EmailTrust::Every)
            .build()
            .unwrap(),
    );
    Bed::built(MemoryStore::new(), config(), |builder, mailbox| {
        builder.mail(mailbox, mail_config()).federation(federation)
    })
}

/// What comes back through the browser.
fn answer_of(started: StartedFederation) -> FinishFederation {
    let asked = support::provider::School::asked(&started.authorization_url);
    let mut finish = FinishFederation::default();
    finish.state = Some(asked["state"].as_str().into());
    finish.code = Some("code".into());
    finish.flow = Some(started.flow);
    finish
}

async fn sign_in(bed: &Bed) -> Result<FederatedResponse, AuthError> {
    let request = StartFederation::default();
    let started = bed.auth.start_federation("github", request, &bed.here);
    let started = started.await?;
    let finish = answer_of(started);
    let finished = bed
        .auth
        .finish_federation("github", finish, None, &bed.here);
    Ok(finished.await?.opened().unwrap())
}

#[tokio::test]
async fn the_addresses_are_asked_for_once_and_a_known_person_takes_two_requests() {
    let github = GitHub::default();
    let bed = bed(&github);
    let first = sign_in(&bed).await.unwrap();
    assert!(first.created && first.login.is_verified);
    assert_eq!(first.login.email, "ann@example.org");
    let (token, user) = ("/login/oauth/access_token", "/user");
    assert_eq!(github.asked(), [token, user, "/user/emails"]);

    // Nor does it matter whether they can be read.
    *github.hides_addresses.lock().unwrap() = true;
    let again = sign_in(&bed).await.unwrap();
    assert_eq!(
        (again.created, again.login.user_id),
        (false, first.login.user_id)
    );
    assert_eq!(github.asked(), [token, user]);
    // The account still shows the address.
    let who = bed.validate(&again.login.tokens).await.unwrap();
    let identity = who.user().identities.iter().next().unwrap();
    assert_eq!(identity.email.as_ref().unwrap().as_str(), "ann@example.org");
}

#[tokio::test]
async fn a_provider_that_states_no_time_is_not_named_among_the_ways_to_prove_it_again() {
    let bed = bed(&GitHub::default());
    let ann = sign_in(&bed).await.unwrap();
    let ann = bed.validate(&ann.login.tokens).await.unwrap();
    let refused = ann.require_recent_login(Duration::from_secs(600));
    match refused.unwrap_err() {
        AuthError::RecentLoginRequired { methods } => assert_eq!(methods, []),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn without_readable_addresses_nobody_new_gets_in() {
    let github = GitHub::default();
    *github.hides_addresses.lock().unwrap() = true;
    let error = sign_in(&bed(&github)).await.unwrap_err();
    assert!(
        matches!(error, AuthError::ProviderUnavailable { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_session_that_ends_while_the_addresses_are_asked_for_links_nothing() {
    let github = GitHub::default();
    let bed = bed(&github);
    let tokens = bed.register("ann@example.org").await.tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    let request = StartFederation::default();
    let started = bed.auth.start_linking(&ann, "github", request, &bed.here);
    let finish = answer_of(started.await.unwrap());
    let (store, user, session) = (bed.store.clone(), ann.user().id, ann.session().id);
    *github.meanwhile.lock().unwrap() = Some(Box::pin(async move {
        store.end_session(user, session).await.unwrap();
    }));
    let (auth, here) = (Some(&ann), &bed.here);
    let linked = bed
        .auth
        .finish_federation("github", finish, auth, here)
        .await;
    assert!(matches!(linked, Err(AuthError::InvalidToken)), "{linked:?}");
    let user = bed.store.user(user).await.unwrap().unwrap();
    assert!(user.identities.is_empty());
}
