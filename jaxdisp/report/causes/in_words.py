"""What figures of causes show, in words and numbers, for those who cannot see them."""

from typing import Any

from jaxdisp.report.causes import ways

Row = dict[str, Any]


def effects(found: dict[str, Any]) -> str:
    """Words the graph and the effects of T on D.

    Args:
        found: `effects` and `coefficients`.

    Reference: our own definition.
    """
    arrows = [row for row in found["coefficients"] if row["kind"] == "arrow"]
    clear = [row["name"].replace(">", " to ") for row in arrows if _clear(row)]
    named = {row["name"]: row for row in found["effects"]}
    parts = (
        ("total", "total"),
        ("natural_direct", "direct"),
        ("natural_indirect", "indirect"),
    )
    said = [f"{word} {_three(named[name])}" for name, word in parts if name in named]
    return (
        f"Graph with {len(arrows)} fitted arrows, of which "
        f"{', '.join(clear) or 'none'} {'has' if len(clear) == 1 else 'have'} an "
        "interval without 0; and effects of T on D with 95 % intervals, in "
        f"{found['effects'][0]['unit']}: {', '.join(said)}."
    )


def densities(found: dict[str, Any]) -> str:
    """Words how far the posterior is from the prior.

    Args:
        found: `effects` and `curves`.

    Reference: our own definition.
    """
    rows = found["curves"]["densities"]
    said = []
    for row in found["effects"]:
        own = [each for each in rows if each["effect"] == row["name"]]
        peaks = {
            of: max((r["density"] for r in own if r["of"] == of), default=0.0)
            for of in ("posterior", "prior")
        }
        if peaks["prior"]:
            ratio = peaks["posterior"] / peaks["prior"]
            name = row["name"].removeprefix("natural_")
            said.append(f"{name} {_three(row)}, {ratio:.1f} times as high")
    return (
        "Densities of effects of T on D, posterior over prior, with medians and 95 % "
        f"intervals and the ratio of the peaks: {'; '.join(said)}."
    )


def do_curve(found: dict[str, Any]) -> str:
    """Words both ends of the curve of D by T.

    Args:
        found: `curves`.

    Reference: our own definition.
    """
    first, last = (found["curves"]["do_curve"][place] for place in (0, -1))
    return (
        f"Curve of D with its 95 % band, from {_three(first)} with T set to "
        f"{first['T']:.3g} to {_three(last)} with T set to {last['T']:.3g}."
    )


def predictive(found: dict[str, Any]) -> str:
    """Words how many quantiles of the data replicas miss.

    Args:
        found: `curves`.

    Reference: our own definition.
    """
    rows = found["curves"]["predictive"]
    nodes = dict.fromkeys(row["node"] for row in rows)
    said = []
    for node in nodes:
        own = [row for row in rows if row["node"] == node]
        inside = sum(row["low"] <= row["observed"] <= row["high"] for row in own)
        said.append(f"{node} {inside} of {len(own)}")
    return (
        "Quantiles of the data against those of replicated data; inside 95 % of the "
        f"replicas are: {', '.join(said)}."
    )


def predicted(found: dict[str, Any]) -> str:
    """Words predicted and measured changes of D.

    Args:
        found: `confrontation`.

    Reference: our own definition.
    """
    arrows = found["confrontation"]["arrows"]
    said = [
        f"{row['arrow'].split('>')[0]} predicted {_three(row, 'predicted')}, measured "
        f"{_three(row, 'measured')}, {row['covered']} of {row['n_languages']} "
        f"languages inside, verdict {row['verdict']}"
        for row in arrows
        if row["arrow"].endswith(">D")
    ]
    return f"Predicted against measured changes of D: {'; '.join(said)}."


def interventions(found: dict[str, Any]) -> str:
    """Words the largest change of D of each variable that was set.

    Args:
        found: `interventions`.

    Reference: our own definition.
    """
    said = []
    for target in "TAR":
        pairs = ways.of_degradation(found, target)
        if pairs:
            top = max((way for way, _ in pairs), key=lambda row: abs(row["change"]))
            name = ways.named(target, top["kind"], top["amount"])
            said.append(f"{name}, {_three(top, 'change', bounds=('low', 'high'))}")
    return (
        "Changes of D beside those of placebos, with 95 % intervals, in nats per "
        f"sentence; the largest by setting T, A and R: {'; '.join(said)}."
    )


def sensitivity(found: dict[str, Any]) -> str:
    """Words how strong a hidden cause would overturn effects and arrows.

    Args:
        found: `sensitivity`.

    Reference: our own definition.
    """
    tables = found["sensitivity"]
    said = []
    known = [
        row
        for row in tables.get("coefficients") or []
        if row["robustness_value_05"] is not None
    ]
    if known:
        top = max(known, key=lambda row: row["robustness_value_05"])
        said.append(
            f"{top['coefficient'].replace('>', ' to ')} holds longest, until a hidden "
            f"cause explains {100 * top['robustness_value_05']:.1f} % of both ends"
        )
    said += [
        f"the {row['effect']} effect may be 0 from strength {row['strength']:.2f} on"
        for row in tables.get("least_confounder") or []
        if row["strength"] is not None
    ]
    return f"Robustness of arrows and effects: {'; '.join(said) or 'nothing to say'}."


def _clear(row: Row) -> bool:
    return row["low"] > 0 or row["high"] < 0


def _three(
    row: Row, name: str = "median", *, bounds: tuple[str, str] | None = None
) -> str:
    """An estimate with its bounds, if it has some."""
    plain = name == "median"
    ends = bounds or (("low", "high") if plain else (f"{name}_low", f"{name}_high"))
    low, high = (row[end] for end in ends)
    if low is None or high is None:
        return f"{row[name]:.3g} [no interval]"
    return f"{row[name]:.3g} [{low:.3g}, {high:.3g}]"
