"""Several regions in one file: what there should be."""
