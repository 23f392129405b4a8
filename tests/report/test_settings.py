"""Settings of runs: what `config.json` holds is what a run is made by."""

import dataclasses
import json

import pytest

from jaxdisp.models import Quantizer
from jaxdisp.report import settings as run_settings
from jaxdisp.report.causes import analysis, job
from jaxdisp.report.search_lattice import Search
from tests.report import finished

WANTED = {
    "measure": {"languages": ("en", "de"), "limit": 4, "dtype": "bfloat16"},
    "run": {
        "layer_limit": 5,
        "set_limit": 3,
        "search": Search(keep=2, bits=(3,)),
        "clip_limit": 4,
        "hypotheses": ("T-002",),
        "causes": job.Wanted(choices=analysis.Choices(arrows="T>A"), optional=True),
        "claims": (),
        "registered": run_settings.Registration(
            sha256="ab", options=(("seed", 1), ("model", None))
        ),
    },
    "search": {"search": Search(sets="0;0,1", bits=(4, 8), guided=3)},
    "clip": {"deploy": "regret", "calibration": "corpus", "clip_limit": 4},
    "hypotheses": {"hypotheses": (), "few_limit": 6, "stride": 7},
    "causal": {"causes": job.Wanted(choices=analysis.Choices(), targets=("R",))},
    "intervene": {"causes": job.Wanted(tap=1, few=4), "reference": "en"},
    "claims": {"claims": ("A1", "D"), "hypotheses": ("T-005",), "revision": "main"},
}


@pytest.mark.parametrize("command", list(WANTED))
def test_settings_are_read_back_from_a_configuration(command):
    quantizer = Quantizer(granularity="group", include=("matrices", "all"))
    wanted = finished.settings(command, quantizer=quantizer, **WANTED[command])
    recorded = dataclasses.asdict(wanted) | {"hashes": {"weights": "ab"}}
    assert run_settings.recalled(json.loads(json.dumps(recorded))) == wanted


@pytest.mark.parametrize(
    "changes",
    [
        {"no_such_setting": 1},
        {"quantizer": {"bits": 4, "rounding": "up"}},
        {"quantizer": 4},
        {"causes": {"choices": {}, "why": 1}},
    ],
)
def test_configurations_of_another_version_are_refused(changes):
    recorded = dataclasses.asdict(finished.settings()) | changes
    with pytest.raises(ValueError, match="another version of jaxdisp"):
        run_settings.recalled(recorded)
    del recorded["quantizer"]
    with pytest.raises(ValueError, match=r"another version of jaxdisp \("):
        run_settings.recalled(recorded)
