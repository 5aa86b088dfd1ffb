//! The mistakes in sessions, their rotation, and tokens that the properties must detect.

use support::wrong::Fault::{self, *};

/// Each mistake, and a property that must detect it.
pub(crate) const SESSIONS: &[(Fault, &str)] = &[
    (DropsEmptyText, "a_session_comes_back_as_stored"),
    (KeepsCountersAsDoubles, "a_session_comes_back_as_stored"),
    (OverwritesSessions, "a_taken_session_id_is_not_overwritten"),
    (SessionsExpireLate, "a_session_ends_exactly_at_its_time"),
    (IgnoresAbsoluteEnd, "a_session_ends_exactly_at_its_time"),
    (ListsOldestFirst, "sessions_are_listed_greatest_id_first"),
    (ListsByLastSeen, "sessions_are_listed_greatest_id_first"),
    (ListsByLastSeen, "pages_of_sessions_reach_each_once"),
    (ListsSessionsOfAll, "sessions_are_listed_greatest_id_first"),
    (SessionPagesBeginAnew, "pages_of_sessions_reach_each_once"),
    (PagesRepeatASession, "pages_of_sessions_reach_each_once"),
    (LooksForTheLastSession, "pages_of_sessions_reach_each_once"),
    (
        CutsSessionsBeforeTheyAreSifted,
        "sessions_are_listed_greatest_id_first",
    ),
    (IgnoresSessionLimit, "sessions_are_listed_greatest_id_first"),
    (IgnoresSessionLimit, "pages_of_sessions_reach_each_once"),
    (
        TakesZeroSessionsForAll,
        "sessions_are_listed_greatest_id_first",
    ),
    (EndsSessionsOfOthers, "a_session_is_ended_by_its_owner_only"),
    (EndsUnnamedSessions, "only_the_sessions_that_are_named_end"),
    (EndsSessionsOfOthers, "only_the_sessions_that_are_named_end"),
    (CountsOneTooMany, "only_the_sessions_that_are_named_end"),
    (EndsNoDeadSessions, "the_sessions_of_earlier_epochs_end"),
    (EndsSessionsOfAnyEpoch, "the_sessions_of_earlier_epochs_end"),
    (EndsSessionsOfOthers, "the_sessions_of_earlier_epochs_end"),
    (
        EndsNewestSessions,
        "the_oldest_sessions_end_beyond_those_to_be_kept",
    ),
    (
        EndsLeastSeenSessions,
        "the_oldest_sessions_end_beyond_those_to_be_kept",
    ),
    (
        IgnoresIdOfSessions,
        "the_oldest_sessions_end_beyond_those_to_be_kept",
    ),
    (
        CountsDeadSessions,
        "the_oldest_sessions_end_beyond_those_to_be_kept",
    ),
    (
        CountsEveryEpoch,
        "the_oldest_sessions_end_beyond_those_to_be_kept",
    ),
    (
        CountsSessionsOfAll,
        "the_oldest_sessions_end_beyond_those_to_be_kept",
    ),
    (
        KeepsOneTooMany,
        "the_oldest_sessions_end_beyond_those_to_be_kept",
    ),
    (ForgetsShort, "a_session_comes_back_as_stored"),
    (ForgetsProofs, "a_session_comes_back_as_stored"),
    (ForgetsSecondFactors, "a_session_comes_back_as_stored"),
    (RefreshCountsAsProof, "a_rotation_has_four_outcomes"),
    (GivesNoGrace, "a_rotation_has_four_outcomes"),
    (RefreshForgetsShort, "a_short_session_stays_short"),
    (ForgetsShort, "a_short_session_stays_short"),
    (
        KeepsReusedSession,
        "a_reused_refresh_token_ends_the_session",
    ),
    (
        RefreshOutlivesAbsoluteEnd,
        "a_refresh_never_outlives_the_absolute_timeout",
    ),
    (
        RefreshForgetsLastSeen,
        "a_rotation_equals_the_state_machine",
    ),
    (TakesTokenOut, "a_token_is_read_as_often_as_asked_for"),
    (DropsRegistration, "a_token_is_read_as_often_as_asked_for"),
    (DropsExtra, "a_token_is_read_as_often_as_asked_for"),
    (DropsSignIn, "a_token_is_read_as_often_as_asked_for"),
    (LeavesTakenTokens, "a_token_is_taken_once"),
    (TakesTokensOfAnyPurpose, "a_token_is_taken_once"),
    (TakesExpiredTokens, "a_token_is_taken_once"),
    (
        TakesMailedForAccountEmail,
        "a_token_is_read_as_often_as_asked_for",
    ),
    (IgnoresPurpose, "a_token_works_for_its_purpose_only"),
    (
        WrongPurposeSpendsToken,
        "a_token_works_for_its_purpose_only",
    ),
    (TokensExpireLate, "a_token_ends_exactly_at_its_time"),
    (OverwritesTokens, "a_taken_digest_is_not_overwritten"),
    (ListsOldestTokensFirst, "tokens_are_listed_newest_first"),
    (ListsExpiredTokens, "tokens_are_listed_newest_first"),
    (ListsExpiredTokens, "a_token_ends_exactly_at_its_time"),
    (ListsTokensOfAll, "tokens_are_listed_newest_first"),
    (RemovesTokensOfAll, "tokens_are_removed_for_one_user_only"),
    (RemovesTokensOfAll, "tokens_are_removed_of_one_purpose_only"),
    (
        RemovesEveryPurpose,
        "tokens_are_removed_of_one_purpose_only",
    ),
    (
        ChecksThenInsertsSession,
        "one_of_many_sessions_with_an_id_wins",
    ),
    (
        ChecksThenInsertsToken,
        "one_of_many_tokens_with_a_digest_wins",
    ),
    (
        ListsThenRemovesTokens,
        "no_token_escapes_when_all_are_removed",
    ),
    (ReadsThenTakesToken, "one_of_many_takers_gets_a_token"),
    (ReadsThenRotates, "one_of_many_refreshes_rotates"),
    (ReadsThenRotates, "a_refresh_revives_no_ended_session"),
    (ListsThenEnds, "no_session_escapes_when_all_are_ended"),
    (
        CountsThenEndsOldest,
        "parallel_openings_leave_no_more_than_the_cap",
    ),
    (
        KeepsOneTooMany,
        "parallel_openings_leave_no_more_than_the_cap",
    ),
];
