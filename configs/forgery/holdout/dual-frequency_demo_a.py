# Trained without the sources below and tested on them: how the recipe does on generators and cameras that it never saw.
_base_ = ["../dual-frequency_demo.py"]

held_out = ["dalle_mini", "stylegan3", "coco", "imagenet256"]

train_dataloader = dict(dataset=dict(exclude_sources=held_out))
test_dataloader = dict(
    batch_size=16,
    num_workers=1,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="ForgeryDataset",
        data_root="data/forensics/",
        layout="plain",
        include_sources=held_out,
        crop_size=256,
        test_mode=True,
    ),
)
test_evaluator = dict(type="ForgeryMetric")
test_cfg = dict(type="TestLoop")
