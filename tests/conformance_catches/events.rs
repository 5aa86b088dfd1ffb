//! The mistakes in the audit log that the properties must detect.

use support::wrong::Fault::{self, *};

/// Each mistake, and a property that must detect it.
pub(crate) const EVENTS: &[(Fault, &str)] = &[
    (DropsActor, "an_event_comes_back_as_stored"),
    (ListsOldestEventsFirst, "an_event_comes_back_as_stored"),
    (OverwritesEvents, "an_event_appended_again_is_there_once"),
    (ListsOldestEventsFirst, "events_are_listed_newest_first"),
    (ListsEventsOfAll, "events_are_listed_newest_first"),
    (PagesBeginAnew, "pages_of_events_reach_each_once"),
    (PagesRepeatAnEvent, "pages_of_events_reach_each_once"),
    (IgnoresEventLimit, "pages_of_events_reach_each_once"),
    (TakesZeroEventsForAll, "pages_of_events_reach_each_once"),
    (EventsExpireLate, "an_event_ends_exactly_at_its_time"),
    (
        CutsPagesBeforeTheyAreSifted,
        "an_event_ends_exactly_at_its_time",
    ),
    (KeepsAllEvents, "the_oldest_events_make_room"),
    (KeepsOneEventMore, "the_oldest_events_make_room"),
    (DropsNewestEvents, "the_oldest_events_make_room"),
    (CountsClassesTogether, "the_oldest_events_make_room"),
    (CountsEventsOfAll, "the_oldest_events_make_room"),
    (CountsEventsAhead, "events_of_a_clock_ahead_take_no_place"),
    (RemovesEventsOfAll, "events_are_removed_for_one_user_only"),
    (RemovesNoEvents, "events_are_removed_for_one_user_only"),
    (ChecksThenAppends, "one_of_many_events_with_an_id_is_kept"),
    (NeverCounts, "equal_events_in_a_row_are_one_with_a_count"),
    (NeverCounts, "an_event_appended_again_is_counted_once"),
    (
        CountsOtherSessionsToo,
        "equal_events_in_a_row_are_one_with_a_count",
    ),
    (
        CountsInExpired,
        "equal_events_in_a_row_are_one_with_a_count",
    ),
    (
        CountsAcrossOthers,
        "equal_events_in_a_row_are_one_with_a_count",
    ),
    (
        KeepsTimeOfFirst,
        "equal_events_in_a_row_are_one_with_a_count",
    ),
    (CountsAgain, "an_event_appended_again_is_counted_once"),
    (
        ReadsThenCountsEvents,
        "no_equal_event_of_many_at_once_is_lost",
    ),
    (WritesAllEventsBack, "no_event_of_many_at_once_is_lost"),
    (
        KeepsAllEvents,
        "many_events_at_once_leave_as_many_as_are_kept",
    ),
];
