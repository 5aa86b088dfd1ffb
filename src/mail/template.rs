//! Renders templates, and says what is wrong with them.

use std::fmt;
use std::sync::LazyLock;

use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, context, escape_formatter};

use super::kind::{MailKind, MailPart};
use super::text::{MAX_SUBJECT, one_line, without_links};
use super::{MailContext, MailLink, builtin};

/// A template cannot be used.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum TemplateError {
    /// Not a language tag such as `de` or `pt-BR` (BCP 47).
    #[error("{0:?} is not a language tag")]
    Language(String),
    /// It has a mistake in it.
    #[error("{} of {} in {language}{}: {problem}", part.as_str(), kind.as_str(), Line(*line))]
    Template {
        /// Its language.
        language: String,
        /// Its mail.
        kind: MailKind,
        /// Which part of that.
        part: MailPart,
        /// The line, from 1, where it is known.
        line: Option<usize>,
        /// What is wrong.
        problem: String,
    },
}

struct Line(Option<usize>);

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |line| write!(f, ", line {line}"))
    }
}

/// Longest that a user agent is shown, in characters.
const MAX_DEVICE: usize = 200;
/// Longest name that is shown, in characters: a display name at its longest.
const MAX_NAME: usize = 100;

/// One part of one mail in one language.
pub(super) struct Template<'a> {
    pub(super) language: &'a str,
    pub(super) kind: MailKind,
    pub(super) part: MailPart,
    pub(super) source: &'a str,
}

impl Template<'_> {
    pub(super) fn compile(&self) -> Result<minijinja::Template<'_, '_>, TemplateError> {
        let environment: &Environment<'_> = &ENVIRONMENT;
        environment
            .template_from_named_str(self.name(), self.source)
            .map_err(|error| self.error(&error))
    }

    pub(super) fn render(&self, given: &MailContext) -> Result<String, TemplateError> {
        let mut shown = given.clone();
        shown.name = shown.name.map(|name| one_line(&name, MAX_NAME));
        shown.device = shown
            .device
            .map(|device| without_links(&device, MAX_DEVICE))
            .filter(|device| !device.is_empty());
        let context = context! {
            language => self.language,
            ..Value::from(Serde(&shown))
        };
        let rendered = self
            .compile()?
            .render(context)
            .map_err(|error| self.error(&error))?;
        Ok(match self.part {
            MailPart::Subject => one_line(&rendered, MAX_SUBJECT),
            MailPart::Text | MailPart::Html => format!("{}\n", rendered.trim()),
        })
    }

    /// Renders it, and looks whether what it is for is there.
    pub(super) fn check(&self, context: &MailContext) -> Result<(), TemplateError> {
        let rendered = self.render(context)?;
        let shows_link = match self.part {
            MailPart::Text => rendered.contains(SAMPLE_LINK),
            // The rest of the link is escaped.
            MailPart::Html => rendered.contains(SAMPLE_TOKEN),
            MailPart::Subject => true,
        };
        if rendered.trim().is_empty() {
            Err(self.problem(None, "it is empty".to_owned()))
        } else if is_about_a_link(self.kind) && !shows_link {
            Err(self.problem(None, "it does not show `link`".to_owned()))
        } else {
            Ok(())
        }
    }

    /// Only HTML is escaped; the engine decides by this name.
    fn name(&self) -> &'static str {
        match self.part {
            MailPart::Subject => "subject.txt",
            MailPart::Text => "text.txt",
            MailPart::Html => "text.html",
        }
    }

    fn error(&self, error: &minijinja::Error) -> TemplateError {
        // The line of another file says nothing about this one.
        let line = error.line().filter(|_| error.name() == Some(self.name()));
        let problem = match error.detail() {
            Some(detail) => format!("{}: {detail}", error.kind()),
            None => error.kind().to_string(),
        };
        self.problem(line, problem)
    }

    fn problem(&self, line: Option<usize>, problem: String) -> TemplateError {
        TemplateError::Template {
            language: self.language.to_owned(),
            kind: self.kind,
            part: self.part,
            line,
            problem,
        }
    }
}

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|name| {
        if name.ends_with(".html") {
            AutoEscape::Html
        } else {
            AutoEscape::None
        }
    });
    environment.set_formatter(|out, state, value| {
        if value.is_none() {
            return Err(minijinja::Error::new(
                ErrorKind::InvalidOperation,
                "a variable that may be absent is shown without asking first",
            ));
        }
        escape_formatter(out, state, value)
    });
    environment.add_filter("duration", duration);
    environment.add_filter("utc", utc);
    for (name, source) in builtin::SHARED {
        // They are parsed by a test; were one broken, whatever uses it would
        // be refused.
        let _ = environment.add_template(name, source);
    }
    environment
});

/// "24 hours", "30 minutes": whole hours in hours, all else in minutes, rounded
/// down, but never to nothing.
fn duration(
    seconds: u64,
    hour: Option<&str>,
    hours: Option<&str>,
    minute: Option<&str>,
    minutes: Option<&str>,
) -> String {
    let (count, one, more) = if seconds >= 3600 && seconds.is_multiple_of(3600) {
        let words = (hour.unwrap_or("hour"), hours.unwrap_or("hours"));
        (seconds / 3600, words.0, words.1)
    } else {
        let words = (minute.unwrap_or("minute"), minutes.unwrap_or("minutes"));
        ((seconds / 60).max(1), words.0, words.1)
    };
    format!("{count} {}", if count == 1 { one } else { more })
}

/// `2026-01-01T08:30:00.000Z` as `2026-01-01 08:30:00 UTC`.
fn utc(moment: &str) -> String {
    match moment
        .strip_suffix('Z')
        .and_then(|rest| rest.split_once('T'))
    {
        Some((date, time)) => {
            let seconds = time.split_once('.').map_or(time, |(seconds, _)| seconds);
            format!("{date} {seconds} UTC")
        }
        None => moment.to_owned(),
    }
}

const SAMPLE_TOKEN: &str = "sample_token_of_a_link";
const SAMPLE_LINK: &str = "https://example.org/page#token=sample_token_of_a_link";

/// Whether the mail is of no use without its link.
fn is_about_a_link(kind: MailKind) -> bool {
    matches!(
        kind,
        MailKind::VerifyEmail
            | MailKind::CompleteRegistration
            | MailKind::ResetPassword
            | MailKind::Invitation
            | MailKind::ConfirmEmailChange
    )
}

/// All that a mail can show.
pub(super) fn full_sample() -> MailContext {
    MailContext {
        service: "Example".to_owned(),
        name: Some("Ann".to_owned()),
        link: Some(MailLink(SAMPLE_LINK.to_owned())),
        decline_link: Some(MailLink("https://example.org/no".to_owned())),
        valid_for: Some(1800),
        at: "2026-01-01T08:30:00Z".to_owned(),
        ip: Some("192.0.2.1".to_owned()),
        device: Some("Firefox/141.0".to_owned()),
        provider: Some("School".to_owned()),
    }
}

/// The least that a mail of this kind can show.
pub(super) fn minimal_sample(kind: MailKind) -> MailContext {
    let full = full_sample();
    MailContext {
        service: full.service,
        link: full.link.filter(|_| is_about_a_link(kind)),
        at: full.at,
        ..MailContext::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_validity_is_worded_as_people_say_it() {
        for (seconds, words) in [
            (0, "1 minute"),
            (60, "1 minute"),
            (119, "1 minute"),
            (1800, "30 minutes"),
            (3600, "1 hour"),
            (5400, "90 minutes"),
            (86_400, "24 hours"),
        ] {
            assert_eq!(duration(seconds, None, None, None, None), words);
        }
        let german = |seconds| {
            let words = ["Stunde", "Stunden", "Minute", "Minuten"].map(Some);
            duration(seconds, words[0], words[1], words[2], words[3])
        };
        assert_eq!(german(3600), "1 Stunde");
        assert_eq!(german(1800), "30 Minuten");
    }

    #[test]
    fn a_moment_is_shown_to_the_second() {
        for moment in ["2026-01-01T08:30:00Z", "2026-01-01T08:30:00.250Z"] {
            assert_eq!(utc(moment), "2026-01-01 08:30:00 UTC");
        }
        assert_eq!(utc("yesterday"), "yesterday");
    }

    #[test]
    fn what_templates_share_can_be_parsed() {
        for (name, _) in builtin::SHARED {
            assert!(ENVIRONMENT.get_template(name).is_ok(), "{name}");
        }
    }
}
