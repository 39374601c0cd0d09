"""The privacy core: what every capability with an epsilon stands on."""
