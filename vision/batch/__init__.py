"""Batches at scale on Ray Data: many inputs in, a folder of Parquet files out, exactly one row per input."""
