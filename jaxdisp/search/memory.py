"""How much memory there is, and how users write amounts of it."""

import os
import pathlib
import re

import jax

UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}
UNITS |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
SHARE = 0.5
MEMINFO = pathlib.Path("/proc/meminfo")


def parse(text: str) -> int:
    """Reads an amount of memory such as `4GiB`, in bytes.

    Args:
        text: a number and a unit.

    Raises:
        ValueError: if it is not a positive number with a known unit.

    Reference: IEC 80000-13 for the binary units.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", text)
    if found is None or found[2] not in UNITS or float(found[1]) <= 0:
        raise ValueError(
            f"memory {text!r}: must be a positive number and a unit, such as 4GiB; "
            f"units: {', '.join(UNITS)}"
        )
    return int(float(found[1]) * UNITS[found[2]])


def default() -> int:
    """Returns the bytes that a search may take where none were named.

    Definition: half of what is free on the device (where it says so) or on the machine.

    Raises:
        ValueError: if neither says how much is free.

    Reference: our own definition.
    """
    return int(SHARE * (_on_device() or _on_machine()))


def _on_device() -> int:
    stats = jax.local_devices()[0].memory_stats() or {}
    if "bytes_limit" not in stats:
        return 0
    return stats["bytes_limit"] - stats.get("bytes_in_use", 0)


def _on_machine() -> int:
    if MEMINFO.is_file():
        found = re.search(r"MemAvailable:\s+(\d+) kB", MEMINFO.read_text())
        if found is not None:
            return int(found[1]) * 2**10
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError) as error:
        raise ValueError(
            "this system does not say how much memory is free; name it with --memory"
        ) from error
