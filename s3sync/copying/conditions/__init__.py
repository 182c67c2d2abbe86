"""Which conditions the server of a target heeds: tried out, once a run."""
