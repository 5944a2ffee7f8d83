"""The six services of Campus, and what they share: a kernel of words and a chassis to run on."""
