"""All entries of the ledger, and how they are found."""

from collections.abc import Sequence

from jaxdisp.claims.ledger import (
    causality,
    disparity_claims,
    effective_kurtosis,
    gateway_claims,
    gaussian_thresholds,
    grid_errors,
    joint_thresholds,
    kurtosis_thresholds,
    layer_marks_claims,
    layer_regression_claims,
    power_claims,
    rate_distortion_claims,
    redundancy_bound,
    redundancy_claims,
    sample_claims,
    score_claims,
    shared_thresholds,
    simulated_tables,
    statistics_claims,
    suite_claims,
    table_cells,
    theorem_entries,
    units_of_disparity,
    whole_range,
)
from jaxdisp.claims.ledger.entry import Entry

SECTIONS = {
    "A": "Clipping and kurtosis",
    "B": "Information and redundancy",
    "C": "Layers, protection and scores",
    "D": "Causes",
    "E": "Statistics and the suite of experiments",
    "U": "Units of disparity",
    "N": "Other cells of tables",
}
"""What claims of a letter are about, in the order of the ledger; then the theorems."""


def _place(entry: Entry) -> tuple[int, int]:
    return list(SECTIONS).index(entry.id[0]), int(entry.id[1:])


ENTRIES: tuple[Entry, ...] = (
    *sorted(
        (
            *causality.ENTRIES,
            *disparity_claims.ENTRIES,
            *effective_kurtosis.ENTRIES,
            *gateway_claims.ENTRIES,
            *gaussian_thresholds.ENTRIES,
            *grid_errors.ENTRIES,
            *joint_thresholds.ENTRIES,
            *kurtosis_thresholds.ENTRIES,
            *layer_marks_claims.ENTRIES,
            *layer_regression_claims.ENTRIES,
            *power_claims.ENTRIES,
            *rate_distortion_claims.ENTRIES,
            *redundancy_bound.ENTRIES,
            *redundancy_claims.ENTRIES,
            *sample_claims.ENTRIES,
            *score_claims.ENTRIES,
            *shared_thresholds.ENTRIES,
            *simulated_tables.ENTRIES,
            *statistics_claims.ENTRIES,
            *suite_claims.ENTRIES,
            *table_cells.ENTRIES,
            *units_of_disparity.ENTRIES,
            *whole_range.ENTRIES,
        ),
        key=_place,
    ),
    *theorem_entries.ENTRIES,
)
"""Claims of the notes by section and number, and the theorems in their place."""

TEST = "tests/claims/ledger/test_ledger.py::test_is_as_recorded"
"""The test that computes every entry anew; an entry's id in brackets is its own."""


def find(ids: Sequence[str]) -> tuple[Entry, ...]:
    """Finds entries by their ids, in the order of the ledger; none is all.

    Args:
        ids: such as `A1` or `T2a`; upper or lower case. A section's letter is all of
            its entries.

    Raises:
        ValueError: if there is no such entry, or one is named twice.

    Reference: our own definition.
    """
    wanted: list[str] = []
    for name in ids:
        found = [entry.id for entry in ENTRIES if _named(entry, name.lower())]
        if not found:
            raise ValueError(
                f"no claim {name}; allowed are {ENTRIES[0].id} to {ENTRIES[-1].id} as "
                "`jaxdisp claims` lists them, and letters of sections"
            )
        wanted += found
    repeated = sorted({name for name in wanted if wanted.count(name) > 1})
    if repeated:
        raise ValueError(f"claim {', '.join(repeated)} is named more than once")
    return tuple(entry for entry in ENTRIES if not ids or entry.id in wanted)


def _named(entry: Entry, name: str) -> bool:
    if len(name) == 1 and name.isalpha():
        return entry.id[0].lower() == name
    return entry.id.lower() == name


def section(name: str) -> str:
    """Says what the section of a claim is about.

    Args:
        name: id of an entry.

    Reference: our own definition.
    """
    return SECTIONS.get(name[0], "Theorems in place of the notes'")


def test_of(entry: Entry) -> str:
    """Names the test that computes an entry anew, as pytest takes it.

    Args:
        entry: of the ledger.

    Reference: our own definition.
    """
    return f"{TEST}[{entry.id}]"
