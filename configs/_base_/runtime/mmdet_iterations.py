# mmdet.py for schedules that count iterations.
_base_ = "./mmdet.py"

default_hooks = dict(checkpoint=dict(by_epoch=False, interval=5000))
log_processor = dict(by_epoch=False)
