//! What each endpoint does.

use std::net::IpAddr;
use std::str::FromStr;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use serde::Serialize;

use super::problem::{Problem, ProblemCode};
use super::route::Endpoint;
use super::{AuthApi, json, request, respond};
use crate::clock::Clock;
use crate::service::RegisterOutcome;
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
    let endpoint = route.endpoint(&parts.method)?;
    let headers = &parts.headers;
    let service = api.service();
    let context = request::context(headers, peer, api.config());
    let context = &context;
    let authenticated = || api.authenticate(&parts.method, headers, peer);
    let (id, second) = (segments.first(), segments.get(1));

    match endpoint {
        Endpoint::Register => match service.register(read(&parts, &body)?, context).await? {
            RegisterOutcome::Opened(answer) => ok(StatusCode::CREATED, &answer),
            RegisterOutcome::Pending(answer) => ok(StatusCode::ACCEPTED, &answer),
        },
        Endpoint::Login => {
            let answer = service.login(read(&parts, &body)?, context).await?;
            ok(StatusCode::OK, &answer)
        }
        Endpoint::Refresh => {
            let answer = service.refresh(read(&parts, &body)?, context).await?;
            ok(StatusCode::OK, &answer)
        }
        Endpoint::Logout => {
            let answer = service.logout(&authenticated().await?, context).await?;
            ok(StatusCode::OK, &answer)
        }
        Endpoint::Profile => {
            let auth = authenticated().await?;
            ok(StatusCode::OK, &service.profile(&auth))
        }
        Endpoint::UpdateProfile => {
            let auth = authenticated().await?;
            let change = read(&parts, &body)?;
            let answer = service.update_profile(&auth, change, context).await?;
            ok(StatusCode::OK, &answer)
        }
        Endpoint::ChangePassword => {
            let auth = authenticated().await?;
            let change = read(&parts, &body)?;
            let answer = service.change_password(&auth, change, context).await?;
            ok(StatusCode::OK, &answer)
        }
        Endpoint::ConfirmPassword => {
            let auth = authenticated().await?;
            let proof = read(&parts, &body)?;
            let answer = service.confirm_password(&auth, proof, context).await?;
            ok(StatusCode::OK, &answer)
        }
        Endpoint::ListSessions => {
            let auth = authenticated().await?;
            ok(
                StatusCode::OK,
                &service.list_sessions(&auth, context).await?,
            )
        }
        Endpoint::EndAllSessions => {
            let auth = authenticated().await?;
            service.end_all_sessions(&auth, context).await?;
            no_content()
        }
        Endpoint::EndSession => {
            let auth = authenticated().await?;
            service.end_session(&auth, parse(id)?, context).await?;
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
            let link = read(&parts, &body)?;
            // A token that is there and not live is refused: a client that
            // thinks it is logged in is told that it is not.
            let auth = if headers.contains_key(header::AUTHORIZATION) {
                Some(authenticated().await?)
            } else {
                None
            };
            let answer = service.verify_email(link, auth.as_ref(), context).await?;
            ok(StatusCode::OK, &answer)
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
            let auth = authenticated().await?;
            let proof = read(&parts, &body)?;
            service.delete_account(&auth, proof, context).await?;
            no_content()
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
            let auth = authenticated().await?;
            let answer = service
                .list_user_sessions(&auth, parse(id)?, context)
                .await?;
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
    Ok(respond(StatusCode::NO_CONTENT, "", Vec::new()))
}

fn ok(status: StatusCode, answer: &impl Serialize) -> Result<Response<Bytes>, Problem> {
    Ok(respond(status, "application/json", json::write(answer)?))
}
