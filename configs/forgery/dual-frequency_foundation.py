# The demo's detector with the frozen features of a vision foundation model beside its map. This recipe has not been
# measured: no such weights ship with the project.
_base_ = "./dual-frequency_demo.py"

model = dict(
    backbone=dict(
        type="DualFrequencyFoundationNet",
        # Any model of timm; this one takes images of 256 x 256 pixels, as large as the crops that are judged.
        foundation="vit_small_patch16_dinov3.lvd1689m",
        # The file of its weights, safetensors or .pth, which you get from those who publish them, under their license:
        # --cfg-options model.backbone.weights=FILE. None takes those in this machine's Hugging Face cache, if they are
        # there; nothing is fetched.
        weights=None,
        foundation_channels=64,
    ),
    head=dict(in_channels=320),  # 256 of the frequency map and these 64
)
