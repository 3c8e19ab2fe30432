# A MatchStereo of our own for CPUs, 3.6 M parameters.
model = dict(
    type="StereoTrainer",
    encoder=dict(type="ConvFormer", variant="nano"),
    decoder=dict(type="MatchDecoder", variant="nano"),
    stereo=True,
)
