//! A squatter registers somebody else's address; its owner has the mailbox and
//! nothing else. Whatever both do, in whatever order: once the address is
//! confirmed, the squatter has no way in (arXiv 2205.10174).

use admittance::config::{LimitPolicy, RegistrationMode};
use admittance::secret::MailToken;
use admittance::service::{
    ChangeEmail, EmailRequest, LinkRequest, RegisterOutcome, RegisterRequest, ResetPassword,
    Tokens, VerifyEmail, VerifyOutcome,
};
use admittance::store::UserStore;
use admittance::test_util::Mailbox;

use support::bed::{Bed, config};

const OWNER: &str = "owner@example.org";
const SQUATTER: &str = "squatter@example.net";
const OWNERS_PASSWORD: &str = "plum-Orbit-47-lantern";
const SQUATTERS_PASSWORD: &str = "quartz!Meadow 93 ferry";
const SQUATTERS_NEXT: &str = "velvet?Harbour 18 sundial";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    SquatterRegisters,
    SquatterLogsIn,
    SquatterAsksForAnotherAddress,
    SquatterConfirmsAnotherAddress,
    SquatterChangesPassword,
    SquatterAsksForMails,
    OwnerRegisters,
    OwnerClicksWhatIsInTheMailbox,
    OwnerResets,
    OwnerDisowns,
}

const ACTS: [Act; 10] = [
    Act::SquatterRegisters,
    Act::SquatterLogsIn,
    Act::SquatterAsksForAnotherAddress,
    Act::SquatterConfirmsAnotherAddress,
    Act::SquatterChangesPassword,
    Act::SquatterAsksForMails,
    Act::OwnerRegisters,
    Act::OwnerClicksWhatIsInTheMailbox,
    Act::OwnerResets,
    Act::OwnerDisowns,
];

struct Play {
    bed: Bed,
    /// Tokens that each got.
    squatters: Vec<Tokens>,
    owners: Vec<Tokens>,
    /// Links that came to each mailbox.
    squatters_mail: Vec<MailToken>,
    owners_mail: Vec<MailToken>,
}

impl Play {
    fn new(mode: RegistrationMode) -> Self {
        let mut config = config();
        config.limits = LimitPolicy::off();
        config.registration = mode;
        Self {
            bed: Bed::mailing_with(config),
            squatters: Vec::new(),
            owners: Vec::new(),
            squatters_mail: Vec::new(),
            owners_mail: Vec::new(),
        }
    }

    async fn act(&mut self, act: Act) {
        match act {
            Act::SquatterRegisters => {
                let tokens = self.register(SQUATTERS_PASSWORD).await;
                self.squatters.extend(tokens);
            }
            Act::OwnerRegisters => {
                let tokens = self.register(OWNERS_PASSWORD).await;
                self.owners.extend(tokens);
            }
            Act::SquatterLogsIn => {
                for password in [SQUATTERS_PASSWORD, SQUATTERS_NEXT] {
                    if let Ok(answer) = self.bed.login(OWNER, password).await {
                        self.squatters.push(answer.tokens);
                    }
                }
            }
            Act::SquatterAsksForAnotherAddress => {
                for tokens in self.squatters.clone() {
                    let Ok(session) = self.bed.validate(&tokens).await else {
                        continue;
                    };
                    for password in [SQUATTERS_PASSWORD, SQUATTERS_NEXT] {
                        let request = ChangeEmail {
                            new_email: SQUATTER.into(),
                            current_password: password.into(),
                        };
                        let _ = self
                            .bed
                            .auth
                            .change_email(&session, request, &self.bed.here)
                            .await;
                    }
                }
            }
            Act::SquatterConfirmsAnotherAddress => self.use_squatters_links().await,
            Act::SquatterChangesPassword => {
                for tokens in self.squatters.clone() {
                    if let Ok(session) = self.bed.validate(&tokens).await
                        && let Ok(answer) = self
                            .bed
                            .change_password(&session, SQUATTERS_PASSWORD, SQUATTERS_NEXT)
                            .await
                    {
                        self.squatters.push(answer.tokens);
                    }
                }
            }
            Act::SquatterAsksForMails => {
                let request = EmailRequest {
                    email: OWNER.into(),
                };
                let (auth, here) = (&self.bed.auth, &self.bed.here);
                auth.resend_verification(request.clone(), here)
                    .await
                    .unwrap();
                auth.forgot_password(request, here).await.unwrap();
            }
            // A person who clicks, and tries the password that they know.
            Act::OwnerClicksWhatIsInTheMailbox => {
                for token in self.owners_mail.clone() {
                    for password in [None, Some(OWNERS_PASSWORD.into())] {
                        let request = VerifyEmail {
                            token: token.clone(),
                            password,
                            ticket: None,
                        };
                        let outcome = self
                            .bed
                            .auth
                            .verify_email(request, None, &self.bed.here)
                            .await;
                        if let Ok(VerifyOutcome::Opened(answer)) = outcome {
                            self.owners.push(answer.tokens);
                        }
                    }
                }
            }
            Act::OwnerResets => {
                let request = EmailRequest {
                    email: OWNER.into(),
                };
                let (auth, here) = (self.bed.auth.clone(), self.bed.here.clone());
                auth.forgot_password(request, &here).await.unwrap();
                self.read_mail().await;
                for token in &self.owners_mail {
                    let request = ResetPassword {
                        token: token.clone(),
                        new_password: OWNERS_PASSWORD.into(),
                        confirm_password: OWNERS_PASSWORD.into(),
                    };
                    let _ = auth.reset_password(request, &here).await;
                }
            }
            Act::OwnerDisowns => {
                for token in &self.owners_mail {
                    let request = LinkRequest {
                        token: token.clone(),
                    };
                    let _ = self.bed.auth.disown_email(request, &self.bed.here).await;
                }
            }
        }
        self.read_mail().await;
    }

    async fn register(&self, password: &str) -> Option<Tokens> {
        let request = RegisterRequest {
            email: OWNER.into(),
            password: password.into(),
            confirm_password: password.into(),
            name: "Somebody".into(),
            ..RegisterRequest::default()
        };
        match self.bed.auth.register(request, &self.bed.here).await {
            Ok(RegisterOutcome::Opened(answer)) => Some(answer.tokens),
            _ => None,
        }
    }

    async fn read_mail(&mut self) {
        self.bed.auth.flush_mail().await;
        for mail in self.bed.mailbox.take() {
            let token = Mailbox::token(&mail);
            match mail.to.as_str() {
                OWNER => self.owners_mail.extend(token),
                SQUATTER => self.squatters_mail.extend(token),
                other => panic!("a mail to {other}"),
            }
        }
    }

    async fn use_squatters_links(&self) {
        for tokens in &self.squatters {
            let Ok(session) = self.bed.validate(tokens).await else {
                continue;
            };
            for token in &self.squatters_mail {
                let request = LinkRequest {
                    token: token.clone(),
                };
                let _ = self
                    .bed
                    .auth
                    .confirm_email_change(&session, request, &self.bed.here)
                    .await;
            }
        }
    }

    /// Nobody but the owner gets into an account whose address, the owner's,
    /// is confirmed, nor turns it into one of another address.
    async fn check(&self, acts: &[Act]) {
        let canonical = admittance::email::Email::parse(OWNER).unwrap();
        let find = || self.bed.store.user_by_email(canonical.canonical());
        let Some(user) = find().await.unwrap().filter(|user| user.is_verified) else {
            return;
        };
        for password in [SQUATTERS_PASSWORD, SQUATTERS_NEXT] {
            assert!(self.bed.login(OWNER, password).await.is_err(), "{acts:?}");
        }
        for tokens in &self.squatters {
            let mine = self.bed.validate(tokens).await;
            assert!(
                mine.is_ok_and(|session| session.user().id != user.id)
                    || self.bed.validate(tokens).await.is_err(),
                "{acts:?}"
            );
        }
        self.use_squatters_links().await;
        let after = find().await.unwrap();
        assert!(after.is_some_and(|after| after.id == user.id), "{acts:?}");
        assert!(
            self.bed.login(OWNER, OWNERS_PASSWORD).await.is_ok(),
            "{acts:?}"
        );
    }
}

async fn every_order(mode: RegistrationMode, length: u32) -> (usize, usize) {
    let (mut plays, mut confirmed) = (0, 0);
    let count = ACTS.len();
    for number in 0..count.pow(length) {
        let acts: Vec<Act> = (0..length)
            .map(|place| ACTS[number / count.pow(place) % count])
            .collect();
        // Without a squatter there is nothing to show, before anybody registers
        // nothing can happen, and an act that comes twice in a row adds nothing.
        let registers = |act| matches!(act, Act::SquatterRegisters | Act::OwnerRegisters);
        if !registers(acts[0])
            || !acts.contains(&Act::SquatterRegisters)
            || acts.windows(2).any(|two| two[0] == two[1])
        {
            continue;
        }
        let mut play = Play::new(mode);
        for (place, act) in acts.iter().enumerate() {
            play.act(*act).await;
            play.check(&acts[..=place]).await;
        }
        plays += 1;
        let email = admittance::email::Email::parse(OWNER).unwrap();
        let user = play
            .bed
            .store
            .user_by_email(email.canonical())
            .await
            .unwrap();
        confirmed += usize::from(user.is_some_and(|user| user.is_verified));
    }
    println!("{mode:?}: {plays} plays, the address confirmed at the end of {confirmed}");
    (plays, confirmed)
}

#[tokio::test(flavor = "multi_thread")]
async fn ghsa_1_a_squatter_never_gets_into_a_confirmed_account() {
    let (plays, confirmed) = every_order(RegistrationMode::OpenSession, 4).await;
    assert!(plays > 500 && confirmed > 50, "{plays}, {confirmed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ghsa_1_a_squatter_never_gets_into_an_account_of_verify_first() {
    let (plays, confirmed) = every_order(RegistrationMode::VerifyFirst, 4).await;
    assert!(plays > 500 && confirmed > 10, "{plays}, {confirmed}");
}
