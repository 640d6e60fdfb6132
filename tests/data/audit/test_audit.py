from __future__ import annotations

import pandas as pd

from fimbria.data.audit.audit import ACQUISITION, audit
from fimbria.data.audit.knowledge import acquisition
from fimbria.data.audit.material import Material

SPLIT = Material("here", "splits", pd.DataFrame({"side": ["train", "test"], "participant_id": ["sub-01", "sub-02"]}))


def test_what_is_left_out_is_the_look_that_would_have_been_there():
    quick, whole = audit(SPLIT), audit(SPLIT, acquisition.look)
    assert [check.check for check in quick.checks] == [check.check for check in whole.checks]
    assert (ACQUISITION.check, ACQUISITION.asks) == (acquisition.NAME, acquisition.ASKS)
    assert "fimbria audit" in next(check for check in quick.checks if check.check == acquisition.NAME).unchecked


def test_a_certificate_has_a_date_only_where_it_is_given_one():
    assert audit(SPLIT).date == ""
    assert audit(SPLIT, date="2026-01-01").date == "2026-01-01"
    assert audit(SPLIT).plain() == audit(SPLIT).plain()
