"""Commands with many options, by what they are about; `cli` has the others."""
