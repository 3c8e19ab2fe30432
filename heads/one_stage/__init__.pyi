from .head import DenseOutput, DistributionHead
from .loss import dense_loss
from .pyramid import AdditivePyramid

__all__ = ["AdditivePyramid", "DenseOutput", "DistributionHead", "dense_loss"]
