"""Which answers are worth keeping, counted by hand."""

from __future__ import annotations

import itertools

from sqlmem.prospects import FIRST_REST, LONGEST_REST, MOST_LOST, WRITTEN_AS_OFTEN, Prospects

TEXT = "SELECT sum(weight) FROM parcels"


def written_and_read(prospects: Prospects, number: int) -> bool:
    """A write, then a question: whether it is looked for, and kept."""
    tokens = {"parcels": f"after write {number}"}
    if prospects.rests(TEXT) or not prospects.are_good(TEXT, {}) or prospects.are_lost(TEXT, tokens):
        return False
    prospects.kept(TEXT, tokens)
    return True


def test_a_text_whose_answers_are_lost_each_time_rests_longer_and_longer() -> None:
    """Between two that are tried it rests twice as long each time, up to a bound."""
    prospects = Prospects()
    kept = [number for number in range(4 * LONGEST_REST) if written_and_read(prospects, number)]
    gaps = [later - earlier - 1 for earlier, later in itertools.pairwise(kept)]

    # The first that is lost too often isn't kept; from then on each that is tried is found lost by the next.
    first = [FIRST_REST + 1]
    longer = [min(LONGEST_REST, FIRST_REST << doubled) + 1 for doubled in range(1, len(gaps) - MOST_LOST + 1)]
    assert gaps == [0] * (MOST_LOST - 1) + first + longer
    assert gaps[-1] == LONGEST_REST + 1


def test_what_is_given_in_time_ends_it() -> None:
    prospects = Prospects()
    for number in range(MOST_LOST):
        assert written_and_read(prospects, number)
    assert not written_and_read(prospects, MOST_LOST)
    assert prospects.resting(TEXT) == WRITTEN_AS_OFTEN
    while prospects.rests(TEXT):
        pass

    assert written_and_read(prospects, 100)
    prospects.given(TEXT)

    assert prospects.resting(TEXT) is None
    assert all(written_and_read(prospects, number) for number in range(101, 101 + MOST_LOST))


def test_answers_to_other_questions_of_one_moment_are_not_lost() -> None:
    prospects = Prospects()
    for _ in range(2 * MOST_LOST):
        assert written_and_read(prospects, 1)
