//! What a client keeps of a session.

use admittance::http::SESSION_HEADER;
use serde_json::json;

use crate::request::{Request, post};

/// How a client holds its sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The tokens are in the body, and sent in `Authorization`.
    Bearer,
    /// They are in cookies, which a browser sends from a page of the server's own.
    Cookie,
}

/// A session, held by either.
#[derive(Clone, Debug)]
pub(crate) enum Session {
    Bearer {
        token: String,
        refresh: String,
    },
    /// The names and the values of both.
    Cookie {
        token: (String, String),
        refresh: (String, String),
    },
}

impl Mode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::Cookie => "cookie",
        }
    }

    /// A request that opens a session of this kind.
    pub(crate) fn opening(self, request: Request) -> Request {
        match self {
            Self::Bearer => request,
            Self::Cookie => from_own_page(request).header(SESSION_HEADER.as_str(), "cookie"),
        }
    }
}

impl Session {
    /// `request` in the name of the session's owner.
    pub(crate) fn authorize(&self, request: Request) -> Request {
        match self {
            Self::Bearer { token, .. } => request.bearer(token),
            Self::Cookie { .. } => from_own_page(request).header("Cookie", self.cookies()),
        }
    }

    /// The request for the session's next tokens.
    pub(crate) fn refresh(&self) -> Request {
        match self {
            Self::Bearer { refresh, .. } => post("/refresh", json!({ "refresh_token": refresh })),
            Self::Cookie { .. } => self.authorize(Request::new("POST", "/refresh")),
        }
    }

    /// The access token.
    pub(crate) fn token(&self) -> &str {
        match self {
            Self::Bearer { token, .. }
            | Self::Cookie {
                token: (_, token), ..
            } => token,
        }
    }

    /// The refresh token.
    pub(crate) fn refresh_token(&self) -> &str {
        match self {
            Self::Bearer { refresh, .. }
            | Self::Cookie {
                refresh: (_, refresh),
                ..
            } => refresh,
        }
    }

    /// The header in which a browser sends them.
    pub(crate) fn cookies(&self) -> String {
        match self {
            Self::Bearer { .. } => String::new(),
            Self::Cookie { token, refresh } => {
                format!("{}={}; {}={}", token.0, token.1, refresh.0, refresh.1)
            }
        }
    }
}

impl Request {
    /// In the name of the owner of this session.
    pub(crate) fn by(self, session: &Session) -> Self {
        session.authorize(self)
    }
}

/// What a browser says of a request that a page of the server's own makes.
fn from_own_page(request: Request) -> Request {
    match request.has("Sec-Fetch-Site") {
        true => request,
        false => request.header("Sec-Fetch-Site", "same-origin"),
    }
}
