# Image classifiers, which are models of timm.
_base_ = "./default.py"

custom_imports = dict(imports=["vision.engine.registries.classification"], allow_failed_imports=False)
