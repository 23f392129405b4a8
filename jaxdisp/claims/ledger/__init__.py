"""The ledger: every claim of the research notes, what is true, and how it is known."""
