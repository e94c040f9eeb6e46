"""The one way in which a picture file becomes the RGB picture that a model is shown, whatever set it is from.

As a person would see it: turned as its EXIF says; what is transparent on white; 16-bit and float grey scaled to 8 bits
and not cut off; of several frames the first. A plain 8-bit file keeps its pixels.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import ExifTags, Image, JpegImagePlugin, UnidentifiedImageError

from companion.errors import PictureError

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation → what brings the picture upright; 1 is upright. Source: EXIF 2.3, tag 0x0112."""

DEEP = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")
"""Pillow's modes of grey with more than 8 bits."""

WHITES = (1.0, 255.0, 1023.0, 4095.0, 16383.0, 65535.0)
"""What white is in pictures of floats, and of 8, 10, 12, 14 and 16 bits."""


def picture(content: Callable[[], Path | bytes], place: str, mend: str) -> Image.Image:
    """The picture of a file, by its path or its bytes, as RGB.

    Above the size that Pillow refuses as a decompression bomb (`2 * Image.MAX_IMAGE_PIXELS`, 179 million pixels) a JPEG
    is read at a half, a quarter or an eighth of its width and height. place, mend: of errors, what the picture belongs
    to and what can be done. Raises PictureError for other pictures of that size, and for files that hold none.
    """
    source = content()
    try:
        with source.open("rb") if isinstance(source, Path) else BytesIO(source) as file, _open(file) as image:
            image.load()
            return _upright(_rgb(image), image)
    except FileNotFoundError as error:
        raise PictureError(f"{place}: there is no picture; put it there, in just this spelling") from error
    except Image.DecompressionBombError as error:
        raise PictureError(
            f"{place}: the picture has more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels, which only a JPEG may "
            "have; save a smaller one"
        ) from error
    except UnidentifiedImageError as error:
        raise PictureError(f"{place}: the picture is damaged, or of a kind that cannot be read; {mend}") from error
    except Exception as error:  # Pillow's parsers raise whatever they stumble on
        raise PictureError(f"{place}: the picture is damaged ({error or type(error).__name__}); {mend}") from error


def _open(file: IO[bytes]) -> Image.Image:
    """The opened picture; a JPEG that is too large for Pillow at the largest scale at which it is not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # of pictures that are read all the same
        try:
            return Image.open(file)
        except Image.DecompressionBombError:
            file.seek(0)
            try:
                image = JpegImagePlugin.JpegImageFile(file)
            except SyntaxError:  # no JPEG
                image = None
            if image is None:
                raise
    for scale in (2, 4, 8):
        width, height = image.width // scale, image.height // scale
        if width * height <= 2 * (Image.MAX_IMAGE_PIXELS or 0):
            break
    image.draft(None, (width, height))
    return image


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in DEEP:
        return Image.fromarray(_eight_bits(np.asarray(image, dtype=np.float64))).convert("RGB")
    if image.has_transparency_data:
        over = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", over.size, "white"), over).convert("RGB")
    return image.convert("RGB")


def _eight_bits(values: Any) -> Any:
    """Grey values as uint8, same shape: black is 0 and white the least of `WHITES` that none exceeds.

    Where values are negative or larger than all of these, black is the least and white the largest. What is not finite
    is black.
    """
    finite = np.isfinite(values)
    low, high = (float(end) for end in (values[finite].min(), values[finite].max())) if finite.any() else (0.0, 0.0)
    if low >= 0 and high <= WHITES[-1]:
        low, high = 0.0, next(white for white in WHITES if high <= white)
    scaled = np.where(finite, values - low, 0.0) / ((high - low) or 1.0)
    return np.round(255 * scaled).astype(np.uint8)


def _upright(shown: Image.Image, image: Image.Image) -> Image.Image:
    """Turned as the EXIF of the loaded file says; EXIF that cannot be read turns nothing."""
    try:
        turn = TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # as above
        turn = None
    return shown if turn is None else shown.transpose(turn)
