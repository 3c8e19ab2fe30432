from .sums import ResidualSums as ResidualSums
from .sums import residual_sums as residual_sums
