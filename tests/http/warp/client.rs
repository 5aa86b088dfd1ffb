//! A client that talks to filters without a socket.

use admittance::clock::ManualClock;
use admittance::config::AuthConfig;
use admittance::http::{AuthApi, HttpConfig};
use admittance::store::MemoryStore;
use admittance::warp::Authenticator;
use bytes::Bytes;
use serde_json::{Value, json};
use warp::filters::BoxedFilter;
use warp::http::Response;
use warp::test::RequestBuilder;
use warp::{Filter, Rejection, Reply};

use support::bed::{Bed, PASSWORD, config};

pub(crate) type App = BoxedFilter<(Box<dyn Reply>,)>;

pub(crate) struct Client {
    pub(crate) bed: Bed,
    pub(crate) api: AuthApi<MemoryStore, ManualClock>,
    pub(crate) auth: Authenticator,
}

impl Client {
    pub(crate) fn new() -> Self {
        Self::with(config(), HttpConfig::default())
    }

    pub(crate) fn with(config: AuthConfig, http: HttpConfig) -> Self {
        let bed = Bed::with(config);
        let api = AuthApi::with_config(bed.auth.clone(), http).unwrap();
        let auth = Authenticator::from(&api);
        Self { bed, api, auth }
    }

    /// The access token of a new account.
    pub(crate) async fn register(&self, email: &str) -> String {
        let tokens = self.bed.register(email).await.tokens;
        tokens.token.expose_secret().to_owned()
    }
}

/// One type for any filter, to keep those of whole applications short.
pub(crate) fn app<F, R>(filter: F) -> App
where
    F: Filter<Extract = (R,), Error: Into<Rejection>> + Clone + Send + Sync + 'static,
    R: Reply + 'static,
{
    filter
        .map(|reply: R| Box::new(reply) as Box<dyn Reply>)
        .boxed()
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    response: Response<Bytes>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.response
            .headers()
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Every value of a header that there may be more than one of.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        let values = self.response.headers().get_all(name).iter();
        values
            .map(|value| value.to_str().unwrap().to_owned())
            .collect()
    }

    pub(crate) fn code(&self) -> (u16, &str) {
        (self.status, self.body["code"].as_str().unwrap_or(""))
    }

    pub(crate) fn text(&self) -> (u16, &str) {
        (
            self.status,
            std::str::from_utf8(self.response.body()).unwrap(),
        )
    }
}

pub(crate) async fn send(app: &App, request: RequestBuilder) -> Answer {
    read(request.reply(app).await)
}

pub(crate) fn read(response: Response<Bytes>) -> Answer {
    Answer {
        status: response.status().as_u16(),
        body: serde_json::from_slice(response.body()).unwrap_or_default(),
        response,
    }
}

pub(crate) fn request(method: &str, path: &str) -> RequestBuilder {
    warp::test::request()
        .method(method)
        .path(path)
        .remote_addr("192.0.2.7:4711".parse().unwrap())
}

pub(crate) fn bearer(method: &str, path: &str, token: &str) -> RequestBuilder {
    request(method, path).header("authorization", format!("Bearer {token}"))
}

pub(crate) fn registration(email: &str) -> Value {
    json!({"email": email, "password": PASSWORD, "confirm_password": PASSWORD, "name": "Ann"})
}
