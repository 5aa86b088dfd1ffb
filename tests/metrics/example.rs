//! `METRICS_ADDR` of the axum example.

#[expect(dead_code, reason = "its listener is tried by hand")]
#[path = "../../examples/shared/metrics.rs"]
mod metrics;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use tower::ServiceExt;

use crate::recorded::{Global, Recorded};
use crate::support::bed::{Bed, OTHER_PASSWORD, PASSWORD};

#[tokio::test]
async fn the_examples_metrics_are_text_for_prometheus() {
    let mut global = Global::take().await;
    let recorder = metrics::recorder().unwrap();
    let router = metrics::router(recorder.handle());
    {
        let _here = ::metrics::set_default_local_recorder(&recorder);
        admittance::metrics::describe();
        let bed = Bed::new();
        bed.register("ann@example.org").await;
        bed.login("ann@example.org", PASSWORD).await.unwrap();
        drop(bed.login("ann@example.org", OTHER_PASSWORD).await);
    }
    let ask = async |path: &str| {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    };
    let (status, text) = ask("/metrics").await;
    assert_eq!(status, StatusCode::OK);
    for line in [
        "# TYPE admittance_operations_total counter",
        "# HELP admittance_operations_total Operations that ended.",
        r#"admittance_operations_total{operation="login",outcome="ok"} 1"#,
        r#"admittance_operations_total{operation="login",outcome="invalid_credentials"} 1"#,
        r#"admittance_operation_seconds_count{operation="login"} 2"#,
        "# TYPE admittance_operation_seconds histogram",
        r#"admittance_operation_seconds_bucket{operation="login",le="+Inf"} 2"#,
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
    }
    assert!(
        !text.contains("ann@") && !text.contains("192.0.2"),
        "{text}"
    );
    assert_eq!(ask("/").await.0, StatusCode::NOT_FOUND);
    global.until(Recorded::is_quiet).await;
}
