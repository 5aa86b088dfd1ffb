//! The axum example over SQLite and PostgreSQL, as processes.

use support::postgres;
use support::processes::{Over, share_their_budgets, survive_a_restart};
use support::sqlite::Folder;

fn over<'u>(url: &'u str, says: &'static str) -> Over<'u> {
    let variable = "DATABASE_URL";
    Over {
        variable,
        url,
        says,
    }
}

#[test]
fn a_restart_of_the_example_keeps_users_and_sessions_in_sqlite() {
    let folder = Folder::fresh();
    survive_a_restart(over(&folder.url(), "in SQLite"));
}

#[test]
fn a_restart_of_the_example_keeps_users_and_sessions_in_postgres() {
    survive_a_restart(over(&postgres::fresh_url_for_process(), "in PostgreSQL"));
}

#[test]
fn ghsa_40_bursts_of_four_times_a_budget_at_two_processes_stay_within_it_in_sqlite() {
    let folder = Folder::fresh();
    share_their_budgets(over(&folder.url(), "in SQLite"));
}

#[test]
fn ghsa_40_bursts_of_four_times_a_budget_at_two_processes_stay_within_it_in_postgres() {
    share_their_budgets(over(&postgres::fresh_url_for_process(), "in PostgreSQL"));
}
