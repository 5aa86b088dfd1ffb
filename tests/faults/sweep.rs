//! Each operation, at each call that it makes of the store, with each fault.

use admittance::error::ErrorCode;
use admittance::event::{Notice, Operation};
use admittance::mail::MailKind;

use crate::faulty::{FAULTS, Fault};
use crate::scene::{OPS, Op, Scene, Shape, shape};

/// What `op` is like when nothing goes wrong.
struct Usual {
    shape: Shape,
    /// The calls that it makes of the store, those that it makes after its
    /// answer, in the background, last.
    calls: Vec<&'static str>,
    /// How many of them come before the answer.
    foreground: usize,
    mails: Vec<(MailKind, String)>,
}

async fn usual(op: Op) -> Usual {
    let scene = Scene::new(op).await;
    scene.bed.store.watch(0);
    let answer = scene.operation().await;
    let foreground = scene.bed.store.calls();
    let mails = scene.mails().await;
    let calls = scene.bed.store.calm();
    let shape = shape(&answer);
    // Without a fault there is room.
    assert!(op != Op::VerifyCapped || shape == Ok(true), "{shape:?}");
    scene.check(&Some(answer)).await;
    Usual {
        shape,
        calls,
        foreground,
        mails,
    }
}

async fn run(op: Op, usual: &Usual, call: usize, fault: Fault) {
    let scene = Scene::new(op).await;
    let events = scene.bed.events.all().len();
    scene.bed.store.inject(call, fault);
    let outcome = match tokio::spawn(scene.operation()).await {
        Ok(answer) => Some(answer),
        Err(error) if error.is_panic() && fault == Fault::Panic => None,
        Err(error) => panic!("{error}"),
    };
    let mails = scene.mails().await;
    let calls = scene.bed.store.calm();
    assert!(calls.len() >= call, "the fault was not reached");
    let is_behind = call > usual.foreground;
    assert_eq!(outcome.is_none(), fault == Fault::Panic && !is_behind);

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
        None => assert!(reported.is_empty()),
        Some(Ok(_)) if op.is_silent() => assert!(reported.is_empty()),
        Some(answer) => {
            let refused = answer.as_ref().err().map(admittance::AuthError::code);
            assert_eq!(reported.len(), 1);
            assert_eq!(reported[0].refused, refused);
        }
    }
    let failed = matches!(fault, Fault::ErrorBefore | Fault::ErrorAfter);
    if is_behind {
        // What goes wrong in the background changes no answer, and is reported.
        assert_eq!(shape(outcome.as_ref().unwrap()), usual.shape);
        let dropped = of_mails.iter().map(|event| event.notice);
        if usual.calls[call - 1] == "append_event" {
            // Writing an event is tried again, and is done once.
            assert_eq!(mails, usual.mails);
            let kept = match op {
                Op::ListUserEvents => Operation::ListUserEvents,
                _ => Operation::ExportAccount,
            };
            assert_eq!(scene.kept_events(kept).await, 1);
        } else if failed || fault == Fault::Panic {
            assert_eq!(dropped.collect::<Vec<_>>(), [Some(Notice::MailDropped)]);
            assert_eq!(mails, []);
        }
    } else {
        // Whoever is told of success has the mails of it; of what has failed
        // nobody is told.
        match &outcome {
            Some(Ok(_)) => assert_eq!(mails, usual.mails),
            _ => assert_eq!(mails, []),
        }
    }
    // asvs_16_5_3: a store that fails is not taken for a store that says no.
    if let (Some(Err(error)), true) = (&outcome, failed) {
        let is_told = error.code() == ErrorCode::Internal;
        // It was refused before, and only what it left behind is not removed.
        let is_cleaning = matches!(usual.calls[call - 1], "end_session" | "remove_tokens");
        let cannot_help = is_cleaning && Err(error.code()) == usual.shape;
        assert!(is_told || cannot_help, "{error:?}");
    }
    // Whoever is told of a failure that came before its act has nothing new.
    if let (Some(Err(_)), Fault::ErrorBefore) = (&outcome, fault) {
        scene.assert_nothing_decided().await;
    }
    // A login that could not end the session whose place it takes is taken back.
    if op == Op::LoginReplacing && failed && usual.calls[call - 1] == "end_session" {
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
        assert_eq!(before.is_empty(), op.needs_no_store(), "{op:?}");
        calls += usual.calls.len();
        for (index, name) in usual.calls.iter().enumerate() {
            for fault in FAULTS {
                // Shown by the test harness when one fails.
                println!("{op:?}: {fault:?} at call {} ({name})", index + 1);
                run(op, &usual, index + 1, fault).await;
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
