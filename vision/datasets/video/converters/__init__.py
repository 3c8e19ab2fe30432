"""Annotations of other forms as CocoVID's JSON, which `vision.datasets.video.CocoVID` reads."""
