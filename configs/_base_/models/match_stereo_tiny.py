# MatchStereo-T (arXiv 2510.14260), 8.6 M parameters.
model = dict(
    type="StereoTrainer",
    encoder=dict(type="ConvFormer", variant="tiny"),
    decoder=dict(type="MatchDecoder", variant="tiny"),
    stereo=True,
)
