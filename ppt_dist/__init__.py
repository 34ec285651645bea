"""Point Prompt Training on a cluster: one 3D segmentation backbone for every scan dataset."""
