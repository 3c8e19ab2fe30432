from .dilations import recommend_dilations
from .models import NAT, DiNAT, DiNATS

__all__ = [
    "NAT",
    "DiNAT",
    "DiNATS",
    "recommend_dilations",
]
