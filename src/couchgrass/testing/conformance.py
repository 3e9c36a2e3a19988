"""The contract of `Peer`, as rules that every implementation must keep.

A rule is a coroutine of a `Subject`: a peer of an empty database, and what is needed around it. Tests run
each rule of RULES over each implementation, every time with a fresh database; SLOW_RULES wait as long as a
live feed is silent, so they are for peers whose time is simulated.
"""

from __future__ import annotations

from couchgrass.testing import conformance_changes as changes
from couchgrass.testing import conformance_leaves as leaves
from couchgrass.testing.conformance_subject import Rule

RULES: tuple[Rule, ...] = (
    changes.an_absent_database_is_not_found_until_it_is_made,
    changes.its_sequence_moves_and_its_start_stays,
    changes.its_name_has_no_secret,
    changes.a_local_document_is_kept_and_replaced,
    changes.a_local_document_with_an_old_revision_conflicts_or_wins,
    changes.local_documents_are_no_changes,
    changes.pages_of_changes_meet_without_gap_or_overlap,
    changes.a_change_moves_its_document_to_the_end,
    changes.every_leaf_is_listed_or_only_the_winner,
    changes.a_deleted_document_is_a_deleted_change,
    changes.filters_choose_documents,
    changes.a_filter_that_is_not_there_is_refused,
    changes.sequences_may_be_left_out_and_the_last_one_stays,
    changes.pending_counts_what_is_to_come,
    changes.a_live_feed_brings_what_is_there_and_what_comes,
    changes.a_live_feed_filters,
    changes.a_live_feed_of_nothing_is_refused,
    leaves.the_difference_names_what_is_not_there,
    leaves.leaves_come_with_their_history,
    leaves.a_replaced_leaf_comes_as_its_successor,
    leaves.what_is_not_there_is_said_for_itself,
    leaves.the_text_of_a_document_stays,
    leaves.a_history_of_two_thousand_revisions_comes_along,
    leaves.attachments_come_as_they_were_put,
    leaves.what_came_can_be_put_again,
    leaves.known_attachments_are_stubs,
    leaves.leaves_that_are_not_there_are_not_opened,
    leaves.a_stub_without_its_bytes_is_told,
    leaves.wrong_lengths_write_nothing,
    leaves.writing_twice_changes_nothing,
    leaves.refusals_name_their_documents_and_spare_the_others,
    leaves.a_refused_leaf_with_attachments_raises,
    leaves.rules_change_with_design_documents_and_security,
)

SLOW_RULES: tuple[Rule, ...] = (changes.a_silent_feed_says_that_it_lives_or_ends_well,)
