"""What each task registers in mmengine's root registries, one module per task, for `custom_imports` of configs."""

from vision.engine import compat

# A script of one's own reaches mmdet through a config's imports alone.
compat.apply()
