# Pairs that are made on the fly, with exact disparity both ways (vision/datasets/stereo/synthetic.py). Each size is a
# data set of its own: batches are of one pair. A folder of photographs as `textures` helps, given as
# train_dataloader.dataset.datasets.0.textures and so on; the shipped weights had one (see their card).
textures = None

pairs = dict(type="SyntheticStereo", num_textures=150, transforms=[dict(type="PackStereo")])
train_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    collate_fn=dict(type="default_collate"),
    dataset=dict(
        type="StereoConcat",
        datasets=[
            dict(size=size, length=length, seed=seed, textures=textures, **pairs)
            for size, length, seed in (
                ((192, 384), 400_000, 11),
                ((256, 512), 250_000, 12),
                ((192, 832), 200_000, 13),
                ((320, 640), 150_000, 14),
            )
        ],
    ),
)
