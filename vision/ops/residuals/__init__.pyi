from .sums import ResidualSums, residual_sums

__all__ = ["ResidualSums", "residual_sums"]
