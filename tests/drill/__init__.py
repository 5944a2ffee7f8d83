"""Drills: what Campus promises while its processes die, counted from outside, each with a control that must fail."""
