# For the models of mmdet, whose registry finds the backbones of this project in its parent.
_base_ = "./default.py"

custom_imports = dict(imports=["vision.engine.registries.dense"], allow_failed_imports=False)
default_scope = "mmdet"
default_hooks = dict(visualization=dict(type="DetVisualizationHook"))
visualizer = dict(type="DetLocalVisualizer", vis_backends=[dict(type="LocalVisBackend")], name="visualizer")
# Heads of fewer classes than the data's would take the others for background.
custom_hooks = [dict(type="NumClassCheckHook")]
