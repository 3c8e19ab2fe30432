"""Building blocks: modules that several models share."""
