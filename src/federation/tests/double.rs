//! A provider in this process, honest until it is told a lie to tell.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base64ct::{Base64UrlUnpadded, Encoding};
use jsonwebtoken::crypto;
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use super::keys;
use crate::clock::{Clock, ManualClock};
use crate::error::Cause;
use crate::federation::flow::challenge;
use crate::federation::{
    AuthorizationOptions, Callback, Endpoint, Environment, ExternalIdentity, FederationError,
    FlowKey, HttpClient, HttpMethod, HttpRequest, HttpResponse, MAX_ANSWER_BYTES, Provider,
    RelyingParty, SigningAlgorithm,
};
use crate::random::SeededRandom;
use crate::secret::SecretBytes;
use crate::token::backend;

pub(super) const ACCESS_TOKEN: &str = "access-token-1";
const CODE: &str = "code-1";

/// Where a provider is, and what it says about the person who signs in.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) discovery: String,
    pub(super) document: Value,
    pub(super) authorization: String,
    pub(super) token: String,
    pub(super) keys: String,
    pub(super) user_info: String,
    pub(super) emails: String,
    pub(super) algorithm: SigningAlgorithm,
    /// Claims of the ID token besides those that the double computes; `null` if there is no
    /// ID token.
    pub(super) claims: Value,
    pub(super) person: Value,
    pub(super) addresses: Value,
    /// What comes back through the browser besides code and state.
    pub(super) answer: Vec<(&'static str, String)>,
}

/// What a provider does wrong.
#[derive(Clone, Copy)]
pub(super) enum Lie {
    None,
    Discovery(fn(&mut Value)),
    Keys(fn(&mut Value)),
    Header(fn(&mut Value)),
    Claims(fn(&mut Value)),
    /// The text of the claims.
    Payload(fn(String) -> String),
    /// The whole ID token, after it was signed.
    IdToken(fn(String) -> String),
    Token(fn(&mut Value)),
    UserInfo(fn(&mut Value)),
    Emails(fn(&mut Value)),
    Reply(Endpoint, fn(&mut HttpResponse)),
    Callback(fn(&mut Callback)),
    Hang(Endpoint),
    Fail(Endpoint),
    Panic(Endpoint),
}

/// A request that the double got.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) endpoint: Endpoint,
    pub(super) form: BTreeMap<String, String>,
    pub(super) headers: BTreeMap<String, String>,
}

/// The request of the browser.
#[derive(Clone, Default)]
struct Grant {
    parameters: BTreeMap<String, String>,
}

#[derive(Clone)]
pub(super) struct Double {
    pub(super) site: Arc<Site>,
    pub(super) clock: ManualClock,
    lie: Arc<Mutex<Lie>>,
    grant: Arc<Mutex<Grant>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Double {
    pub(super) fn new(site: Site) -> Self {
        Self {
            site: Arc::new(site),
            clock: ManualClock::default(),
            lie: Arc::new(Mutex::new(Lie::None)),
            grant: Arc::default(),
            seen: Arc::default(),
        }
    }

    pub(super) fn tell(&self, lie: Lie) {
        *self.lie.lock().unwrap() = lie;
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// How many requests an endpoint got.
    pub(super) fn count(&self, endpoint: Endpoint) -> usize {
        let seen = self.seen();
        seen.iter().filter(|it| it.endpoint == endpoint).count()
    }

    /// The parameters of the last authorization request.
    pub(super) fn asked(&self) -> BTreeMap<String, String> {
        self.grant.lock().unwrap().parameters.clone()
    }

    /// The page of the provider: the person agrees, and the browser goes back.
    pub(super) fn authorize(&self, url: &str) -> Callback {
        let url = Url::parse(url).unwrap();
        let (endpoint, _) = url.as_str().split_once('?').unwrap();
        assert_eq!(endpoint, self.site.authorization);
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let parameters: BTreeMap<_, _> = pairs.iter().cloned().collect();
        assert_eq!(parameters.len(), pairs.len(), "a parameter is repeated");
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("code", CODE)
            .append_pair("state", &parameters["state"])
            .extend_pairs(&self.site.answer);
        *self.grant.lock().unwrap() = Grant { parameters };
        let mut callback = Callback::from_form(form.finish().as_bytes()).unwrap();
        if let Lie::Callback(lie) = *self.lie.lock().unwrap() {
            lie(&mut callback);
        }
        callback
    }

    /// Signs the person in, from the beginning to the end.
    pub(super) async fn sign_in(
        &self,
        party: &RelyingParty,
        options: &AuthorizationOptions,
    ) -> Result<ExternalIdentity, FederationError> {
        let (random, key) = (SeededRandom::new(1), flow_key());
        let environment = Environment {
            clock: &self.clock,
            random: &random,
            key: &key,
        };
        let request = party.authorization_request(options, environment).await?;
        let callback = self.authorize(&request.url);
        party.identify(&callback, options, environment).await
    }

    pub(super) fn party(&self, provider: Provider) -> RelyingParty {
        RelyingParty::new(provider, Arc::new(self.clone()))
    }

    fn endpoint(&self, url: &str) -> Endpoint {
        let site = &self.site;
        [
            (&site.discovery, Endpoint::Discovery),
            (&site.token, Endpoint::Token),
            (&site.keys, Endpoint::Keys),
            (&site.user_info, Endpoint::UserInfo),
            (&site.emails, Endpoint::Emails),
        ]
        .into_iter()
        .find(|(place, _)| *place == url)
        .unwrap_or_else(|| panic!("a request to {url}"))
        .1
    }

    fn answer(&self, seen: &Seen, lie: Lie) -> Value {
        match seen.endpoint {
            Endpoint::Discovery => {
                let mut document = self.site.document.clone();
                if let Lie::Discovery(lie) = lie {
                    lie(&mut document);
                }
                document
            }
            Endpoint::Keys => {
                let mut set = json!({"keys": [keys::public(self.site.algorithm)]});
                if let Lie::Keys(lie) = lie {
                    lie(&mut set);
                }
                set
            }
            Endpoint::Token => self.tokens(seen, lie),
            Endpoint::UserInfo | Endpoint::Emails => {
                assert_eq!(
                    seen.headers["authorization"],
                    format!("Bearer {ACCESS_TOKEN}")
                );
                let mut answer = match seen.endpoint {
                    Endpoint::UserInfo => self.site.person.clone(),
                    _ => self.site.addresses.clone(),
                };
                match (seen.endpoint, lie) {
                    (Endpoint::UserInfo, Lie::UserInfo(lie)) => lie(&mut answer),
                    (Endpoint::Emails, Lie::Emails(lie)) => lie(&mut answer),
                    _ => {}
                }
                answer
            }
            other => panic!("a request to {other}"),
        }
    }

    fn tokens(&self, seen: &Seen, lie: Lie) -> Value {
        let asked = self.asked();
        let form = &seen.form;
        assert_eq!(form["grant_type"], "authorization_code");
        assert_eq!(form["code"], CODE);
        assert_eq!(form["redirect_uri"], asked["redirect_uri"]);
        assert_eq!(asked["code_challenge_method"], "S256");
        if challenge(&form["code_verifier"]) != asked["code_challenge"] {
            return json!({"error": "invalid_grant"});
        }
        let mut answer = json!({
            "access_token": ACCESS_TOKEN,
            "token_type": "Bearer",
            "expires_in": 3600,
            "refresh_token": "refresh-token-1",
        });
        if !self.site.claims.is_null() {
            answer["id_token"] = json!(self.id_token(&asked, lie));
        }
        if let Lie::Token(lie) = lie {
            lie(&mut answer);
        }
        answer
    }

    fn id_token(&self, asked: &BTreeMap<String, String>, lie: Lie) -> String {
        let now = self.clock.now().as_secs();
        let mut claims = json!({
            "iss": self.site.document["issuer"],
            "aud": asked["client_id"],
            "exp": now + 3600,
            "iat": now,
            "nonce": asked["nonce"],
            "at_hash": Base64UrlUnpadded::encode_string(&self.site.algorithm.half_hash(ACCESS_TOKEN)),
        });
        for (name, value) in self.site.claims.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let mut header = json!({"alg": self.site.algorithm.as_str(), "kid": "key-1", "typ": "JWT"});
        match lie {
            Lie::Header(lie) => lie(&mut header),
            Lie::Claims(lie) => lie(&mut claims),
            _ => {}
        }
        let mut payload = claims.to_string();
        if let Lie::Payload(lie) = lie {
            payload = lie(payload);
        }
        let token = signed(self.site.algorithm, &header.to_string(), &payload);
        match lie {
            Lie::IdToken(lie) => lie(token),
            _ => token,
        }
    }
}

/// A token with a right signature.
pub(super) fn signed(algorithm: SigningAlgorithm, header: &str, payload: &str) -> String {
    backend::provider().unwrap();
    let encode = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
    let message = format!("{}.{}", encode(header), encode(payload));
    let key = keys::private(algorithm);
    let signature = crypto::sign(message.as_bytes(), &key, algorithm.backend()).unwrap();
    format!("{message}.{signature}")
}

pub(super) fn flow_key() -> FlowKey {
    FlowKey::new(&SecretBytes::new((0..32).collect::<Vec<u8>>())).unwrap()
}

#[async_trait]
impl HttpClient for Double {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Cause> {
        assert!(!request.timeout().is_zero());
        assert!(!request.may_connect_to([127, 0, 0, 1].into()));
        assert_eq!(request.max_answer_bytes(), MAX_ANSWER_BYTES);
        assert_eq!(
            request.body().is_empty(),
            request.method() == HttpMethod::Get
        );
        let seen = Seen {
            endpoint: self.endpoint(request.url()),
            form: form_urlencoded::parse(request.body())
                .into_owned()
                .collect(),
            headers: request
                .headers()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        };
        self.seen.lock().unwrap().push(seen.clone());
        let lie = *self.lie.lock().unwrap();
        match lie {
            Lie::Hang(endpoint) if endpoint == seen.endpoint => {
                // Drips: it is always about to go on.
                loop {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
            Lie::Fail(endpoint) if endpoint == seen.endpoint => {
                return Err("no route\r\nto host".into());
            }
            Lie::Panic(endpoint) if endpoint == seen.endpoint => panic!("the client panics"),
            _ => {}
        }
        let answer = self.answer(&seen, lie);
        let status = match answer.get("error") {
            Some(_) => 400,
            None => 200,
        };
        let kind = "application/json; charset=utf-8".to_owned();
        let mut reply = HttpResponse::new(status, Some(kind), answer.to_string().into_bytes());
        match lie {
            Lie::Reply(endpoint, lie) if endpoint == seen.endpoint => lie(&mut reply),
            _ => {}
        }
        Ok(reply)
    }
}
