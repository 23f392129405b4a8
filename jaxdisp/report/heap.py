"""Memory that is free but still held by the process, given back between stages.

Compiling a program leaves tens of megabytes free in pieces, which the allocator keeps:
after a few hundred programs that is more than all arrays of a run.
"""

import ctypes


def give_back() -> bool:
    """Gives free memory back to the system, where the C library can.

    Returns:
        Whether it could (glibc can).

    Reference: malloc_trim(3) of the Linux manual.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library, or Windows
        return False
    trim(0)
    return True
