"""Objects that are copied by several workers at once, part by part."""
