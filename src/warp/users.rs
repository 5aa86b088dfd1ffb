//! Filters for users.

use std::time::Duration;

use ::http::Request;
use ::warp::filters::BoxedFilter;
use ::warp::path::FullPath;
use ::warp::reply::Response;
use ::warp::{Filter, Rejection, Reply};

#[cfg(doc)]
use super::Rejected;
use super::rejection::recover;
use super::{head, query, target};
use crate::authz::Permission;
use crate::error::AuthError;
use crate::http::{Authenticator, CurrentUser, Guard, OptionalUser, Problem};

/// Runs a filter only for users whom `guard` admits, and answers every other request itself: it
/// rejects nothing that the guard refuses, so no filter that comes later, such as one for every
/// path, gets to answer it.
///
/// `path` says what is protected, and extracts nothing: `warp::path!("exams")`, or with
/// `warp::path!("exams" / ..)` all that is below. The guard is asked only for what `path` takes,
/// and before anything that comes after it. `rest` gets a filter with the user to go on from:
/// further segments, the method, the body and what is done. What `rest` rejects after the user
/// was admitted, such as a method that it does not have, is rejected as everywhere in warp.
///
/// ```
/// use admittance::warp::{Authenticator, CurrentUser, Guard, protect};
/// use warp::{Filter, Reply};
///
/// fn app(auth: &Authenticator) -> impl Filter<Extract = (impl Reply,)> + Clone {
///     let exams = protect(&Guard::session(auth), warp::path!("exams" / ..), |user| {
///         user.and(warp::get())
///             .and(warp::path!(u32))
///             .map(|user: CurrentUser, exam: u32| {
///                 format!("Exam {exam} of {}", user.user().name.as_str())
///             })
///     });
///     // A refused request for an exam does not get here.
///     exams.or(warp::path::tail().map(|_| "the page for everything else"))
/// }
/// ```
#[must_use]
pub fn protect<P, B, F, R>(guard: &Guard, path: P, rest: B) -> BoxedFilter<(Response,)>
where
    P: Filter<Extract = (), Error: Into<Rejection>> + Clone + Send + Sync + 'static,
    B: FnOnce(BoxedFilter<(CurrentUser,)>) -> F,
    F: Filter<Extract = (R,), Error = Rejection> + Clone + Send + Sync + 'static,
    R: Reply + 'static,
{
    // Boxed, its error is a rejection.
    let user = path.boxed().and(admitted(guard)).boxed();
    rest(user)
        .map(Reply::into_response)
        .recover(recover)
        .map(Reply::into_response)
        .boxed()
}

/// The user whom `guard` admits; every other request is [`Rejected`], or
/// rejected with the way to the login page. [`recover`] answers both. warp goes on to the next
/// filter after a rejection: [`protect`] does not.
#[must_use]
pub fn admitted(guard: &Guard) -> BoxedFilter<(CurrentUser,)> {
    let guard = guard.clone();
    head()
        .and(::warp::path::full())
        .and(query())
        .and_then(move |method, headers, peer, path: FullPath, query| {
            let guard = guard.clone();
            async move {
                let mut request = Request::new(());
                *request.method_mut() = method;
                *request.uri_mut() = target(path.as_str().to_owned(), query)?;
                *request.headers_mut() = headers;
                let (mut head, ()) = request.into_parts();
                Ok::<_, Rejection>(guard.admit(&mut head, peer).await?)
            }
        })
        .boxed()
}

/// The user who presented a live access token; without one the request is
/// [`Rejected`] with 401.
#[must_use]
pub fn current_user(auth: &Authenticator) -> BoxedFilter<(CurrentUser,)> {
    user_who(auth, |_| Ok(()))
}

/// The user, or nobody when the request has no token. One that is there and not
/// live is still [`Rejected`] with 401, except for a dead cookie of a request
/// that changes nothing, which is ignored.
#[must_use]
pub fn optional_user(auth: &Authenticator) -> BoxedFilter<(OptionalUser,)> {
    let auth = auth.clone();
    head()
        .and_then(move |method, headers, peer| {
            let auth = auth.clone();
            async move {
                let user = auth.authenticate_optional(&method, &headers, peer).await?;
                Ok::<_, Rejection>(OptionalUser(user.map(CurrentUser)))
            }
        })
        .boxed()
}

/// The user, who has the permission; without it the request is [`Rejected`]
/// with 403, without a live token with 401.
///
/// ```
/// use admittance::authz::{ParseNameError, Permission};
/// use admittance::warp::{Authenticator, CurrentUser, require_permission};
/// use warp::{Filter, Rejection, Reply};
///
/// fn grade(
///     auth: &Authenticator,
/// ) -> Result<impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone, ParseNameError> {
///     Ok(warp::path!("grade")
///         .and(require_permission(auth, Permission::new("exam:grade")?))
///         .map(|examiner: CurrentUser| format!("Graded by {}", examiner.user().name.as_str())))
/// }
/// ```
#[must_use]
pub fn require_permission(
    auth: &Authenticator,
    permission: Permission,
) -> BoxedFilter<(CurrentUser,)> {
    user_who(auth, move |user| user.require_permission(&permission))
}

/// The user, who has proved who they are within the last `age`; else the request
/// is [`Rejected`] with 403 `recent_login_required`, and `POST /reauthenticate` is
/// the way on. Without a live token it is 401.
#[must_use]
pub fn recent_login(auth: &Authenticator, age: Duration) -> BoxedFilter<(CurrentUser,)> {
    user_who(auth, move |user| user.require_recent_login(age))
}

fn user_who(
    auth: &Authenticator,
    may: impl Fn(&CurrentUser) -> Result<(), AuthError> + Clone + Send + Sync + 'static,
) -> BoxedFilter<(CurrentUser,)> {
    let auth = auth.clone();
    head()
        .and_then(move |method, headers, peer| {
            let (auth, may) = (auth.clone(), may.clone());
            async move {
                let user = CurrentUser(auth.authenticate(&method, &headers, peer).await?);
                may(&user).map_err(Problem::from)?;
                Ok::<_, Rejection>(user)
            }
        })
        .boxed()
}
