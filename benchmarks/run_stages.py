"""Processor time and memory of `jaxdisp run`, stage by stage.

One run of the embedded model in a new directory, in this process, with a cache of
compiled programs that is empty (`--cache DIRECTORY` gives one, which a second call
finds warm). Options after `--` are those of `jaxdisp run`:

    python benchmarks/run_stages.py
    python benchmarks/run_stages.py --cache compiled -- --layer-limit 8 --no-claims

Per stage, what lies in another stage of the table left out:

wall      seconds by the clock
CPU       seconds of all threads, which other load on the machine changes little
cores     CPU over wall: 1 is a stage that leaves the other cores idle
compiled  programs that XLA compiled, and the seconds by the clock that this took,
          tracing left out; programs found in the cache do not count
peak      largest resident set while the stage ran, what it found there included (Linux)
"""

import argparse
import collections
import contextlib
import dataclasses
import functools as ft
import os
import pathlib
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any, TextIO

COMPILED = "/jax/core/compile/backend_compile_duration"
FETCHED = "/jax/compilation_cache/cache_retrieval_time_sec"
PRINTED = 60
"""Names of programs that are listed, those that took longest to compile."""


@dataclasses.dataclass
class Spent:
    """What a stage took so far."""

    wall: float = 0.0
    cpu: float = 0.0
    programs: int = 0
    compiling: float = 0.0
    peak: float = 0.0


STAGES: dict[str, Spent] = collections.defaultdict(Spent)
PROGRAMS: dict[tuple[str, str], Spent] = collections.defaultdict(Spent)
UNDER_WAY: list[str] = []


def peak() -> float:
    """The largest resident set since the last `reset`, in bytes; 0 if not known."""
    status = pathlib.Path("/proc/self/status")
    found = (
        re.search(r"VmHWM:\s*(\d+)", status.read_text()) if status.exists() else None
    )
    return 1024.0 * int(found.group(1)) if found else 0.0


def reset() -> None:
    """Lets the peak begin anew."""
    with contextlib.suppress(OSError):
        pathlib.Path("/proc/self/clear_refs").write_text("5")


@contextlib.contextmanager
def stage(name: str) -> Iterator[None]:
    """Counts what happens inside as the named stage's, and not as that outside's."""
    outer = UNDER_WAY[-1] if UNDER_WAY else None
    if outer:
        STAGES[outer].peak = max(STAGES[outer].peak, peak())
    reset()
    UNDER_WAY.append(name)
    began = time.perf_counter(), time.process_time()
    try:
        yield
    finally:
        UNDER_WAY.pop()
        wall = time.perf_counter() - began[0]
        cpu = time.process_time() - began[1]
        STAGES[name].peak = max(STAGES[name].peak, peak())
        for each, sign in ((name, 1), *([(outer, -1)] if outer else [])):
            STAGES[each].wall += sign * wall
            STAGES[each].cpu += sign * cpu
        row(name, STAGES[name], file=sys.stderr)
        reset()


def counted(name: str | None, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, as a stage; one of `runs.keep_object` is named by its argument."""

    @ft.wraps(function)
    def inside(*args: Any, **kwargs: Any) -> Any:
        with stage(name or args[1]):
            return function(*args, **kwargs)

    return inside


def listen(event: str, duration_secs: float, **about: Any) -> None:
    """Notes what was compiled. A program from the cache is reported by both events."""
    if event not in (COMPILED, FETCHED) or not UNDER_WAY:
        return
    sign = 1 if event == COMPILED else -1
    program = PROGRAMS[UNDER_WAY[-1], str(about.get("fun_name"))]
    for spent in (STAGES[UNDER_WAY[-1]], program):
        spent.programs += sign
        spent.compiling += sign * duration_secs


def run(options: list[str]) -> None:
    """Runs the command, its parts counted."""
    with stage("imports"):
        from jaxdisp import cli  # first, as it says how many threads NumPy has
    with stage("imports"):
        import jax

        from jaxdisp.report import files, jobs, runs, searching, settings
        from jaxdisp.report.causes import analysis
    jax.monitoring.register_event_duration_secs_listener(listen)
    runs.keep_object = counted(None, runs.keep_object)
    for module, name, called in (
        (settings, "open_inputs", "opening"),
        (jobs, "_measured", "base, layers"),
        (jobs, "_searched", "search"),
        (jobs, "_clipped", "clipping"),
        (analysis, "analyse", "causes: fit"),
        (files, "written", "files"),
        (searching, "results", "search: results"),
    ):
        setattr(module, name, counted(called, getattr(module, name)))
    with stage("rest"), contextlib.suppress(SystemExit):
        cli.app(options)


def main() -> None:
    own, options = sys.argv[1:], []
    if "--" in own:
        place = own.index("--")
        own, options = own[:place], own[place + 1 :]
    parser = argparse.ArgumentParser()
    parser.add_argument("--cache")
    cache = parser.parse_args(own).cache
    with tempfile.TemporaryDirectory() as directory:
        os.environ["JAX_COMPILATION_CACHE_DIR"] = cache or f"{directory}/cache"
        run(["run", "--output", f"{directory}/run", *options])
    print(f"\n{'stage':40} {'wall':>7} {'CPU':>7} {'cores':>5} {'compiled':>14} peak")
    total = Spent()
    for name, spent in STAGES.items():
        row(name, spent)
        for field in ("wall", "cpu", "programs", "compiling"):
            setattr(total, field, getattr(total, field) + getattr(spent, field))
        total.peak = max(total.peak, spent.peak)
    row("all", total)
    print(f"\n{'stage':40} {'program':50} {'compiled':>14}")
    for (place, name), spent in sorted(PROGRAMS.items(), key=cost)[:PRINTED]:
        print(f"{place:40} {name:50.50} {spent.programs:5d} {spent.compiling:6.1f} s")


def cost(entry: tuple[tuple[str, str], Spent]) -> float:
    """Seconds that compiling a program took, the most first."""
    return -entry[1].compiling


def row(name: str, spent: Spent, file: TextIO | None = None) -> None:
    """Prints one line of the table."""
    cores = spent.cpu / spent.wall if spent.wall else 0.0
    print(
        f"{name:40} {spent.wall:7.1f} {spent.cpu:7.1f} {cores:5.2f} "
        f"{spent.programs:5d} {spent.compiling:6.1f} s {spent.peak / 2**20:5.0f} MiB",
        file=file,
        flush=True,
    )


if __name__ == "__main__":
    main()
