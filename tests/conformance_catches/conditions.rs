//! The mistakes in conditional writes and in shared budgets that the properties
//! must detect.

use support::wrong::Fault::{self, *};

/// Each mistake in the condition of a write, or in counting an act in several
/// budgets, and a property that must detect it.
pub(crate) const CONDITIONS: &[(Fault, &str)] = &[
    (ForgetsEpoch, "each_act_applies_the_rules_of_users"),
    (RehashRaisesVersion, "each_act_applies_the_rules_of_users"),
    (MergesPreferences, "each_act_applies_the_rules_of_users"),
    (ResetKeepsLinks, "each_act_applies_the_rules_of_users"),
    (RemovesVerified, "each_act_applies_the_rules_of_users"),
    (VerifiesTwice, "each_act_applies_the_rules_of_users"),
    (
        StatusChangeIgnoresVersion,
        "each_act_applies_the_rules_of_users",
    ),
    (
        RoleChangeIgnoresVersion,
        "each_act_applies_the_rules_of_users",
    ),
    (
        StatusChangeIgnoresVersion,
        "a_late_enabling_does_not_undo_a_disabling",
    ),
    (
        VersionStaysWithoutAChange,
        "a_late_enabling_does_not_undo_a_disabling",
    ),
    (
        RoleChangeIgnoresVersion,
        "a_late_grant_does_not_undo_a_revocation",
    ),
    (
        VersionStaysWithoutAChange,
        "a_late_grant_does_not_undo_a_revocation",
    ),
    (
        RoleChangeIgnoresVersion,
        "a_late_revocation_does_not_undo_a_grant",
    ),
    (
        VersionStaysWithoutAChange,
        "a_late_revocation_does_not_undo_a_grant",
    ),
    (
        ProfileChangeIgnoresVersion,
        "a_late_profile_change_does_not_undo_a_later_one",
    ),
    (
        IgnoresAccountVersion,
        "a_late_reset_does_not_undo_a_later_change",
    ),
    (
        IgnoresAccountVersion,
        "a_late_removal_does_not_remove_an_account_edited_since",
    ),
    (
        IgnoresAccountVersion,
        "a_late_change_of_email_does_not_undo_a_later_change",
    ),
    (
        IgnoresAccountVersion,
        "a_late_verification_does_nothing_after_a_later_change",
    ),
    (
        IgnoresExpectedPassword,
        "a_late_password_change_does_not_undo_a_later_one",
    ),
    (
        TakesLastLoginBack,
        "a_late_login_does_not_take_the_last_one_back",
    ),
    (LateRefreshEndsSession, "a_late_refresh_ends_no_session"),
    (
        EndsUnnamedSessions,
        "a_late_end_of_sessions_spares_later_ones",
    ),
    (
        EndsSessionsOfAnyEpoch,
        "a_late_end_of_dead_sessions_spares_later_ones",
    ),
    (
        RemovesLaterTokens,
        "a_late_removal_of_tokens_leaves_later_ones",
    ),
    (
        ForgivesLaterFailures,
        "a_late_success_forgives_no_later_failure",
    ),
    (ForgivesNothing, "a_late_success_forgives_no_later_failure"),
    (
        LoginRaisesVersion,
        "the_version_goes_up_with_each_change_and_with_nothing_else",
    ),
    (
        RehashRaisesVersion,
        "the_version_goes_up_with_each_change_and_with_nothing_else",
    ),
    (
        VersionStaysWithoutAChange,
        "the_version_goes_up_with_each_change_and_with_nothing_else",
    ),
    (
        ProfileChangeIgnoresVersion,
        "the_version_goes_up_with_each_change_and_with_nothing_else",
    ),
    (CountsBudgetsOneByOne, "several_budgets_equal_the_rule"),
    (KnowsLastBudgetOnly, "several_budgets_equal_the_rule"),
    (GivesBackNothing, "several_budgets_equal_the_rule"),
    (CountsBudgetsOneByOne, "a_refusal_uses_up_no_budget"),
    (CountsRefusedActs, "a_refusal_uses_up_no_budget"),
    (
        TakesAnyNumberOfBudgets,
        "no_act_has_more_budgets_than_allowed",
    ),
    (GivesBackNothing, "one_act_is_given_back_and_no_more"),
    (GivesBackEverything, "one_act_is_given_back_and_no_more"),
    (GivesBackTwice, "one_act_is_given_back_and_no_more"),
    (ReadsThenCounts, "parallel_acts_exceed_no_budget"),
    (KnowsLastBudgetOnly, "parallel_acts_exceed_no_budget"),
];
