"""What images MatchStereo takes, in pixels of a side; without torch, so that the command line can say it."""

MULTIPLE = 32  # the coarsest map's stride: smaller remainders are filled up
MIN_SIZE = 192  # there the coarsest map is as large as the largest window
