# Testing on sources that a config leaves out of training.
test_dataloader = dict(
    batch_size=16,
    num_workers=1,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="ForgeryDataset", data_root="data/forensics/", layout="plain", crop_size=256, test_mode=True, cache=True
    ),
)
test_evaluator = dict(type="ForgeryMetric")
test_cfg = dict(type="TestLoop")
