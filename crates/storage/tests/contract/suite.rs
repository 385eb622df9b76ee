//! The list of cases. A case that is missing here is dead code, which the lints refuse.

/// Runs every case against the store that `$open` (an `async fn() -> Fixture`) opens, each as a
/// test of its own.
///
/// With `together` and the reason why it is ignored, the cases of a group are one test over one
/// server, which `$open` starts and whose `async fn fixture(&self) -> Fixture` makes fresh buckets:
/// for servers that take seconds to start and may not be there at all.
macro_rules! suite {
    ($open:path) => {
        suite!([each] $open);
    };
    (together, $why:literal, $open:path) => {
        suite!([together $why] $open);
    };
    ($how:tt $open:path) => {
        suite!(@ $how $open, objects:
            an_empty_object_is_an_object,
            what_was_put_comes_back,
            a_body_of_many_chunks_comes_back_in_order,
            ranges_are_cut_at_the_end,
            metadata_comes_back,
            an_overwrite_replaces_bytes_and_metadata,
            what_is_missing_is_not_found,
            deleting_is_for_good,
            a_read_is_never_a_mix,
            a_pin_holds_until_the_object_changes,
        );
        suite!(@ $how $open, conditions:
            put_where_nothing_may_be,
            put_onto_a_known_state,
            put_onto_what_is_gone,
            complete_where_nothing_may_be,
            complete_onto_a_known_state,
            copy_where_nothing_may_be,
            copy_onto_a_known_state,
            delete_a_known_state,
            delete_where_nothing_may_be_makes_no_sense,
            of_many_first_puts_one_wins,
            of_many_puts_onto_one_state_one_wins,
            of_many_first_completions_one_wins,
        );
        suite!(@ $how $open, copies:
            a_copy_has_bytes_and_metadata,
            a_copy_has_the_checksum_of_its_bytes_or_none,
            a_copy_has_the_type_of_its_source,
            a_copy_may_have_other_metadata,
            an_object_is_copied_onto_itself_for_its_metadata,
            a_copy_crosses_buckets,
            a_copy_of_another_state_is_refused,
            a_copy_of_nothing_is_not_found,
            a_copy_lives_its_own_life,
        );
        suite!(@ $how $open, renames:
            a_renamed_object_has_its_bytes_and_other_metadata,
            a_rename_replaces_what_stood_there,
            a_rename_under_a_condition_changes_all_or_nothing,
            a_rename_of_another_state_is_refused,
            a_rename_of_nothing_is_not_found,
            what_cannot_be_renamed_stays,
        );
        suite!(@ $how $open, keys:
            odd_keys_are_kept_as_they_are,
            a_file_beside_its_namesake_folder,
            empty_names_do_not_alias,
            dots_are_names_like_others_or_refused,
            control_characters_are_kept_or_refused,
            long_names_are_kept_or_refused,
            a_marker_is_an_object,
            a_marker_goes_without_what_is_below_it,
            a_prefix_goes_with_its_last_object,
        );
        suite!(@ $how $open, listing:
            nothing_is_an_empty_page,
            entries_tell_what_head_tells,
            keys_come_in_byte_order,
            a_prefix_may_end_anywhere,
            a_delimiter_folds_what_is_deeper,
            start_after_begins_behind_it,
            small_pages_make_the_same_list,
            small_pages_make_the_same_folded_list,
            a_page_is_filled_before_it_continues,
            what_goes_between_pages_is_left_out,
            many_entries_come_in_order,
        );
        suite!(@ $how $open, multipart:
            parts_make_the_object_in_order,
            parts_may_arrive_in_any_order,
            parts_may_have_gaps_in_their_numbers,
            parts_may_grow,
            one_part_is_enough,
            the_last_of_one_number_counts,
            parts_that_are_not_named_are_left_out,
            nothing_shows_before_completion,
            metadata_of_an_upload_comes_back,
            an_upload_is_aborted_with_its_parts,
            completing_twice_changes_nothing,
            uploads_in_progress_are_listed,
            parts_are_listed_in_order,
        );
        suite!(@ $how $open, multipart_refusals:
            no_parts_are_no_object,
            a_part_that_was_never_stored_is_refused,
            a_part_with_another_etag_is_refused,
            parts_in_the_wrong_order_are_refused,
            small_parts_are_refused_where_there_is_a_least_size,
            an_unknown_upload_is_not_found,
        );
        suite!(@ $how $open, part_copies:
            ranges_become_parts,
            copied_and_sent_parts_mix,
            a_part_crosses_buckets,
            a_range_behind_the_end_is_refused,
            a_part_of_another_state_is_refused,
        );
        suite!(@ $how $open, resuming:
            a_detached_upload_goes_on_elsewhere,
            an_upload_goes_on_after_a_crash,
            a_discarded_upload_leaves_nothing,
        );
        suite!(@ $how $open, versions:
            every_write_is_a_version_or_there_is_one,
            an_old_version_can_be_read,
            an_old_version_can_be_restored,
            deleting_keeps_old_versions,
        );
    };
    (@ [each] $open:path, $group:ident: $($case:ident,)*) => {
        mod $group {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let fixture = $open().await;
                    crate::$group::$case(&fixture).await;
                }
            )*
        }
    };
    (@ [together $why:literal] $open:path, $group:ident: $($case:ident,)*) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        #[ignore = $why]
        async fn $group() {
            let server = $open().await;
            let mut failed: Vec<&str> = Vec::new();
            $(
                let fixture = server.fixture().await;
                let case = std::panic::AssertUnwindSafe(crate::$group::$case(&fixture));
                if futures::FutureExt::catch_unwind(case).await.is_err() {
                    failed.push(stringify!($case));
                }
            )*
            assert!(failed.is_empty(), "cases that failed: {failed:?}");
        }
    };
}
