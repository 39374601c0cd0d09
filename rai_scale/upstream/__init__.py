"""The private names of other packages that this one uses: one file per package, no others."""
