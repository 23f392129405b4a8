"""The ledger as tables: on a terminal, in Markdown, in a run."""
