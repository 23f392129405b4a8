"""Plans: a chosen assignment with everything needed to deploy it."""
