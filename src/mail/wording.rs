//! The wording of mails.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::kind::{MailKind, MailPart};
use super::template::{Template, TemplateError, full_sample, minimal_sample};
use super::text::one_line;
use super::{MailContext, builtin};

/// The wording of every mail: built-in English, which the application may
/// replace or translate, part by part.
///
/// ```
/// use admittance::mail::{MailKind, MailPart, MailTemplates};
///
/// let templates = MailTemplates::default()
///     .with("de", MailKind::ResetPassword, MailPart::Subject, "Neues Passwort für {{ service }}")?
///     .default_language("de")?;
/// # Ok::<(), admittance::mail::TemplateError>(())
/// ```
///
/// A user gets the language that is preferred, where a template of it was
/// given (for `pt-BR`: else `pt`); else the default language; else the built-in
/// English. This is decided for each part by itself.
///
/// # Templates
///
/// Templates are written in [Jinja](https://docs.rs/minijinja/latest/minijinja/syntax/).
/// They are all tried when the service is built: one with a mistake in it, or
/// one that leaves out the link that its mail is about, is refused then.
///
/// | variable | what it is | when it is there |
/// |---|---|---|
/// | `service` | the application's name | always |
/// | `language` | the template's language | always |
/// | `at` | when it happened: RFC 3339, UTC | always |
/// | `link` | what the mail is for | always in `verify_email`, `complete_registration`, `reset_password`, `invitation`, `confirm_email_change`; in others, where a new password can be asked for |
/// | `decline_link` | "this was not me" | in mails that confirm an address |
/// | `valid_for` | how long the links are good, in seconds | with a link that expires |
/// | `name` | the owner's name | when the address is confirmed |
/// | `ip` | the address that it was asked for from | where known, and the mailbox is confirmed |
/// | `device` | what the client says that it is, without what could become a link | as for `ip` |
/// | `provider` | the name of the provider, as configured | in `identity_linked` and `identity_unlinked`, while the provider is configured |
///
/// A variable that may be absent is `none` then, and showing it is an error, so
/// ask first: `{% if name %} {{ name }}{% endif %}`. A variable of another name
/// is an error too.
///
/// Two filters are there besides Jinja's own. `valid_for|duration` makes "24
/// hours" or "30 minutes"; in other languages it takes the words, for one and
/// for more: `valid_for|duration("Stunde", "Stunden", "Minute", "Minuten")`.
/// `at|utc` makes "2026-01-01 08:30:00 UTC".
///
/// HTML is escaped by itself. It may `{% extends "layout.html" %}` and fill
/// `{% block body %}`, or include `button.html` (the link as a button with
/// `label`, and as text: `{% with label = "…" %}{% include "button.html" %}{%
/// endwith %}`). A subject is cut to one line of at most 200 characters.
#[derive(Clone)]
pub struct MailTemplates {
    sources: BTreeMap<(String, MailKind, MailPart), Arc<str>>,
    default_language: String,
}

/// A mail in words.
#[derive(Debug)]
pub(super) struct Rendered {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

impl Default for MailTemplates {
    /// The built-in wording.
    fn default() -> Self {
        Self {
            sources: BTreeMap::new(),
            default_language: builtin::LANGUAGE.to_owned(),
        }
    }
}

impl fmt::Debug for MailTemplates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailTemplates")
            .field("given", &self.sources.keys())
            .field("default_language", &self.default_language)
            .finish_non_exhaustive()
    }
}

impl MailTemplates {
    /// Replaces one part of one mail in one language. English is `en`.
    ///
    /// # Errors
    ///
    /// [`TemplateError`] when `language` is not a language tag or the template
    /// cannot be parsed. What else may be wrong with it is found when the
    /// service is built.
    pub fn with(
        mut self,
        language: &str,
        kind: MailKind,
        part: MailPart,
        source: impl Into<String>,
    ) -> Result<Self, TemplateError> {
        let language = parse_tag(language)?;
        let source: Arc<str> = source.into().into();
        let template = Template {
            language: &language,
            kind,
            part,
            source: &source,
        };
        template.compile()?;
        self.sources.insert((language, kind, part), source);
        Ok(self)
    }

    /// The language of mails to users who prefer none, or one that is not
    /// there. `en` unless it is set.
    ///
    /// # Errors
    ///
    /// [`TemplateError::Language`] when it is not a language tag.
    pub fn default_language(mut self, language: &str) -> Result<Self, TemplateError> {
        self.default_language = parse_tag(language)?;
        Ok(self)
    }

    /// Renders every mail in every language, with all that a mail may show and
    /// with the least.
    pub(super) fn validate(&self) -> Result<(), TemplateError> {
        let mut languages = BTreeSet::from([builtin::LANGUAGE, &self.default_language]);
        languages.extend(self.sources.keys().map(|(language, ..)| language.as_str()));
        for language in languages {
            for kind in MailKind::ALL {
                for context in [full_sample(), minimal_sample(kind)] {
                    for part in MailPart::ALL {
                        self.find(Some(language), kind, part).check(&context)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Words the mail in `language`, or in what comes closest to it.
    pub(super) fn render(
        &self,
        kind: MailKind,
        language: Option<&str>,
        context: &MailContext,
    ) -> Result<Rendered, TemplateError> {
        let render = |part| self.find(language, kind, part).render(context);
        Ok(Rendered {
            subject: render(MailPart::Subject)?,
            text: render(MailPart::Text)?,
            html: render(MailPart::Html)?,
        })
    }

    fn find(&self, language: Option<&str>, kind: MailKind, part: MailPart) -> Template<'_> {
        // What a user prefers is a text of the user's own.
        let preferred = language.and_then(|language| parse_tag(language).ok());
        let built_in = Template {
            language: builtin::LANGUAGE,
            kind,
            part,
            source: builtin::source(kind, part),
        };
        for wanted in preferred.iter().chain([&self.default_language]) {
            for tag in with_parents(wanted) {
                let given = self.sources.get_key_value(&(tag.to_owned(), kind, part));
                if let Some(((language, ..), source)) = given {
                    return Template {
                        language,
                        kind,
                        part,
                        source,
                    };
                }
                if tag == builtin::LANGUAGE {
                    return built_in;
                }
            }
        }
        built_in
    }
}

/// A language tag in lower case with hyphens.
fn parse_tag(text: &str) -> Result<String, TemplateError> {
    let tag = text.trim().replace('_', "-").to_ascii_lowercase();
    let is_subtag = |subtag: &str| {
        (1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    // RFC 5646 §4.4.1: 35 characters are enough for every language.
    if tag.len() <= 35 && tag.split('-').all(is_subtag) {
        Ok(tag)
    } else {
        Err(TemplateError::Language(one_line(text, 40)))
    }
}

/// `pt-br`, `pt`.
fn with_parents(tag: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(tag), |tag| {
        tag.rsplit_once('-').map(|(parent, _)| parent)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::MailLink;

    const LINK: &str = "https://example.org/some/rather/long/path/to/confirm#token=adv_0123456789abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    fn context() -> MailContext {
        MailContext {
            link: Some(MailLink(LINK.to_owned())),
            ..full_sample()
        }
    }

    fn rendered(kind: MailKind, context: &MailContext) -> Rendered {
        MailTemplates::default()
            .render(kind, None, context)
            .unwrap()
    }

    fn with(language: &str, part: MailPart, source: &str) -> MailTemplates {
        MailTemplates::default()
            .with(language, MailKind::ResetPassword, part, source)
            .unwrap()
    }

    fn subject(templates: &MailTemplates, language: Option<&str>) -> String {
        let rendered = templates.render(MailKind::ResetPassword, language, &context());
        rendered.unwrap().subject
    }

    #[test]
    fn every_kind_is_worded_with_all_that_it_can_show_and_with_the_least() {
        MailTemplates::default().validate().unwrap();
        for kind in MailKind::ALL {
            for context in [full_sample(), minimal_sample(kind)] {
                let mail = rendered(kind, &context);
                assert!(mail.subject.contains("Example"), "{}", mail.subject);
                for body in [&mail.text, &mail.html] {
                    assert!(body.contains("Example"), "{body}");
                    let body = body.replace("text-decoration:none", "");
                    assert!(!body.contains("none") && !body.contains("{{"), "{body}");
                    assert!(!body.contains("\n\n\n"), "{body}");
                    assert_eq!(body.contains("Hello Ann,"), context.name.is_some());
                }
                // Nothing is fetched when the mail is opened.
                for loads in ["<img", "src=", "url(", "<link", "<script"] {
                    assert!(!mail.html.contains(loads), "{}", mail.html);
                }
            }
        }
    }

    #[test]
    fn mails_that_confirm_an_address_offer_to_say_that_it_was_not_me() {
        for kind in [MailKind::VerifyEmail, MailKind::CompleteRegistration] {
            let mail = rendered(kind, &full_sample());
            assert!(
                mail.text.contains("\nhttps://example.org/no\n"),
                "{}",
                mail.text
            );
            assert!(mail.html.contains("this was not me"), "{}", mail.html);
        }
        let mail = rendered(MailKind::CompleteRegistration, &full_sample());
        let asks = "asked for the password that you typed when you registered";
        assert!(mail.text.contains(asks) && mail.html.contains(asks));
    }

    #[test]
    fn a_link_stands_unbroken_on_a_line_of_its_own() {
        for kind in MailKind::ALL {
            let text = rendered(kind, &context()).text;
            let is_shown = text.contains("#token");
            assert_eq!(is_shown, text.lines().any(|line| line == LINK), "{text}");
            assert_eq!(
                is_shown,
                !matches!(
                    kind,
                    MailKind::EmailChanged | MailKind::AccountDeleted | MailKind::AccountExpired
                ),
                "{text}"
            );
        }
        let long = with(
            "en",
            MailPart::Text,
            &format!("{{{{ link }}}} {}", "x".repeat(2000)),
        );
        let text = long
            .render(MailKind::ResetPassword, None, &context())
            .unwrap()
            .text;
        assert_eq!(text.lines().count(), 1, "no line is broken");
    }

    #[test]
    fn asvs_1_3_11_line_ends_in_a_name_never_reach_the_subject() {
        let templates = with(
            "en",
            MailPart::Subject,
            "For {{ name }}\nBcc: {{ service }}",
        );
        for end in ["\r\n", "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}", "\0"] {
            let mut context = context();
            context.name = Some(format!("Ann{end}Bcc: eve@evil.example\u{202e}"));
            let mail = templates
                .render(MailKind::ResetPassword, None, &context)
                .unwrap();
            assert!(
                !mail.subject.contains(|letter: char| letter.is_control()
                    || "\u{2028}\u{2029}\u{202e}".contains(letter))
            );
            let lines = mail.text.lines().filter(|line| line.starts_with("Bcc"));
            assert_eq!(
                lines.count(),
                0,
                "a name adds no line to the text: {}",
                mail.text
            );
        }
        let long = with("en", MailPart::Subject, &"long ".repeat(500));
        assert!(subject(&long, None).chars().count() <= 200);
    }

    #[test]
    fn html_in_a_name_or_a_device_is_shown_as_text() {
        let mut context = context();
        context.name = Some("<b onload=x>&\"'".to_owned());
        context.device = Some("<img src=x> https://evil.example evil.example".to_owned());
        let mail = rendered(MailKind::NewDevice, &context);
        assert!(
            mail.html
                .contains("Hello &lt;b onload=x&gt;&amp;&quot;&#x27;,"),
            "{}",
            mail.html
        );
        assert!(
            mail.text.contains("Hello <b onload=x>&\"',"),
            "{}",
            mail.text
        );
        for body in [&mail.text, &mail.html] {
            assert!(!body.contains("<img"), "{body}");
            assert!(
                !body.contains("evil.example"),
                "a link could be made of it: {body}"
            );
        }
    }

    #[test]
    fn a_language_falls_back_to_its_parent_then_to_the_default_then_to_english() {
        let templates = with("pt", MailPart::Subject, "pt")
            .with("de", MailKind::ResetPassword, MailPart::Subject, "de")
            .unwrap()
            .with("de-AT", MailKind::ResetPassword, MailPart::Subject, "de-AT")
            .unwrap();
        let english = "Set a new password for Example";
        for (wanted, got) in [
            (Some("pt-BR"), "pt"),
            (Some("PT_br"), "pt"),
            (Some("de-AT-1996"), "de-AT"),
            (Some("de-CH"), "de"),
            (Some("fr"), english),
            (Some("../de"), english),
            (Some(""), english),
            (None, english),
        ] {
            assert_eq!(subject(&templates, wanted), got, "{wanted:?}");
        }
        let german = templates.default_language("de").unwrap();
        assert_eq!(subject(&german, Some("fr")), "de");
        assert_eq!(subject(&german, None), "de");
        assert_eq!(subject(&german, Some("en-GB")), english);
        let mail = german
            .render(MailKind::ResetPassword, None, &context())
            .unwrap();
        assert!(
            mail.text.starts_with("Hello"),
            "parts that were not given are English"
        );
        assert!(mail.html.contains("<html lang=\"en\">"));
        let other = german
            .render(MailKind::VerifyEmail, None, &context())
            .unwrap();
        assert_eq!(other.subject, "Confirm your email address for Example");
    }

    #[test]
    fn a_translation_can_use_what_the_built_in_wording_uses() {
        let source = "{% extends \"layout.html\" %}{% block body %}\
            {% with label = \"Bestätigen\" %}{% include \"button.html\" %}{% endwith %}\
            {{ valid_for|duration(\"Stunde\", \"Stunden\", \"Minute\", \"Minuten\") if valid_for }}\
            {% endblock %}";
        let templates = with("de", MailPart::Html, source);
        templates.validate().unwrap();
        let mail = templates
            .render(MailKind::ResetPassword, Some("de"), &context())
            .unwrap();
        for shown in ["<html lang=\"de\">", ">Bestätigen</a>", "30 Minuten"] {
            assert!(mail.html.contains(shown), "{}", mail.html);
        }
    }

    #[test]
    fn a_broken_template_is_refused_with_its_place() {
        let refused = |part, source: &str| {
            let kind = MailKind::ResetPassword;
            let error = MailTemplates::default()
                .with("de", kind, part, source)
                .and_then(|templates| templates.validate())
                .unwrap_err();
            error.to_string()
        };
        for (part, source, said) in [
            (
                MailPart::Text,
                "{{ link }}\n\n{% if name %}",
                "text of reset_password in de, line 3: syntax error",
            ),
            (
                MailPart::Text,
                "{{ link }}\n{{ nmae }}",
                "text of reset_password in de, line 2: undefined value",
            ),
            (
                MailPart::Text,
                "{{ link }}\n{% if nmae %}{% endif %}",
                "text of reset_password in de, line 2: undefined value",
            ),
            (
                MailPart::Subject,
                "For {{ name }}",
                "subject of reset_password in de, line 1: invalid operation",
            ),
            (
                MailPart::Subject,
                "{{ valid_for|duration }}",
                "subject of reset_password in de, line 1: invalid operation",
            ),
            (
                MailPart::Subject,
                " {# nothing #} ",
                "subject of reset_password in de: it is empty",
            ),
            (
                MailPart::Html,
                "{{ link|nope }}",
                "html of reset_password in de, line 1: unknown filter",
            ),
            (
                MailPart::Html,
                "{% include 'other.html' %}",
                "html of reset_password in de, line 1: template not found",
            ),
            (
                MailPart::Html,
                "<p>Hello</p>",
                "html of reset_password in de: it does not show `link`",
            ),
            (
                MailPart::Text,
                "Hello",
                "text of reset_password in de: it does not show `link`",
            ),
        ] {
            let error = refused(part, source);
            assert!(error.starts_with(said), "{error}");
        }
        for tag in ["", "d e", "de--at", "verylongtag", "../x", "dé"] {
            assert!(matches!(
                MailTemplates::default().with(tag, MailKind::VerifyEmail, MailPart::Text, "x"),
                Err(TemplateError::Language(_))
            ));
            assert!(
                MailTemplates::default().default_language(tag).is_err(),
                "{tag}"
            );
        }
    }
}
