"""Free memory goes back to the system."""

import ctypes
import pathlib
import re

import pytest

from jaxdisp.report import heap

STATUS = pathlib.Path("/proc/self/status")


def resident():
    found = re.search(r"VmRSS:\s*(\d+)", STATUS.read_text())
    return int(found.group(1)) if found else 0


@pytest.mark.skipif(not STATUS.exists(), reason="needs /proc")
def test_free_memory_is_given_back():
    if not heap.give_back():
        pytest.skip("this C library keeps what is free")
    c = ctypes.CDLL(None)
    c.malloc.restype, c.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    size, count = 64 * 1024, 1600
    held = [c.malloc(size) for _ in range(count)]
    for place in held:
        ctypes.memset(place, 1, size)
    full = resident()
    for place in held[:-1]:  # the last one keeps the heap from shrinking by itself
        c.free(place)
    heap.give_back()
    assert full - resident() > 0.8 * size * count / 1024
    c.free(held[-1])


def test_another_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert not heap.give_back()
