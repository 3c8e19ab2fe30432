"""Procedural 3D scenes seen by two cameras: geometry, textures, light and sensors behind `SyntheticStereo`.

Unit of length is the baseline, so that a point at depth `z` has a disparity of `focal / z` pixels.
"""
