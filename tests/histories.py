"""Tables written as stories: who was how at which month."""

import pandas as pd

from fimbria.data.cohort.cohort import Cohort

UNKNOWN = None


def table(**people):
    """Make a cohort of ``name={month: diagnosis}``, or ``{month: {column: value}}``."""
    rows = []
    for name, story in people.items():
        for month, told in story.items():
            columns = told if isinstance(told, dict) else {"diagnosis": told}
            session = month if isinstance(month, str) else f"ses-M{month:03d}"
            rows.append({"participant_id": f"sub-{name}", "session_id": session, **columns})
    return Cohort(pd.DataFrame(rows), "people")


def told(cohort, *columns):
    """Give ``{(name, session): value}``, or tuples of values."""
    keys = [(session.participant_id[4:], session.session_id[4:]) for session in cohort.sessions]
    values = [
        row if len(columns) > 1 else row[0] for row in cohort.frame[list(columns)].itertuples(index=False, name=None)
    ]
    return dict(zip(keys, values, strict=True))


def left(cohort):
    """Give ``{(name, session): reason}`` of those who left."""
    return {(s.participant_id[4:], s.session_id[4:]): reason for step in cohort.flow for s, reason in step.left}


def adds_up(cohort):
    """Tell whether at each step who came in is who stayed and who left."""
    for before, after in zip(cohort.flow, cohort.flow[1:], strict=False):
        assert before.sessions == after.sessions + len(after.left)
        assert before.participants >= after.participants
        assert before.participants <= after.participants + len({session.participant for session, _ in after.left})
    assert cohort.flow[-1].sessions == len(cohort)
    assert cohort.flow[-1].participants == cohort.participant_count
    everybody = [session for step in cohort.flow for session, _ in step.left] + cohort.sessions
    return len(everybody) == len(set(everybody)) == cohort.flow[0].sessions
