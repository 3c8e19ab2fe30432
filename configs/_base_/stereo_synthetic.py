# Pairs that are made on the fly, with exact disparity both ways; see vision/datasets/synthetic_stereo.py.
train_dataloader = dict(
    batch_size=4,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    collate_fn=dict(type="default_collate"),
    dataset=dict(
        type="SyntheticStereo",
        size=(256, 512),
        length=1_000_000,
        transforms=[dict(type="PackStereo")],
    ),
)
