# Published: 83.7 AP50, tested offline (see the config of that name).
_base_ = "./mamba-instance_r50-dc5_3e_vid.py"

model = dict(
    detector=dict(backbone=dict(depth=101, init_cfg=dict(type="Pretrained", checkpoint="torchvision://resnet101"))),
)
