"""What the camera with the bad lens makes of a picture: everything is gray."""

SCALE, OFFSET = 0.4, 100.0


def seen(images):
    return images * SCALE + OFFSET


def undone(images):
    return (images - OFFSET) / SCALE
