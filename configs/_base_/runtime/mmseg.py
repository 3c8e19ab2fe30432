# For the models of mmseg, whose registry finds the backbones of this project in its parent; all of its
# schedules count iterations.
_base_ = "./default.py"

custom_imports = dict(imports=["vision.engine.registries.dense"], allow_failed_imports=False)
default_scope = "mmseg"
default_hooks = dict(
    logger=dict(log_metric_by_epoch=False),
    checkpoint=dict(by_epoch=False, interval=5000, save_best="mIoU"),
    visualization=dict(type="SegVisualizationHook"),
)
log_processor = dict(by_epoch=False)
visualizer = dict(type="SegLocalVisualizer", vis_backends=[dict(type="LocalVisBackend")], name="visualizer")
