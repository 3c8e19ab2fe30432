from .attention import match_attention

__all__ = ["match_attention"]
