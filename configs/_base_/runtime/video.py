# Video detectors.
_base_ = "./default.py"

custom_imports = dict(imports=["vision.engine.registries.video"], allow_failed_imports=False)
