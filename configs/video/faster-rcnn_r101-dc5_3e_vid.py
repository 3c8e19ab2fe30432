# Published: 75.4 AP50.
_base_ = "./faster-rcnn_r50-dc5_3e_vid.py"

model = dict(
    detector=dict(backbone=dict(depth=101, init_cfg=dict(type="Pretrained", checkpoint="torchvision://resnet101"))),
)
