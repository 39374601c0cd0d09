"""Balance of data and predictions between groups, computed from group counts alone."""

from rai_scale.fairness.balance.run import balance

__all__ = ["balance"]
