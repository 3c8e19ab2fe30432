# Detectors for video that are built on mmdet.
_base_ = "./video.py"

default_scope = "mmdet"
# Heads of fewer classes than the data's would take the others for background.
custom_hooks = [dict(type="NumClassCheckHook")]
