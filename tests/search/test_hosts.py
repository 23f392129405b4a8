"""Several processes: what each evaluates comes together as if one had done it all."""

import inspect
import pathlib
import socket
import subprocess
import sys

import numpy as np
import pytest

import jaxdisp
from jaxdisp.search import hosts
from tests.search import tiny_sweep as tiny

ROOT = pathlib.Path(jaxdisp.__file__).parent.parent
LINES = (1, 2)
PROCESS = """
import sys

from jaxdisp.search import hosts, plan, store, sweep

hosts.join(sys.argv[1])
from tests.search import tiny_sweep as tiny
import numpy as np

made = tiny.planned(tiny.assignments(9), lines=(1, 2))
kept = store.open_store(None)
shard = hosts.place()
count = sweep.fill(made, kept, shard=shard)
hosts.wait("filled")
own = sweep.table(made, kept, shard)
gathered = hosts.gather(own)
np.savez(sys.argv[2], own=own, gathered=gathered, count=count, shard=shard)
"""


def free_port():
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return found.getsockname()[1]


def test_two_processes_share_a_search(tmp_path):
    address = f"localhost:{free_port()}"
    paths = [tmp_path / f"{number}.npz" for number in range(2)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, f"{address},2,{number}", str(path)],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number, path in enumerate(paths)
    ]
    for process in processes:
        said = process.communicate(timeout=300)[1]
        assert process.returncode == 0, said
    first, second = (np.load(path) for path in paths)
    assert first["shard"].tolist() == [0, 2]
    assert second["shard"].tolist() == [1, 2]
    # every cell is evaluated by one of them
    assert np.all(np.isnan(first["own"]) != np.isnan(second["own"]))
    made = tiny.planned(tiny.assignments(9), lines=LINES)
    assert first["count"] + second["count"] == made.n_cells
    assert min(first["count"], second["count"]) > 0
    np.testing.assert_array_equal(first["gathered"], second["gathered"])
    # the same programs on the same numbers
    np.testing.assert_array_equal(first["gathered"], tiny.filled(made)[0])


def test_one_process_has_everything():
    assert hosts.place() == (0, 1)
    hosts.wait("alone")
    losses = np.array([[1.0, np.nan], [2.5, 0.0]], np.float32)
    np.testing.assert_array_equal(hosts.gather(losses), losses)


def test_numbers_of_different_processes_come_together(monkeypatch):
    every = np.array([[[1.0, np.nan, np.nan]], [[1.0, 2.0, np.nan]]], np.float32)
    monkeypatch.setattr(
        hosts.multihost_utils, "process_allgather", lambda _: every.copy()
    )
    bare = inspect.unwrap(hosts.gather)
    np.testing.assert_array_equal(bare(every[0]), [[1.0, 2.0, np.nan]])


@pytest.mark.parametrize("text", ["localhost:1234", "a,b,c", "a:1,2", "a,2,0,0", ""])
def test_hosts_that_are_none(text):
    message = (
        f"^--hosts {text}: must be auto or ADDRESS:PORT,N,I, with all N processes "
        "started: .+$"
    )
    with pytest.raises(ValueError, match=message):
        hosts.join(text)


@pytest.mark.parametrize("text", ["auto", "localhost:1,1,0"])
def test_hosts_that_cannot_be_joined(text):
    tiny.whole()  # what has begun to compute alone cannot join others
    with pytest.raises(ValueError, match=f"^--hosts {text}: must be auto or ADDRESS"):
        hosts.join(text)
