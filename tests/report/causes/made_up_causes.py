"""Results of causes with numbers written by hand, as rounded for `results.json`."""

LANGUAGES = ("de", "en", "sw")
KINDS = {
    "T": ("merge dropout", 0.1, "other pieces, as by merge dropout", ("A", "R", "D")),
    "A": ("reference's sentence", -0.5, "random direction, as to it", ("R", "D")),
    "R": ("duplication, stochastic", 2.0, "other draws, no copies", ("D",)),
}


def bounds(name, median, half, **more):
    return {
        "name": name,
        "median": median,
        "low": median - half,
        "high": median + half,
    } | more


def fitted(total=-2.0, indirect=-0.5, half=0.25, problems=(), link="log"):
    """A fit with every table; `half` is half the width of each interval."""
    unit = "elasticity"
    effects = [
        bounds("total", total, half, unit=unit),
        bounds("natural_direct", total - indirect, half, unit=unit),
        bounds("natural_indirect", indirect, half, unit=unit),
        bounds("controlled_direct", total - indirect, half, unit=unit),
        bounds("T>A>R>D", indirect, half, unit=unit),
        bounds("T>A>D", 0.0, half, unit=unit),
        bounds("T>R>D", 0.0, half, unit=unit),
        bounds("proportion_mediated", indirect / total, 0.125, unit="share"),
    ]
    arrows = ["T>A", "T>R", "A>R", "T>D", "A>D", "R>D"]
    return {
        "link": link,
        "arrows": arrows,
        "rows": 30,
        "languages": list(LANGUAGES),
        "covariates": ["log_bytes"],
        "notes": ["a note"],
        "dropped": ["line 3: D is missing", "line 9: A is missing"],
        "effects": effects,
        "coefficients": [
            *(bounds(name, 0.5, half, kind="arrow") for name in arrows[1:]),
            bounds("T>A", -0.125, half, kind="arrow"),
            bounds("log_bytes>D", 1.0, half, kind="covariate"),
        ],
        "diagnostics": {
            "problems": list(problems),
            "divergences": 0,
            "bfmi": [0.875, 1.0],
            "by": "numpyro",
            "quantities": [
                {"name": "T>A", "rhat": 1.004, "bulk": 800.0, "tail": 512.0, "mcse": 0}
            ],
        },
        "prior": [{"node": "T", "median": 2.0, "low": 0.5, "high": 8.0, "below": 0.25}],
        "curves": curves(),
        "sensitivity": sensitivity(arrows),
        "held_out": held_out(),
        "models": models(),
        "refused": [{"what": "front door", "reason": "no path"}],
    }


def curves():
    """Densities of two effects, D at three T, and two quantiles of each node."""
    return {
        "densities": [
            {"effect": effect, "of": of, "value": float(at), "density": height / 8}
            for effect in ("total", "natural_direct")
            for of, height in (("posterior", 4.0), ("prior", 1.0))
            for at in (-3, -2, -1)
        ],
        "do_curve": [
            {"T": at, "median": 4 - at, "low": 3 - at, "high": 5 - at}
            for at in (0.5, 1.0, 1.5)
        ],
        "predictive": [
            {"node": node, "level": level, "observed": 4 * level}
            | {"median": 4 * level, "low": 4 * level - 1, "high": 5 * level}
            for node in "TARD"
            for level in (0.25, 0.75)
        ],
    }


def sensitivity(arrows):
    return {
        "coefficients": [
            {
                "coefficient": name,
                "estimate": 0.5,
                "low": 0.25,
                "high": 0.75,
                "robustness_value": 0.125 * number,
                "robustness_value_05": None if number == 2 else 0.0625 * number,
            }
            for number, name in enumerate(arrows)
        ],
        "benchmarks": [],
        "levels": [{"coefficient": "T>R", "within": 1.0, "differs": True}],
        "mediators": [{"mediator": "A", "rho": 0.5, "median": 1.0}],
        "mediator_zeros": [],
        "confounder": [
            {"effect": name} | bounds("", -2.0, 8 * s + 0.25) | {"strength": s}
            for name in ("direct", "total")
            for s in (0.0, 0.5, 1.0)
        ],
        "least_confounder": [
            {"effect": "direct", "strength": None},
            {"effect": "total", "strength": 0.375},
        ],
        "independences": [],
        "front_door": {
            "assumed": "T>A",
            "estimate": -0.5,
            "low": -0.75,
            "high": -0.25,
            "through": {"A": -0.375, "R": -0.125},
            "checks": [],
            "refused": [],
        },
    }


def held_out(r2=0.25, p_value=0.5):
    about = {"method": "means", "p_value": p_value, "n": 3}
    return {
        "summaries": [
            about | {"predictors": names, "r2": r2, "low": -0.5, "high": 0.75}
            for names in ("T", "T, A, R", "T, A, R, log_bytes")
        ],
        "languages": [{"method": "means", "language": "de", "low": None}],
    }


def models():
    checks = [{"x": "T", "y": "R", "given": ["A"], "p_value": 0.5}]
    one = {"elpd": -10.0, "difference": -0.0, "difference_se": 0.0}
    other = {"elpd": -12.5, "difference": -2.5, "difference_se": 1.5}
    same = ["reversed chain", "chain and T>D"]
    return [
        {"name": "full", "same_as": [], "checks": [], "verdict": "best"} | one,
        {"name": "chain", "same_as": same, "checks": checks}
        | {"verdict": "as good as full on these data; " + 12 * "and so on "}
        | other,
    ]


def carried_out(targets=("T", "A", "R")):
    """What was changed by one way of setting each, and by its placebo."""
    overall, by_language = [], []
    for target in targets:
        way, amount, placebo, _ = KINDS[target]
        for kind, aside in ((way, False), (placebo, True)):
            about = {"target": target, "kind": kind, "amount": amount}
            about |= {"unit": "units", "placebo": aside}
            for variable in ("T", "A", "R", "D"):
                change = 0.125 if aside else -0.5
                row = about | {"variable": variable, "before": 2.0, "after": 1.5}
                row |= {"change": change, "low": change - 0.25, "high": change + 0.25}
                overall.append(row)
                by_language += [row | {"language": each} for each in LANGUAGES]
    rows = {"interventions": overall, "interventions_by_language": by_language}
    about = {"reference": "en", "tap": 6, "intervention_sentences": 8}
    return about | rows | {"mediations": mediations() if "T" in targets else []}


def mediations():
    parts = {"total": -0.5, "direct": -0.375, "indirect": -0.125, "elsewhere": 0.0}
    rows = [
        {"mediator": mediator, "part": part, "refused": refused, "estimate": value}
        | {"low": value - 0.0625, "high": value + 0.0625}
        for mediator, refused in (("A", ""), ("R", "R was not clamped"))
        for part, value in (parts | {"share": 0.25}).items()
    ]
    rows[-1] |= {"estimate": None, "low": None, "high": None}
    return rows


def confrontation(verdicts=("holds", "holds", "holds"), of_mediators="inconclusive"):
    """Predictions of D with a verdict each, in the order T, A, R."""
    arrows, languages = [], []
    for target, verdict in zip(KINDS, verdicts, strict=True):
        kind, amount, _, outcomes = KINDS[target]
        for outcome in outcomes:
            row = {"arrow": f"do({target})>{outcome}", "kind": kind, "amount": amount}
            row |= {"predicted": -0.5, "predicted_low": -0.75, "predicted_high": -0.25}
            row |= {"measured": -0.625, "measured_low": -1.0, "measured_high": -0.25}
            said = verdict if outcome == "D" else of_mediators
            covered = {"covered": 2, "n_languages": 3, "beyond_placebo": True}
            arrows.append(row | covered | {"verdict": said, "reason": f"it {said}"})
            languages += [
                row | {"language": each, "covered": each != "sw"} for each in LANGUAGES
            ]
    return {"arrows": arrows, "interventions": arrows, "languages": languages}


def everything(**changes):
    units = [{"language": "de", "sentence": 0, "T": 1.0, "A": None}]
    return (
        fitted()
        | carried_out()
        | {"confrontation": confrontation()}
        | {"units": units, "by_language": units, "missing": []}
        | changes
    )
