"""Private names of other packages: one module per package; no other module uses such names."""
