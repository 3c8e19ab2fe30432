# Stereo and flow matchers.
_base_ = "./default.py"

custom_imports = dict(imports=["vision.engine.registries.stereo"], allow_failed_imports=False)
