"""The daemon's own HTTP port: is it well, what is it doing, and a few things to ask of it."""
