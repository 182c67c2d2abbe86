"""Looks at what a run will need, one topic a module. Each gives symptoms and raises nothing: what cannot be looked at
is `unknown`, with the permission that is missing."""
