"""Clips that are made on the fly: shapes or people before procedural backgrounds, with exact boxes and tracks."""
