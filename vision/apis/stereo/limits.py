"""What `StereoInferencer` accepts; without torch, so that the command line can say it."""

from vision.models.stereo.sizes import MIN_SIZE

MIN_TILE = 2 * MIN_SIZE  # a tile must hold the model's smallest image, and what neighbors share
MIN_SCALE, MAX_SCALE = 0.1, 4.0
