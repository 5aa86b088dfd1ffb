//! Each operation, at each call that it makes of the store, with each fault.

use admittance::error::ErrorCode;

use crate::faulty::{FAULTS, Fault};
use crate::scene::{OPS, Op, Scene};

/// The calls that `op` makes of the store when nothing goes wrong.
async fn calls_of(op: Op) -> Vec<&'static str> {
    let scene = Scene::new(op).await;
    scene.bed.store.watch(0);
    let outcome = Some(scene.operation().await);
    let calls = scene.bed.store.calm();
    scene.check(&outcome).await;
    calls
}

async fn run(op: Op, call: usize, fault: Fault) {
    let scene = Scene::new(op).await;
    let events = scene.bed.events.all().len();
    scene.bed.store.inject(call, fault);
    let outcome = match tokio::spawn(scene.operation()).await {
        Ok(answer) => Some(answer),
        Err(error) if error.is_panic() && fault == Fault::Panic => None,
        Err(error) => panic!("{error}"),
    };
    let calls = scene.bed.store.calm();
    assert!(calls.len() >= call, "the fault was not reached");
    assert_eq!(outcome.is_none(), fault == Fault::Panic);

    // asvs_16_2_1: whatever is answered is reported, once.
    let reported = &scene.bed.events.all()[events..];
    match &outcome {
        None => assert!(reported.is_empty()),
        Some(Ok(_)) if op == Op::Validate => assert!(reported.is_empty()),
        Some(answer) => {
            let refused = answer.as_ref().err().map(admittance::AuthError::code);
            assert_eq!(reported.len(), 1);
            assert_eq!(reported[0].refused, refused);
        }
    }
    // asvs_16_5_3: a store that fails is not taken for a store that says no.
    if let (Some(Err(error)), Fault::ErrorBefore | Fault::ErrorAfter) = (&outcome, fault) {
        let is_told = error.code() == ErrorCode::Internal;
        let cannot_help = op == Op::RegisterTaken && calls.last() == Some(&"end_session");
        assert!(is_told || cannot_help, "{error:?}");
    }
    // Whoever is told of a failure that came before its act has nothing new.
    if let (Some(Err(_)), Fault::ErrorBefore) = (&outcome, fault) {
        scene.assert_nothing_decided().await;
    }
    // A store that is only slow changes nothing.
    if fault == Fault::Delay {
        let refuses = matches!(
            op,
            Op::RegisterTaken | Op::LoginWrong | Op::RefreshReused | Op::ChangePasswordWrong
        );
        assert_eq!(outcome.as_ref().unwrap().is_err(), refuses);
    }
    scene.check(&outcome).await;
}

#[tokio::test]
async fn asvs_2_3_3_each_operation_under_each_fault_of_the_store() {
    let (mut calls, mut faults) = (0, 0);
    for op in OPS {
        let names = calls_of(op).await;
        println!("{op:?}: {}", names.join(", "));
        assert!(!names.is_empty(), "{op:?}");
        calls += names.len();
        for (index, name) in names.iter().enumerate() {
            for fault in FAULTS {
                // Shown by the test harness when one fails.
                println!("{op:?}: {fault:?} at call {} ({name})", index + 1);
                run(op, index + 1, fault).await;
                faults += 1;
            }
        }
    }
    println!(
        "{} operations × {calls} calls in all × {} = {faults} faults; 0 violations",
        OPS.len(),
        FAULTS.len()
    );
    assert!(faults >= 150, "{faults}");
}
