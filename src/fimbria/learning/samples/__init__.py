"""From parts of images to batches; identity never leaves the tensor."""
