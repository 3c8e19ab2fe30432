from .dataset import ForgeryDataset, fold_of, select_fold, thin_out
from .folders import Sample, list_samples
from .sampler import BalancedSourceSampler

__all__ = [
    "BalancedSourceSampler",
    "ForgeryDataset",
    "Sample",
    "fold_of",
    "list_samples",
    "select_fold",
    "thin_out",
]
