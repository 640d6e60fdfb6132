"""What becomes of a participant: at the horizon, beyond the last session, between two sessions."""

import pytest

from fimbria.data.cohort.labels.files import read
from fimbria.data.cohort.labels.outlook import STABLE, WORDS, outlook, outlook_at_last
from fimbria.data.cohort.labels.timeline import timeline, with_months
from histories import table

DEFINITION = read("alzheimer-participants")
RANKS = DEFINITION.ranks


def line(**people):
    return timeline(*with_months(table(**people)), DEFINITION)


def told(found):
    return [(WORDS[code], month) for code, month in zip(found.outcome.tolist(), found.decided.tolist(), strict=True)]


@pytest.mark.parametrize(
    ("story", "outcome", "month"),
    [
        ({0: "MCI", 36: "MCI"}, "stable", 36),
        ({0: "MCI", 36: "AD"}, "progressed", 36),
        ({0: "MCI", 36: "CN"}, "regressed", 36),
        ({0: "MCI", 12: "AD", 36: "MCI"}, "stable", 36),
        ({0: "MCI", 12: "MCI"}, "unknown", 12),
        ({0: "MCI", 12: "AD"}, "progressed", 12),
        ({0: "MCI", 12: "CN"}, "regressed", 12),
        ({0: "MCI"}, "unknown", 0),
        ({0: "MCI", 24: "MCI", 48: "MCI"}, "stable", 48),
        ({0: "MCI", 24: "MCI", 48: "AD"}, "unknown", 48),
        ({0: "MCI", 24: "MCI", 48: "CN"}, "unknown", 48),
        ({0: "MCI", 24: "AD", 48: "AD"}, "progressed", 24),
        ({0: "MCI", 24: "CN", 48: "AD"}, "regressed", 24),
        ({0: "MCI", 48: "MCI"}, "stable", 48),
        ({0: "MCI", 48: "AD"}, "unknown", 48),
        ({0: "MCI", 36: "BV"}, "unknown", 36),
        ({0: "MCI", 24: "MCI", 48: "BV"}, "unknown", 48),
        ({0: "MCI", 35: "MCI", 36: "AD", 37: "MCI"}, "progressed", 36),
    ],
)
def test_what_follows_the_first_session_in_thirty_six_months(story, outcome, month):
    found = outlook(line(a=story, b={0: "AD", 36: "AD"}), RANKS, 36)
    assert told(found)[0] == (outcome, month)


@pytest.mark.parametrize(
    ("story", "outcome"), [({0: "MCI", 48: "AD"}, "progressed"), ({0: "MCI", 48: "CN"}, "regressed")]
)
def test_a_change_on_either_side_of_the_horizon_counts_where_it_is_asked_to(story, outcome):
    assert told(outlook(line(a=story), RANKS, 36, later_change=None))[0] == (outcome, 48)


def test_a_short_follow_up_without_change_can_count_as_stable():
    assert told(outlook(line(a={0: "MCI", 12: "MCI"}), RANKS, 36, short=STABLE))[0] == ("stable", 12)


def test_each_session_looks_from_where_it_stands():
    found = outlook(line(a={0: "CN", 12: "MCI", 36: "MCI", 48: "AD"}), RANKS, 36)
    assert told(found) == [("progressed", 36), ("progressed", 48), ("progressed", 48), ("unknown", 48)]


def test_the_next_participant_is_not_the_future_of_this_one():
    found = outlook(line(a={0: "MCI"}, b={0: "AD", 36: "AD"}), RANKS, 36)
    assert told(found)[0] == ("unknown", 0)


def test_the_last_session_can_decide_however_far_it_lies():
    found = outlook_at_last(line(a={0: "MCI", 12: "AD", 240: "MCI"}, b={0: "MCI", 6: "CN"}), RANKS)
    assert told(found) == [("stable", 240), ("regressed", 240), ("stable", 240), ("regressed", 6), ("stable", 6)]
