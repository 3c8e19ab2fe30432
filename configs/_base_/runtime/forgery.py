# The detectors of AI-made images.
_base_ = "./default.py"

custom_imports = dict(imports=["vision.engine.registries.forgery"], allow_failed_imports=False)
