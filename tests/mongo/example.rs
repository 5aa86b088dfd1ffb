//! The axum example over MongoDB, as processes.

use support::mongo;
use support::processes::{Over, share_their_budgets, survive_a_restart};

/// By the variable of earlier versions.
fn over(url: &str) -> Over<'_> {
    Over {
        variable: "MONGODB_URI",
        url,
        says: "in MongoDB",
    }
}

#[test]
fn a_restart_of_the_example_keeps_users_and_sessions() {
    survive_a_restart(over(&mongo::fresh_uri()));
}

#[test]
fn ghsa_40_bursts_of_four_times_a_budget_at_two_processes_stay_within_it() {
    share_their_budgets(over(&mongo::fresh_uri()));
}
