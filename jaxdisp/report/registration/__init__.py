"""Registration: what is asked, and how, frozen before a run; deviations after it."""
