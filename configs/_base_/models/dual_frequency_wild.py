# The detector of pictures as the web delivers them; tools/train_crops.py reads this file, too.
model = dict(
    type="ForgeryTrainer",
    backbone=dict(type="DualFrequencyStatisticsNet", width=32),
    head=dict(type="ForgeryBranchesHead", in_channels=(256, 128), dropout=0.2, label_smoothing=0.04),
)
