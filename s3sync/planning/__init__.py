"""Pure decisions before anything is copied: which objects, where to, how, and in which batches."""
