//! A school's OpenID provider in this process, which vouches for the addresses of its domain.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use admittance::clock::{Clock, ManualClock};
use admittance::error::Cause;
use admittance::federation::{
    ClientAuthentication, EmailTrust, Federation, HttpClient, HttpRequest, HttpResponse, Provider,
};
use admittance::service::FinishFederation;
use async_trait::async_trait;
use base64ct::{Base64UrlUnpadded, Encoding};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::{Url, form_urlencoded};

pub const ID: &str = "school";
pub const ISSUER: &str = "https://login.school.example";
/// Where it sends the browser back to.
pub const CALLBACK: &str = "https://exam.example/callback/school";
/// The redirect URI of a native application.
pub const NATIVE: &str = "org.example.exam:/callback";

/// A key that was made for these tests.
pub const KEY: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgsCDzwYFBZGoC9rJ4
O7bx/St4ZHs1Tz9AZ1yGvn3xXIyhRANCAAS5devSbqmxlfu6/vA8eG2tWz7M1ry5
ifguL2B4cIejGk0bylrEOCGvkLw0phl/YJpp8hV82zg7QWmHUot8JXae
-----END PRIVATE KEY-----
";
const KEY_X: &str = "uXXr0m6psZX7uv7wPHhtrVs-zNa8uYn4Li9geHCHoxo";
const KEY_Y: &str = "TRvKWsQ4Ia-QvDSmGX9gmmnyFXzbODtBaYdSi3wldp4";

/// A person at the provider, by the claims that it states.
#[derive(Clone, Debug)]
pub struct Pupil(pub Value);

impl Pupil {
    /// `subject`, with `email`, which the provider says is verified.
    pub fn new(subject: &str, email: &str) -> Self {
        Self(json!({
            "sub": subject,
            "email": email,
            "email_verified": true,
            "name": "Ann Lee",
        }))
    }

    /// With the claim `name` as `value`.
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.0[name] = value;
        self
    }

    /// Without the claim `name`.
    pub fn without(mut self, name: &str) -> Self {
        self.0.as_object_mut().unwrap().remove(name);
        self
    }
}

/// An answer that was never begun.
pub fn forged() -> FinishFederation {
    let mut finish = FinishFederation::default();
    finish.state = Some("A".repeat(43).into());
    finish.code = Some("code".into());
    finish
}

/// What a code stands for.
struct Grant {
    pupil: Pupil,
    asked: BTreeMap<String, String>,
}

#[derive(Default)]
struct State {
    grants: BTreeMap<String, Grant>,
    codes: u32,
    requests: Vec<String>,
    is_down: bool,
    meanwhile: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

/// The provider. Clones are the same one.
#[derive(Clone)]
pub struct School {
    clock: ManualClock,
    state: Arc<Mutex<State>>,
}

impl School {
    pub fn new(clock: ManualClock) -> Self {
        let state = Arc::default();
        Self { clock, state }
    }

    /// The provider as an application configures it: it is believed for `school.example`.
    pub fn provider() -> Provider {
        Provider::oidc(ID, ISSUER, "exam-simulator")
            .name("School")
            .authentication(ClientAuthentication::Basic("the client's secret".into()))
            .redirect_uri(CALLBACK)
            .redirect_uri(NATIVE)
            .email_trust(EmailTrust::Domains(vec!["school.example".to_owned()]))
            .build()
            .unwrap()
    }

    pub fn federation(&self) -> Federation {
        Federation::new(self.clone()).provider(Self::provider())
    }

    /// Whether it answers.
    pub fn is_down(&self, is_down: bool) {
        self.state.lock().unwrap().is_down = is_down;
    }

    /// What happens while it is asked for tokens the next time.
    pub fn meanwhile(&self, act: impl Future<Output = ()> + Send + 'static) {
        self.state.lock().unwrap().meanwhile = Some(Box::pin(act));
    }

    /// The URLs that were requested since this was last called.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }

    /// `pupil` signs in at the URL of a start: what comes back through the browser.
    pub fn answers(&self, url: &str, pupil: &Pupil) -> FinishFederation {
        let asked = Self::asked(url);
        let mut state = self.state.lock().unwrap();
        state.codes += 1;
        let code = format!("code-{}", state.codes);
        let mut finish = FinishFederation::default();
        finish.state = Some(asked["state"].as_str().into());
        finish.code = Some(code.as_str().into());
        finish.iss = Some(ISSUER.to_owned());
        let pupil = pupil.clone();
        state.grants.insert(code, Grant { pupil, asked });
        finish
    }

    /// The person does not want to.
    pub fn denies(&self, url: &str) -> FinishFederation {
        let mut finish = FinishFederation::default();
        finish.state = Some(Self::asked(url)["state"].as_str().into());
        finish.error = Some("access_denied".to_owned());
        finish.iss = Some(ISSUER.to_owned());
        finish
    }

    /// The parameters of a start.
    pub fn asked(url: &str) -> BTreeMap<String, String> {
        let url = Url::parse(url).unwrap();
        url.query_pairs().into_owned().collect()
    }

    fn tokens(&self, form: &BTreeMap<String, String>) -> Value {
        let mut state = self.state.lock().unwrap();
        let Some(Grant { pupil, asked }) = state.grants.remove(&form["code"]) else {
            return json!({"error": "invalid_grant"});
        };
        let verifier = Sha256::digest(&form["code_verifier"]);
        let is_same = Base64UrlUnpadded::encode_string(&verifier) == asked["code_challenge"]
            && form["redirect_uri"] == asked["redirect_uri"];
        if !is_same {
            return json!({"error": "invalid_grant"});
        }
        let now = self.clock.now().as_secs();
        let mut claims = json!({
            "iss": ISSUER,
            "aud": asked["client_id"],
            "exp": now + 300,
            "iat": now,
            "nonce": asked["nonce"],
        });
        for (name, value) in pupil.0.as_object().unwrap() {
            claims[name] = value.clone();
        }
        if asked.contains_key("max_age") && claims.get("auth_time").is_none() {
            claims["auth_time"] = json!(now);
        }
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some("key-1".to_owned());
        let key = EncodingKey::from_ec_pem(KEY.as_bytes()).unwrap();
        let token = jsonwebtoken::encode(&header, &claims, &key).unwrap();
        json!({"access_token": "access", "token_type": "Bearer", "id_token": token})
    }

    fn document() -> Value {
        let place = |path: &str| format!("{ISSUER}{path}");
        json!({
            "issuer": ISSUER,
            "authorization_endpoint": place("/authorize"),
            "token_endpoint": place("/token"),
            "jwks_uri": place("/keys"),
            "response_types_supported": ["code"],
            "authorization_response_iss_parameter_supported": true,
        })
    }
}

#[async_trait]
impl HttpClient for School {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Cause> {
        let path = request.url().strip_prefix(ISSUER).unwrap().to_owned();
        let is_down = {
            let mut state = self.state.lock().unwrap();
            state.requests.push(path.clone());
            state.is_down
        };
        if is_down {
            return Err("no route to the school".into());
        }
        if path == "/token" {
            let meanwhile = self.state.lock().unwrap().meanwhile.take();
            if let Some(meanwhile) = meanwhile {
                meanwhile.await;
            }
        }
        let form = form_urlencoded::parse(request.body());
        let answer = match path.as_str() {
            "/.well-known/openid-configuration" => Self::document(),
            "/keys" => json!({"keys": [{
                "kty": "EC", "crv": "P-256", "x": KEY_X, "y": KEY_Y,
                "kid": "key-1", "use": "sig", "alg": "ES256",
            }]}),
            "/token" => self.tokens(&form.into_owned().collect()),
            other => panic!("a request to {other}"),
        };
        let status = if answer.get("error").is_some() {
            400
        } else {
            200
        };
        let kind = Some("application/json".to_owned());
        Ok(HttpResponse::new(
            status,
            kind,
            answer.to_string().into_bytes(),
        ))
    }
}
