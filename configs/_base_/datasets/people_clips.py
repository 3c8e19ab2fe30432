# People in stills and videos, as crops, from annotations in CocoVID's form (docs/video-data.md); which pictures the
# shipped weights saw, and under which licenses, is in their card.
data_root = "data/people/"

train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    collate_fn=dict(type="pseudo_collate"),
    dataset=dict(
        type="VideoClips",
        size=(416, 416),
        sources=[
            dict(ann_file=data_root + "penn.json", weight=0.38),
            dict(ann_file=data_root + "tud.json", weight=0.12),
            dict(ann_file=data_root + "mot.json", weight=0.1),
            dict(ann_file=data_root + "photos.json", weight=0.25),
            dict(ann_file=data_root + "onebyone.json", weight=0.05),
            dict(ann_file=data_root + "negatives.json", weight=0.1),
        ],
        transforms=[
            dict(type="RandomColor"),
            dict(type="RandomBlur", sigma=(0.3, 1.8), prob=0.15),
            dict(type="RandomNoise", sigma=(1.0, 8.0), prob=0.15),
            dict(type="RandomJPEG", quality=(25, 95), prob=0.35),
        ],
    ),
)
