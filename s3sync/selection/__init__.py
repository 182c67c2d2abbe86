"""Which objects a run is about, and what their keys become on the target."""
