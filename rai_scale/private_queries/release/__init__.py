"""The plan of a release: noise, costs and public groups; its draw; its result with intervals."""
