# ImageNet-1k: data/imagenet/{train,val}/<class>/*, read and augmented by timm.
data_root = "data/imagenet/"
train_transform = dict(
    input_size=224,
    is_training=True,
    auto_augment="rand-m9-mstd0.5-inc1",
    color_jitter=0.4,
    interpolation="random",
    re_prob=0.25,
    re_mode="pixel",
)
val_transform = dict(input_size=224, crop_pct=0.875, interpolation="bicubic")

train_dataloader = dict(
    batch_size=128,
    num_workers=8,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    collate_fn=dict(type="default_collate"),
    dataset=dict(type="TimmImageDataset", data_root=data_root, split="train", transform=train_transform),
)
val_dataloader = dict(
    batch_size=128,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="default_collate"),
    dataset=dict(type="TimmImageDataset", data_root=data_root, split="val", transform=val_transform),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="TopKAccuracy", topk=(1, 5))
test_evaluator = val_evaluator
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
