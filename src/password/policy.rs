//! Which passwords may be used.

use zxcvbn::feedback::Warning;

use super::common::is_common;
use super::own_words::OwnWords;
use super::strength::Strength;
use super::words::CommonWords;
use super::{MAX_PASSWORD_CHARS, NormalizedPassword};
use crate::error::{ConfigError, ViolationCode};

/// Which passwords may be used: long enough, hard to guess, not a common one.
/// There are no composition rules (ASVS 6.2.5).
///
/// The strength is estimated by zxcvbn (Wheeler, USENIX Security 2016), which
/// knows common passwords, names, words, keyboard patterns, dates, repeats,
/// and the context that it is told, all of it in English. Common words of 22 other
/// languages and the rows of their keyboards count like its English ones, also
/// in Latin letters, without accents, and typed with the wrong layout.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PasswordPolicy {
    /// Shortest password, in characters (code points): 8 to 128. Default 8.
    pub min_chars: usize,
    /// Lowest score of zxcvbn, 0 to 4. Default 3, for more than 10^8 guesses.
    /// zxcvbn counts ten guesses for a character that follows no pattern, so
    /// 3 takes 9 of those, and 8 characters alone get 2 at best. With less
    /// than 3, passwords pass that are among the first to be tried.
    pub min_score: u8,
    /// Words that are common here, in addition to the lists of this crate. Default none.
    pub common_words: CommonWords,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self {
            min_chars: 8,
            min_score: 3,
            common_words: CommonWords::default(),
        }
    }
}

/// A rule that a password breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PasswordFault {
    /// Which rule: `Required`, `TooShort`, `TooCommon` or `TooWeak`.
    pub code: ViolationCode,
    /// Sentences that tell a person what to do. They never repeat the password.
    pub message: String,
}

/// What is known of a password before anybody has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PasswordAssessment {
    /// The score by zxcvbn, from 0 (very weak) to 4 (very strong).
    pub score: u8,
    /// All rules that it breaks; none when it may be used.
    pub faults: Vec<PasswordFault>,
    /// Why it is easy to guess.
    pub warning: Option<String>,
    /// How to make it harder to guess.
    pub suggestions: Vec<String>,
}

impl PasswordPolicy {
    /// For accounts that a password alone protects: at least 15 characters
    /// (NIST SP 800-63B-4 §3.1.1.2).
    #[must_use]
    pub fn nist_single_factor() -> Self {
        Self {
            min_chars: 15,
            ..Self::default()
        }
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] names the first one that is out of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.is_consistent()?;
        ConfigError::require([("password.min_chars", self.min_chars >= 8, "is less than 8")])
    }

    /// Reads the lists of common words, which takes about a second in a debug build. A service
    /// calls this at its start, so that no registration waits for it.
    pub(crate) fn read_lists(&self) {
        // Cyrillic letters also load the keyboard tables.
        let _ = Strength::of("слово-Orbit-47", &[], &self.common_words);
        let _ = is_common("слово");
    }

    /// Checks what holds for [insecure](crate::config::AuthConfig::insecure_for_tests)
    /// settings too.
    pub(crate) fn is_consistent(&self) -> Result<(), ConfigError> {
        let invalid = |setting, problem: String| Err(ConfigError::Invalid { setting, problem });
        if !(1..=MAX_PASSWORD_CHARS).contains(&self.min_chars) {
            let problem = format!("is not between 1 and {MAX_PASSWORD_CHARS}");
            return invalid("password.min_chars", problem);
        }
        if self.min_score > 4 {
            return invalid("password.min_score", "is more than 4".to_owned());
        }
        Ok(())
    }

    /// All rules that `password` breaks; none when it may be used. The rest is
    /// as for [`assess`](Self::assess).
    #[must_use]
    pub fn check(&self, password: &NormalizedPassword, context: &[&str]) -> Vec<PasswordFault> {
        self.assess(password, context).faults
    }

    /// How hard `password` is to guess, which rules it breaks, and what would
    /// make it better.
    ///
    /// `context` is what others know of the user and the application: email
    /// address, name, name of the service (ASVS 6.2.11). Words of these of four
    /// characters or more, in any case, reversed and with the usual
    /// substitutions, are taken out of the whole password, and so are stretches
    /// of eight characters or more of a longer word. What is left has to reach
    /// the score by itself; the score is the lower one of the whole and of that.
    ///
    /// It takes milliseconds of CPU time; see
    /// [`PasswordHasher::run`](super::PasswordHasher::run).
    #[must_use]
    pub fn assess(&self, password: &NormalizedPassword, context: &[&str]) -> PasswordAssessment {
        let text = password.expose_secret();
        if text.is_empty() {
            return PasswordAssessment {
                score: 0,
                faults: vec![fault(ViolationCode::Required, "Choose a password.")],
                warning: None,
                suggestions: Vec::new(),
            };
        }
        let own = OwnWords::of(context);
        let words = own.as_vec();
        let mut strength = Strength::of(text, &words, &self.common_words);
        let left = own.cut_from(text);
        if *left != text {
            let of_rest = Strength::of(&left, &words, &self.common_words);
            if of_rest.score() < strength.score() {
                strength = of_rest;
            }
        }
        PasswordAssessment {
            score: strength.score(),
            faults: self.faults(password, &strength),
            warning: strength.warning.map(|warning| warning.to_string()),
            suggestions: strength
                .suggestions
                .iter()
                .map(ToString::to_string)
                .collect(),
        }
    }

    fn faults(&self, password: &NormalizedPassword, strength: &Strength) -> Vec<PasswordFault> {
        let mut faults = Vec::new();
        if password.char_count() < self.min_chars {
            let message = format!("Use at least {} characters.", self.min_chars);
            faults.push(fault(ViolationCode::TooShort, message));
        }
        if strength.score() < self.min_score {
            let advice = strength.advice.as_deref();
            let advice = advice.unwrap_or("Add another word or two.");
            let message = format!("This password is easy to guess. {advice}");
            faults.push(fault(ViolationCode::TooWeak, message));
        } else if is_common(password.expose_secret())
            || strength.is_common
            || strength.warning.is_some_and(is_about_common_passwords)
        {
            let message = "This is a very common password. Choose another.";
            faults.push(fault(ViolationCode::TooCommon, message));
        }
        faults
    }
}

fn fault(code: ViolationCode, message: impl Into<String>) -> PasswordFault {
    PasswordFault {
        code,
        message: message.into(),
    }
}

fn is_about_common_passwords(warning: Warning) -> bool {
    matches!(
        warning,
        Warning::ThisIsATop10Password
            | Warning::ThisIsATop100Password
            | Warning::ThisIsACommonPassword
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Password;

    fn codes(policy: &PasswordPolicy, text: &str, context: &[&str]) -> Vec<ViolationCode> {
        let password = NormalizedPassword::new(&Password::new(text)).unwrap();
        let faults = policy.check(&password, context);
        faults.into_iter().map(|fault| fault.code).collect()
    }

    fn by_default(text: &str) -> Vec<ViolationCode> {
        codes(&PasswordPolicy::default(), text, &[])
    }

    #[test]
    fn asvs_6_2_1_the_shortest_password_has_8_characters() {
        let policy = PasswordPolicy {
            min_score: 2,
            ..PasswordPolicy::default()
        };
        assert_eq!(codes(&policy, "wq;k.zj", &[]), [ViolationCode::TooShort]);
        assert_eq!(codes(&policy, "wq;k.zjx", &[]), []);
        // With the default score it is 9 in effect, and all faults are told.
        assert_eq!(
            by_default("wq;k.zj"),
            [ViolationCode::TooShort, ViolationCode::TooWeak]
        );
        assert_eq!(by_default("wq;k.zjx"), [ViolationCode::TooWeak]);
        assert_eq!(by_default("wq;k.zjxv"), []);
        assert_eq!(by_default(""), [ViolationCode::Required]);
        // Characters are counted, not bytes.
        assert!(by_default("\u{43b}\u{44e}\u{44d}\u{449}").contains(&ViolationCode::TooShort));
        assert!(by_default("\u{1f98a}\u{1f333}\u{1f680}").contains(&ViolationCode::TooShort));
    }

    #[test]
    fn the_preset_of_nist_wants_15_characters() {
        let policy = PasswordPolicy::nist_single_factor();
        assert_eq!(
            codes(&policy, "wq;k.zjxwvbnty", &[]),
            [ViolationCode::TooShort]
        );
        assert_eq!(codes(&policy, "wq;k.zjxwvbntyp", &[]), []);
    }

    #[test]
    fn asvs_6_2_5_no_kind_of_character_is_asked_for() {
        for text in [
            "wqkzjxvbntyp",
            "WQKZJXVBNTYP",
            "730194685028",
            ";.,:-_#+*~'?",
            "   wqkzj   xvbn   ",
            "\u{443}\u{43d}\u{44b}\u{43b}\u{43e}\u{435}\u{43f}\u{43e}\u{440}\u{430}",
        ] {
            assert_eq!(by_default(text), [], "{text:?}");
        }
    }

    #[test]
    fn passphrases_in_any_script_are_accepted() {
        for text in [
            "correct horse battery staple",
            "it was a bright cold day in april and the clocks were striking thirteen",
            "\u{448}\u{43b}\u{430} \u{421}\u{430}\u{448}\u{430} \u{43f}\u{43e} \u{448}\u{43e}\u{441}\u{441}\u{435}",
            "\u{5929}\u{5bf3}\u{5730}\u{7384}\u{5b87}\u{5b99}\u{6d2a}\u{8352}\u{65e5}\u{6708}",
            "\u{627}\u{644}\u{633}\u{644}\u{627}\u{645} \u{639}\u{644}\u{64a}\u{643}\u{645} \u{62c}\u{645}\u{64a}\u{639}\u{627}",
            "\u{938}\u{924}\u{94d}\u{92f}\u{92e}\u{947}\u{935} \u{91c}\u{92f}\u{924}\u{947}",
            "\u{d55c}\u{ad6d}\u{c5b4} \u{be44}\u{bc00}\u{bc88}\u{d638} \u{c608}\u{c2dc}",
            "\u{1f98a}\u{1f333}\u{1f680}\u{1f355}\u{1f419}\u{26c4}\u{1f3b8}\u{1f30b}\u{1f9ca}",
        ] {
            assert_eq!(by_default(text), [], "{text}");
        }
        let mixed = "zebra-violin-\u{1f98a}-".chars().cycle();
        for length in [64, 128] {
            let text: String = mixed.clone().take(length).collect();
            assert_eq!(by_default(&text), [], "{length}");
        }
    }

    #[test]
    fn asvs_6_2_11_words_of_the_context_count_for_nothing() {
        let context = [
            "Marguerite.Vandenbossche@tulipworks.example",
            "Zo\u{eb} Kowalczyk",
            "Speakwell",
        ];
        for text in [
            "vandenbossche",
            "Tulipworks2024",
            "marguerite.vandenbossche@tulipworks.example",
            "marguerite.vandenbossche",
            "MargueriteVandenbossche1",
            "speakwellspeakwell",
            "Zo\u{eb}Kowalczyk",
        ] {
            let policy = PasswordPolicy::default();
            assert_eq!(
                codes(&policy, text, &context),
                [ViolationCode::TooWeak],
                "{text}"
            );
        }
        for text in [
            "vandenbossche",
            "marguerite.vandenbossche@tulipworks.example",
        ] {
            assert_eq!(by_default(text), [], "{text}");
        }
    }

    #[test]
    fn asvs_6_2_11_what_is_left_without_words_of_the_context_carries_the_score() {
        let context = [
            "u21ae6e4c7978@example.com",
            "Annabella Whitcombe",
            "Speakwell",
        ];
        let policy = PasswordPolicy::default();
        for text in [
            "u21ae6e4c7978@example.com",
            "U21AE6E4C7978@EXAMPLE.COM",
            "moc.elpmaxe@8797c4e6ea12u",
            "u2lae6e4c7978@3xampl3.com",
            "u21ae6e4c7978",
            "8797c4e6ea12u",
            "21ae6e4c7978",
            "u21ae6e4c7978u21ae6e4c7978u21ae6e4c7978u21ae6e4c7978",
            "u21ae6e4c7978@example.comwqkzj",
            "ebmoctihwannabellaspeakwell",
            "Wh1tc0mb3-4nn4b3ll4-5p34kw3ll!",
        ] {
            assert_eq!(
                codes(&policy, text, &context),
                [ViolationCode::TooWeak],
                "{text}"
            );
        }
        for text in [
            "u21ae6e4c7978@example.comwqkzjxvbntyp",
            "wqkzjxvbntyp-annabella",
            "annabella wqkzjxvbntyp",
        ] {
            assert_eq!(codes(&policy, text, &context), [], "{text}");
        }
    }

    /// Words of three letters are not removed from the text.
    #[test]
    fn asvs_6_2_11_short_words_of_the_context_lower_the_score() {
        let strict = PasswordPolicy {
            min_score: 4,
            ..PasswordPolicy::default()
        };
        let text = "xqjwzkvb;tn";
        assert_eq!(codes(&strict, text, &[]), []);
        let weak = codes(&strict, text, &["Xqj", "Wzk"]);
        assert_eq!(weak, [ViolationCode::TooWeak]);
    }

    #[test]
    fn common_passwords_are_refused_whatever_the_lowest_score_is() {
        let lax = PasswordPolicy {
            min_chars: 1,
            min_score: 0,
            ..PasswordPolicy::default()
        };
        assert_eq!(codes(&lax, "password", &[]), [ViolationCode::TooCommon]);
        assert_eq!(codes(&lax, "trustno1", &[]), [ViolationCode::TooCommon]);
        assert_eq!(codes(&lax, "wqkz", &[]), []);
        assert_eq!(by_default("password"), [ViolationCode::TooWeak]);
    }

    #[test]
    fn a_fault_says_what_to_do_and_not_what_was_typed() {
        let password = NormalizedPassword::new(&Password::new("Dragonfire1")).unwrap();
        let faults = PasswordPolicy::default().check(&password, &[]);
        assert_eq!(faults.len(), 1);
        let message = &faults[0].message;
        assert!(message.contains("Add another word or two."), "{message}");
        assert!(!message.to_lowercase().contains("dragon"), "{message}");
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        for (min_chars, min_score, is_consistent, is_safe) in [
            (0, 3, false, false),
            (1, 3, true, false),
            (7, 3, true, false),
            (8, 0, true, true),
            (8, 4, true, true),
            (8, 5, false, false),
            (128, 3, true, true),
            (129, 3, false, false),
        ] {
            let policy = PasswordPolicy {
                min_chars,
                min_score,
                ..PasswordPolicy::default()
            };
            assert_eq!(policy.is_consistent().is_ok(), is_consistent, "{policy:?}");
            assert_eq!(policy.validate().is_ok(), is_safe, "{policy:?}");
        }
        assert_eq!(PasswordPolicy::default().validate(), Ok(()));
        assert_eq!(PasswordPolicy::nist_single_factor().validate(), Ok(()));
    }
}
