# default_runtime for the models of mmdet, whose registry finds the backbones of this project in its parent.
_base_ = "./default_runtime.py"

default_scope = "mmdet"
default_hooks = dict(visualization=dict(type="DetVisualizationHook"))
visualizer = dict(type="DetLocalVisualizer", vis_backends=[dict(type="LocalVisBackend")], name="visualizer")
