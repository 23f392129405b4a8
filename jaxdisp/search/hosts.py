"""Several hosts: processes that divide a search among themselves and share losses."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jaxtyping import Float

AUTO = "auto"


def join(text: str) -> None:
    """Joins the other processes of a search, before anything else is computed.

    Args:
        text: `auto` where the cluster says who is who (Slurm, Open MPI, Kubernetes, TPU
            pods), else `ADDRESS:PORT,N,I`: the address of process 0, the number of
            processes and the number of this one, from 0.

    Raises:
        ValueError: if it is neither, or the others cannot be reached.

    Reference: `jax.distributed.initialize`.
    """
    options: dict[str, Any] = {}
    try:
        if text != AUTO:
            address, total, number = text.split(",")
            options = {
                "coordinator_address": address,
                "num_processes": int(total),
                "process_id": int(number),
            }
        with _remarks_on_stderr():
            jax.distributed.initialize(**options)
            wait("joined")
    except (ValueError, RuntimeError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ValueError(
            f"--hosts {text}: must be auto or ADDRESS:PORT,N,I, with all N processes "
            f"started: {reason}"
        ) from error


@contextlib.contextmanager
def _remarks_on_stderr() -> Iterator[None]:
    """Keeps stdout for results: Gloo says there who is connected, past `sys.stdout`."""
    sys.stdout.flush()
    stdout = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)


def place() -> tuple[int, int]:
    """Returns the number of this process and how many there are.

    Reference: `jax.process_index`, `jax.process_count`.
    """
    return jax.process_index(), jax.process_count()


def wait(name: str) -> None:
    """Waits until every process has come here.

    Args:
        name: of this point; the same in all processes.

    Reference: `multihost_utils.sync_global_devices`.
    """
    multihost_utils.sync_global_devices(name)


def gather(
    losses: Float[np.ndarray, "subset place"],
) -> Float[np.ndarray, "subset place"]:
    """Brings together what every process has evaluated.

    Definition: the number that some process has, NaN where none does. Where two have
    one they are equal, since a cell has one value.

    Args:
        losses: of this process; NaN where it has none.

    Reference: `multihost_utils.process_allgather`.
    """
    every = np.asarray(multihost_utils.process_allgather(losses))
    known = ~np.isnan(every)
    first = np.argmax(known, axis=0)
    return np.take_along_axis(every, first[None], axis=0)[0]
