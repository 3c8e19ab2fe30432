# default_runtime for the models of mmseg, whose registry finds the backbones of this project in its parent.
_base_ = "./default_runtime.py"

default_scope = "mmseg"
default_hooks = dict(visualization=dict(type="SegVisualizationHook"))
visualizer = dict(type="SegLocalVisualizer", vis_backends=[dict(type="LocalVisBackend")], name="visualizer")
