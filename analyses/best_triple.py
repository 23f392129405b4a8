"""Is {first, three-quarter, last} the best set of three layers to protect?

Question: of all sets of three layers kept in full precision, where does the set that
the gateway claim names rank by the loss of the worst language, how sure is that rank,
and what does it cost against the best set of the same size?

Data: the embedded model and corpus, or any model and aligned corpus.

Method: `jaxdisp search --keep 3`, every set measured, ranks with intervals that hold
for nearly equal sets. With several shards each is one job of `submitit` (extra `slurm`)
on a cluster of unequal or preemptible machines; a job that is killed is submitted again
and goes on from its store; `jaxdisp merge` makes them one run, equal to that of one
process. Guarded by `tests/search/`.

Expected: by the research notes, {0, 9, 11} of 12 layers is optimal.

Output: the table of `jaxdisp search` on stdout, and the run directory `output`.
"""

import dataclasses
import pathlib
import subprocess
import sys
import tempfile
from typing import Literal


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """What is searched, and where; `cluster` is None for this process alone."""

    search: tuple[str, ...] = ("--keep", "3")
    output: str = "runs/best_triple"
    shards: int = 1
    cluster: Literal["slurm", "local", "debug"] | None = None
    minutes: int = 60
    memory_gb: int = 8


SMOKE = Config(
    search=("--sets", "0,9,11;0,1,2;2,5,7", "--limit", "4", "--languages", "en,sw"),
    output=str(pathlib.Path(tempfile.mkdtemp()) / "best_triple"),
)


def main(config: Config) -> None:
    """Searches here or by jobs, and prints what the command prints."""
    jaxdisp = (sys.executable, "-m", "jaxdisp.cli")
    whole = ("--output", config.output, "--overwrite")
    command = (*jaxdisp, "search", *config.search, *whole)
    if config.cluster is not None:
        import submitit

        parts = [f"{config.output}-{i}" for i in range(1, config.shards + 1)]
        executor = submitit.AutoExecutor(f"{config.output}-jobs", config.cluster)
        executor.update_parameters(
            timeout_min=config.minutes, mem_gb=config.memory_gb, cpus_per_task=2
        )
        jobs = []
        for number, part in enumerate(parts, start=1):
            shard = ("--shard", f"{number}/{config.shards}", "--output", part)
            once = (*jaxdisp, "search", *config.search, *shard)
            jobs.append(executor.submit(submitit.helpers.CommandFunction(list(once))))
        for job in jobs:
            job.result()
        command = (*jaxdisp, "merge", *parts, *whole)
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    print(found.stdout)


if __name__ == "__main__":
    main(Config())
