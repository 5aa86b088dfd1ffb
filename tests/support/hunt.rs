//! Looking for secrets where none may be.

use std::fmt::Debug;
use std::io::Write;
use std::sync::{Arc, Mutex};

use admittance::service::Tokens;
use admittance::user::PasswordHash;
use base64ct::{Base64, Base64Url, Encoding};

/// Everything that was logged.
#[derive(Clone, Default)]
pub struct Log(pub Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Something that must not be found.
struct Needle {
    name: String,
    forms: Vec<String>,
    /// Whether it is what a store keeps: a password's hash.
    is_kept: bool,
}

/// Where it was looked for.
struct Haystack {
    place: String,
    text: String,
    is_store: bool,
}

/// What must not be found, and where it was looked for.
#[derive(Default)]
pub struct Hunt {
    needles: Vec<Needle>,
    haystacks: Vec<Haystack>,
}

impl Hunt {
    /// Looks for `secret` as it is, in base64 and in hex, and as `Debug` shows
    /// bytes.
    pub fn secret(&mut self, name: &str, secret: &[u8]) {
        self.needle(name, secret, false);
    }

    fn needle(&mut self, name: &str, secret: &[u8], is_kept: bool) {
        let mut forms = Vec::new();
        forms.extend(String::from_utf8(secret.to_vec()));
        // Base64 of a longer text that contains the secret, at each alignment:
        // the characters that depend on it alone.
        for skipped in 0..3 {
            let whole = &secret[skipped..];
            let whole = &whole[..whole.len() / 3 * 3];
            forms.push(Base64::encode_string(whole));
            forms.push(Base64Url::encode_string(whole));
        }
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        forms.push(hex.to_uppercase());
        forms.push(hex);
        let list = format!("{secret:?}");
        forms.push(list.trim_matches(['[', ']']).to_owned());
        self.needles.push(Needle {
            name: name.to_owned(),
            forms,
            is_kept,
        });
    }

    pub fn tokens(&mut self, name: &str, tokens: &Tokens) {
        let token = tokens.token.expose_secret();
        // The signature is what makes it a secret.
        let signature = token.rsplit('.').next().unwrap();
        self.secret(&format!("{name}: access token"), token.as_bytes());
        self.secret(&format!("{name}: its signature"), signature.as_bytes());
        let refresh = tokens.refresh_token.expose_secret();
        self.secret(&format!("{name}: refresh token"), refresh.as_bytes());
    }

    /// Of these only the store may know.
    pub fn hash(&mut self, name: &str, hash: &PasswordHash) {
        let output = hash.expose_secret().rsplit('$').next().unwrap();
        self.needle(&format!("{name}: password hash"), output.as_bytes(), true);
    }

    pub fn look_in(&mut self, place: &str, text: impl Into<String>) {
        self.haystacks.push(Haystack {
            place: place.to_owned(),
            text: text.into(),
            is_store: false,
        });
    }

    /// Looks through all that a store holds, which must have `said` in it.
    pub fn look_in_store(&mut self, place: &str, contents: Vec<String>, said: &[&str]) {
        for said in said {
            let is_said = contents.iter().any(|text| text.contains(said));
            assert!(is_said, "{said} is not in {place}: {contents:#?}");
        }
        self.haystacks
            .extend(contents.into_iter().map(|text| Haystack {
                place: place.to_owned(),
                text,
                is_store: true,
            }));
    }

    pub fn look_at(&mut self, place: &str, value: &dyn Debug) {
        self.look_in(&format!("Debug of {place}"), format!("{value:?}"));
        self.look_in(&format!("Debug of {place}"), format!("{value:#?}"));
    }

    pub fn look_at_error(&mut self, place: &str, error: &(dyn std::error::Error + 'static)) {
        let mut next = Some(error);
        while let Some(error) = next {
            self.look_in(&format!("error of {place}"), error.to_string());
            self.look_at(place, &error);
            next = error.source();
        }
    }

    pub fn found(&self) -> Vec<String> {
        let mut found = Vec::new();
        for Haystack {
            place,
            text,
            is_store,
        } in &self.haystacks
        {
            let meant = self
                .needles
                .iter()
                .filter(|needle| !(needle.is_kept && *is_store));
            for needle in meant {
                if let Some(form) = needle.forms.iter().find(|form| text.contains(*form)) {
                    found.push(format!("{} in {place}, as {form}", needle.name));
                }
            }
        }
        found
    }

    /// How many secrets were looked for, and in how many places.
    pub fn size(&self) -> (usize, usize) {
        (self.needles.len(), self.haystacks.len())
    }
}
