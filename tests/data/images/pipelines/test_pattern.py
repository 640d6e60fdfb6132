from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fimbria.data.images.pipelines import pattern

LABELS = st.text("abcXYZ019", min_size=1, max_size=4)
PIECES = st.sampled_from(
    ["_T1w", "[_run-{label}]", "_(a|bc)", "[_*]", "_acq-{label}", "*", "/anat", "[/mri]", "/**", "(/x|/y/z)", "_a.b+c"]
)


@st.composite
def written(draw):
    """A pattern, and a path that it writes for somebody."""
    who, visit = f"sub-{draw(LABELS)}", f"ses-{draw(LABELS)}"
    nested = draw(st.booleans())
    pieces, path = ["{participant}[/{session}]"], f"{who}/{visit}" if nested else who
    choices = {
        "[_run-{label}]": ["", "_run-3"],
        "_(a|bc)": ["_a", "_bc"],
        "[_*]": ["", "_foo_bar-1"],
        "_acq-{label}": ["_acq-mp.2"],
        "*": ["", "what ever"],
        "[/mri]": ["", "/mri"],
        "/**": ["", "/a", "/a/b"],
        "(/x|/y/z)": ["/x", "/y/z"],
    }
    for piece in [p for p in draw(st.lists(PIECES, max_size=3)) if "/" in p]:
        pieces.append(piece)
        path += draw(st.sampled_from(choices.get(piece, [piece])))
    pieces.append("/{participant}[_{session}]")
    path += f"/{who}" + (f"_{visit}" if nested and draw(st.booleans()) else "")
    for piece in [p for p in draw(st.lists(PIECES, max_size=4)) if p.startswith(("_", "[")) and "/" not in p]:
        pieces.append(piece)
        path += draw(st.sampled_from(choices.get(piece, [piece])))
    pieces.append("_T1w")
    ending = draw(st.sampled_from([".nii", ".nii.gz"]))
    return (
        pattern.with_extension("".join(pieces)),
        f"{path}_T1w{ending}",
        who,
        visit if nested else pattern.ONLY_SESSION,
    )


@given(written())
def test_what_a_pattern_writes_it_reads(case):
    text, path, who, visit = case
    assert pattern.problems(text) == []
    found = [match.groupdict() for route in pattern.routes(text) if (match := route.paths.fullmatch(path))]
    assert (who, visit) in [(one["participant"], one.get("session") or pattern.ONLY_SESSION) for one in found]


@given(st.text("[](){}|*/.ab-_", max_size=12))
def test_any_text_is_refused_in_words_or_compiled(text):
    if not pattern.problems(text) and not pattern.names(text):
        pattern.routes(pattern.with_extension("{participant}/" + text))


def test_every_problem_is_said():
    assert pattern.problems("/a/../{participant]x)|**b") == [
        "'..' leads out of the data set",
        "it must be relative to the data set, with '/' between folders",
        "'{' is no part of a name",
        "']' closes nothing",
        "')' closes nothing",
        "'|' stands outside '(' and ')'",
        "'**' must be a whole segment",
    ]
