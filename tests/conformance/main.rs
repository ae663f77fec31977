//! The contract of a log, clause by clause, for every adapter.
//!
//! A clause is an async function over the port. To add an adapter, write a fixture that opens an empty log, and add a
//! line `conforms!`. The modules `sqlite` and `damage` test what only a database on disk has.
#![allow(clippy::unwrap_used)]

mod append;
mod backup;
mod concurrency;
mod copying;
mod damage;
mod encrypted;
mod fixture;
mod idempotency;
mod lifetime;
mod limits;
mod nodes;
mod postgres_damage;
mod reading;
mod sqlite;
mod subscribing;

macro_rules! clauses {
    ($fixture:path; $($module:ident: $($clause:ident,)+;)+) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $clause() {
                let fixture = $fixture();
                crate::$module::$clause((&fixture).into()).await;
            }
        )+)+
    };
}

macro_rules! conforms {
    ($adapter:ident, $fixture:path) => {
        mod $adapter {
            clauses! { $fixture;
                append:
                    events_are_read_back_exactly_as_appended,
                    positions_and_versions_are_dense,
                    a_commit_over_several_streams_gets_positions_in_its_order,
                    a_wrong_expectation_appends_nothing,
                    one_conflicting_stream_fails_the_whole_commit,
                    a_moved_guard_fails_the_commit,
                    a_guard_at_its_version_lets_the_commit_pass_and_stays,
                    a_new_stream_is_expected_at_zero,
                    a_conflict_leaves_the_stream_open_for_the_right_expectation,;
                limits:
                    a_stream_named_twice_is_invalid,
                    a_commit_of_nothing_is_invalid,
                    an_append_without_events_is_invalid,
                    a_commit_of_too_many_events_is_invalid,
                    a_commit_of_as_many_events_as_allowed_is_one_commit,
                    a_payload_over_the_limit_is_invalid,
                    payloads_over_the_limit_together_are_invalid,
                    a_key_is_neither_empty_nor_too_long,
                    an_answer_over_the_limit_is_invalid,;
                idempotency:
                    a_repeat_gets_the_first_answer_and_appends_nothing,
                    a_repeat_is_recognised_although_its_expectation_is_stale,
                    another_request_under_a_used_key_is_refused,
                    a_failed_commit_does_not_use_up_its_key,
                    a_commit_without_events_records_its_key,
                    an_unused_key_has_no_answer,
                    keys_are_listed_in_the_order_they_were_recorded,;
                concurrency:
                    of_64_writers_with_one_expectation_exactly_one_wins,
                    writers_of_64_streams_all_succeed_at_dense_positions,
                    concurrent_repeats_of_one_key_append_once,
                    concurrent_commits_over_two_streams_never_half_succeed,
                    an_abandoned_append_happens_wholly_or_not_at_all,;
                reading:
                    the_log_is_read_in_pages,
                    a_page_never_exceeds_the_limit,
                    a_stream_is_read_after_a_version,
                    an_unknown_stream_is_empty,
                    reading_beyond_the_end_is_empty,
                    the_first_event_since_an_instant_is_found_although_clocks_step_back,
                    old_events_are_found_by_time_in_a_long_log,;
                subscribing:
                    the_head_follows_every_commit,
                    a_subscriber_sees_the_past_then_the_present,
                    a_late_commit_is_never_skipped,
                    a_subscriber_that_stops_waiting_loses_nothing,
                    whoever_has_an_answer_can_read_its_events,;
                backup:
                    an_empty_log_is_restored_empty,
                    a_restored_log_is_equal_in_everything_that_can_be_asked,
                    a_log_of_more_streams_than_any_cache_holds_is_restored,
                    a_restored_log_goes_on_where_the_backup_ends,
                    what_is_appended_during_a_backup_is_not_part_of_it,
                    a_log_that_is_not_empty_is_not_restored_into,;
                lifetime:
                    a_closed_log_is_unavailable,
                    closing_ends_subscriptions,
                    closing_answers_what_is_queued,;
            }
        }
    };
}

conforms!(on_memory, crate::fixture::memory);
conforms!(on_sqlite, crate::fixture::sqlite);
