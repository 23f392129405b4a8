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
    asked = [
        subset
        for number, subset in enumerate(beginnings[-1])
        if wanted is None or wanted[number]
    ]
    held = [set() for _ in beginnings]
    held[0] = set(beginnings[0])
    done, read = set(beginnings[0]), []
    peaks = [len(nodes) for nodes in held]
    peak = peaks[0]
    for step in steps:
        if isinstance(step, tries.Apply):
            _apply(step, beginnings, held, done)
            peaks[step.level] = max(peaks[step.level], len(held[step.level]))
            peak = max(peak, sum(map(len, held)))
        elif isinstance(step, tries.Drop):
            last = step.level == len(held) - 1
            ready = {beginnings[-1][number] for number in read} if last else done
            _drop(step, beginnings, held, asked, ready)
        else:
            assert {beginnings[-1][number] for number in step.subsets} <= held[-1]
            read.extend(step.subsets)
    assert not any(held)
    computed = len(done) - len(beginnings[0])
    return Followed(peak=peak, peak_of_level=peaks, read=read, computed=computed)


def _apply(step, beginnings, held, done):
    for parent, node in zip(step.parents, step.nodes, strict=True):
        before = beginnings[step.level - 1][parent]
        after = beginnings[step.level][node]
        assert before in held[step.level - 1]
        assert after == (*before, step.version)
        assert after not in done
        held[step.level].add(after)
        done.add(after)


def _drop(step, beginnings, held, asked, ready):
    gone = {beginnings[step.level][node] for node in step.nodes}
    assert gone <= held[step.level]
    held[step.level] -= gone
    # what is wanted of them has gone on, or has been read
    for subset in asked:
        if subset[: step.level + 1] in gone:
            assert subset[: step.level + 2] in ready
