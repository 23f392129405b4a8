"""What `jaxdisp power` computes, and the lines that it prints."""

from collections.abc import Callable
from typing import Any, Literal

from jaxdisp.report.power_questions import Asked
from jaxdisp.stats import correlation_power, t_test_power
from jaxdisp.stats.power import check_alpha, check_power


def results(asked: Asked) -> dict[str, Any]:
    """Answers what is asked of a study.

    Definition: of a correlation or a difference of pairs, the power with n, and the n
    for a power; of neither, with n, the smallest of both; of languages and sentences,
    see `power_of_designs.results`.

    Args:
        asked: what is known.

    Returns:
        What `--json` shows.

    Raises:
        ValueError: if numbers are out of range, contradict one another, or leave
            nothing to ask.

    Reference: our own definition.
    """
    if asked.tests < 1:
        raise ValueError(f"--tests must be at least 1, got {asked.tests}")
    check_alpha(asked.alpha)
    if asked.power is not None:
        check_power(asked.power, asked.level)
    about = _subject(asked)
    if about == "design":
        from jaxdisp.report import power_of_designs  # imports JAX, which takes long

        return power_of_designs.results(asked)
    known = {"asked": about, "alpha": asked.alpha, "tests": asked.tests}
    known |= {"alpha_per_test": asked.level}
    if about == "correlation":
        return known | _correlation(asked)
    return known | (_pairs(asked) if about == "pairs" else _smallest(asked))


def _subject(asked: Asked) -> Literal["correlation", "pairs", "smallest", "design"]:
    """What is asked about, once nothing contradicts anything."""
    of_points = {"--rho": asked.rho, "--difference": asked.difference, "--n": asked.n}
    of_designs = {
        "--languages": asked.languages,
        "--sentences": asked.sentences,
        "--disparity": asked.disparity,
        "--sentences-per-text": asked.per_text,
        "--over": asked.over,
    }
    of_designs |= {
        f"--{name.replace('_', '-')}": value for name, value in asked.deviations.items()
    }
    points, designs = _given(of_points), _given(of_designs)
    if points and designs:
        raise ValueError(
            f"{points[0]} is of points, {designs[0]} of a design of languages and "
            "sentences: leave one out"
        )
    if asked.rho is not None and asked.difference is not None:
        raise ValueError(
            "--rho and --difference are different questions: leave one out"
        )
    if points and points != ["--n"]:
        if asked.n is not None and asked.power is not None:
            raise ValueError(
                f"with {points[0]}, --n gives the power and --power gives n: leave one "
                "out"
            )
        return "correlation" if asked.rho is not None else "pairs"
    if points:
        return "smallest"
    if designs:
        return "design"
    raise ValueError(
        "nothing to answer: give --rho or --difference, with --n or --power; --n with "
        "--power; or --languages and --sentences"
    )


def _given(options: dict[str, Any]) -> list[str]:
    return [name for name, value in options.items() if value is not None]


def _correlation(asked: Asked) -> dict[str, Any]:
    rho, alpha = asked.rho or 0.0, asked.level
    found: dict[str, Any] = {"rho": rho, "n": asked.n}
    if asked.n is not None:
        found["power_two_sided"] = correlation_power.power(rho, asked.n, alpha=alpha)
        found["power_one_sided"] = correlation_power.power(
            rho, asked.n, alpha=alpha, sides="one"
        )
        found["critical_r"] = correlation_power.critical_correlation(
            asked.n, alpha=alpha
        )
    return found | _sizes(
        asked,
        lambda power, sides: correlation_power.sample_size(
            rho, power, alpha=alpha, sides=sides
        ),
        nothing=rho == 0,
    )


def _pairs(asked: Asked) -> dict[str, Any]:
    effect, alpha = asked.difference or 0.0, asked.level
    found: dict[str, Any] = {"difference": effect, "unit": "d_z", "n": asked.n}
    if asked.n is not None:
        found["power_two_sided"] = t_test_power.paired(effect, asked.n, alpha=alpha)
        found["power_one_sided"] = t_test_power.paired(
            effect, asked.n, alpha=alpha, sides="one"
        )
    return found | _sizes(
        asked,
        lambda power, sides: t_test_power.pairs_needed(
            effect, power, alpha=alpha, sides=sides
        ),
        nothing=effect == 0,
    )


def _sizes(
    asked: Asked, of_power: Callable[[float, Any], int], *, nothing: bool
) -> dict[str, Any]:
    """The n for each power; none where there is no effect, if the power was asked."""
    if nothing and asked.n is not None:
        return {"n_for_power": None, "n_for_power_one_sided": None}
    return {
        name: {f"{power:g}": of_power(power, sides) for power in asked.powers}
        for name, sides in (("n_for_power", "two"), ("n_for_power_one_sided", "one"))
    }


def _smallest(asked: Asked) -> dict[str, Any]:
    n, alpha = asked.n or 0, asked.level
    found = {
        "smallest_rho": correlation_power.smallest_correlation,
        "smallest_difference": t_test_power.smallest_difference,
    }
    return {
        "n": n,
        "critical_r": correlation_power.critical_correlation(n, alpha=alpha),
    } | {
        name: {f"{power:g}": of(n, power, alpha=alpha) for power in asked.powers}
        for name, of in found.items()
    }


def lines(found: dict[str, Any]) -> list[str]:
    """Words what was computed.

    Args:
        found: what `results` returns.

    Reference: our own definition.
    """
    if found["asked"] == "design":
        from jaxdisp.report import power_of_designs

        return power_of_designs.lines(found)
    said = [_level(found)]
    if found["asked"] == "smallest":
        said += [
            f"power {power}: rho {rho:.3f}, or a mean difference of pairs of "
            f"{found['smallest_difference'][power]:.3f} standard deviations (d_z)"
            for power, rho in found["smallest_rho"].items()
        ]
        return [f"smallest effects that n = {found['n']} shows:", *said]
    name = "correlation rho" if found["asked"] == "correlation" else "difference d_z"
    value = found["rho" if found["asked"] == "correlation" else "difference"]
    if found["n"] is not None:
        said.append(
            f"power with n = {found['n']}: {found['power_two_sided']:.3f} two-sided, "
            f"{found['power_one_sided']:.3f} one-sided"
        )
    if "critical_r" in found:
        said.append(f"significant from |r| = {found['critical_r']:.3f} on")
    if found["n_for_power"] is None:
        return [f"{name} = {value:g}", *said, "no n finds what is not there"]
    one = found["n_for_power_one_sided"]
    said += [
        f"n for power {power}: {n} two-sided, {one[power]} one-sided"
        for power, n in found["n_for_power"].items()
    ]
    return [f"{name} = {value:g}", *said]


def _level(found: dict[str, Any]) -> str:
    if found["tests"] == 1:
        return f"alpha {found['alpha']:g}"
    return (
        f"alpha {found['alpha']:g} over {found['tests']} tests: "
        f"{found['alpha_per_test']:.3g} for each (Bonferroni)"
    )
