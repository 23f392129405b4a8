"""`power`: what it answers, in JSON and words, and one line for bad input."""

import json
import subprocess
import sys

import pytest

from tests import command_line

DESIGN = ["--languages", "12", "--sentences", "400"]
REFUSED = {
    "nothing": ([], "nothing to answer: give --rho or --difference"),
    "power alone": (["--power", "0.9"], "nothing to answer"),
    "rho": (["--rho", "1", "--n", "12"], r"rho must be above -1 and below 1, got 1"),
    "rho of nothing": (["--rho", "nan", "--n", "12"], "got nan"),
    "no effect": (["--rho", "0"], "rho is 0: no n finds"),
    "no difference": (["--difference", "0"], "the difference is 0"),
    "infinite": (["--difference", "inf", "--n", "9"], "must be finite, got inf"),
    "tiny": (["--rho", "1e-7"], "the effect is too small"),
    "two points": (["--rho", "0.5", "--n", "2"], "at least 3 points, got 2"),
    "one pair": (["--difference", "0.5", "--n", "1"], "at least 2 pairs, got 1"),
    "two of both": (["--n", "2"], "at least 3 points, got 2"),
    "alpha": (["--rho", "0.5", "--alpha", "0"], "alpha must be above 0"),
    "alpha of one": (["--rho", "0.5", "--alpha", "1"], "and below 1, got 1"),
    "power": (["--rho", "0.5", "--power", "1"], "power must be above alpha"),
    "power below": (["--rho", "0.5", "--power", "0.01"], r"above alpha \(0.05\)"),
    "tests": (["--rho", "0.5", "--tests", "0"], "--tests must be at least 1, got 0"),
    "too much": (["--rho", "0.5", "--n", "9", "--power", "0.8"], "leave one out"),
    "both": (["--rho", "0.5", "--difference", "1"], "different questions"),
    "mixed": (["--rho", "0.5", "--languages", "9"], "--rho is of points, --languages"),
    "mixed n": (
        ["--n", "12", "--residual", "2"],
        "--n is of points, --residual of a design",
    ),
    "no number": (["--rho", "x"], "Invalid value for '--rho'"),
    "half a design": (["--languages", "12"], "two of --languages, --sentences and"),
    "disparity alone": (["--disparity", "1"], "give --languages or --sentences"),
    "all": ([*DESIGN, "--disparity", "1", "--power", "0.8"], "leave out --power"),
    "over": ([*DESIGN, "--over", "cats"], "allowed are languages, texts"),
    "texts": ([*DESIGN, "--sentences-per-text", "7"], "a multiple of 7 per text, got"),
    "no texts": ([*DESIGN, "--sentences-per-text", "0"], "must be at least 1: 0"),
    "one language": (
        ["--languages", "1", "--sentences", "8"],
        "at least 3 in all, got 1",
    ),
    "two languages": (
        ["--languages", "2", "--sentences", "8"],
        "at least 3 in all, got 2",
    ),
    "one text": (
        ["--languages", "4", "--sentences", "8", "--over", "texts"],
        "2 texts",
    ),
    "endless work": (
        ["--languages", "9", "--disparity", "0.001", "--over", "texts"],
        "are too many to simulate: take fewer --draws",
    ),
    "negative": (
        [*DESIGN, "--residual", "-1"],
        "--residual must be finite and at least 0 nats, got -1",
    ),
    "endless": ([*DESIGN, "--disparity", "inf"], "--disparity must be finite, got inf"),
    "unattainable": (
        ["--languages", "6", "--disparity", "0.5"],
        "no number of sentences has power 0.8: with 6 languages that differ by 0.65",
    ),
    "draws": ([*DESIGN, "--draws", "9"], "draws must be at least 100, got 9"),
}


@pytest.fixture(scope="module")
def refusals(tmp_path_factory):
    cases = {name: (["power", *given], said) for name, (given, said) in REFUSED.items()}
    places = (tmp_path_factory.mktemp(name) for name in ("inputs", "outputs"))
    return command_line.refusals(cases, *places)[0]


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_in_one_line(refusals, name):
    command_line.check_refusal(refusals[name], REFUSED[name][1])


@pytest.fixture
def power(monkeypatch, capsys):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "")
    call = command_line.caller(monkeypatch, capsys)

    def answer(*arguments):
        code, out, err = call("power", *arguments)
        assert code == 0, err
        assert err == ""
        return json.loads(out) if "--json" in arguments else out

    return answer


def test_twelve_languages_and_a_correlation_of_seven_tenths(power):
    found = power("--rho", "0.7", "--n", "12", "--json")
    assert round(found["power_two_sided"], 3) == 0.778
    assert round(found["power_one_sided"], 3) == 0.866
    assert found["n_for_power"]["0.95"] == 20
    assert set(found["n_for_power"]) == {"0.8", "0.9", "0.95"}
    shown = power("--rho", "0.7", "--n", "12")
    assert "power with n = 12: 0.778 two-sided, 0.866 one-sided" in shown
    assert "n for power 0.95: 20 two-sided, 17 one-sided" in shown


def test_how_many_points_a_correlation_takes(power):
    assert power("--rho", "0.924", "--json")["n_for_power"]["0.95"] == 8
    found = power("--rho", "0.7", "--power", "0.95", "--json")
    assert found["n_for_power"] == {"0.95": 20}
    assert found["n"] is None


def test_many_tests_share_alpha(power):
    found = power("--rho", "0.924", "--n", "12", "--tests", "217", "--json")
    assert round(found["power_two_sided"], 3) == 0.848
    assert round(found["critical_r"], 3) == 0.870
    assert found["alpha_per_test"] == 0.05 / 217
    shown = power("--rho", "0.924", "--n", "12", "--tests", "217")
    assert "alpha 0.05 over 217 tests: 0.00023 for each (Bonferroni)" in shown


def test_the_smallest_effects_of_so_many(power):
    found = power("--n", "30", "--power", "0.95", "--json")
    assert round(found["smallest_rho"]["0.95"], 3) == 0.593
    assert "rho 0.593, or a mean difference of pairs of" in power(
        "--n", "30", "--power", "0.95"
    )


def test_pairs(power):
    found = power("--difference", "0.5", "--n", "20", "--json")
    assert found["power_two_sided"] == pytest.approx(0.56450, abs=1e-5)
    assert found["n_for_power"]["0.8"] == 34
    assert "difference d_z = 0.5" in power("--difference", "0.5", "--n", "20")


def test_no_n_finds_what_is_not_there(power):
    assert power("--rho", "0", "--n", "9", "--json")["n_for_power"] is None
    assert "no n finds what is not there" in power("--rho", "0", "--n", "9")


def test_a_design_says_what_it_assumes(power):
    given = ("--languages", "12", "--sentences", "400", "--between-languages", "1")
    shown = power(*given, "--over", "texts")
    assert "assumed: SD residual 3 nats (--residual)" in shown
    assert "between languages" not in shown
    assert "assumed: the disparity" not in shown
    assert "power 0.8: smallest disparity" in shown
    found = power(*given, "--json")
    for row in found["smallest_disparity"].values():
        assert row["low"] <= row["simulated"] <= row["high"]
        assert row["simulated"] == pytest.approx(row["exact"], rel=0.1)
    assert found["deviations"]["between_languages"] == 1


def test_the_power_of_a_design(power):
    given = ("--languages", "12", "--sentences", "400", "--disparity", "1")
    found = power(*given, "--json")
    share = found["simulated_power"]
    assert abs(share["estimate"] - found["power"]) < 4 * share["error"]
    assert power(*given, "--json") == found
    assert "Monte Carlo standard error" in power(*given)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (("--sentences", "400", "--over", "languages"), "languages"),
        (("--languages", "12", "--over", "texts"), "sentences"),
        (("--languages", "40"), "sentences"),
    ],
)
def test_how_many_languages_or_sentences(power, given, name):
    found = power(*given, "--disparity", "1", "--json")
    (row,) = found[f"{name}_for_power"].values()
    assert row["simulated"] == pytest.approx(row["exact"], rel=0.2)
    assert row["simulated_power"]["estimate"] >= 0.8
    assert f"power 0.8: {row['exact']} {name}; simulated" in power(
        *given, "--disparity", "1"
    )


def test_points_are_answered_without_jax():
    """Importing it takes a second, and these answers need none of it."""
    script = (
        "import sys\nfrom jaxdisp import cli\n"
        "sys.argv = ['jaxdisp', 'power', '--rho', '0.7', '--n', '12']\n"
        "try:\n    cli.main()\nexcept SystemExit:\n    pass\n"
        "sys.exit('jax' in sys.modules or 'scipy.stats' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env=command_line.environment(),
    )
    assert done.returncode == 0, done.stderr
    assert "0.778" in done.stdout
