"""How the notes' disparities were obtained: one sentence, put in four units.

Numbers are GPT-2's of the public repository, per cent of perplexity that rounding all
weights to 15 levels of 4 bits costs English and Hebrew on one sentence.
"""

import math

import numpy as np

from jaxdisp.claims.ledger import unit_facts
from jaxdisp.claims.ledger.entry import Entry, Recomputed
from jaxdisp.claims.ledger.published_runs import DEGRADATIONS, PREDICTIONS, RUNS
from jaxdisp.claims.ledger.recorded import REPOSITORY, recorded
from jaxdisp.measure import loss_ratios

EVEN = {"en": 3508.6758741343465, "he": 1296.5542593154346}
"""With layers 0, 2, ..., 10 protected; of the same file as the others."""

BYTES = {"en": 44, "he": 67}
"""Of the sentence in UTF-8: `The quick brown fox jumps over the lazy dog.`"""

SHORT = {"en": -36.545819150724505, "he": 40535.30643602986}
"""With nothing protected, of two words instead: `The fox.`"""

QUANTIZED = 88412.4140625
"""Perplexity of Hebrew after rounding, nothing protected; before, 9.10."""

VOCABULARY = 50257
"""Tokens of GPT-2; a uniform guess has this perplexity."""

REPEATED = (213.8216097253107, 213.8216097253107, 213.8216097253107)
"""Three runs of experiments/phase-5-minimal/exp016_result.json."""

SOURCE = f"{REPOSITORY}{RUNS['languages']}"
LENGTHS = f"{REPOSITORY}{RUNS['lengths']}"
CHECK = (
    "logarithms of the published perplexities, 9 and 46 predicted tokens, 44 and 67 "
    "bytes"
)
SCHEMES = {**DEGRADATIONS, "even": EVEN}


def ratios(scheme: str) -> dict[str, float]:
    """Puts the ratio of Hebrew to English in the four units.

    Definition: `measure.loss_ratios.ratios` of the published degradations.

    Args:
        scheme: one of `SCHEMES`, what is protected.

    Reference: our own definition.
    """
    low, high = (
        loss_ratios.nats(np.array([SCHEMES[scheme][name]])) for name in ("he", "en")
    )
    low_size, high_size = (
        loss_ratios.Size(
            tokens=float(PREDICTIONS[name]), bytes=float(BYTES[name]), sentences=1.0
        )
        for name in ("he", "en")
    )
    found = loss_ratios.ratios(low, high, low_size=low_size, high_size=high_size)
    return {unit: float(getattr(found, unit)[0]) for unit in loss_ratios.UNITS}


def _unprotected() -> Recomputed:
    values = ratios("none")
    claimed = values["perplexity"]
    agree = all(abs(value / claimed - 1) < 0.1 for value in values.values())
    return Recomputed(values=values, verdict="holds" if agree else "fails")


def _first() -> Recomputed:
    before, values = ratios("none"), ratios("first")
    falls = {unit: before[unit] / value for unit, value in values.items()}
    claimed = falls["perplexity"]
    agree = all(abs(fall / claimed - 1) < 0.1 for fall in falls.values())
    values["sentence, fall"] = falls["sentence"]
    return Recomputed(values=values, verdict="holds" if agree else "fails")


def _both() -> Recomputed:
    values = ratios("both")
    removed = all(value <= 1 for value in values.values())
    english = SCHEMES["both"]["en"] / SCHEMES["none"]["en"]
    values["English, times as much per cent"] = english
    verdict = "holds" if removed and english <= 1 else "fails"
    return Recomputed(values=values, verdict=verdict)


def _even() -> Recomputed:
    values = ratios("even")
    turned = all(value < 1 for value in values.values())
    return Recomputed(values=values, verdict="holds" if turned else "fails")


def _exponential() -> Recomputed:
    english = {
        name: float(loss_ratios.nats(np.array([each["en"]]))[0])
        for name, each in SCHEMES.items()
    }
    hebrew = float(loss_ratios.nats(np.array([SCHEMES["none"]["he"]]))[0])
    values = {
        "e^(difference of nats)": math.exp(hebrew - english["none"]),
        "ratio of per cent": ratios("none")["perplexity"],
        "ratio of nats": ratios("none")["token"],
        "least English loss, nats": min(english.values()),
    }
    power, percent, plain, least = values.values()
    # the English loss is no small denominator, and the ratio is no ratio of losses
    exponential = abs(percent / power - 1) < 0.05 and percent > 10 * plain and least > 1
    return Recomputed(values=values, verdict="fails" if exponential else "holds")


def _uniform() -> Recomputed:
    values = {
        "nats per token": math.log(QUANTIZED),
        "uniform guess": math.log(VOCABULARY),
    }
    works = values["nats per token"] < values["uniform guess"]
    return Recomputed(values=values, verdict="holds" if works else "fails")


def _pole() -> Recomputed:
    low, high = (
        float(loss_ratios.nats(np.array([SHORT[name]]))[0]) for name in ("he", "en")
    )
    values = {"English, nats": high, "Hebrew, nats": low, "difference": low - high}
    # a ratio to a gain is no large ratio; the difference is a number
    defined = high > 0
    return Recomputed(values=values, verdict="holds" if defined else "fails")


def _repeated() -> Recomputed:
    spread = float(np.std(REPEATED))
    # that a calculation gives the same again says nothing of its error
    return Recomputed(
        values={"standard deviation": spread, "runs": float(len(set(REPEATED)))},
        verdict="not applicable" if spread == 0 else "inconclusive",
    )


ENTRIES: tuple[Entry, ...] = (
    Entry(
        id="U1",
        statement="Four bits cost Hebrew 213.8 times what they cost English.",
        source=f"{SOURCE}, none",
        correct="213.8 is a ratio of per cent of perplexity; the same run is 2.39 in "
        "nats per token, 8.03 per byte and 12.2 per sentence of the same content.",
        check=CHECK,
        verdict="fails",
        ground="arithmetic",
        values=recorded(
            {
                "perplexity": (213.8, 0.05),
                "token": (2.39, 5e-3),
                "byte": (8.03, 5e-3),
                "sentence": (12.2, 0.05),
            }
        ),
        recompute=_unprotected,
        on_model=unit_facts.one_number,
    ),
    Entry(
        id="U2",
        statement="Protecting layer 0 divides disparity by 36, from 213.8 to 5.95.",
        source=f"{SOURCE}, layer0",
        correct="In nats per sentence it falls from 12.2 to 7.32, by a factor of 1.67.",
        check=CHECK,
        verdict="fails",
        ground="arithmetic",
        values=recorded(
            {
                "perplexity": (5.95, 5e-3),
                "token": (1.43, 5e-3),
                "byte": (4.81, 5e-3),
                "sentence": (7.32, 5e-3),
                "sentence, fall": (1.67, 5e-3),
            }
        ),
        recompute=_first,
        on_model=unit_facts.more_equal,
    ),
    Entry(
        id="U3",
        statement="Protecting layers 0 and 11 removes disparity (0.75).",
        source=f"{SOURCE}, layer0+11",
        correct="In nats Hebrew still loses 4.81 times as much on the same sentence; "
        "the ratio of per cent is below 1 because English loses 2.6 times as much per "
        "cent as with nothing protected.",
        check=CHECK,
        verdict="fails",
        ground="arithmetic",
        values=recorded(
            {
                "perplexity": (0.75, 5e-3),
                "token": (0.94, 5e-3),
                "byte": (3.16, 5e-3),
                "sentence": (4.81, 5e-3),
                "English, times as much per cent": (2.6, 0.05),
            }
        ),
        recompute=_both,
        on_model=unit_facts.removed,
    ),
    Entry(
        id="U4",
        statement="Protecting every second layer turns disparity round (0.37).",
        source=f"{SOURCE}, even_layers",
        correct="Per byte and per sentence Hebrew still loses 2.47 and 3.76 times as "
        "much; only the units that count tokens, of which Hebrew has five times as "
        "many, are below 1.",
        check=CHECK,
        verdict="fails",
        ground="arithmetic",
        values=recorded(
            {
                "perplexity": (0.37, 5e-3),
                "token": (0.74, 5e-3),
                "byte": (2.47, 5e-3),
                "sentence": (3.76, 5e-3),
            }
        ),
        recompute=_even,
        on_model=unit_facts.turned,
    ),
    Entry(
        id="U5",
        statement="A ratio of per cent of perplexity is how many times as much a "
        "language loses.",
        source="theory development; RESULTS_PAPER_DRAFT.md, section 2.4",
        correct="It is (e^d1 - 1) / (e^d2 - 1), nearly the exponential of the "
        "difference of nats, e^5.34 = 209 of 213.8; no small denominator makes it "
        "large, since English loses 3.6 to 4.8 nats per token.",
        check="logarithms of the published perplexities",
        verdict="fails",
        ground="arithmetic",
        values=recorded(
            {
                "e^(difference of nats)": (209.2, 0.05),
                "ratio of per cent": (213.8, 0.05),
                "ratio of nats": (2.39, 5e-3),
                "least English loss, nats": (3.586, 5e-4),
            }
        ),
        recompute=_exponential,
        on_model=lambda evidence: unit_facts.one_number(evidence, "token"),
    ),
    Entry(
        id="U6",
        statement="What four bits do to Hebrew is a degradation of a model that works.",
        source=f"{LENGTHS}, medium",
        correct="With 11.39 nats per token it is worse than a uniform guess among "
        "50257 tokens, 10.82: the model is destroyed, and no theory of small errors "
        "applies.",
        check="logarithms of the published perplexity and of the vocabulary",
        verdict="fails",
        ground="arithmetic",
        values=recorded(
            {"nats per token": (11.39, 5e-3), "uniform guess": (10.82, 5e-3)}
        ),
        recompute=_uniform,
        on_model=unit_facts.working,
    ),
    Entry(
        id="U7",
        statement="On a short text disparity is infinite.",
        source=f"{LENGTHS}, short",
        correct="English gains there (per cent -36.5), and a ratio to a gain is not "
        "defined, which is not infinite; the difference is 6.46 nats per token.",
        check="logarithms of the published perplexities",
        verdict="fails",
        ground="arithmetic",
        values=recorded(
            {
                "English, nats": (-0.455, 5e-4),
                "Hebrew, nats": (6.007, 5e-4),
                "difference": (6.462, 5e-4),
            }
        ),
        recompute=_pole,
        no_data="it is about the ratio of two published numbers",
    ),
    Entry(
        id="U8",
        statement="Disparity is robust: three trials have a coefficient of variation "
        "of 0 %.",
        source=REPOSITORY + "experiments/phase-5-minimal/exp016_result.json",
        correct="Rounding and evaluation have nothing random in them, so that three "
        "runs on one sentence are one run; variation is that over texts.",
        check="the three published numbers are the same to all digits",
        verdict="not applicable",
        ground="construction",
        values=recorded({"standard deviation": (0.0, 0.0), "runs": (1.0, 0.0)}),
        recompute=_repeated,
        no_data="a run repeated is the same run; intervals here are over texts",
    ),
)
"""Where the notes' numbers come from: the units, the text and the state of the model.
"""
