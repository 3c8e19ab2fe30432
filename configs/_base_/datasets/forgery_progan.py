# CNNDetection's ProGAN set: progan/{train,val}/<class>/{0_real,1_fake}.
data_root = "data/progan/"
classes = ["car", "cat", "chair", "horse"]

train_dataloader = dict(
    batch_size=128,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(type="ForgeryDataset", data_root=data_root, split="train", classes=classes, crop_size=256),
)
val_dataloader = dict(
    batch_size=128,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="ForgeryDataset", data_root=data_root, split="val", classes=classes, crop_size=256, test_mode=True
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="ForgeryMetric")
test_evaluator = val_evaluator
