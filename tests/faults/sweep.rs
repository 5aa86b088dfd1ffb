//! Each operation, at each call that it makes of the store, with each fault.

use admittance::error::ErrorCode;
use admittance::event::{AuthEvent, Notice, Operation};
use admittance::mail::MailKind;

use crate::scene::{OPS, Op, Scene, Shape, shape};
use crate::truth::Truth;
use support::faulty::{FAULTS, Fault};

/// What `op` is like when nothing goes wrong.
pub(crate) struct Usual {
    pub(crate) shape: Shape,
    /// The calls that it makes of the store, those that it makes after its
    /// answer, in the background, last.
    pub(crate) calls: Vec<&'static str>,
    /// How many of them come before the answer.
    pub(crate) foreground: usize,
    pub(crate) mails: Vec<(MailKind, String)>,
    /// The operation's event, if it reports one.
    pub(crate) event: Option<AuthEvent>,
}

/// The events of `op` after the first `from`, without those of mails and of a
/// session that was ended to make room.
pub(crate) fn reported(scene: &Scene, op: Op, from: usize) -> Vec<AuthEvent> {
    let mut events = scene.bed.events.all().split_off(from);
    events.retain(|event| {
        let is_replaced = op.replaces() && event.operation == Operation::Logout;
        event.operation != Operation::SendMail && !is_replaced
    });
    events
}

pub(crate) async fn usual(op: Op) -> Usual {
    usual_on(op, Truth::memory()).await
}

pub(crate) async fn usual_on(op: Op, truth: Truth) -> Usual {
    let scene = Scene::on(op, truth).await;
    let before = scene.bed.events.all().len();
    scene.bed.store.watch(0);
    let answer = scene.operation().await;
    let mails = scene.mails().await;
    let foreground = scene.bed.store.foreground();
    let calls = scene.bed.store.calm();
    let shape = shape(&answer);
    let event = reported(&scene, op, before).pop();
    // Without a fault there is room.
    assert!(op != Op::VerifyCapped || shape == Ok(true), "{shape:?}");
    scene.check(&Some(answer)).await;
    Usual {
        shape,
        calls,
        foreground,
        mails,
        event,
    }
}

/// Runs `op` with `fault` at the `call`-th call of the store.
pub(crate) async fn run(scene: Scene, op: Op, usual: &Usual, call: usize, fault: Fault) {
    let events = scene.bed.events.all().len();
    let rows = scene.truth.counts().await;
    scene.bed.store.inject(call, fault);
    // A panic of the store never reaches the caller.
    let outcome = Some(scene.operation().await);
    let mails = scene.mails().await;
    let calls = scene.bed.store.calm();
    assert!(calls.len() >= call, "the fault was not reached");
    let is_behind = call > usual.foreground;

    // asvs_16_2_1: whatever is answered is reported, once.
    let events = scene.bed.events.all().split_off(events);
    let (of_mails, reported): (Vec<_>, Vec<_>) = events
        .into_iter()
        .partition(|event| event.operation == Operation::SendMail);
    // The end of the session whose place it takes is an event of its own.
    let (replaced, reported): (Vec<_>, Vec<_>) = reported
        .into_iter()
        .partition(|event| op.replaces() && event.operation == Operation::Logout);
    match &outcome {
        Some(Ok(_)) if op.replaces() && fault != Fault::Twice => assert_eq!(replaced.len(), 1),
        _ => assert!(replaced.len() <= 1),
    }
    match &outcome {
        None => {}
        Some(Ok(_)) if op.is_silent() => assert!(reported.is_empty()),
        Some(answer) => {
            let refused = answer.as_ref().err().map(admittance::AuthError::code);
            assert_eq!(reported.len(), 1);
            assert_eq!(reported[0].refused, refused);
        }
    }
    let failed = matches!(fault, Fault::ErrorBefore | Fault::ErrorAfter | Fault::Panic);
    if is_behind {
        // What goes wrong in the background changes no answer, and is reported.
        assert_eq!(shape(outcome.as_ref().unwrap()), usual.shape);
        let dropped = of_mails.iter().map(|event| event.notices.first());
        if usual.calls[call - 1] == "append_event" {
            // Writing an event is tried again, and is done once.
            assert_eq!(mails, usual.mails);
            let kept = match op {
                Op::ListUserEvents => Operation::ListUserEvents,
                _ => Operation::ExportAccount,
            };
            assert_eq!(scene.kept_events(kept).await, 1);
        } else if failed
            && fault != Fault::Panic
            && usual.calls[..call].ends_with(&["insert_token", "tokens_of"])
        {
            // The new link is mailed, even if old ones are not removed.
            assert_eq!(mails, usual.mails);
        } else if failed {
            assert_eq!(dropped.collect::<Vec<_>>(), [Some(Notice::MailDropped)]);
            assert_eq!(mails, []);
        }
    } else {
        // A caller that got a success has its mails; of what has failed
        // nobody is told.
        match &outcome {
            Some(Ok(_)) => assert_eq!(mails, usual.mails),
            _ => assert_eq!(mails, []),
        }
    }
    // asvs_16_5_3: a store that fails is not taken for a store that says no.
    if let (Some(Err(error)), true) = (&outcome, failed) {
        let is_told = match fault {
            Fault::Panic => error.code() == ErrorCode::Internal,
            _ => error.code() == ErrorCode::Unavailable,
        };
        // It was refused before, and only what it left behind is not removed.
        let is_cleaning = matches!(usual.calls[call - 1], "end_session" | "remove_tokens");
        let cannot_help = is_cleaning && Err(error.code()) == usual.shape;
        assert!(is_told || cannot_help, "{error:?}");
    }
    // An act that failed before it was applied changes nothing.
    if let (Some(Err(_)), Fault::ErrorBefore) = (&outcome, fault) {
        scene.assert_nothing_decided().await;
        // Nor does it leave rows behind, unless their removal is what failed.
        let left = scene.truth.counts().await;
        let is_removal = matches!(usual.calls[call - 1], "end_session" | "remove_tokens");
        let is_clean = left.users <= rows.users
            && left.sessions <= rows.sessions
            && left.tokens <= rows.tokens;
        assert!(is_clean || is_removal, "{rows:?}, then {left:?}");
    }
    // A login that could not end the session whose place it takes is taken back.
    if op == Op::LoginReplacing
        && failed
        && fault != Fault::Panic
        && usual.calls[call - 1] == "end_session"
    {
        let is_ended = fault == Fault::ErrorAfter;
        assert_eq!(scene.usable_sessions().await, if is_ended { 2 } else { 3 });
    }
    // A store that is only slow changes nothing.
    if fault == Fault::Delay {
        assert_eq!(shape(outcome.as_ref().unwrap()), usual.shape);
        assert_eq!(mails, usual.mails);
        if matches!(op, Op::Disown | Op::Delete) {
            scene.assert_no_rows().await;
        }
    }
    scene.check(&outcome).await;
}

#[tokio::test]
async fn asvs_2_3_3_each_operation_under_each_fault_of_the_store() {
    let (mut calls, mut faults) = (0, 0);
    for op in OPS {
        let usual = usual(op).await;
        let (before, after) = usual.calls.split_at(usual.foreground);
        println!("{op:?}: {}; {}", before.join(", "), after.join(", "));
        assert!(!before.is_empty(), "{op:?}");
        calls += usual.calls.len();
        for (index, name) in usual.calls.iter().enumerate() {
            for fault in FAULTS {
                // Shown by the test harness when one fails.
                println!("{op:?}: {fault:?} at call {} ({name})", index + 1);
                let scene = Scene::new(op).await;
                run(scene, op, &usual, index + 1, fault).await;
                faults += 1;
            }
        }
    }
    println!(
        "{} operations × {calls} calls in all × {} = {faults} faults; 0 violations",
        OPS.len(),
        FAULTS.len()
    );
    assert!(faults >= 950, "{faults}");
}
