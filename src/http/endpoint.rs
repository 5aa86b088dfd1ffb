//! What each endpoint does.

use std::net::IpAddr;
use std::str::FromStr;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use serde::Serialize;

use super::answer::respond;
use super::problem::{Problem, ProblemCode};
use super::route::Endpoint;
use super::transport::{self, Transport};
use super::{AuthApi, cors, json, origin, request};
use crate::clock::Clock;
use crate::error::AuthError;
use crate::service::{
    ConfirmPassword, Reauthenticate, RefreshRequest, RegisterOutcome, RequestContext, VerifyOutcome,
};
use crate::store::Store;

pub(super) async fn dispatch<S, C>(
    api: &AuthApi<S, C>,
    request: Request<Bytes>,
    peer: Option<IpAddr>,
) -> Result<Response<Bytes>, Problem>
where
    S: Store,
    C: Clock,
{
    let (parts, body) = request.into_parts();
    let (route, segments) = api
        .routes()
        .find_map(|route| Some((route, route.matches(parts.uri.path())?)))
        .ok_or_else(|| Problem::new(ProblemCode::NotFound))?;
    let (method, headers, config) = (&parts.method, &parts.headers, api.config());
    if let Some(answer) = cors::preflight(method, headers, &route.allow(), config) {
        return Ok(answer);
    }
    let endpoint = route.endpoint(method)?;
    let service = api.service();
    let context = request::context(headers, peer, config);
    let context = &context;
    let caller = async || {
        let caller = api.caller(method, headers, peer).await?;
        let (auth, transport) = caller.ok_or_else(Problem::no_token)?;
        if endpoint.leaves_trace() && transport == Transport::Cookies {
            // No other site may push out what is in the audit log, or put there
            // what nobody did.
            origin::refuse_foreign_page(headers, config)?;
        }
        Ok::<_, Problem>((auth, transport))
    };
    let authenticated = async || caller().await.map(|(auth, _)| auth);
    let asked = || {
        let to = transport::asked(method, headers, config)?;
        if to == Transport::Cookies {
            api.require_room_in_cookies()?;
        }
        Ok::<_, Problem>((to, opening(api, to, headers, context)))
    };
    let (id, second) = (segments.first(), segments.get(1));

    match endpoint {
        Endpoint::Register => {
            let (to, context) = asked()?;
            match service.register(read(&parts, &body)?, &context).await? {
                RegisterOutcome::Opened(answer) => {
                    let (status, tokens) = (StatusCode::CREATED, &answer.tokens);
                    transport::opened(to, status, &answer, tokens, config)
                }
                RegisterOutcome::Pending(answer) => ok(StatusCode::ACCEPTED, &answer),
            }
        }
        Endpoint::Login => {
            let (to, context) = asked()?;
            let answer = service.login(read(&parts, &body)?, &context).await?;
            transport::opened(to, StatusCode::OK, &answer, &answer.tokens, config)
        }
        Endpoint::Refresh => {
            let kept = transport::cookie_refresh_token(method, headers, &body, config)?;
            let (to, request) = match kept {
                Some(refresh_token) => (Transport::Cookies, RefreshRequest { refresh_token }),
                None => (Transport::Body, read(&parts, &body)?),
            };
            // Nothing is removed when it is refused: by now the browser may hold
            // the cookies of a newer session.
            let answer = service.refresh(request, context).await?;
            transport::opened(to, StatusCode::OK, &answer, &answer.tokens, config)
        }
        Endpoint::Logout => {
            let refused = match caller().await {
                Ok((auth, transport)) => {
                    let answer = service.logout(&auth, context).await?;
                    return transport::closed(transport, ok(StatusCode::OK, &answer)?, config);
                }
                Err(problem) => problem,
            };
            let (ProblemCode::InvalidToken, true) = (
                refused.code(),
                transport::are_cookies_given_up(method, headers, config)?,
            ) else {
                return Err(refused);
            };
            // The access token's cookie goes first. Whoever then says "log out" means
            // it, and is rid of the cookies whatever is in them.
            let mut answer = refused.into_response();
            if let Ok(Some(refresh_token)) = transport::held_refresh_token(headers, config) {
                let request = RefreshRequest { refresh_token };
                match service.logout_by_refresh_token(request, context).await {
                    Ok(ended) => answer = ok(StatusCode::OK, &ended)?,
                    Err(AuthError::InvalidToken) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            transport::closed(Transport::Cookies, answer, config)
        }
        Endpoint::Profile => {
            let auth = authenticated().await?;
            ok(StatusCode::OK, &service.profile(&auth)?)
        }
        Endpoint::UpdateProfile => {
            let auth = authenticated().await?;
            let change = read(&parts, &body)?;
            let answer = service.update_profile(&auth, change, context).await?;
            ok(StatusCode::OK, &answer)
        }
        Endpoint::ChangePassword => {
            let (auth, to) = caller().await?;
            let change = read(&parts, &body)?;
            let answer = service.change_password(&auth, change, context).await?;
            transport::opened(to, StatusCode::OK, &answer, &answer.tokens, config)
        }
        Endpoint::Reauthenticate | Endpoint::ConfirmPassword => {
            let (auth, to) = caller().await?;
            let proof = match endpoint {
                Endpoint::Reauthenticate => read(&parts, &body)?,
                _ => Reauthenticate::from(read::<ConfirmPassword>(&parts, &body)?),
            };
            let answer = service.reauthenticate(&auth, proof, context).await?;
            transport::opened(to, StatusCode::OK, &answer, &answer.tokens, config)
        }
        Endpoint::PasswordStrength => {
            let typed = read(&parts, &body)?;
            let answer = service.password_strength(typed, context).await?;
            ok(StatusCode::OK, &answer)
        }
        Endpoint::ListSessions => {
            let auth = authenticated().await?;
            let page = request::sessions(parts.uri.query())?;
            let answer = service.list_sessions(&auth, page, context).await?;
            ok(StatusCode::OK, &answer)
        }
        Endpoint::EndAllSessions => {
            let auth = authenticated().await?;
            service.end_all_sessions(&auth, context).await?;
            no_content()
        }
        Endpoint::EndSession => {
            let (auth, transport) = caller().await?;
            let id = parse(id)?;
            service.end_session(&auth, id, context).await?;
            if id == auth.session().id {
                return transport::closed(transport, no_content()?, config);
            }
            no_content()
        }
        Endpoint::ForgotPassword => {
            let wanted = read(&parts, &body)?;
            let answer = service.forgot_password(wanted, context).await?;
            ok(StatusCode::ACCEPTED, &answer)
        }
        Endpoint::ResetPassword => {
            let change = read(&parts, &body)?;
            ok(
                StatusCode::OK,
                &service.reset_password(change, context).await?,
            )
        }
        Endpoint::VerifyEmail => {
            let (to, context) = asked()?;
            let link = read(&parts, &body)?;
            let auth = match api.authenticate_optional(method, headers, peer).await {
                // Cookies come by themselves, and new ones are asked for.
                Err(problem)
                    if problem.code() == ProblemCode::InvalidToken
                        && to == Transport::Cookies
                        && !headers.contains_key(header::AUTHORIZATION) =>
                {
                    None
                }
                auth => auth?,
            };
            match service.verify_email(link, auth.as_ref(), &context).await? {
                VerifyOutcome::Opened(answer) => {
                    let (status, tokens) = (StatusCode::OK, &answer.tokens);
                    transport::opened(to, status, &answer, tokens, config)
                }
                VerifyOutcome::Verified(answer) => ok(StatusCode::OK, &answer),
            }
        }
        Endpoint::ResendVerification => {
            let wanted = read(&parts, &body)?;
            let answer = service.resend_verification(wanted, context).await?;
            ok(StatusCode::ACCEPTED, &answer)
        }
        Endpoint::DisownEmail => {
            let link = read(&parts, &body)?;
            ok(StatusCode::OK, &service.disown_email(link, context).await?)
        }
        Endpoint::ChangeEmail => {
            let auth = authenticated().await?;
            let change = read(&parts, &body)?;
            let answer = service.change_email(&auth, change, context).await?;
            ok(StatusCode::ACCEPTED, &answer)
        }
        Endpoint::ConfirmEmailChange => {
            let auth = authenticated().await?;
            let link = read(&parts, &body)?;
            let answer = service.confirm_email_change(&auth, link, context).await?;
            ok(StatusCode::OK, &answer)
        }
        Endpoint::ExportAccount => {
            let auth = authenticated().await?;
            ok(
                StatusCode::OK,
                &service.export_account(&auth, context).await?,
            )
        }
        Endpoint::ListEvents => {
            let auth = authenticated().await?;
            let page = request::events(parts.uri.query())?;
            let answer = service.list_events(&auth, page, context).await?;
            ok(StatusCode::OK, &answer)
        }
        Endpoint::DeleteAccount => {
            let (auth, transport) = caller().await?;
            let proof = read(&parts, &body)?;
            service.delete_account(&auth, proof, context).await?;
            transport::closed(transport, no_content()?, config)
        }
        Endpoint::Jwks => ok(StatusCode::OK, &service.jwks()),
        Endpoint::ListUsers => {
            let auth = authenticated().await?;
            let page = request::users(parts.uri.query())?;
            ok(
                StatusCode::OK,
                &service.list_users(&auth, page, context).await?,
            )
        }
        Endpoint::FindUser => {
            let auth = authenticated().await?;
            let wanted = read(&parts, &body)?;
            ok(
                StatusCode::OK,
                &service.find_user(&auth, wanted, context).await?,
            )
        }
        Endpoint::ViewUser => {
            let auth = authenticated().await?;
            let answer = service.view_user(&auth, parse(id)?, context).await?;
            ok(StatusCode::OK, &answer)
        }
        Endpoint::SetUserStatus => {
            let (auth, id) = (authenticated().await?, parse(id)?);
            let change = read(&parts, &body)?;
            let answer = service.set_user_status(&auth, id, change, context).await?;
            ok(StatusCode::OK, &answer)
        }
        Endpoint::ChangeUserRoles => {
            let (auth, id) = (authenticated().await?, parse(id)?);
            let change = read(&parts, &body)?;
            let answer = service
                .change_user_roles(&auth, id, change, context)
                .await?;
            ok(StatusCode::OK, &answer)
        }
        Endpoint::ListUserSessions => {
            let (auth, id) = (authenticated().await?, parse(id)?);
            let page = request::sessions(parts.uri.query())?;
            let answer = service.list_user_sessions(&auth, id, page, context).await?;
            ok(StatusCode::OK, &answer)
        }
        Endpoint::ListUserEvents => {
            let (auth, id) = (authenticated().await?, parse(id)?);
            let page = request::events(parts.uri.query())?;
            let answer = service.list_user_events(&auth, id, page, context).await?;
            ok(StatusCode::OK, &answer)
        }
        Endpoint::EndUserSessions => {
            let auth = authenticated().await?;
            service
                .end_user_sessions(&auth, parse(id)?, context)
                .await?;
            no_content()
        }
        Endpoint::EndUserSession => {
            let (auth, session) = (authenticated().await?, parse(second)?);
            service
                .end_user_session(&auth, parse(id)?, session, context)
                .await?;
            no_content()
        }
        Endpoint::SendPasswordReset => {
            let auth = authenticated().await?;
            let answer = service
                .send_password_reset(&auth, parse(id)?, context)
                .await?;
            ok(StatusCode::ACCEPTED, &answer)
        }
        #[cfg(feature = "openapi")]
        Endpoint::OpenApi => {
            let document = api.openapi_json();
            Ok(respond(StatusCode::OK, "application/json", document))
        }
    }
}

/// Where the request came from, and which session's place in a browser's cookies
/// is taken if it opens one.
fn opening<S, C>(
    api: &AuthApi<S, C>,
    to: Transport,
    headers: &HeaderMap,
    context: &RequestContext,
) -> RequestContext
where
    S: Store,
    C: Clock,
{
    let (service, config) = (api.service(), api.config());
    let by_refresh_token = || {
        let token = transport::held_refresh_token(headers, config).ok()??;
        service.session_of(&token).ok()
    };
    let by_access_token = || {
        let token = transport::cookie_token(headers, config).ok()??;
        service.session_of_access_token(&token).ok()
    };
    let replaces = match to {
        Transport::Body => None,
        Transport::Cookies => by_refresh_token().or_else(by_access_token),
    };
    match replaces {
        Some(session) => context.clone().replacing(session),
        None => context.clone(),
    }
}

/// The id that a segment of the path is. Whatever is none does not exist.
fn parse<T: FromStr>(segment: Option<&&str>) -> Result<T, Problem> {
    segment
        .and_then(|segment| segment.parse().ok())
        .ok_or_else(|| Problem::new(ProblemCode::NotFound))
}

fn read<T: serde::de::DeserializeOwned>(
    parts: &http::request::Parts,
    body: &[u8],
) -> Result<T, Problem> {
    request::require_json(&parts.headers)?;
    json::read(body)
}

fn no_content() -> Result<Response<Bytes>, Problem> {
    Ok(respond(StatusCode::NO_CONTENT, "", Bytes::new()))
}

fn ok(status: StatusCode, answer: &impl Serialize) -> Result<Response<Bytes>, Problem> {
    json::answer(status, answer)
}
