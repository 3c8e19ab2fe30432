# A MatchStereo of our own for CPUs, 3.6 M parameters.
model = dict(
    type="StereoMatcher",
    encoder=dict(type="ConvFormer", embed_dims=(32, 64, 96, 128), depths=(1, 1, 3, 1)),
    decoder=dict(type="MatchDecoder", in_channels=(32, 64, 96, 128), depths=(4, 6, 4, 2), window_radius=(2, 2, 1, 1)),
    stereo=True,
)
