"""The parts of results: a command's own are the whole, a run has them by name."""

from typing import Any, Literal

Part = Literal["search", "hypotheses", "causes", "clipping", "claims", "plan"]
WHOLE = {
    "search": "search",
    "merge": "search",
    "hypotheses": "hypotheses",
    "causal": "causes",
    "intervene": "causes",
}
"""Commands whose results are one part, and which."""


def part(found: dict[str, Any], name: Part) -> dict[str, Any] | None:
    """Finds a part of results; None where it is not there.

    Args:
        found: the content of `results.json`.
        name: of the part.

    Reference: our own definition.
    """
    if WHOLE.get(found["command"]) == name:
        return found
    return found.get(name)
