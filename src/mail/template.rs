//! The wording of mails.

use super::{MailContext, MailKind};

/// The wording of every mail.
#[derive(Clone, Debug, Default)]
pub struct MailTemplates {}

/// A mail in words.
pub(super) struct Rendered {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

/// A part of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MailPart {
    /// The subject.
    Subject,
    /// The body in plain text.
    Text,
    /// The body in HTML.
    Html,
}

/// A template cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the template cannot be used")]
pub struct TemplateError;

impl MailTemplates {
    pub(super) fn validate(&self) -> Result<(), TemplateError> {
        Ok(())
    }

    pub(super) fn render(
        &self,
        kind: MailKind,
        _language: Option<&str>,
        context: &MailContext,
    ) -> Result<Rendered, TemplateError> {
        let link = context.link.as_ref().map_or("", |link| &link.0);
        Ok(Rendered {
            subject: kind.as_str().to_owned(),
            text: link.to_owned(),
            html: link.to_owned(),
        })
    }
}
