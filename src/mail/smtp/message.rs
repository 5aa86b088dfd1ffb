//! A mail as it goes over the wire.

use std::time::{Duration, UNIX_EPOCH};

use base64ct::{Base64, Encoding};
use lettre::Address;
use lettre::message::header::{self, HeaderName, HeaderValue, Headers};
use lettre::message::{MultiPart, SinglePart};

use super::config::Sender;
use crate::mail::Mail;
use crate::mail::text::{MAX_SUBJECT, one_line};
use crate::random::{self, RandomError, SecureRandom};
use crate::time::Timestamp;

/// The headers and both bodies (RFC 5322, RFC 2046 §5.1.4). Header and body
/// are ASCII, unless the local part of an address is not.
pub(super) fn compose(
    mail: &Mail,
    sender: &Sender,
    to: &Address,
    now: Timestamp,
    random: &dyn SecureRandom,
) -> Result<Vec<u8>, RandomError> {
    let message_id = format!("<{}@{}>", unique(random)?, sender.address.domain());
    let since_epoch = Duration::from_millis(u64::try_from(now.as_millis()).unwrap_or(0));

    let mut headers = Headers::new();
    headers.set(header::Date::new(UNIX_EPOCH + since_epoch));
    set(&mut headers, "From", mailbox(sender));
    set(&mut headers, "To", to.to_string());
    let subject = one_line(&mail.subject, MAX_SUBJECT);
    set(&mut headers, "Subject", unstructured(&subject));
    set(&mut headers, "Message-ID", message_id);
    // RFC 3834 §5: no absence note is sent in answer.
    set(&mut headers, "Auto-Submitted", "auto-generated".to_owned());
    headers.set(header::MIME_VERSION_1_0);

    let bodies = MultiPart::alternative()
        .boundary(unique(random)?)
        .singlepart(SinglePart::plain(lines(&mail.text)))
        .singlepart(SinglePart::html(lines(&mail.html)));
    let mut message = headers.to_string().into_bytes();
    message.extend(bodies.formatted());
    Ok(message)
}

fn set(headers: &mut Headers, name: &'static str, value: String) {
    headers.insert_raw(HeaderValue::dangerous_new_pre_encoded(
        HeaderName::new_from_ascii_str(name),
        String::new(),
        value,
    ));
}

/// 128 random bits in hexadecimal.
fn unique(random: &dyn SecureRandom) -> Result<String, RandomError> {
    let bytes: [u8; 16] = random::bytes(random)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn mailbox(sender: &Sender) -> String {
    let address = &sender.address;
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == ' ';
    if sender.name.is_empty() {
        address.to_string()
    } else if sender.name.chars().all(is_word) {
        format!("{} <{address}>", sender.name)
    } else {
        format!("{}\r\n <{address}>", encoded_words(&sender.name))
    }
}

/// `text` as it is, if it is ASCII and nothing in it could be read as an
/// encoded word.
fn unstructured(text: &str) -> String {
    let is_printable = |byte: u8| (b' '..=b'~').contains(&byte);
    if text.bytes().all(is_printable) && !text.contains("=?") {
        text.to_owned()
    } else {
        encoded_words(text)
    }
}

/// `text` in encoded words of at most 75 characters, each on a line of its own
/// and none with half a character in it (RFC 2047 §2, §5).
fn encoded_words(text: &str) -> String {
    const MOST: usize = 45;
    let mut pieces = vec![String::new()];
    for letter in text.chars() {
        match pieces.last_mut() {
            Some(piece) if piece.len() + letter.len_utf8() <= MOST => piece.push(letter),
            _ => pieces.push(letter.to_string()),
        }
    }
    let words = pieces.iter().map(|piece| {
        let encoded = Base64::encode_string(piece.as_bytes());
        format!("=?utf-8?B?{encoded}?=")
    });
    words.collect::<Vec<_>>().join("\r\n ")
}

/// `text` with every line ended in the same way, and without other control
/// characters: a server that takes a lone CR or LF for the end of a line could
/// otherwise be made to see the end of the mail within it.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").replace(
        |letter: char| letter.is_control() && !"\n\t".contains(letter),
        "",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoded_word_is_short_and_has_whole_characters_in_it() {
        let text = "\u{1f600}".repeat(100);
        let mut decoded = Vec::new();
        for word in encoded_words(&text).split("\r\n ") {
            assert!(word.len() <= 75, "{word}");
            let base64 = word.strip_prefix("=?utf-8?B?").unwrap();
            let bytes = Base64::decode_vec(base64.strip_suffix("?=").unwrap()).unwrap();
            assert!(std::str::from_utf8(&bytes).is_ok());
            decoded.extend(bytes);
        }
        assert_eq!(decoded, text.as_bytes());
    }

    #[test]
    fn only_plain_text_is_left_as_it_is() {
        assert_eq!(
            unstructured("Reset, now: 100% (a_b)"),
            "Reset, now: 100% (a_b)"
        );
        for text in ["=?utf-8?q?x?=", "Zo\u{eb}", "a\tb"] {
            assert!(unstructured(text).starts_with("=?utf-8?B?"), "{text}");
        }
    }

    #[test]
    fn a_line_ends_in_one_way() {
        assert_eq!(lines("a\rb\r\n.\n\r\nc\td\0\u{1b}"), "a\nb\n.\n\nc\td");
    }
}
