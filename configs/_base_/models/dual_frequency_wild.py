# The detector of pictures as the web delivers them; tools/train_crops.py reads this file, too.
model = dict(
    type="ForgeryTrainer",
    backbone=dict(type="DualFrequencyNet", width=32, residual=True, pool="avg"),
    head=dict(type="ForgeryHead", in_channels=256, dropout=0.2, label_smoothing=0.04),
)
