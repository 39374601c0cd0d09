"""ROC, precision-recall and regression performance from counts."""
