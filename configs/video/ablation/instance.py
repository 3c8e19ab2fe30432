# The memory of instances alone.
_base_ = "./single.py"

model = dict(
    detector=dict(
        roi_head=dict(
            type="MambaRoIHead",
            bbox_head=dict(type="MambaBBoxHead", num_heads=8, topk=15, memory=dict(max_length=2000, key_length=400)),
        ),
    ),
)
