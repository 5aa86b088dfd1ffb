//! `METRICS_ADDR` of the axum example.

use serde_json::json;
use support::bed::{OTHER_PASSWORD, PASSWORD};
use support::example::{Example, ask, free_address, registration};

#[test]
fn the_examples_metrics_are_text_for_prometheus() {
    let metrics = free_address();
    let example = Example::start("axum", &[("METRICS_ADDR", &metrics)]);
    let email = "ann@example.org";
    let post =
        |path: &str, body: &str| ask(example.addr(), &format!("POST {path} HTTP/1.1"), body).0;
    let login = |password: &str| json!({"email": email, "password": password}).to_string();
    assert_eq!(post("/register", &registration(email)), 201);
    assert_eq!(post("/login", &login(PASSWORD)), 200);
    assert_eq!(post("/login", &login(OTHER_PASSWORD)), 401);

    let (status, text) = ask(&metrics, "GET /metrics HTTP/1.1", "");
    assert_eq!(status, 200);
    for line in [
        "# TYPE admittance_operations_total counter",
        "# HELP admittance_operations_total Operations that ended.",
        r#"admittance_operations_total{operation="login",outcome="ok"} 1"#,
        r#"admittance_operations_total{operation="login",outcome="invalid_credentials"} 1"#,
        r#"admittance_operation_seconds_count{operation="login"} 2"#,
        "# TYPE admittance_operation_seconds histogram",
        r#"admittance_operation_seconds_bucket{operation="login",le="+Inf"} 2"#,
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(
        !text.contains("ann@") && !text.contains("127.0.0"),
        "{text}"
    );
    assert_eq!(ask(&metrics, "GET / HTTP/1.1", "").0, 404);
}
