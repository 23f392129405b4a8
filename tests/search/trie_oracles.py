"""Walks of a trie, followed with sets of beginnings instead of nodes."""

import dataclasses

from jaxdisp.search import trie as tries


def levels(sites):
    """Sorted distinct beginnings, by level: what lies outside the layers, then layers.

    A node's number is the place of its beginning among those of its level.
    """
    rows = [(row[-1], *row[:-1]) for row in sites.tolist()]
    return [
        sorted({row[: length + 1] for row in rows}) for length in range(len(rows[0]))
    ]


def layer_evaluations(sites):
    return sum(len(beginnings) for beginnings in levels(sites)[1:])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Followed:
    """What a walk did: the most nodes held, by level and at all, and what was read."""

    peak: int
    peak_of_level: list[int]
    read: list[int]
    computed: int


def follow(sites, steps, wanted=None):
    """Does what the steps say, and fails where one of them cannot be done."""
    beginnings = levels(sites)
    subsets = beginnings[-1]
    asked = [wanted is None or bool(wanted[n]) for n in range(len(subsets))]
    held = [set() for _ in beginnings]
    held[0] = set(beginnings[0])
    done, read = set(beginnings[0]), []
    peaks = [len(nodes) for nodes in held]
    peak = peaks[0]
    for step in steps:
        if isinstance(step, tries.Apply):
            for parent, node in zip(step.parents, step.nodes, strict=True):
                before = beginnings[step.level - 1][parent]
                after = beginnings[step.level][node]
                assert before in held[step.level - 1]
                assert after == (*before, step.version)
                assert after not in done
                held[step.level].add(after)
                done.add(after)
            peaks[step.level] = max(peaks[step.level], len(held[step.level]))
            peak = max(peak, sum(map(len, held)))
        elif isinstance(step, tries.Drop):
            for node in step.nodes:
                gone = beginnings[step.level][node]
                held[step.level].remove(gone)
                for subset, wish in zip(range(len(subsets)), asked, strict=True):
                    if wish and subsets[subset][: step.level + 1] == gone:
                        ready = subsets[subset][: step.level + 2] in done
                        assert subset in read or (ready and step.level < len(held) - 1)
        else:
            for subset in step.subsets:
                assert subsets[subset] in held[-1]
                read.append(subset)
    assert not any(held)
    return Followed(
        peak=peak,
        peak_of_level=peaks,
        read=read,
        computed=len(done) - len(beginnings[0]),
    )
