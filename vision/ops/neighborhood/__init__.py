"""Neighborhood attention."""
