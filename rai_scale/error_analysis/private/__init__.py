"""The private mode: noise once on declared bins; tree and heatmap from the release."""
