"""Amounts of memory: read from text, and found out."""

import os
import types

import jax
import pytest

from jaxdisp.search import memory


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1B", 1),
        ("2kB", 2000),
        ("3MB", 3_000_000),
        ("4 GB", 4_000_000_000),
        ("1KiB", 1024),
        ("512MiB", 512 * 1024**2),
        (" 4GiB ", 4 * 1024**3),
        ("1TiB", 1024**4),
        ("1.5GiB", 3 * 2**29),
        ("0.1kB", 100),
    ],
)
def test_amounts(text, expected):
    assert memory.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "4", "GiB", "-4GiB", "0GiB", "0.0MB", "4gib", "4 Gi B", "4GiB!", "1e3MB"],
)
def test_amounts_that_are_none(text):
    message = (
        rf"^memory {text!r}: must be a positive number and a unit, such as 4GiB; "
        "units: B, kB, MB, GB, KiB, MiB, GiB, TiB$"
    )
    with pytest.raises(ValueError, match=message):
        memory.parse(text)


def test_half_of_what_is_free():
    assert memory.default() > 2**20


def test_what_the_machine_says(monkeypatch, tmp_path):
    path = tmp_path / "meminfo"
    path.write_text("MemTotal: 9000 kB\nMemAvailable:   3000 kB\n", encoding="utf-8")
    monkeypatch.setattr(memory, "MEMINFO", path)
    monkeypatch.setattr(memory, "_on_device", lambda: 0)
    assert memory.default() == 1500 * 1024


def test_what_the_device_says(monkeypatch):
    stats = {"bytes_limit": 1000, "bytes_in_use": 400}
    device = types.SimpleNamespace(memory_stats=lambda: stats)
    monkeypatch.setattr(jax, "local_devices", lambda: [device])
    assert memory.default() == 300
    del stats["bytes_in_use"]
    assert memory.default() == 500


def test_systems_without_meminfo(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "none")
    pages = {"SC_AVPHYS_PAGES": 10, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", pages.__getitem__)
    assert memory.default() == 5 * 4096


def test_systems_that_do_not_say(monkeypatch, tmp_path):
    path = tmp_path / "meminfo"
    path.write_text("MemTotal: 9000 kB\n", encoding="utf-8")
    monkeypatch.setattr(memory, "MEMINFO", path)

    def unknown(name):
        raise ValueError(name)

    monkeypatch.setattr(os, "sysconf", unknown)
    message = "does not say how much memory is free; name it with --memory"
    with pytest.raises(ValueError, match=message):
        memory.default()
