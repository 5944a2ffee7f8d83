"""`make bench`: what Campus costs, as ratios to a bare gRPC echo measured in the same run."""
