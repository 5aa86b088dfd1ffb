//! Sends mail in the background: bounded, with retries, and with an event when
//! a mail is given up.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};
use tracing::Instrument;

use super::config::{Links, MailConfig};
use super::{Mail, MailContext, MailError, MailKind, Mailer};
use crate::clock::Clock;
use crate::contained;
use crate::email::Email;
use crate::error::{AuthError, ConfigError, ErrorCode};
use crate::event::{AuthEvent, EventSink, Notice, Notices, Operation, emit};
use crate::id::UserId;
use crate::metrics;
use crate::store::StoreError;

/// A mail before it is worded.
#[derive(Clone)]
pub(crate) struct Post {
    pub(crate) kind: MailKind,
    pub(crate) to: Email,
    /// Whose account it is about.
    pub(crate) user_id: Option<UserId>,
    /// The language that the user prefers, if that is known.
    pub(crate) language: Option<String>,
    pub(crate) context: MailContext,
}

/// Takes mails and sends them. Dropping it lets those under way go on.
pub(crate) struct Outbox {
    config: MailConfig,
    links: Links,
    mailer: Arc<dyn Mailer>,
    clock: Arc<dyn Clock>,
    events: Arc<dyn EventSink>,
    /// Attempts that may be made at once.
    sending: Semaphore,
    pending: Arc<Pending>,
}

/// How many jobs are under way.
#[derive(Default)]
struct Pending {
    count: AtomicUsize,
    done: Notify,
    /// Mails whose task was dropped before its end, since this was last logged.
    lost: AtomicUsize,
}

/// One job that is under way, until it is dropped.
struct Job {
    pending: Arc<Pending>,
    _shown: metrics::Present,
}

impl Drop for Job {
    fn drop(&mut self) {
        let pending = &self.pending;
        if pending.count.fetch_sub(1, Ordering::SeqCst) == 1 {
            let lost = pending.lost.swap(0, Ordering::SeqCst);
            if lost > 0 {
                tracing::error!(
                    mails = lost,
                    "mails were lost that waited to be sent: the runtime has ended; \
                     wait for `AuthService::flush_mail` before that"
                );
            }
        }
        pending.done.notify_waiters();
    }
}

/// A task that makes mails or sends one. The runtime drops it before its end when it shuts
/// down.
struct Task {
    job: Arc<Job>,
    has_ended: bool,
}

impl Task {
    const fn begin(job: Arc<Job>) -> Self {
        Self {
            job,
            has_ended: false,
        }
    }

    fn end(mut self) {
        self.has_ended = true;
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if !self.has_ended {
            self.job.pending.lost.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Outbox {
    pub(crate) fn new(
        config: MailConfig,
        mailer: Arc<dyn Mailer>,
        clock: Arc<dyn Clock>,
        events: Arc<dyn EventSink>,
    ) -> Result<Self, ConfigError> {
        let links = config.validate()?;
        Ok(Self {
            links,
            mailer,
            clock,
            events,
            sending: Semaphore::new(config.concurrency),
            pending: Arc::default(),
            config,
        })
    }

    pub(crate) fn links(&self) -> &Links {
        &self.links
    }

    /// Whether mail can be sent to `email`, by the settings.
    pub(crate) fn takes(&self, email: &Email) -> bool {
        let local = email.as_str().rsplit_once('@').map(|(local, _)| local);
        !self.config.ascii_addresses_only || local.is_some_and(str::is_ascii)
    }

    /// Whether owners are told of logins from new devices.
    pub(crate) fn tells_of_new_devices(&self) -> bool {
        self.config.new_device
    }

    /// Does `job` in the background and sends the mails that it makes. When as
    /// much is under way as is allowed, the job is not done at all, and an
    /// event says so; `kind` is what it would have been about.
    pub(crate) fn post(
        self: &Arc<Self>,
        kind: MailKind,
        user_id: Option<UserId>,
        job: impl Future<Output = Result<Vec<Post>, AuthError>> + Send + 'static,
    ) {
        if let Some(place) = self.reserve(kind, user_id) {
            place.post(job);
        }
    }

    /// Reserves the place of one job, for a caller that stores something for the mail
    /// first. Returns `None` when as much is under way as is allowed, and an event says
    /// so.
    pub(crate) fn reserve(
        self: &Arc<Self>,
        kind: MailKind,
        user_id: Option<UserId>,
    ) -> Option<Reserved> {
        match (self.begin(), Handle::try_current()) {
            (Some(begun), Ok(runtime)) => Some(Reserved {
                outbox: Arc::clone(self),
                begun,
                runtime,
                kind,
                user_id,
            }),
            _ => {
                self.report(kind, user_id, [Notice::MailDropped]);
                None
            }
        }
    }

    /// Waits until nothing is under way.
    pub(crate) async fn idle(&self) {
        self.at_most(0).await;
    }

    /// Waits until at least half of the room is free: for mails that many accounts
    /// get at once, and that must not keep the others' out.
    pub(crate) async fn half_free(&self) {
        self.at_most(self.config.max_pending / 2).await;
    }

    /// Waits until at most `count` jobs are under way.
    async fn at_most(&self, count: usize) {
        loop {
            let done = self.pending.done.notified();
            tokio::pin!(done);
            // From here on no notification is missed.
            done.as_mut().enable();
            if self.pending.count.load(Ordering::SeqCst) <= count {
                return;
            }
            done.await;
        }
    }

    fn begin(&self) -> Option<Job> {
        let most = self.config.max_pending;
        let one_more = |count: usize| (count < most).then_some(count + 1);
        self.pending
            .count
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more)
            .is_ok()
            .then(|| Job {
                pending: Arc::clone(&self.pending),
                _shown: metrics::mail_pends(),
            })
    }

    async fn deliver(&self, post: Post) {
        let rendered =
            self.config
                .templates
                .render(post.kind, post.language.as_deref(), &post.context);
        let mail = match rendered {
            Ok(rendered) => Arc::new(Mail {
                kind: post.kind,
                to: post.to,
                subject: rendered.subject,
                text: rendered.text,
                html: rendered.html,
            }),
            Err(error) => {
                tracing::error!(mail = post.kind.as_str(), %error, "a mail could not be worded");
                self.report(post.kind, post.user_id, [Notice::MailGivenUp]);
                return;
            }
        };
        let mut wait = self.config.first_retry;
        let mut address = None;
        for attempt in 1..=self.config.attempts {
            match self.attempt(&mail).await {
                Ok(()) => {
                    self.report(post.kind, post.user_id, []);
                    return;
                }
                Err(error) => {
                    let is_about_address = matches!(error, MailError::Address(_));
                    address = is_about_address.then_some(Notice::MailAddressRefused);
                    let is_final = is_about_address || matches!(error, MailError::Permanent(_));
                    let error: &dyn Error = &error;
                    tracing::warn!(
                        mail = post.kind.as_str(),
                        attempt,
                        error,
                        "a mail was not sent"
                    );
                    if is_final {
                        break;
                    }
                }
            }
            if attempt < self.config.attempts {
                tokio::time::sleep(wait).await;
                wait = wait.saturating_mul(2);
            }
        }
        let notices = address.into_iter().chain([Notice::MailGivenUp]);
        self.report(post.kind, post.user_id, notices);
    }

    /// Makes one attempt, which has a time limit and may panic.
    async fn attempt(&self, mail: &Arc<Mail>) -> Result<(), MailError> {
        // The semaphore is never closed.
        let _slot = self.sending.acquire().await;
        let (mailer, mail) = (Arc::clone(&self.mailer), Arc::clone(mail));
        let send = async move { mailer.send(&mail).await };
        contained::call(self.config.attempt_timeout, send)
            .await
            .unwrap_or_else(|error| Err(MailError::Temporary(Box::new(error))))
    }

    fn drop_mail(&self, kind: MailKind, user_id: Option<UserId>, error: &(dyn Error + 'static)) {
        tracing::error!(mail = kind.as_str(), error, "a mail could not be made");
        let is_full = matches!(
            error.downcast_ref(),
            Some(AuthError::Store(StoreError::Full))
        );
        let full = is_full.then_some(Notice::StoreFull);
        self.report(kind, user_id, full.into_iter().chain([Notice::MailDropped]));
    }

    fn report(
        &self,
        kind: MailKind,
        user_id: Option<UserId>,
        notices: impl IntoIterator<Item = Notice>,
    ) {
        let notices = Notices::from(notices);
        let event = AuthEvent {
            at: self.clock.now(),
            operation: Operation::SendMail,
            refused: (!notices.is_empty()).then_some(ErrorCode::Internal),
            unchanged: false,
            notices,
            user_id,
            actor_id: None,
            session_id: None,
            mail: Some(kind),
            ip: None,
            user_agent: None,
            taken_over: None,
        };
        emit(&*self.events, &event);
    }
}

/// The place of a job that has not begun. Dropping it frees the place.
pub(crate) struct Reserved {
    outbox: Arc<Outbox>,
    begun: Job,
    runtime: Handle,
    kind: MailKind,
    user_id: Option<UserId>,
}

impl Reserved {
    /// Does `job` in the background and sends the mails that it makes.
    pub(crate) fn post(
        self,
        job: impl Future<Output = Result<Vec<Post>, AuthError>> + Send + 'static,
    ) {
        let Self {
            outbox,
            begun,
            runtime,
            kind,
            user_id,
        } = self;
        // Outside of the task, which may be dropped before it is polled.
        let task = Task::begin(Arc::new(begun));
        let supervise = async move {
            let task = task;
            match contained::catching(job).await {
                Ok(Ok(posts)) => {
                    for post in posts {
                        let sending = Task::begin(Arc::clone(&task.job));
                        let outbox = Arc::clone(&outbox);
                        let send = async move {
                            let sending = sending;
                            outbox.deliver(post).await;
                            sending.end();
                        };
                        tokio::spawn(send.in_current_span());
                    }
                }
                Ok(Err(error)) => outbox.drop_mail(kind, user_id, &error),
                Err(panicked) => outbox.drop_mail(kind, user_id, &panicked),
            }
            task.end();
        };
        runtime.spawn(supervise.in_current_span());
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").finish_non_exhaustive()
    }
}
