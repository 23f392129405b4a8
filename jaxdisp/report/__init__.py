"""Tables, figures and files: everything a reader of a run sees."""
