//! Login, refresh, logout and sessions.

use http::{Method, StatusCode};
use serde::Deserialize;

use super::{Answer, Call, Room, no_content, ok};
use crate::clock::Clock;
use crate::error::AuthError;
#[cfg(feature = "openapi")]
use crate::http::openapi::parts::*;
use crate::http::problem::ProblemCode;
use crate::http::request;
use crate::http::transport::{self, Transport};
use crate::secret::RefreshToken;
use crate::service;
use crate::store::Store;

/// `POST /login`
pub(super) struct Login;

impl Room for Login {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/login";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let (to, context) = call.asked()?;
        let answer = call.service().login(call.read()?, &context).await?;
        transport::opened(to, StatusCode::OK, &answer, &answer.tokens, call.config())
    }

    #[cfg(feature = "openapi")]
    fn describe(facts: &Facts<'_>) -> Description {
        let operation = Description::new(Tag::Session, "Log in")
            .description(
                "A wrong password and an unknown address get the same answer. With `remember: false` the \
                 session has the shorter lifetime, for a shared computer.",
            )
            .takes::<service::LoginRequest>(json!({ "email": EMAIL, "password": PASSWORD }))
            .or_takes(
                "shared_computer",
                json!({ "email": EMAIL, "password": PASSWORD, "remember": false }),
            )
            .opens_session()
            .answers_tokens(
                200,
                "A new session.",
                &examples::logged_in("You are logged in."),
            )
            .problems(&[
                ValidationFailed,
                InvalidCredentials,
                RateLimited,
                Overloaded,
            ]);
        with_second_factor(operation, facts)
    }
}

/// `POST /login/factor`
pub(super) struct ProveSecondFactor;

impl Room for ProveSecondFactor {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/login/factor";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let (to, context) = call.asked()?;
        let proof = call.read()?;
        let answer = call.service().prove_second_factor(proof, &context).await?;
        transport::opened(to, StatusCode::OK, &answer, &answer.tokens, call.config())
    }

    #[cfg(feature = "openapi")]
    fn describe(_: &Facts<'_>) -> Description {
        Description::new(Tag::Session, "Complete a login with a second factor")
            .description(
                "Required after 401 `second_factor_required`, with its `ticket` and one of its `methods`. A wrong \
                 code leaves the ticket valid.",
            )
            .takes::<service::ProveSecondFactor>(
                json!({ "ticket": examples::ticket(), "method": "sms", "code": "482193" }),
            )
            .opens_session()
            .answers_tokens(
                200,
                "A new session.",
                &examples::logged_in("You are logged in."),
            )
            .problems(&[
                ValidationFailed,
                InvalidCode,
                InvalidFlow,
                RateLimited,
                Unavailable,
            ])
    }
}

/// `POST /logout`
pub(super) struct Logout;

impl Room for Logout {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/logout";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let request: service::LogoutRequest = call.read_optional()?;
        let refused = match call.caller().await {
            Ok((auth, transport)) => {
                let answer = call.service().logout(&auth, call.context()).await?;
                return transport::closed(transport, ok(StatusCode::OK, &answer)?, call.config());
            }
            Err(problem) => problem,
        };
        if refused.kind() != Some(ProblemCode::InvalidToken) {
            return Err(refused);
        }
        // The access token expires first. What is left is the refresh token: of the body, and
        // of the cookies, which a client that logs out loses whatever is in them.
        let (headers, config) = (call.headers(), call.config());
        let has_cookies = transport::are_cookies_given_up(call.method(), headers, config)?;
        let in_cookies = || {
            transport::held_refresh_token(headers, config)
                .ok()
                .flatten()
        };
        let in_cookies = has_cookies.then(in_cookies).flatten();
        let mut answer = refused.into_http();
        for refresh_token in request.refresh_token.into_iter().chain(in_cookies) {
            let request = service::RefreshRequest { refresh_token };
            let (service, context) = (call.service(), call.context());
            match service.logout_by_refresh_token(request, context).await {
                Ok(ended) => answer = ok(StatusCode::OK, &ended)?,
                Err(AuthError::InvalidToken) => {}
                Err(error) => return Err(error.into()),
            }
        }
        match has_cookies {
            true => transport::closed(Transport::Cookies, answer, config),
            false => Ok(answer),
        }
    }

    #[cfg(feature = "openapi")]
    fn describe(_: &Facts<'_>) -> Description {
        Description::new(Tag::Session, "Log out")
            .description(
                "Ends the session and invalidates its tokens. When the access token has expired, send the \
                 `refresh_token`: 401 means that neither is valid.",
            )
            .for_user()
            .may_take::<service::LogoutRequest>(json!({ "refresh_token": examples::refresh_token() }))
            .logs_out()
            .answers(200, "The session has ended.", &examples::logged_out())
    }
}

/// `POST /refresh`
pub(super) struct Refresh;

/// The body of `POST /refresh`, in which the token may be absent. An empty token is a wrong one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Held {
    refresh_token: Option<RefreshToken>,
}

impl Room for Refresh {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/refresh";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let given = match transport::says_nothing(call.headers(), call.body(), call.config()) {
            true => None,
            false => call.read::<Held>()?.refresh_token,
        };
        let (to, refresh_token) = match given {
            Some(given) => (Transport::Body, given),
            None => {
                let (method, headers, config) = (call.method(), call.headers(), call.config());
                let kept = transport::cookie_refresh_token(method, headers, config)?;
                (Transport::Cookies, kept)
            }
        };
        let request = service::RefreshRequest { refresh_token };
        // Nothing is removed when it is refused: by now the browser may hold
        // the cookies of a newer session.
        let answer = call.service().refresh(request, call.context()).await?;
        transport::opened(to, StatusCode::OK, &answer, &answer.tokens, call.config())
    }

    #[cfg(feature = "openapi")]
    fn describe(_: &Facts<'_>) -> Description {
        Description::new(Tag::Session, "Refresh tokens")
            .description(
                "A refresh token can be used once; the answer has the next one. If the answer is lost, \
                 the same token returns the same successor for a few seconds. Using it again later \
                 ends the session, since somebody else may have a copy.",
            )
            .takes::<service::RefreshRequest>(json!({ "refresh_token": examples::refresh_token() }))
            .refreshes_session()
            .answers_tokens(
                200,
                "The session goes on.",
                &examples::logged_in("Your session goes on."),
            )
            .problems(&[InvalidToken, RateLimited])
    }
}

/// `GET /sessions`
pub(super) struct ListSessions;

impl Room for ListSessions {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/sessions";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let auth = call.user().await?;
        let page = request::sessions(call.query())?;
        let answer = call
            .service()
            .list_sessions(&auth, page, call.context())
            .await?;
        ok(StatusCode::OK, &answer)
    }

    #[cfg(feature = "openapi")]
    fn describe(_: &Facts<'_>) -> Description {
        Description::new(Tag::Session, "List your sessions")
            .description("Returns the sessions in which you are logged in.")
            .for_user()
            .paged_after::<SessionId>()
            .answers(200, "The most recent first.", &examples::sessions())
    }
}

/// `DELETE /sessions`
pub(super) struct EndAllSessions;

impl Room for EndAllSessions {
    const METHOD: Method = Method::DELETE;
    const PATH: &'static str = "/sessions";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let auth = call.user().await?;
        call.service()
            .end_all_sessions(&auth, call.context())
            .await?;
        no_content()
    }

    #[cfg(feature = "openapi")]
    fn describe(_: &Facts<'_>) -> Description {
        Description::new(Tag::Session, "End all other sessions")
            .description("Ends every session except this one.")
            .for_user()
            .answers_nothing("The sessions have ended.")
    }
}

/// `DELETE /sessions/{id}`
pub(super) struct EndSession;

impl Room for EndSession {
    const METHOD: Method = Method::DELETE;
    const PATH: &'static str = "/sessions/{id}";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let (auth, transport) = call.caller().await?;
        let id = call.id(0)?;
        call.service()
            .end_session(&auth, id, call.context())
            .await?;
        if id == auth.session().id {
            return transport::closed(transport, no_content()?, call.config());
        }
        no_content()
    }

    #[cfg(feature = "openapi")]
    fn describe(_: &Facts<'_>) -> Description {
        Description::new(Tag::Session, "End one of your sessions")
            .description("Returns 404 for another user's session.")
            .for_user()
            .id::<SessionId>("id", "The `session_id` in the list of sessions.")
            .ends_session()
            .answers_nothing("The session has ended.")
    }
}
