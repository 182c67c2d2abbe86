"""Tasks carried out: one object, one batch, one run."""
