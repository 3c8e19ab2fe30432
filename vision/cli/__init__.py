"""The `vision` command. Its modules import what is heavy only when they run."""
