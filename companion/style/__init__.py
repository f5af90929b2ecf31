"""Features of images, deep dream and style transfer."""
