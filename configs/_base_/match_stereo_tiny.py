# MatchStereo-T (arXiv 2510.14260), 8.6 M parameters.
model = dict(
    type="StereoMatcher",
    encoder=dict(type="ConvFormer", embed_dims=(32, 64, 128, 160), depths=(2, 2, 6, 2)),
    decoder=dict(type="MatchDecoder", in_channels=(32, 64, 128, 160), depths=(8, 8, 8, 2), window_radius=(2, 2, 1, 1)),
    stereo=True,
)
