//! Sign in with others.

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use url::form_urlencoded::Serializer;

use super::{Answer, Call, Room, no_content, ok};
use crate::clock::Clock;
use crate::federation::Callback;
use crate::http::answer::respond;
#[cfg(feature = "openapi")]
use crate::http::openapi::parts::*;
use crate::http::problem::{Problem, ProblemCode};
use crate::http::transport::{self, Transport};
use crate::http::{HttpConfig, json};
use crate::secret::FlowHandle;
use crate::service::{
    self, Authenticated, FederatedOutcome, FinishFederation, LinkOutcome, StartFederation,
    StartedFederation,
};
use crate::store::Store;

/// `GET /providers`
pub(super) struct ListProviders;

impl Room for ListProviders {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/providers";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        ok(StatusCode::OK, &call.service().providers())
    }

    #[cfg(feature = "openapi")]
    fn describe(_: &Facts<'_>) -> Description {
        Description::new(Tag::Federation, "List the providers to sign in with")
            .description("Returns the providers whose accounts people can log in with.")
            .answers(
                200,
                "In the order in which to show them.",
                &examples::providers(),
            )
    }
}

/// `POST /login/{provider}`
pub(super) struct StartLogin;

impl Room for StartLogin {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/login/{provider}";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let (to, context) = call.asked()?;
        let request = with_kept(call.read_optional()?, to, &call)?;
        let (service, provider) = (call.service(), call.segment(0)?);
        let started = service.start_federation(provider, request, &context);
        sent(&started.await?, to, call.config())
    }

    #[cfg(feature = "openapi")]
    fn describe(_: &Facts<'_>) -> Description {
        Description::new(Tag::Federation, "Begin a login with a provider")
            .description(
                "Send the browser to `authorization_url`. The provider sends it back to your page, with `state`, `code`, \
                 `iss` or `error` in the query. The page sends these and `flow` to `POST /login/{provider}/callback`. A \
                 client that keeps its session in cookies has `flow` in a cookie.",
            )
            .id::<String>("provider", "The `id` in the list of providers.")
            .may_take::<StartFederation>(json!({ "return_to": "/exams", "remember": true }))
            .opens_session()
            .answers_tokens(200, "Where to send the browser.", &examples::started())
            .problems(&[ValidationFailed, RateLimited, ProviderUnavailable])
    }
}

/// `POST /login/{provider}/callback`
pub(super) struct FinishLogin;

impl Room for FinishLogin {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/login/{provider}/callback";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let (to, context) = call.asked()?;
        let mut request: FinishFederation = call.read()?;
        if request.flow.is_none() {
            request.flow = kept(to, &call)?;
        }
        let auth = call.user_if_any(to).await?;
        let (service, provider) = (call.service(), call.segment(0)?);
        let outcome = service
            .finish_federation(provider, request, auth.as_ref(), &context)
            .await?;
        match outcome {
            FederatedOutcome::Opened(answer) => {
                let (status, tokens) = (StatusCode::OK, &answer.login.tokens);
                transport::opened(to, status, &answer, tokens, call.config())
            }
            FederatedOutcome::Pending(answer) => ok(StatusCode::ACCEPTED, &answer),
        }
    }

    #[cfg(feature = "openapi")]
    fn describe(facts: &Facts<'_>) -> Description {
        let operation = Description::new(Tag::Federation, "Complete a login with a provider")
            .description(
                "Takes what the provider sent to your page: once, within ten minutes, from the browser that began the \
                 login. After `POST /identities/{id}` or `POST /reauthenticate`, it requires the session that began it, \
                 and answers with a new session in its place.",
            )
            .id::<String>("provider", "The `id` in the list of providers.")
            .for_user_too()
            .takes::<FinishFederation>(json!({
                "state": "n1Zc0Qm7bZ7kzJmJ8l2n3c9dHf4sQe5tVw6xYz1aBcD",
                "code": "SplxlOBeZQQYbYS6WxSbIA",
                "flow": examples::flow_handle(),
            }))
            .opens_session()
            .answers_tokens(200, "A new session.", &examples::federated())
            .answers(
                202,
                "A mail with a link is on its way, if the address can be registered. Only on servers that create accounts \
                 after their address is confirmed.",
                &examples::pending_account(),
            )
            .problems(&[
                ValidationFailed,
                InvalidFlow,
                ProviderDenied,
                LinkRequired,
                IdentityTaken,
                AccountDisabled,
                RateLimited,
                ProviderUnavailable,
            ]);
        with_proved_factor(with_second_factor(operation, facts), facts)
    }
}

/// `POST /login/{provider}/form`
pub(super) struct TakeForm;

impl Room for TakeForm {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/login/{provider}/form";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let provider = call.segment(0)?;
        let posts_form = call.service().posts_form(provider);
        if !posts_form {
            return Err(Problem::new(ProblemCode::NotFound));
        }
        crate::http::request::require_form(call.headers())?;
        let callback = Callback::from_form(call.body()).map_err(|_| {
            Problem::new(ProblemCode::MalformedRequest).detail("The form is malformed.")
        })?;
        let page = &call.config().federation_page;
        let fragment = fragment_of(&callback);
        let location = format!("{}/{provider}#{fragment}", page.trim_end_matches('/'));
        let location = HeaderValue::try_from(location);
        let mut location = location.map_err(|_| Problem::new(ProblemCode::MalformedRequest))?;
        location.set_sensitive(true);
        let mut response = respond(StatusCode::SEE_OTHER, "", Bytes::new());
        let headers = response.headers_mut();
        headers.insert(header::LOCATION, location);
        headers.insert(
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        );
        Ok(response)
    }

    #[cfg(feature = "openapi")]
    fn describe(_: &Facts<'_>) -> Description {
        Description::new(Tag::Federation, "Receive the form of a provider")
            .description(
                "The redirect URI for providers that answer with a form, such as Apple. Redirects to your page, with the \
                 fields in the fragment.",
            )
            .id::<String>("provider", "The `id` in the list of providers.")
            .takes_form()
            .answers_nothing_with(303, "To your page.")
    }
}

/// `POST /identities/link`
pub(super) struct LinkIdentity;

impl Room for LinkIdentity {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/identities/link";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let (to, context) = call.asked()?;
        let request = call.read()?;
        let auth = call.user_if_any(to).await?;
        let linked = call
            .service()
            .link_identity(request, auth.as_ref(), &context);
        match linked.await? {
            LinkOutcome::Opened(answer) => {
                let (status, tokens) = (StatusCode::OK, &answer.login.tokens);
                transport::opened(to, status, &answer, tokens, call.config())
            }
            LinkOutcome::Linked(answer) => ok(StatusCode::OK, &answer),
        }
    }

    #[cfg(feature = "openapi")]
    fn describe(facts: &Facts<'_>) -> Description {
        let operation = Description::new(Tag::Federation, "Link a login to the account that has its address")
            .description(
                "Required after 409 `link_required`, with its `ticket`. Prove that the account is yours by a session of \
                 it with a recent login, or by its password, which opens a session. `start_anew` removes the account and \
                 creates another one; it requires that `can_start_anew` was true.",
            )
            .for_user_too()
            .takes::<service::LinkIdentity>(
                json!({ "ticket": examples::link_ticket(), "current_password": PASSWORD }),
            )
            .or_takes("with_a_session", json!({ "ticket": examples::link_ticket() }))
            .or_takes(
                "start_anew",
                json!({ "ticket": examples::link_ticket(), "start_anew": true }),
            )
            .opens_session()
            .answers_tokens(
                200,
                "The login is linked. With the password or a new account, a session is opened; otherwise the current one \
                 continues.",
                &examples::federated(),
            )
            .or_answers(&examples::accepted("You can sign in this way from now on."))
            .problems(&[
                ValidationFailed,
                InvalidCredentials,
                InvalidFlow,
                ProofRequired,
                RecentLoginRequired,
                IdentityTaken,
                LastAdministrator,
                RateLimited,
                Overloaded,
            ]);
        with_second_factor(operation, facts)
    }
}

/// `GET /identities`
pub(super) struct ListIdentities;

impl Room for ListIdentities {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/identities";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let auth = call.user().await?;
        ok(StatusCode::OK, &call.service().identities(&auth)?)
    }

    #[cfg(feature = "openapi")]
    fn describe(_: &Facts<'_>) -> Description {
        Description::new(Tag::Federation, "List your logins with providers")
            .description("Returns the accounts at providers with which you can log in.")
            .for_user()
            .answers(200, "The oldest first.", &examples::identities())
    }
}

/// `POST /identities/{id}`
pub(super) struct StartLinking;

impl Room for StartLinking {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/identities/{id}";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let (auth, to) = call.caller().await?;
        let request = with_kept(call.read_optional()?, to, &call)?;
        let (service, provider) = (call.service(), call.segment(0)?);
        let started = service.start_linking(&auth, provider, request, call.context());
        sent(&started.await?, to, call.config())
    }

    #[cfg(feature = "openapi")]
    fn describe(_: &Facts<'_>) -> Description {
        Description::new(Tag::Federation, "Begin to link a login with a provider")
            .description(
                "Answers as `POST /login/{provider}` does. `id` is that of the provider. Requires a recent login.",
            )
            .for_user()
            .id::<String>("id", "The `id` in the list of providers.")
            .may_take::<StartFederation>(json!({ "return_to": "/account" }))
            .renews_session()
            .answers_tokens(200, "Where to send the browser.", &examples::started())
            .problems(&[
                ValidationFailed,
                RecentLoginRequired,
                RateLimited,
                ProviderUnavailable,
            ])
    }
}

/// `DELETE /identities/{id}`
pub(super) struct UnlinkIdentity;

impl Room for UnlinkIdentity {
    const METHOD: Method = Method::DELETE;
    const PATH: &'static str = "/identities/{id}";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let auth = call.user().await?;
        let identity = call.id(0)?;
        call.service()
            .unlink_identity(&auth, identity, call.context())
            .await?;
        no_content()
    }

    #[cfg(feature = "openapi")]
    fn describe(_: &Facts<'_>) -> Description {
        Description::new(Tag::Federation, "Unlink a login with a provider")
            .description(
                "Requires a recent login. The last way to log in to the account cannot be removed.",
            )
            .for_user()
            .id::<IdentityId>("id", "The `identity_id` in the list.")
            .answers_nothing("It is unlinked.")
            .problems(&[RecentLoginRequired, LastCredential, RateLimited])
    }
}

/// Begins a new proof by a provider: `POST /reauthenticate` with the method `fed`.
pub(super) async fn reauthenticate<S: Store, C: Clock>(
    auth: &Authenticated,
    proof: service::Reauthenticate,
    to: Transport,
    call: &Call<'_, S, C>,
) -> Answer {
    let request = StartFederation {
        return_to: proof.return_to,
        redirect_uri: proof.redirect_uri,
        ..StartFederation::default()
    };
    let request = with_kept(request, to, call)?;
    let provider = proof.provider.unwrap_or_default();
    let (service, context) = (call.service(), call.context());
    let started = service.start_reauthentication(auth, &provider, request, context);
    sent(&started.await?, to, call.config())
}

/// Describes the method `fed` of `POST /reauthenticate`.
#[cfg(feature = "openapi")]
pub(super) fn with_providers(operation: Description, facts: &Facts<'_>) -> Description {
    if !facts.has_providers {
        return operation;
    }
    operation
        .or_takes("provider", json!({ "method": "fed", "provider": "school" }))
        .or_answers(&examples::started())
        .description(
            "With the method `fed`, it begins a login with `provider` and answers as `POST /login/{provider}` does; \
             `POST /login/{provider}/callback` then answers with the new session.",
        )
        .problem(ProviderUnavailable)
}

/// The request with what the browser keeps of an earlier start.
pub(super) fn with_kept<S: Store, C: Clock>(
    mut request: StartFederation,
    to: Transport,
    call: &Call<'_, S, C>,
) -> Result<StartFederation, Problem> {
    request.flow = kept(to, call)?;
    Ok(request)
}

fn kept<S: Store, C: Clock>(
    to: Transport,
    call: &Call<'_, S, C>,
) -> Result<Option<FlowHandle>, Problem> {
    match (to, &call.config().cookies) {
        (Transport::Cookies, Some(cookies)) => cookies.flow_in(call.headers()),
        _ => Ok(None),
    }
}

/// The answer that sends the browser to the provider.
pub(super) fn sent(
    started: &StartedFederation,
    to: Transport,
    config: &HttpConfig,
) -> Result<Response<Bytes>, Problem> {
    let (Transport::Cookies, Some(cookies)) = (to, &config.cookies) else {
        return json::answer(StatusCode::OK, started);
    };
    let (flow, seconds) = (&started.flow, started.expires_in);
    let without = StartedFederation {
        flow: FlowHandle::default(),
        ..started.clone()
    };
    let mut response = json::answer(StatusCode::OK, &without)?;
    cookies.keep_flow(flow, seconds, response.headers_mut())?;
    Ok(response)
}

/// The known parameters, as a query.
fn fragment_of(callback: &Callback) -> String {
    let state = callback.state.as_ref().map(|state| state.expose_secret());
    let code = callback.code.as_ref().map(|code| code.expose_secret());
    let parameters = [
        ("state", state),
        ("code", code),
        ("iss", callback.iss.as_deref()),
        ("error", callback.error.as_deref()),
        ("user", callback.user.as_deref()),
    ];
    let mut fragment = Serializer::new(String::new());
    for (name, value) in parameters {
        if let Some(value) = value {
            fragment.append_pair(name, value);
        }
    }
    fragment.finish()
}
