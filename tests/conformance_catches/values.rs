//! The values that are lost, and that the properties must miss.

use support::wrong::Fault::{self, *};

/// Each mistake, and a property that must detect it.
pub(crate) const VALUES: &[(Fault, &str)] = &[
    (CutsHashesAt60, "the_longest_password_hash_comes_back"),
    (LowercasesHashes, "the_longest_password_hash_comes_back"),
    (CutsNewHashes, "the_longest_password_hash_comes_back"),
    (CutsResetHashes, "the_longest_password_hash_comes_back"),
    (CutsPendingHashes, "the_longest_password_hash_comes_back"),
    (CutsNamesAt64Bytes, "the_longest_name_comes_back"),
    (CutsNewNames, "the_longest_name_comes_back"),
    (CutsResetNames, "the_longest_name_comes_back"),
    (CutsPendingNames, "the_longest_name_comes_back"),
    (AnswersCutNames, "the_longest_name_comes_back"),
    (CutsAddressesAt191, "the_longest_address_comes_back"),
    (ComparesBeginOfAddresses, "the_longest_address_comes_back"),
    (CutsNewAddresses, "the_longest_address_comes_back"),
    (CutsAddressesOfTokens, "the_longest_address_comes_back"),
    (CutsUserAgentsAt255, "the_longest_user_agent_comes_back"),
    (RefreshCutsUserAgents, "the_longest_user_agent_comes_back"),
    (
        CutsUserAgentsOfEvents,
        "the_longest_user_agent_of_an_event_comes_back",
    ),
    (CutsRolesAt32, "many_roles_of_the_longest_names_come_back"),
    (
        CutsGrantedRoles,
        "many_roles_of_the_longest_names_come_back",
    ),
    (
        KeepsHundredRoles,
        "many_roles_of_the_longest_names_come_back",
    ),
    (
        FindsRolesByPrefix,
        "many_roles_of_the_longest_names_come_back",
    ),
    (KeepsTenDevices, "the_most_devices_come_back"),
    (KeepsTenDevices, "devices_are_kept_newest_last"),
    (PadsDevices, "the_most_devices_come_back"),
    (DropsLargePreferences, "the_largest_preferences_come_back"),
    (CutsDeepPreferences, "the_largest_preferences_come_back"),
    (CutsLongLists, "the_largest_preferences_come_back"),
    (
        ResetDropsLargePreferences,
        "the_largest_preferences_come_back",
    ),
    (KeepsCountersIn32Bits, "the_greatest_counters_come_back"),
    (KeepsCountersIn62Bits, "the_greatest_counters_come_back"),
    (KeepsCountersAsDoubles, "the_greatest_counters_come_back"),
    (KeepsCountersIn32Bits, "a_counter_goes_up_to_the_greatest"),
    (KeepsCountersIn62Bits, "a_counter_goes_up_to_the_greatest"),
    (
        CountsEventsIn32Bits,
        "the_greatest_counts_of_events_come_back",
    ),
    (RefreshCountsIn32Bits, "a_counter_goes_up_to_the_greatest"),
    (
        ForgetsTimesBefore1970,
        "the_earliest_and_latest_times_come_back",
    ),
    (EndsTimesIn2106, "the_earliest_and_latest_times_come_back"),
    (
        CutsTimesToSeconds,
        "the_earliest_and_latest_times_come_back",
    ),
    (
        TakesLatestTimeForNone,
        "the_earliest_and_latest_times_come_back",
    ),
    (TakesIdsForText, "events_of_any_id_come_back"),
    (ListsBytesAsSigned, "identifiers_of_any_bytes_come_back"),
    (
        CutsLimitsTo32Bits,
        "a_list_of_the_greatest_limit_holds_everything",
    ),
    (
        CutsEventLimitsTo32Bits,
        "a_list_of_events_of_the_greatest_limit_holds_all",
    ),
    (WaitsAtMost25Days, "the_widest_limits_equal_their_rules"),
    (LocksAtMost25Days, "the_widest_limits_equal_their_rules"),
    (
        TakesDisabledForActive,
        "every_value_of_every_enum_comes_back",
    ),
    (CutsMethodNames, "every_value_of_every_enum_comes_back"),
    (KeepsThreeProofs, "every_value_of_every_enum_comes_back"),
    (ForgetsNewestPurpose, "every_value_of_every_enum_comes_back"),
    (
        ForgetsNewestOperation,
        "every_value_of_every_enum_of_events_comes_back",
    ),
    (
        ForgetsNewestErrorCode,
        "every_value_of_every_enum_of_events_comes_back",
    ),
    (
        ForgetsNewestMailKind,
        "every_value_of_every_enum_of_events_comes_back",
    ),
    (
        ForgetsNewestClass,
        "every_value_of_every_enum_of_events_comes_back",
    ),
    (
        KeepsFirstNotice,
        "every_value_of_every_enum_of_events_comes_back",
    ),
    (ForgetsShort, "every_value_of_every_enum_comes_back"),
    (
        KeepsCountersIn32Bits,
        "the_greatest_counts_of_events_come_back",
    ),
    (
        KeepsCountersIn62Bits,
        "the_greatest_counts_of_events_come_back",
    ),
    (
        ForgetsTimesBefore1970,
        "the_earliest_and_latest_events_come_back",
    ),
    (EndsTimesIn2106, "the_earliest_and_latest_events_come_back"),
];
