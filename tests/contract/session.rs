//! What a client keeps of a session.

use crate::request::Request;

/// How a client holds its sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Tokens from the body, in `Authorization`.
    Bearer,
}

/// A session, held by either.
#[derive(Clone, Debug)]
pub(crate) enum Session {
    Bearer { token: String, refresh: String },
}

impl Mode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
        }
    }

    /// A request that opens a session of this kind.
    pub(crate) fn opening(self, request: Request) -> Request {
        match self {
            Self::Bearer => request,
        }
    }
}

impl Session {
    /// `request` in the name of the session's owner.
    pub(crate) fn authorize(&self, request: Request) -> Request {
        match self {
            Self::Bearer { token, .. } => request.bearer(token),
        }
    }

    /// The request for the session's next tokens.
    pub(crate) fn refresh(&self) -> Request {
        match self {
            Self::Bearer { refresh, .. } => {
                crate::request::post("/refresh", serde_json::json!({ "refresh_token": refresh }))
            }
        }
    }
}
