"""do(T): parallel text cut into other tokens, the model as it is.

Every way of cutting finer is followed by its placebo, the same text cut elsewhere into
as many tokens as the tokenizer makes (`placebo_segmentation`). All are read together,
since runs of one shape share a program.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import jax
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray

from jaxdisp.causal.interventions import (
    placebo_segmentation,
    resegmentation,
    segmentation,
)
from jaxdisp.causal.interventions.intervention import Intervention
from jaxdisp.causal.interventions.joint_readings import read_together
from jaxdisp.causal.interventions.segmentation import Pieces, Words
from jaxdisp.causal.variables import variables
from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import cube, readings
from jaxdisp.models import decoder
from jaxdisp.models.model import Model

UNITS = {
    "merge dropout": "probability that a merge is left out",
    "merges undone": "tokens per token undisturbed",
    "byte fallback": "share of words",
    "characters": "share of words",
}
"""Ways of cutting finer, and what their amounts mean."""

WAYS = (("merge dropout", 0.1), ("merge dropout", 0.3), ("byte fallback", 0.25))
"""Carried out by default: little, much, and by another mechanism about as much."""

WITHOUT_MERGES = (("merges undone", 1.1), ("merges undone", 1.3), ("characters", 0.25))
"""By default with a vocabulary of scored pieces."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Recut:
    """Parallel text cut in one way: token numbers, and how many were replaced.

    `kind`, `amount` and `placebo` are those of `Intervention`. `encoded` holds token
    numbers by language and sentence, the start token first; `undisturbed` counts the
    tokens of the tokenizer's own segmentation, `replaced` those no longer there.
    """

    kind: str
    amount: float
    placebo: bool
    encoded: list[list[list[int]]]
    replaced: Int[np.ndarray, "language sentence"]
    undisturbed: Int[np.ndarray, "language sentence"]

    @property
    def factor(self) -> Float[np.ndarray, "language sentence"]:
        """Tokens per token undisturbed: also tokens per byte, relative to before."""
        counts = [[len(tokens) - 1 for tokens in text] for text in self.encoded]
        return np.array(counts) / self.undisturbed


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class CutAndRead:
    """An intervention on segmentation, with what it was made of and what was read."""

    recut: Recut
    readings: readings.Readings
    intervention: Intervention


def default_ways(model: Model) -> tuple[tuple[str, float], ...]:
    """Names the ways of cutting that suit a model's vocabulary, and their amounts.

    Definition: `WAYS` with merges and a token for each byte, characters in place of
    bytes without these, and `WITHOUT_MERGES` without merges.

    Args:
        model: an open model.

    Raises:
        ValueError: if its tokenizer cannot be cut anew.

    Reference: our own definition.
    """
    pieces = segmentation.read_pieces(model.tokenizer)
    if not pieces.ranks:
        return WITHOUT_MERGES
    spare = "byte fallback" if pieces.alphabet else "characters"
    return tuple((spare if kind == "byte fallback" else kind, a) for kind, a in WAYS)


def recut(
    model: Model,
    corpus: corpora.Corpus,
    kind: str,
    amount: float,
    *,
    key: PRNGKeyArray,
) -> tuple[Recut, ...]:
    """Cuts every sentence anew, and as a placebo cuts it elsewhere.

    Definition: `kind` is one of `resegmentation`; the placebo is
    `placebo_segmentation.other_pieces` with as many tokens replaced in each sentence,
    where there are as many ways. Both spell the same bytes and decode to the same text.

    Args:
        model: an open model.
        corpus: parallel text.
        kind: one of `UNITS`.
        amount: in its unit.
        key: of the draws.

    Raises:
        ValueError: if the kind or the amount is out of range, the vocabulary does not
            allow it, or its decoder depends on how a text is cut.

    Reference: our own definition.
    """
    if kind not in UNITS:
        raise ValueError(f"kind must be one of {', '.join(UNITS)}, got {kind}")
    pieces = segmentation.read_pieces(model.tokenizer)
    keys = jax.random.split(key)
    own = [[segmentation.cut(pieces, line) for line in t] for t in corpus.sentences]

    def finer(words: Words, line: str) -> Words:
        draws = resegmentation.uniforms(keys[0], line)
        return _finer(pieces, words, kind, amount, draws)

    def elsewhere(words: Words, line: str) -> Words:
        return placebo_segmentation.other_pieces(
            pieces,
            words,
            wanted=placebo_segmentation.replaced(words, finer(words, line)),
            draws=resegmentation.uniforms(keys[1], line),
        )

    return tuple(
        _recut(model.start, pieces, corpus, own, change, (name, amount, placebo))
        for name, change, placebo in (
            (kind, finer, False),
            (f"other pieces, as by {kind}", elsewhere, True),
        )
    )


def cut_and_read(
    model: Model,
    corpus: corpora.Corpus,
    rounded: decoder.Parameters,
    *,
    tap: int,
    key: PRNGKeyArray,
    reference: int,
    before: readings.Readings,
    ways: Sequence[tuple[str, float]] | None = None,
) -> tuple[CutAndRead, ...]:
    """Carries out do(T) in several ways, each followed by its placebo.

    Definition: see `recut` and `variables.variables`; key `i` of the split belongs to
    way `i`.

    Args:
        model: an open model.
        corpus: parallel text.
        rounded: parameters of which the layers are taken for the rounded run.
        tap: whose states alignment is of.
        key: of the draws.
        reference: the language to which T is relative, by its place.
        before: undisturbed readings of the same text at the same tap.
        ways: kinds and amounts; None is `default_ways`.

    Raises:
        ValueError: if a way is not possible with this vocabulary.
        FloatingPointError: if a loss is not finite.

    Reference: our own definition.
    """
    chosen = default_ways(model) if ways is None else ways
    keys = jax.random.split(key, len(chosen))
    units = [UNITS.get(kind, "") for kind, _ in chosen for _ in range(2)]
    cuts = [
        each
        for (kind, amount), own in zip(chosen, keys, strict=True)
        for each in recut(model, corpus, kind, amount, key=own)
    ]
    found = read_together(model, [each.encoded for each in cuts], rounded, tap=tap)
    undisturbed = variables(before, reference=reference)
    return tuple(
        CutAndRead(
            recut=each,
            readings=part,
            intervention=Intervention(
                target="T",
                kind=each.kind,
                amount=each.amount,
                unit=unit,
                placebo=each.placebo,
                languages=corpus.languages,
                groups=corpus.groups,
                before=undisturbed,
                after=variables(part, before, reference=reference),
            ),
        )
        for unit, each, part in zip(units, cuts, found, strict=True)
    )


def carry_out(
    model: Model,
    corpus: corpora.Corpus,
    rounded: decoder.Parameters,
    *,
    tap: int,
    key: PRNGKeyArray,
    reference: int,
    before: readings.Readings | None = None,
) -> tuple[Intervention, ...]:
    """Carries out do(T) in the default ways, each followed by its placebo.

    Args:
        model: an open model.
        corpus: parallel text.
        rounded: parameters of which the layers are taken for the rounded run.
        tap: whose states alignment is of.
        key: of the draws.
        reference: the language to which T is relative, by its place.
        before: undisturbed readings of the same text at the same tap; None reads them.

    Raises:
        ValueError: if the tokenizer cannot be cut anew.
        FloatingPointError: if a loss is not finite.

    Reference: our own definition; see `cut_and_read`.
    """
    if before is None:
        before = readings.read(model, cube.encode(model, corpus), rounded, tap=tap)
    found = cut_and_read(
        model, corpus, rounded, tap=tap, key=key, reference=reference, before=before
    )
    return tuple(each.intervention for each in found)


def _finer(
    pieces: Pieces, words: Words, kind: str, amount: float, draws: Iterator[float]
) -> Words:
    match kind:
        case "merge dropout":
            return resegmentation.drop_merges(pieces, words, rate=amount, draws=draws)
        case "merges undone":
            return resegmentation.undo_merges(pieces, words, factor=amount, draws=draws)
        case "byte fallback":
            return resegmentation.into_bytes(pieces, words, share=amount, draws=draws)
        case _:
            return resegmentation.into_characters(
                pieces, words, share=amount, draws=draws
            )


def _recut(
    start: int,
    pieces: Pieces,
    corpus: corpora.Corpus,
    own: Sequence[Sequence[Words]],
    change: Callable[[Words, str], Words],
    what: tuple[str, float, bool],
) -> Recut:
    """Changes every sentence, and checks that it is still the same text."""
    encoded, replaced, undisturbed = [], [], []
    for words, text in zip(own, corpus.sentences, strict=True):
        changed = [change(*pair) for pair in zip(words, text, strict=True)]
        for before, after in zip(words, changed, strict=True):
            segmentation.check_same_text(pieces, before, after)
        encoded.append([segmentation.token_numbers(pieces, w, start) for w in changed])
        replaced.append(
            [
                placebo_segmentation.replaced(*pair)
                for pair in zip(words, changed, strict=True)
            ]
        )
        undisturbed.append([sum(map(len, before)) for before in words])
    kind, amount, placebo = what
    return Recut(
        kind=kind,
        amount=amount,
        placebo=placebo,
        encoded=encoded,
        replaced=np.array(replaced),
        undisturbed=np.array(undisturbed),
    )
