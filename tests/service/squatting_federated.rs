//! The same with a provider: a squatter has identities of their own, one of which claims the
//! owner's address; the owner has an identity that the provider vouches for. Whatever both do,
//! in whatever order: once the address is confirmed, the squatter has no way in.

use admittance::config::{LimitPolicy, RegistrationMode};
use admittance::error::AuthError;
use admittance::secret::{MailToken, Ticket};
use admittance::service::{
    EmailRequest, FederatedOutcome, LinkIdentity, LinkOutcome, RegisterOutcome, ResetPassword,
    Tokens, VerifyEmail, VerifyOutcome,
};
use admittance::store::UserStore;
use admittance::test_util::Mailbox;
use admittance::user::User;
use serde_json::json;

use super::federation::{ANN, Exam};
use super::federation_links::{anew, by_password};
use support::bed::{OTHER_PASSWORD, PASSWORD, config, registration};
use support::provider::Pupil;

const SQUATTERS: [&str; 2] = ["666", "667"];
const SQUATTERS_PASSWORD: &str = OTHER_PASSWORD;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    SquatterRegisters,
    SquatterSignsIn,
    SquatterLinks,
    OwnerRegisters,
    OwnerSignsIn,
    OwnerConfirms,
    OwnerResets,
}

const ACTS: [Act; 7] = [
    Act::SquatterRegisters,
    Act::SquatterSignsIn,
    Act::SquatterLinks,
    Act::OwnerRegisters,
    Act::OwnerSignsIn,
    Act::OwnerConfirms,
    Act::OwnerResets,
];

/// The squatter's, for which the provider does not vouch.
fn claiming() -> Pupil {
    Pupil::new(SQUATTERS[0], ANN).with("email_verified", json!(false))
}

struct Play {
    exam: Exam,
    squatters: Vec<Tokens>,
    owners: Vec<Tokens>,
    owners_mail: Vec<MailToken>,
    squatters_tickets: Vec<Ticket>,
}

impl Play {
    fn new(mode: RegistrationMode) -> Self {
        let mut config = config();
        config.limits = LimitPolicy::off();
        config.registration = mode;
        Self {
            exam: Exam::with(config),
            squatters: Vec::new(),
            owners: Vec::new(),
            owners_mail: Vec::new(),
            squatters_tickets: Vec::new(),
        }
    }

    async fn act(&mut self, act: Act) {
        let exam = &self.exam;
        match act {
            Act::SquatterRegisters => {
                let tokens = self.register(SQUATTERS_PASSWORD).await;
                self.squatters.extend(tokens);
            }
            Act::OwnerRegisters => {
                let tokens = self.register(PASSWORD).await;
                self.owners.extend(tokens);
            }
            Act::SquatterSignsIn => match exam.outcome(&claiming()).await {
                Ok(FederatedOutcome::Opened(opened)) => self.squatters.push(opened.login.tokens),
                Ok(FederatedOutcome::Pending(pending)) => {
                    self.squatters_tickets.push(pending.ticket);
                }
                Err(AuthError::LinkRequired { ticket, .. }) => {
                    let requests = [by_password(&ticket, SQUATTERS_PASSWORD), anew(&ticket)];
                    for request in requests {
                        let linked = self.link(request).await;
                        self.squatters.extend(linked);
                    }
                }
                Err(_) => {}
            },
            Act::SquatterLinks => {
                let mine = Pupil::new(SQUATTERS[1], "squatter@elsewhere.example");
                for tokens in self.squatters.clone() {
                    if let Ok(session) = exam.bed.validate(&tokens).await
                        && let Ok(linked) = exam.linked(&session, &mine).await
                    {
                        self.squatters.push(linked.login.tokens);
                    }
                }
            }
            Act::OwnerSignsIn => match exam.outcome(&Pupil::new("1", ANN)).await {
                Ok(outcome) => {
                    let opened = outcome.opened().unwrap();
                    self.owners.push(opened.login.tokens);
                }
                Err(AuthError::LinkRequired {
                    ticket,
                    can_start_anew,
                    ..
                }) => {
                    let linked = self.link(by_password(&ticket, PASSWORD)).await;
                    if linked.is_none() && can_start_anew {
                        let made = self.link(anew(&ticket)).await;
                        self.owners.extend(made);
                    }
                    self.owners.extend(linked);
                }
                Err(_) => {}
            },
            // A person who clicks, and tries the password that they know.
            Act::OwnerConfirms => {
                for token in self.owners_mail.clone() {
                    for password in [None, Some(PASSWORD.into())] {
                        let request = VerifyEmail {
                            token: token.clone(),
                            password,
                            ticket: None,
                        };
                        let done = exam.bed.auth.verify_email(request, None, &exam.bed.here);
                        if let Ok(VerifyOutcome::Opened(answer)) = done.await {
                            self.owners.push(answer.tokens);
                        }
                    }
                }
            }
            Act::OwnerResets => {
                let request = EmailRequest { email: ANN.into() };
                let (auth, here) = (exam.bed.auth.clone(), exam.bed.here.clone());
                auth.forgot_password(request, &here).await.unwrap();
                self.read_mail().await;
                for token in &self.owners_mail {
                    let request = ResetPassword {
                        token: token.clone(),
                        new_password: PASSWORD.into(),
                        confirm_password: PASSWORD.into(),
                    };
                    let _ = auth.reset_password(request, &here).await;
                }
            }
        }
        self.read_mail().await;
    }

    async fn register(&self, password: &str) -> Option<Tokens> {
        let mut request = registration(ANN);
        request.password = password.into();
        request.confirm_password = password.into();
        let bed = &self.exam.bed;
        match bed.auth.register(request, &bed.here).await {
            Ok(RegisterOutcome::Opened(answer)) => Some(answer.tokens),
            _ => None,
        }
    }

    async fn link(&self, request: LinkIdentity) -> Option<Tokens> {
        match self.exam.link(request, None).await {
            Ok(LinkOutcome::Opened(opened)) => Some(opened.login.tokens),
            _ => None,
        }
    }

    /// The links in the owner's mailbox.
    async fn read_mail(&mut self) {
        self.exam.bed.auth.flush_mail().await;
        let mails = self.exam.bed.mailbox.take();
        let to_owner = mails.iter().filter(|mail| mail.to.as_str() == ANN);
        self.owners_mail.extend(to_owner.filter_map(Mailbox::token));
    }

    async fn user(&self) -> Option<User> {
        let email = admittance::email::Email::parse(ANN).unwrap();
        let found = self.exam.bed.store.user_by_email(email.canonical());
        found.await.unwrap()
    }

    async fn check(&self, acts: &[Act]) {
        let Some(user) = self.user().await.filter(|user| user.is_verified) else {
            return;
        };
        let bed = &self.exam.bed;
        let subjects: Vec<_> = user
            .identities
            .iter()
            .map(|one| one.subject.as_str())
            .collect();
        for subject in SQUATTERS {
            assert!(!subjects.contains(&subject), "{acts:?}: {subjects:?}");
        }
        assert!(
            bed.login(ANN, SQUATTERS_PASSWORD).await.is_err(),
            "{acts:?}"
        );
        for tokens in &self.squatters {
            let session = bed.validate(tokens).await;
            let is_of_another = session.is_ok_and(|session| session.user().id != user.id);
            let is_dead = bed.validate(tokens).await.is_err();
            assert!(is_of_another || is_dead, "{acts:?}");
        }
        let has_way_in = subjects.contains(&"1") || bed.login(ANN, PASSWORD).await.is_ok();
        assert!(has_way_in, "{acts:?}");
    }
}

async fn every_order(mode: RegistrationMode, length: u32) -> (usize, usize) {
    let (mut plays, mut confirmed) = (0, 0);
    let count = ACTS.len();
    for number in 0..count.pow(length) {
        let acts: Vec<Act> = (0..length)
            .map(|place| ACTS[number / count.pow(place) % count])
            .collect();
        // Without a squatter there is nothing to show, and an act that comes twice in a row adds
        // nothing.
        let comes = |act: &Act| matches!(act, Act::SquatterRegisters | Act::SquatterSignsIn);
        if !acts.iter().any(comes) || acts.windows(2).any(|two| two[0] == two[1]) {
            continue;
        }
        let mut play = Play::new(mode);
        for (place, act) in acts.iter().enumerate() {
            play.act(*act).await;
            play.check(&acts[..=place]).await;
        }
        plays += 1;
        confirmed += usize::from(play.user().await.is_some_and(|user| user.is_verified));
    }
    println!("{mode:?}: {plays} plays, the address confirmed at the end of {confirmed}");
    (plays, confirmed)
}

#[tokio::test(flavor = "multi_thread")]
async fn ghsa_1_a_squatter_with_a_provider_never_gets_into_a_confirmed_account() {
    let (plays, confirmed) = every_order(RegistrationMode::OpenSession, 4).await;
    assert!(plays > 500 && confirmed > 500, "{plays}, {confirmed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ghsa_1_a_squatter_with_a_provider_never_gets_into_an_account_of_verify_first() {
    let (plays, confirmed) = every_order(RegistrationMode::VerifyFirst, 4).await;
    assert!(plays > 500 && confirmed > 500, "{plays}, {confirmed}");
}
